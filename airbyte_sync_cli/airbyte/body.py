"""Response bodies, piece by piece: decompressed within limits, without what is not needed.

Airbyte sends whole catalogs beside the name of a connection, and logs beside the id of a job.
"""

import re
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from typing import Final

import httpx
from pydantic_core import from_json

from airbyte_sync_cli.errors import ProtocolError

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one response, or of one element of a log, that are kept: parsed, they must fit a pod
with 128 MiB (`benchmarks/large_answers.py`). A thousand connections have less than one MiB."""
TOO_LARGE: Final = f"larger than {LARGEST // 1024**2} MiB"
LARGEST_UNPACKED: Final = 1024 * 1024 * 1024
"""Bytes of one response, decompressed, with what is dropped: a log has up to a million lines."""
LARGEST_ERROR: Final = 256 * 1024
"""Bytes that are read of a response other than 2xx: login pages and stack traces are smaller."""
_PIECE: Final = 64 * 1024
"""Bytes that are decompressed at a time: a bomb grows by no more before it is counted."""
_GZIP: Final = 16 + zlib.MAX_WBITS
"""The `wbits` by which zlib reads gzip."""
_GZIP_NAMES: Final = frozenset({"gzip", "x-gzip"})
"""RFC 9110, section 8.4.1.3."""


class Decompressed(httpx.AsyncByteStream):
    """A body, decompressed in small pieces: httpx would do a whole chunk of a bomb at once."""

    def __init__(self, response: httpx.Response) -> None:
        self._stream = response.stream
        # Removed, or httpx would decompress the body a second time.
        self._encoding = response.headers.pop("content-encoding", "").strip().lower()
        # The length is that of the compressed body.
        if self._encoding in _GZIP_NAMES:
            response.headers.pop("content-length", None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding in {"", "identity"}:
            async for piece in self._stream:  # type: ignore[union-attr]  # async client
                yield piece
            return
        if self._encoding not in _GZIP_NAMES:  # `accept-encoding` names no other; nor gzip twice
            raise httpx.DecodingError(f"unsupported encoding {self._encoding}")
        decompressor, is_empty = zlib.decompressobj(_GZIP), True
        try:
            async for compressed in self._stream:  # type: ignore[union-attr]  # the same
                is_empty = is_empty and not compressed
                piece = decompressor.decompress(compressed, _PIECE)
                while piece:
                    yield piece
                    piece = decompressor.decompress(decompressor.unconsumed_tail, _PIECE)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
        # zlib does not raise for data that ends early; an empty body is not truncated.
        if not (decompressor.eof or is_empty):
            raise httpx.DecodingError("truncated")

    async def aclose(self) -> None:
        """Return the connection to the pool, or close it."""
        await self._stream.aclose()  # type: ignore[union-attr]  # the same


_BULKY: Final = re.compile(
    rb'"(?:syncCatalog|configuredCatalog|configurations|configuration|connectionConfiguration'
    rb'|connectionSpecification|icon|logs)"\s*:\s*'
)
"""Keys whose values are large and not needed, up to the value."""
BULKY_IN_CATALOG: Final = re.compile(rb'"(?:jsonSchema|json_schema)"\s*:\s*')
"""The same where the streams of a catalog are needed."""
_LONGEST_KEY: Final = 64
"""Bytes: the longest of those keys with quotes, colon and blanks."""
_ESCAPE: Final = rb"(?s)\\."
_WINDOW: Final = 8 * 1024
"""Bytes that are searched at a time for the end of a value."""
_NO_BRACKETS: Final = frozenset({b":", b": ", b",", b", ", b""})
"""What usually stands between two strings: skipped without counting."""


class Sieve:
    """Replaces bulky values in a JSON text by null, whatever pieces it arrives in.

    Parsed, they would take several times their size in memory: `benchmarks/large_answers.py`.
    """

    def __init__(self, bulky: re.Pattern[bytes] = _BULKY) -> None:
        self._bulky = bulky
        self._rest = b""
        self._is_dropping = False
        self._depth = 0
        self._in_string = False

    def feed(self, piece: bytes) -> bytes:
        """Add a piece; return the part of the text that is certain to be kept."""
        self._rest += piece
        kept = []
        while True:
            if self._is_dropping:
                if not self._drop():
                    break
                continue
            bulky = self._bulky.search(self._rest)
            if bulky is None:
                cut = max(len(self._rest) - _LONGEST_KEY, 0)  # a key may go on in the next piece
                kept.append(self._rest[:cut])
                self._rest = self._rest[cut:]
                break
            kept += [self._rest[: bulky.end()], b"null"]
            self._rest = self._rest[bulky.end() :]
            self._is_dropping = True
        return b"".join(kept)

    def end(self) -> bytes:
        """Return what is left at the end of the text."""
        # Truncated inside a dropped value, the text lacks its closing brackets: parsing fails.
        return b"" if self._is_dropping else self._rest

    def _drop(self) -> bool:
        """Drop the rest up to the value's end; return False if that has not arrived yet."""
        start = 0
        while True:
            window = self._rest[start : start + _WINDOW]
            if len(window) - len(window.rstrip(b"\\")) & 1:
                window = window[:-1]  # the second half of the escape is missing
            if not window:
                self._rest = self._rest[start:]
                return False
            # Two bytes replace two, so that positions in the window stay right.
            end = self._end_in(re.sub(_ESCAPE, b"__", window))
            if end is not None:
                self._rest = self._rest[start + end :]
                self._is_dropping, self._depth = False, 0
                return True
            start += len(window)

    def _end_in(self, window: bytes) -> int | None:
        """Return where the value ends. Between quotes, every other part is a string."""
        # A window may begin inside a string: the loop switches once before the first part.
        position = 0
        self._in_string = not self._in_string
        for part in window.split(b'"'):
            self._in_string = not self._in_string
            if not self._in_string and (self._depth == 0 or part not in _NO_BRACKETS):
                closing = part.count(b"}") + part.count(b"]")
                if self._depth == 0 or closing >= self._depth:
                    end = self._end_in_part(part)
                    if end is not None:
                        return position + end
                else:
                    self._depth += part.count(b"{") + part.count(b"[") - closing
            position += len(part) + 1
        return None

    def _end_in_part(self, part: bytes) -> int | None:
        for index, letter in enumerate(part):
            if letter in b"{[":
                self._depth += 1
            elif letter in b"}]":
                self._depth -= 1
                if self._depth <= 0:  # below 0: it closes the object around a number or string
                    return index + 1 + self._depth
            elif letter in b"," and self._depth == 0:
                return index
        return None


