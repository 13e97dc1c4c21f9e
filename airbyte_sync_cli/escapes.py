"""Decode escapes in texts, keeping the position of each letter.

Percent-encoding, the escapes of JSON and of programming languages, HTML's references, base64.
"""

import base64
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

Place = Callable[[int], tuple[int, int]]
"""Maps a letter of the decoded text to its start and end in the encoded one."""

_ESCAPE: Final = re.compile(
    r"(?P<bytes>(?:(?:%|\\x)[0-9A-Fa-f]{2})+|(?:\\[0-3][0-7]{2})+)"
    r"|\\u(?P<high>[Dd][89ABab][0-9A-Fa-f]{2})\\u(?P<low>[Dd][C-Fc-f][0-9A-Fa-f]{2})"
    r"|\\(?:u(?P<four>[0-9A-Fa-f]{4})|U(?P<eight>[0-9A-Fa-f]{8})|u\{(?P<free>[0-9A-Fa-f]{1,6})\})"
    r"|\\(?P<letter>[\"'\\/bfnrt])"
    r"|&(?P<reference>#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
)
_ONE_BYTE: Final = re.compile(r"(?:%|\\x)[0-9A-Fa-f]{2}|\\[0-3][0-7]{2}")
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}=*")
_URLSAFE: Final = str.maketrans("-_", "+/")
_LAYOUT: Final = re.compile("[\r\n\t\u00ad\u200b-\u200d\u2060\ufeff]")
_WORDS: Final = re.compile(f"[^{_LAYOUT.pattern[1:]}+")
_LAST: Final = 0x10FFFF
_OF_ASCII: Final = re.compile(
    r"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){2}"
)
"""Six bytes below 128: their highest bits are 0. One word in five matches by chance."""
_READABLE: Final = re.compile("[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{6,}")
"""Text in decoded bytes, not noise; shorter secrets are not masked (`redaction`)."""


def unescape(text: str) -> tuple[str, Place]:
    """Decode every escape once, but not base64. Return the text and its positions."""
    if not any(sign in text for sign in "%\\&"):
        return text, _itself
    parts: list[str] = []
    mapping = _Mapping()
    last = 0
    for match in _ESCAPE.finditer(text):
        parts.append(text[last : match.start()])
        mapping.keep(last, match.start())
        for letter, start, end in _letters(match):
            parts.append(letter)
            mapping.replace(start, end)
        last = match.end()
    parts.append(text[last:])
    mapping.keep(last, len(text))
    return "".join(parts), mapping.place


def join_lines(text: str) -> tuple[str, Place]:
    """Remove line breaks and invisible characters that may split a word. Return also positions."""
    if not _LAYOUT.search(text):
        return text, _itself
    mapping = _Mapping()
    parts = [match.span() for match in _WORDS.finditer(text)]
    for start, end in parts:
        mapping.keep(start, end)
    return "".join(text[start:end] for start, end in parts), mapping.place


def _itself(index: int) -> tuple[int, int]:
    return index, index + 1


class _Mapping:
    """The positions of decoded letters: stretches that were kept, and single escapes."""

    def __init__(self) -> None:
        self._length = 0
        self._at = array("q")
        self._start = array("q")
        self._size = array("q")

    def keep(self, start: int, end: int) -> None:
        """Add letters that were not escaped."""
        if end > start:
            self._add(start, 0, end - start)

    def replace(self, start: int, end: int) -> None:
        """Add one letter that was an escape."""
        self._add(start, end - start, 1)

    def _add(self, start: int, size: int, length: int) -> None:
        self._at.append(self._length)
        self._start.append(start)
        self._size.append(size)
        self._length += length

    def place(self, index: int) -> tuple[int, int]:
        """Return the start and the end of a letter's escape."""
        i = bisect_right(self._at, index) - 1
        start, size = self._start[i], self._size[i]
        if size:
            return start, start + size
        return start + index - self._at[i], start + index - self._at[i] + 1


def _letters(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Decode one match into letters, each with its start and end."""
    if match["bytes"] is not None:
        yield from _from_bytes(match)
        return
    for letter in _decoded(match):
        yield letter, match.start(), match.end()


def _decoded(match: re.Match[str]) -> str:
    if match["high"]:
        pair = bytes.fromhex(match["high"] + match["low"])
        return pair.decode("utf-16-be")
    if match["letter"]:
        return _LETTERS.get(match["letter"], match["letter"])
    if match["reference"]:
        import html  # noqa: PLC0415  # 3 ms, seldom needed

        return html.unescape(match.group())
    code = int(match["four"] or match["eight"] or match["free"], 16)
    return chr(code) if code <= _LAST else match.group()


def _from_bytes(match: re.Match[str]) -> Iterator[tuple[str, int, int]]:
    """Decode bytes as UTF-8, and as Latin-1 where that fails, as Python writes them."""
    ones = list(_ONE_BYTE.finditer(match["bytes"]))
    values = bytes(_value(one.group()) for one in ones)
    at = 0
    while at < len(values):
        letter, size = _first_letter(values, at)
        yield letter, match.start() + ones[at].start(), match.start() + ones[at + size - 1].end()
        at += size


def _value(escape: str) -> int:
    r"""Read `%41`, `\x41`, or `\101`."""
    is_octal = escape[0] == "\\" and escape[1] != "x"
    return int(escape[1:], 8) if is_octal else int(escape[-2:], 16)


def _first_letter(values: bytes, at: int) -> tuple[str, int]:
    # The shortest that decodes: no character in UTF-8 is the beginning of another.
    for size in (1, 2, 3, 4):
        try:
            return values[at : at + size].decode(), size
        except UnicodeDecodeError:
            continue
    return chr(values[at]), 1


def decode_base64(text: str, *, only_ascii: bool) -> Iterator[tuple[int, int, str]]:
    """Read what may be base64, of either alphabet: start, end, and each text that it may hold.

    Where a run begins within a longer word, such as a path, is unknown: all four ways are tried.
    `only_ascii` leaves out what surely is nothing else: most words, and quickly.
    """
    for match in _RUN.finditer(text):
        if only_ascii and not _OF_ASCII.search(text, *match.span()):
            continue
        run = match.group().rstrip("=").translate(_URLSAFE)
        for skipped in range(4):
            for readable in _READABLE.findall(_decode(run[skipped:])):
                yield match.start(), match.end(), readable


def _decode(run: str) -> str:
    # One letter left over is 6 bits, less than a byte.
    whole = run[: len(run) - (len(run) % 4 == 1)]
    return base64.b64decode(whole + "=" * (-len(whole) % 4)).decode(errors="replace")
