"""Bodies in pieces: what is dropped and what is kept does not depend on where they are cut."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte.body import LARGEST, Sieve, elements
from airbyte_sync_cli.errors import ProtocolError

BULKY = ("syncCatalog", "configurations", "logs", "icon")
KEYS = st.sampled_from([*BULKY, "name", "id", 'a"logs', "back\\"])
TEXTS = st.text(st.sampled_from('ab"\\{}[],:é '), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
LINES = st.lists(TEXTS | st.dictionaries(TEXTS, TEXTS | st.dictionaries(TEXTS, TEXTS)))


def cut(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def sifted(value: object) -> object:
    """Return what should be kept of a value."""
    if isinstance(value, list):
        return [sifted(one) for one in value]
    if isinstance(value, dict):
        return {key: None if key in BULKY else sifted(one) for key, one in value.items()}
    return value


@given(VALUES, st.integers(1, 40), st.sampled_from([None, 1]))
def test_sieve_drops_bulky_values_and_nothing_else(
    value: object, size: int, indent: int | None
) -> None:
    sieve = Sieve()
    text = json.dumps(value, indent=indent).encode()

    kept = b"".join(sieve.feed(piece) for piece in cut(text, size)) + sieve.end()

    if 'a"logs' not in str(value):  # as a key, its end looks like the key `logs`
        assert json.loads(kept) == sifted(value)
    json.loads(kept)


def test_sieve_holds_little_of_what_it_drops() -> None:
    sieve = Sieve()
    sieve.feed(b'{"name": "orders", "syncCatalog": {"streams": ["')
    held = 0

    for _ in range(1000):
        sieve.feed(b"\\" * 3 + b"x{[" * 1000 + b'"' * 2)
        held = max(held, len(sieve.end()), len(sieve._rest))  # noqa: SLF001  # what it holds

    assert held < 100


def parts(text: bytes, size: int) -> list[bytes]:
    async def work() -> list[bytes]:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in cut(text, size):
                yield piece

        return [part async for part in elements(pieces(), rb"logLines|events")]

    return asyncio.run(work())


@given(LINES, st.integers(1, 40), st.sampled_from(["logLines", "events"]))
def test_elements_are_those_of_the_array(lines: list[object], size: int, key: str) -> None:
    text = json.dumps({"attempt": {"id": 0}, "logs": {"x": 'events": [1', key: lines}}).encode()

    read = [line for part in parts(text, size) for line in json.loads(part)]

    assert read == lines


@pytest.mark.parametrize("text", ['{"logs": {"events": null}}', "{}", '{"logs": {"events": []}}'])
def test_missing_array_has_no_elements(text: str) -> None:
    assert parts(text.encode(), 7) == []


@pytest.mark.parametrize(
    "text",
    [b'{"events": [{"message": "a"}', b'{"events": [7]}', b'{"logLines": ["' + b"a" * LARGEST],
    ids=["cut off", "a number", "no end"],
)
def test_truncated_array_is_protocol_error(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parts(text + b" ", 1024 * 1024)