_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT: Final = rb'\{(?:[^"{}]++|%s)*+\}' % _STRING
_NESTED: Final = rb'\{(?:[^"{}]++|%s|%s)*+\}' % (_STRING, _FLAT)
_ELEMENT: Final = rb"(?s)\s*+(?:%s|%s|null)\s*+([,\]])" % (_STRING, _NESTED)
"""A string, or an object with one level of objects in it; then the comma or the end.

Possessive (`*+`), so that a hostile log cannot make the match backtrack.
"""


async def elements(pieces: AsyncIterator[bytes], name: bytes) -> AsyncIterator[bytes]:
    """Yield the elements of an array as they arrive, as smaller JSON arrays.

    `name` is a pattern for the array's key; nothing is yielded if there is no such array. Raises
    ProtocolError for an array without an end, or with elements other than strings and objects.
    """
    key, an_element = re.compile(rb'"(?:%s)"\s*:\s*\[' % name), re.compile(_ELEMENT)
    rest, is_inside = b"", False
    async for piece in pieces:
        rest += piece
        if not is_inside:
            begin = key.search(rest)
            if begin is None:
                rest = rest[-_LONGEST_KEY:]
                continue
            rest, is_inside = rest[begin.end() :], True
        position, last = 0, b","
        while last == b"," and (element := an_element.match(rest, position)):
            position, last = element.end(), element[1]
        if position:
            yield b"[%s]" % rest[: position - 1]
        if last == b"]" or rest.lstrip().startswith(b"]"):
            is_inside, rest = False, b""
            continue
        rest = rest[position:]
        if len(rest) > LARGEST:
            raise ProtocolError(f"one element of the response is {TOO_LARGE}")
    if is_inside:
        raise ProtocolError("the response was truncated")


def load(body: bytes) -> object:
    """Parse JSON. Raises ValueError, and nothing else, for anything that is not JSON.

    A byte order mark is ignored, as RFC 8259 allows. Bytes and escapes that are no characters,
    in a name or a log, become replacement characters.
    """
    body = body.removeprefix(BOM_UTF8)
    if not body.strip():
        raise ValueError("empty")
    try:
        return from_json(body)
    except ValueError:
        repaired = re.sub(_SURROGATE, _replaced, body.decode(errors="replace").encode())
        return from_json(repaired)


_SURROGATE: Final = rb"(?s)\\(?:(u[dD][89abAB]..\\u[dD][c-fC-F]..)|(u[dD][89a-fA-F]..)|.)"
"""An escape in JSON: a pair of surrogates, a lone one (invalid), or any other."""


def _replaced(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[2] else escape[0]
