"""Credentials: chosen from what was found, taken out of addresses, and as extra headers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from pydantic import SecretStr

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import remember, remember_pair
from airbyte_sync_cli.settings.model import (
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Credentials,
    NoAuth,
)
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS, KNOWN
from airbyte_sync_cli.settings.shown import looks_random
from airbyte_sync_cli.settings.sources import Found
from airbyte_sync_cli.text import most_similar

Parts = Mapping[str, Found | None]
"""The values found for each setting of the credentials."""

_NEVER: Final = 99

_USERINFO: Final = r"(?i)(?:[^/?#@]*//|https?:/(?!/))?(?P<userinfo>[^/?#]*)@"
_MISPLACED: Final = (
    r"(?:[^/?#@]*//)?+[^/?#@:\[]*:"
    r"(?!\d+(?:/[^@?#]*)?[?#])"  # behind a port and a question mark it may be somebody's mail
    r"[^@]*@"
)
"""An `@` that may end a password in which a slash, a question mark or a hash was not encoded."""
_HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RESERVED: Final = frozenset({"content-length", "content-type", "transfer-encoding", "connection"})
_PRIVATE_HEADER: Final = r"(?i)auth|token|secret|key|cookie|passw|session|credential|jwt|signature"


def choose_credentials(parts: Parts, environ: Mapping[str, str]) -> Credentials:
    """Return the credentials of the best source.

    A token in the environment beats a pair in the profile, and an id in the profile may be
    completed by a secret in the environment. Two kinds in one source are a mistake, and so is
    half of a pair: both raise UsageError.
    """
    ranks = {kind: _rank(parts, kind) for kind in KINDS}
    best = min(ranks.values())
    if best == _NEVER:
        return NoAuth()
    kinds = [kind for kind, rank in ranks.items() if rank == best]
    if len(kinds) > 1:
        raise _too_many(parts, kinds)
    _check_whole(parts, kinds[0], environ)
    return _make({name: found for name in KINDS[kinds[0]] if (found := parts[name])})


def _rank(parts: Parts, kind: str) -> int:
    return min((found.rank for name in KINDS[kind] if (found := parts[name])), default=_NEVER)


def _too_many(parts: Parts, kinds: list[str]) -> UsageError:
    origins = [found.origin for kind in kinds for name in KINDS[kind] if (found := parts[name])]
    return UsageError(
        f"two kinds of credentials are set: {' and '.join(kinds)} ({', '.join(origins)})",
        hint="keep one of them",
    )


def _check_whole(parts: Parts, kind: str, environ: Mapping[str, str]) -> None:
    missing = [ENVIRONMENT[name][0] for name in KINDS[kind] if parts[name] is None]
    if not missing:
        return
    there = next(found.origin for name in KINDS[kind] if (found := parts[name]))
    empty = [name for name in (missing[0], f"{missing[0]}_FILE") if name in environ]
    if empty:
        raise UsageError(
            f"{empty[0]} is empty ({there} is set)",
            hint="was its secret mounted, or its template rendered?",
        )
    strangers = [name for name in environ if name.startswith("AIRBYTE_") and name not in KNOWN]
    near = most_similar(missing[0], strangers)
    raise UsageError(
        f"{missing[0]} is missing ({there} is set)",
        hint=f"is {near} misspelt?" if near else f"set {missing[0]} or {missing[0]}_FILE, too",
    )


def _make(parts: Mapping[str, Found]) -> Credentials:
    match parts:
        case {"client_id": client_id, "client_secret": secret}:
            if looks_random(client_id.text):  # it may be the secret, the two mixed up
                remember(client_id.text)
            return ClientCredentials(client_id=client_id.text, client_secret=_secret(secret))
        case {"token": token}:
            return BearerAuth(token=read_token(token), file=token.file)
        case {"username": username, "password": password}:
            remember_pair(username.text, password.text)
            return BasicAuth(username=username.text, password=_secret(password))
        case _:
            return NoAuth()


def read_token(found: Found) -> SecretStr:
    """Read a ready token, also one that was pasted with the word before it.

    Raises UsageError for what no header can carry.
    """
    text = re.sub(r"^bearer\s+", "", found.text, flags=re.IGNORECASE)
    if not text.isascii():
        raise _unsendable(found)
    return _secret(replace(found, text=text))


def _secret(found: Found) -> SecretStr:
    """Return a secret, redacted from now on. Raises UsageError if it cannot be sent."""
    if not found.text.isprintable():
        raise _unsendable(found)
    return SecretStr(remember(found.text))


def _unsendable(found: Found) -> UsageError:
    return UsageError(
        f"{found.origin}: the secret contains a line break or another invalid character",
        hint="was a whole file pasted, or a wrong key of the secret mounted?",
    )


def take_userinfo(url: str, *, name: str) -> tuple[str, str, str]:
    """Split an address into what is left of it, the user name and the password, both as written.

    Raises UsageError where the password's end cannot be told: what is left might show a part.
    """
    match = re.match(_USERINFO, url)
    userinfo = match["userinfo"] if match else ""
    left = url.replace(f"{userinfo}@", "", 1) if match else url
    if (match and "@" in left) or re.match(_MISPLACED, left):
        raise UsageError(
            f"{name}: the password in the URL is ambiguous",
            hint="write / as %2F, ? as %3F, # as %23 and @ as %40 in it, or set AIRBYTE_USERNAME "
            "and AIRBYTE_PASSWORD",
        )
    username, _, password = userinfo.partition(":")
    remember(password)
    return left, username, password


def refuse_userinfo(url: str, *, name: str) -> str:
    """Return an address that must not contain credentials. Raises UsageError."""
    if "@" in url:
        remember(url.rpartition("@")[0].rpartition("//")[2].partition(":")[2])
        raise UsageError(
            f"{name}: user name and password are not allowed in this URL",
            hint="remove them, including the @; the client id and secret are used instead",
        )
    return url


def remember_userinfo(proxy: str) -> None:
    """Redact a proxy's password from now on, as written and as sent."""
    username, _, password = proxy.rpartition("@")[0].rpartition("//")[2].partition(":")
    remember(password)
    remember_pair(unquote(username), unquote(password))


