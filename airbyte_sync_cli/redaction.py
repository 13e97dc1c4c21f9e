"""Secrets never reach a reader: whatever is written passes through `redact`.

Settings hold secrets as SecretStr, so nothing prints one by itself. This is the second line of
defence, for texts that others wrote: an error of a library, a server that echoes a header.
"""

import base64
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "********"
_SHORTEST: Final = 6
"""Shorter secrets are left alone: masking `a` in every text would hide the text."""
_WELL_KNOWN: Final = frozenset({"airbyte", "password"})
"""Defaults that Airbyte documents: no secrets, and words that every message needs."""

_known: Final[set[str]] = set()


def remember(secret: str) -> str:
    """Take note of a secret, in the forms that it takes on the wire; returns it as it is."""
    if len(secret) >= _SHORTEST and secret not in _WELL_KNOWN:
        _known.update({secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]})
        _known.update(json.dumps(secret, ensure_ascii=pure)[1:-1] for pure in (True, False))
    return secret


def remember_pair(username: str, password: str) -> str:
    """Take note of what basic authentication sends for this pair, and return it."""
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    remember(password)
    if password:
        _known.add(encoded)
    return encoded


def without_credentials(url: str) -> str:
    """Tell an address without the user name and password in it."""
    scheme, sign, rest = url.partition("://")
    if not sign:
        return url.rpartition("@")[2]
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"


def redact_all(value: object) -> object:
    """Mask every text in a structure; numbers and keys stay, so that JSON stays JSON."""
    match value:
        case str():
            return redact(value) if type(value) is str else value  # not the words of an enum
        case Mapping():
            return {key: redact_all(one) for key, one in value.items()}
        case list() | tuple():
            return tuple(redact_all(one) for one in value)
        case _:
            return value


def redact(text: str) -> str:
    """Return the text with every known secret masked, the longest first."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def forget_all() -> None:
    """Start anew: for tests, whose secrets must not mask each other's texts."""
    _known.clear()
