"""Secrets never reach a reader: whatever is written passes through `redact`.

Settings hold secrets as SecretStr, so nothing prints one by itself. This is the second line of
defence, for texts that others wrote: an error of a library, a server that echoes a header.
"""

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "********"
_SHORTEST: Final = 6
"""Shorter secrets are left alone: masking `a` in every text would hide the text."""
_WELL_KNOWN: Final = frozenset({"airbyte", "password"})
"""Defaults that Airbyte documents: no secrets, and words that every message needs."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,14}")
"""How a header says what kind of secret follows: `Bearer`, `Basic`, `Key`."""
_CODES: Final = frozenset({"command", "outcome", "status", "job_type", "kind"})
"""Keys of reports whose values programs compare with words."""
_WORD: Final = re.compile(r"[a-z][a-z_-]*")

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


def remember_header(value: str, *, least: int = 0) -> None:
    """Take note of a header's value and of the secrets in it: `Bearer X`, `a=X; b=Y`, a pair.

    What is shorter than `least` is none: most headers say something that every text may say.
    """
    words = [word.strip('"') for word in re.split(r"[\s;,]+", value)]
    if len(words) > 1 and _SCHEME.fullmatch(words[0]):
        _remember_decoded(*words[:2])
        words = words[1:]
    for text in (value, *words, *(word.partition("=")[2].strip('"') for word in words)):
        if len(text) >= least:
            remember(text)


def _remember_decoded(scheme: str, encoded: str) -> None:
    if scheme.lower() == "basic":
        with suppress(ValueError):
            remember(base64.b64decode(encoded, validate=True).decode().partition(":")[2])


def without_credentials(url: str) -> str:
    """Tell an address without the user name and password in it."""
    scheme, sign, rest = url.partition("://")
    if not sign:
        return url.rpartition("@")[2]
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"


def redact_all(value: object) -> object:
    """Mask every text in a structure; numbers, keys and codes stay, so that JSON stays JSON."""
    match value:
        case str():
            return redact(value) if type(value) is str else value  # not the words of an enum
        case Mapping():
            return {
                key: one if key in _CODES and _is_word(one) else redact_all(one)
                for key, one in value.items()
            }
        case list() | tuple():
            return tuple(redact_all(one) for one in value)
        case _:
            return value


def _is_word(value: object) -> bool:
    """Whether it is a plain word: a token that is one, too, must not spoil a status."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def redact(text: str) -> str:
    """Return the text with every known secret masked, the longest first."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def forget_all() -> None:
    """Start anew: for tests, whose secrets must not mask each other's texts."""
    _known.clear()
