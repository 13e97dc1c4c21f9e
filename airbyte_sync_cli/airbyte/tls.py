"""The TLS context: the system's trust store, a private CA, a client certificate, or no checks."""

import ssl
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.token_endpoint import token_urls
from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.settings import Settings

_PEM_HINT: Final = "openssl pkcs12 and x509 convert to PEM (-----BEGIN CERTIFICATE-----)"


def ssl_context(settings: "Settings", address: "Address") -> ssl.SSLContext:
    """Return the context for every connection. Raises UsageError for unusable files and URLs.

    If no URL is https, it trusts nothing, because loading a trust store takes 30 ms.
    """
    context = _trusting(settings) if _needs_tls(settings, address) else _empty()
    if settings.insecure:
        # In this order: ssl rejects CERT_NONE while host names are checked.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _needs_tls(settings: "Settings", address: "Address") -> bool:
    """True if any URL that may be requested is https; Google's for IAP always are."""
    urls = (*token_urls(settings, address), *settings.proxies.values(), *address.roots)
    return settings.iap_audience is not None or any(
        url.lower().startswith("https:") for url in urls
    )


def _empty() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _trusting(settings: "Settings") -> ssl.SSLContext:
    context = _empty() if settings.insecure else _system_store()
    if settings.ca_bundle is not None:
        _load_authorities(context, settings.ca_bundle, settings.origins)
    if settings.client_cert is not None:
        _load_client_certificate(context, settings.client_cert, settings.client_key)
    return context


def _system_store() -> ssl.SSLContext:
    import truststore  # noqa: PLC0415  # 11 ms that plain http need not spend

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _load_authorities(
    context: ssl.SSLContext, bundle: "Path", origins: "Mapping[str, str]"
) -> None:
    """Trust a company's own CA beside the public ones, not instead of them."""
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        # `REQUESTS_CA_BUNDLE` and others name the file, too: the message names what did.
        kind, _, name = origins.get("ca_bundle", "").partition(" ")
        option = name if kind == "environment" else "--ca-bundle"
        raise UsageError(
            f"{option}: no certificates found in {bundle} ({_reason(error)})", hint=_PEM_HINT
        ) from None


def _load_client_certificate(
    context: ssl.SSLContext, certificate: "Path", key: "Path | None"
) -> None:
    """Load what is shown to servers that require it."""
    try:
        # With an empty password OpenSSL fails on an encrypted key, instead of prompting for one.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"--client-cert: {certificate} and its key cannot be loaded ({_reason(error)})",
            hint="the key must be in --client-key or in the same file, as unencrypted PEM",
        ) from None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
