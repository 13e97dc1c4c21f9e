"""Extra headers: `K: V`, one a line, or a JSON object."""

import json
import re
from collections.abc import Iterator
from typing import Final

from airbyte_sync_cli.errors import UsageError

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = frozenset({"content-length", "content-type", "transfer-encoding", "connection"})
_TELLING: Final = re.compile(
    r"auth|token|secret|key|cookie|passw|session|credential|jwt|signature", re.IGNORECASE
)


def parse_headers(text: str, *, name: str) -> dict[str, str]:
    """Read headers; a later line replaces an earlier one. Raises UsageError."""
    headers = dict(_pairs(text, name))
    for number, (header, value) in enumerate(headers.items(), start=1):
        _check(header, value, f"{name}: header {number}")
    return headers


def names_a_secret(header: str) -> bool:
    """Whether a header of this name probably carries a secret."""
    return _TELLING.search(header) is not None


def _pairs(text: str, name: str) -> Iterator[tuple[str, str]]:
    if text.lstrip().startswith("{"):
        yield from _from_json(text, name)
        return
    for line in filter(str.strip, text.splitlines()):
        header, colon, value = line.partition(":")
        if not colon:
            raise UsageError(f"{name}: a header without a colon", hint="write 'X-Name: value'")
        yield header.strip(), value.strip()


def _from_json(text: str, name: str) -> Iterator[tuple[str, str]]:
    try:
        content = json.loads(text)
    except ValueError:
        raise UsageError(f"{name}: broken JSON", hint="write 'X-Name: value'") from None
    for header, value in content.items():
        yield str(header).strip(), str(value).strip()


def _check(header: str, value: str, where: str) -> None:
    """Refuse what would break the request; nothing of it is shown, for it may be a secret."""
    if not _NAME.fullmatch(header):
        raise UsageError(f"{where} has not a valid header name", hint="write 'X-Name: value'")
    if header.lower() in _OURS:
        raise UsageError(f"{where} ({header}) belongs to the request itself", hint="leave it out")
    if not value.isascii() or not value.isprintable():
        raise UsageError(
            f"{where} holds characters that no header may",
            hint="only printable ASCII can be sent",
        )
