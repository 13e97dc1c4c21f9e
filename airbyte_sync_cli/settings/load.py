"""Resolves every setting: option, environment, Airflow connection, profile, default."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args
from urllib.parse import unquote

from pydantic import SecretStr

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import expanded, is_readable_file
from airbyte_sync_cli.redaction import remember, remember_header, without_query
from airbyte_sync_cli.settings.airflow import AirflowConnection
from airbyte_sync_cli.settings.credentials import (
    choose_credentials,
    names_a_secret,
    parse_headers,
    refuse_userinfo,
    remember_userinfo,
    take_userinfo,
)
from airbyte_sync_cli.settings.lookup import Lookup, any_of, where
from airbyte_sync_cli.settings.model import (
    CLOUD_URL,
    DEFAULT_URL,
    Api,
    Credentials,
    NoAuth,
    ServerOptions,
    Settings,
)
from airbyte_sync_cli.settings.names import (
    CA_BUNDLES,
    ENVIRONMENT,
    KINDS,
    KNOWN,
    ignored_credentials,
    misspelt,
)
from airbyte_sync_cli.settings.shown import (
    NOT_SHOWN,
    could_be_address,
    could_be_audience,
    could_be_name,
    looks_random,
    not_a_name,
    shown,
)
from airbyte_sync_cli.settings.sources import (
    Environment,
    Found,
    Options,
    Source,
    is_quoted,
    open_profile,
    unquoted,
)
from airbyte_sync_cli.text import refuse_undecodable

_INSECURE: Final = (
    "certificates are not verified (--insecure), so the credentials can be intercepted; "
    "use --ca-bundle to trust a private CA"
)
_TYPED: Final = (
    "{0}: other users of this machine can see the command line; use {1} or {1}_FILE for secrets"
)
_SURELY_SECRET: Final = 16
"""Characters; a shorter value may be any word, if the header's name does not suggest a secret."""


def load_settings(
    options: ServerOptions,
    environ: Mapping[str, str],
    *,
    config_path: Path | None = None,
) -> Settings:
    """Resolve every setting. Raises UsageError; contacts nothing."""
    refuse_undecodable((), environ)
    sources: list[Source] = [Options(options), Environment(environ)]
    connection, where = _chosen(
        options.airflow_conn, "--airflow-conn", environ, "AIRBYTE_AIRFLOW_CONN"
    )
    if connection is not None:
        sources.append(AirflowConnection(connection, environ, where=where))
    name, where = _chosen(options.profile, "--profile", environ, "AIRBYTE_PROFILE")
    profile = open_profile(environ, name, config_path, where=where)
    warnings = [
        f"{name} is not a setting: did you mean {meant}?"
        for name, meant in misspelt(environ).items()
    ]
    quoted = [name for name in sorted(KNOWN) if is_quoted(environ.get(name, ""))]
    if quoted:
        warnings.append(
            f"the value of {' and of '.join(quoted)} is used without its quotation marks "
            "(`docker run --env-file` does not remove them)"
        )
    if profile is not None:
        sources.append(profile)
        warnings += profile.warnings()
    return _Loader(Lookup(sources), environ, warnings).settings()


def _chosen(
    typed: str | None, flag: str, environ: Mapping[str, str], variable: str
) -> tuple[str | None, str]:
    """Return what was chosen, and by which option or variable."""
    typed = (typed or "").strip()
    return typed or unquoted(environ.get(variable, "")) or None, flag if typed else variable


def _no_address(where: str, text: str) -> UsageError:
    remember(text)
    return UsageError(
        f"{where}: {NOT_SHOWN} is not an address",
        hint="an address looks like http://localhost:8000 or https://airbyte.example.com",
    )


