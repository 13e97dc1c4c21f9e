"""Airflow connections, as they stand in the environment: `AIRFLOW_CONN_<NAME>`, URI or JSON.

Read as Airflow reads them (airflow `Connection.parse_from_uri`, `from_json`), and understood as
the Airbyte provider understands them (`hooks/airbyte.py`): the host is the server's URL, login
and password are the client id and secret, the schema is the token address.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings.shown import NOT_SHOWN, shown
from airbyte_sync_cli.settings.sources import Found, unquoted
from airbyte_sync_cli.text import most_similar

_PREFIX: Final = "AIRFLOW_CONN_"
_HINT: Final = 'it should look like airbyte://CLIENT_ID:SECRET@https%3A%2F%2FHOST/ or {"host": "https://HOST"}'
_PROVIDERS_DEFAULT: Final = "v1/applications/token"
"""What the provider falls back to; relative to nothing that exists, so it is no choice."""


class AirflowConnection:
    """One connection."""

    def __init__(self, name: str, environ: Mapping[str, str], *, where: str) -> None:
        self._variable = f"{_PREFIX}{name.upper()}"
        self._values = _parse(_text(self._variable, environ, where), self._variable)

    def find(self, name: str) -> Found | None:
        """Find a setting."""
        text = self._values.get(name)
        return Found(text=text, origin=f"Airflow connection {self._variable}") if text else None


def _text(variable: str, environ: Mapping[str, str], where: str) -> str:
    text = unquoted(environ.get(variable, ""))
    if text:
        return text
    there = sorted(name.removeprefix(_PREFIX) for name in environ if name.startswith(_PREFIX))
    name = variable.removeprefix(_PREFIX)
    meant = most_similar(name, there)
    near = [meant] if meant else there[:5]
    # The NAME may be a pasted secret, and the variable's name would contain it.
    is_shown = shown(name, there, where=where) != NOT_SHOWN
    raise UsageError(
        f"{where}: {variable} is not set in the environment"
        if is_shown
        else f"{where}: {NOT_SHOWN} is not the NAME of any variable {_PREFIX}NAME",
        hint=f"available: {', '.join(_PREFIX + name for name in near)}"
        if near
        else "only connections in the environment can be read, not those in Airflow's database",
    )


def _parse(text: str, variable: str) -> Mapping[str, str]:
    try:
        fields = _from_json(text) if text.startswith("{") else _from_uri(text)
    except (ValueError, TypeError, RecursionError):
        raise UsageError(f"{variable} is not an Airflow connection", hint=_HINT) from None
    try:
        return _settings_of(fields)
    except (ValueError, RecursionError):
        raise UsageError(
            f"{variable}: `proxies` in its extra is invalid JSON",
            hint='they should look like {"https": "http://proxy.example.com:3128"}',
        ) from None


def _from_json(text: str) -> Mapping[str, object]:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise TypeError
    extra = fields.get("extra")
    return {**fields, "extra": json.loads(extra) if isinstance(extra, str) and extra else extra}


def _from_uri(text: str) -> Mapping[str, object]:
    """Split a URI. The host may be a percent-encoded URL, or follow a second `://`."""
    kind, sign, rest = text.partition("://")
    if not sign or not re.fullmatch(r"[A-Za-z][\w+.-]*", kind):
        raise ValueError
    protocol, two, after = rest.partition("://")
    plain = two and re.fullmatch(r"[A-Za-z]+", protocol) is not None
    parts = urlsplit(f"//{after if plain else rest}")
    host = _host(parts)
    return {
        "host": f"{protocol}://{host}" if plain else host,
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path[1:]),
        "extra": _extra(parts.query),
    }


def _host(parts: SplitResult) -> str:
    """Take the host as it was written; `hostname` would make a path in it lower-case."""
    host = parts.netloc.rpartition("@")[2]
    return unquote(re.sub(r":\d*$", "", host))


def _extra(query: str) -> object:
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return json.loads(pairs["__extra__"]) if "__extra__" in pairs else pairs


def _settings_of(fields: Mapping[str, object]) -> Mapping[str, str]:
    given = fields.get("extra")
    extra: Mapping[str, object] = given if isinstance(given, dict) else {}
    token_url = _words(fields.get("schema"))
    values = {
        "url": _url(_words(fields.get("host")), _words(fields.get("port"))),
        "client_id": _words(fields.get("login")),
        "client_secret": _words(fields.get("password")),
        "token_url": "" if token_url.strip("/") == _PROVIDERS_DEFAULT else token_url,
        # Sources only have texts: `load` parses this again.
        "proxies": json.dumps(_proxies(extra.get("proxies"))),
        "request_timeout": _words(extra.get("timeout")),
    }
    return {name: value for name, value in values.items() if value not in {"", "{}"}}


def _words(value: object) -> str:
    return "" if value is None else str(value).strip()


def _url(host: str, port: str) -> str:
    """Put the port behind the host, where it has none."""
    match = re.fullmatch(r"((?:\w+://)?(?:\[[^\]]*\]|[^/:]*))(/.*)?", host)
    return f"{match[1]}:{port}{match[2] or ''}" if host and port and match else host


def _proxies(value: object) -> Mapping[str, str]:
    """Read proxies by scheme (`https` or `https://`), or one for all."""
    if isinstance(value, str) and value.strip().startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        return {str(k).partition("://")[0]: str(v) for k, v in value.items() if v}
    return {"all": str(value)} if value else {}
