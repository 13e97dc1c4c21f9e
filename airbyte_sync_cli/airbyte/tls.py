"""Whom to trust: the system's store, a private CA, a client certificate, or nobody."""

import ssl
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.token_endpoint import token_urls
from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.settings import Settings

_MAKE: Final = "openssl pkcs12 and x509 convert to PEM (-----BEGIN CERTIFICATE-----)"


def ssl_context(settings: "Settings", address: "Address") -> ssl.SSLContext:
    """Make the context for every connection. Raises UsageError for unusable files and addresses.

    Where nothing speaks TLS it trusts nobody, because loading a trust store takes 30 ms.
    """
    context = _trusting(settings) if _needs_tls(settings, address) else _bare()
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _needs_tls(settings: "Settings", address: "Address") -> bool:
    """Whether any address that may be asked is https; Google's for IAP always are."""
    urls = (*token_urls(settings, address), *settings.proxies.values(), *address.roots)
    return settings.iap_audience is not None or any(
        url.lower().startswith("https:") for url in urls
    )


def _bare() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _trusting(settings: "Settings") -> ssl.SSLContext:
    context = _bare() if settings.insecure else _system_store()
    if settings.ca_bundle is not None:
        _load_authorities(context, settings.ca_bundle, settings.origins)
    if settings.client_cert is not None:
        _load_identity(context, settings.client_cert, settings.client_key)
    return context


def _system_store() -> ssl.SSLContext:
    import truststore  # noqa: PLC0415  # 11 ms that plain http need not spend

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load_authorities(
    context: ssl.SSLContext, bundle: "Path", origins: "Mapping[str, str]"
) -> None:
    """Trust these, too: a company's own CA stands beside the public ones, not in their place."""
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{_name_of(origins)}: {bundle} holds no certificates ({_words(error)})", hint=_MAKE
        ) from None


def _name_of(origins: "Mapping[str, str]") -> str:
    """Return what named the file: `REQUESTS_CA_BUNDLE` is none of our options."""
    kind, _, name = origins.get("ca_bundle", "").partition(" ")
    return name if kind == "environment" else "--ca-bundle"


def _load_identity(context: ssl.SSLContext, certificate: "Path", key: "Path | None") -> None:
    """Show this certificate when asked. An empty password keeps OpenSSL from asking for one."""
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"--client-cert: {certificate} and its key cannot be used ({_words(error)})",
            hint="the key goes into --client-key or the same file, in PEM, and not encrypted",
        ) from None


def _words(error: OSError) -> str:
    return error.strerror or str(error)