def parse_headers(text: str, *, name: str) -> dict[str, str]:
    """Read headers; a later line replaces an earlier one. Raises UsageError."""
    headers = dict(_header_pairs(text, name))
    for number, (header, value) in enumerate(headers.items(), start=1):
        _check_header(header, value, f"{name}: header {number}")
    return headers


def names_a_secret(header: str) -> bool:
    """Return whether a header with this name probably holds a secret."""
    return re.search(_PRIVATE_HEADER, header) is not None


def _header_pairs(text: str, name: str) -> Iterator[tuple[str, str]]:
    if text.lstrip().startswith("{"):
        yield from _headers_from_json(text, name)
        return
    for line in filter(str.strip, text.splitlines()):
        header, colon, value = line.partition(":")
        if not colon:
            raise UsageError(f"{name}: header without a colon", hint="write 'X-Name: value'")
        yield header.strip(), value.strip()


def _headers_from_json(text: str, name: str) -> Iterator[tuple[str, str]]:
    try:
        content = json.loads(text)
    except ValueError:
        raise UsageError(f"{name}: invalid JSON", hint="write 'X-Name: value'") from None
    for header, value in content.items():
        yield str(header).strip(), str(value).strip()


def _check_header(header: str, value: str, where: str) -> None:
    """Raise UsageError for an invalid header, without its value: it may be a secret."""
    if not re.fullmatch(_HEADER_NAME, header):
        raise UsageError(f"{where}: invalid header name", hint="write 'X-Name: value'")
    if header.lower() in _RESERVED:
        raise UsageError(f"{where} ({header}) cannot be set", hint="remove it")
    if not value.isascii() or not value.isprintable():
        raise UsageError(
            f"{where} contains characters that are invalid in a header",
            hint="only printable ASCII can be sent",
        )