class _Loader:
    def __init__(
        self, lookup: Lookup, environ: Mapping[str, str], warnings: Sequence[str]
    ) -> None:
        self._lookup = lookup
        self._environ = environ
        self._warnings = [*warnings]

    def settings(self) -> Settings:
        """Resolve every setting. The order decides which of several mistakes is reported."""
        look = self._lookup
        parts = {name: look.find(name) for names in KINDS.values() for name in names}
        # Before the credentials are chosen: those in the URL are added to `parts`.
        url = self._url(parts)
        credentials = choose_credentials(parts, self._environ)
        if isinstance(credentials, NoAuth):
            self._warn_of_ignored_credentials()
        key, certificate = look.path("client_key"), look.path("client_cert")
        if key is not None and certificate is None:
            raise UsageError("--client-key without --client-cert", hint="set both")
        return Settings(
            url=url,
            api=self._api(),
            credentials=credentials,
            token_url=self._token_url(),
            iap_audience=self._name("iap_audience"),
            headers=self._headers(credentials),
            ca_bundle=self._ca_bundle(),
            client_cert=certificate,
            client_key=key,
            insecure=self._insecure(),
            proxies=self._proxies(),
            request_timeout=look.duration("request_timeout", 30.0),
            trigger_timeout=look.duration("trigger_timeout", 180.0),
            workspace_id=self._name("workspace_id"),
            origins=look.origins,
            warnings=tuple(self._warnings),
        )

    def _url(self, parts: dict[str, Found | None]) -> str:
        """Return the URL without its credentials, which count as found in the same source."""
        found = self._lookup.find("url")
        if found is None:
            return self._default_url(parts)
        self._warn_of_others(found)
        url, username, password = take_userinfo(found.text, name=where("url", found))
        if not could_be_address(url):
            raise _no_address(where("url", found), url)
        for name, text in {"username": username, "password": password}.items():
            if text:
                origin = f"the address ({found.origin})"
                parts[name] = replace(found, text=unquote(text), origin=origin)
                self._lookup.origins[name] = origin
        if password and found.origin.startswith("option "):
            self._warnings.append(_TYPED.format("--url with a password", "AIRBYTE_PASSWORD"))
        return without_query(url)

    def _name(self, name: str) -> str | None:
        text = self._lookup.text(name)
        is_audience = name == "iap_audience" and could_be_audience(text or "")
        if text is None or is_audience or could_be_name(text):
            return text
        raise not_a_name(text, where=where(name, self._lookup.find(name)))

    def _token_url(self) -> str | None:
        found = self._lookup.find("token_url")
        if found is None:
            return None
        url = refuse_userinfo(found.text.strip(), name=where("token_url", found))
        if "/" not in url or looks_random(url.partition("://")[0]) or not could_be_address(url):
            raise _no_address(where("token_url", found), url)
        return url

    def _default_url(self, parts: Mapping[str, Found | None]) -> str:
        """Return the Cloud's URL if PyAirbyte's variables for the Cloud are set."""
        for found in parts.values():
            if found is not None and "AIRBYTE_CLOUD_" in found.origin:
                self._lookup.origins["url"] = f"default, because of {found.origin}"
                return CLOUD_URL
        return DEFAULT_URL

    def _warn_of_ignored_credentials(self) -> None:
        for name in ignored_credentials(self._environ):
            self._warnings.append(
                f"{name} is not a setting of airbyte-sync, and no credentials are set: set "
                "AIRBYTE_TOKEN, or AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET for an application"
            )

    def _ca_bundle(self) -> Path | None:
        """Return the CA bundle: our own setting, or what other programs on this machine trust."""
        path = self._lookup.path("ca_bundle")
        if path is not None:
            return path
        for variable in (*CA_BUNDLES, "SSL_CERT_FILE"):
            text = unquoted(self._environ.get(variable, ""))
            if not text:
                continue
            if not is_readable_file(expanded(text)):
                self._warnings.append(
                    f"{variable} is ignored: its file cannot be read; set AIRBYTE_CA_BUNDLE to "
                    "the PEM file of a private CA"
                )
            # OpenSSL reads SSL_CERT_FILE by itself: here it is only checked.
            elif variable in CA_BUNDLES:
                self._lookup.origins["ca_bundle"] = f"environment {variable}"
                return expanded(text)
        return None

    def _warn_of_others(self, found: Found) -> None:
        variables = [name for name in ENVIRONMENT["url"] if self._environ.get(name)]
        texts = {unquoted(self._environ[name]).rstrip("/") for name in variables}
        if found.origin == f"environment {variables[0] if variables else ''}" and len(texts) > 1:
            self._warnings.append(f"{' and '.join(variables)} differ: {variables[0]} is used")

    def _api(self) -> Api:
        match (self._lookup.text("api") or "auto").lower():
            case "auto" | "public" | "config" as api:
                return api
            case other:
                raise UsageError(
                    f"--api: {shown(other, get_args(Api))} is unknown",
                    hint="auto, public, or config",
                )

    def _headers(self, credentials: Credentials) -> tuple[tuple[str, SecretStr], ...]:
        """Merge the headers of all sources; per name the best source wins."""
        headers: dict[str, tuple[str, str]] = {}
        for found in reversed(self._lookup.find_all("headers")):
            for name, value in parse_headers(found.text, name=found.origin).items():
                headers[name.lower()] = (name, value)
                self._warn_of_typed_secret(found, name)
        if "authorization" in headers and not isinstance(credentials, NoAuth):
            raise UsageError(
                "two kinds of credentials are set: an Authorization header and another one",
                hint="keep one of them",
            )
        for name, value in headers.values():
            remember_header(value, least=0 if names_a_secret(name) else _SURELY_SECRET)
        return tuple((name, SecretStr(value)) for name, value in headers.values())

    def _warn_of_typed_secret(self, found: Found, header: str) -> None:
        if found.origin.startswith("option ") and names_a_secret(header):
            self._warnings.append(_TYPED.format(f"--header {header}", "AIRBYTE_HEADERS"))

    def _insecure(self) -> bool:
        insecure = self._lookup.is_on("insecure")
        if insecure:
            self._warnings.append(_INSECURE)
        return insecure

    def _proxies(self) -> Mapping[str, str]:
        """Return the proxies of the Airflow connection, or of the environment."""
        found = self._lookup.find("proxies")
        if found is not None:
            own = {str(scheme): str(url) for scheme, url in json.loads(found.text).items()}
            for proxy in own.values():
                remember_userinfo(proxy)
            return own
        names = {kind: f"{kind}_proxy" for kind in ("http", "https", "all", "no")}
        given = {
            kind: any_of(self._environ, name, name.upper()).strip() for kind, name in names.items()
        }
        self._lookup.origins["proxies"] = "environment" if any(given.values()) else "default"
        for proxy in given.values():
            remember_userinfo(proxy)
        return {kind: text for kind, text in given.items() if text}
