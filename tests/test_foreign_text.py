"""Text that others wrote can neither move a cursor, break a line, nor take long."""

import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli import redaction
from airbyte_sync_cli.foreign_text import (
    LONGEST_MESSAGE,
    capped,
    json_line,
    printable,
    without_controls,
)
from airbyte_sync_cli.output.format import format_log_line, plain
from tests.support.hostile import STRAY

SECRET = "canary-0123456789-secret"
anything = st.text(st.characters(exclude_categories=()), max_size=60)
sequences = st.lists(
    st.sampled_from(["\x1b", "\x9b", "\x9d", "]", "[", "31", ";", "m", "\x07", "\\", "a", " "])
).map("".join)


@pytest.fixture(autouse=True)
def _no_secrets() -> None:
    redaction.forget_all()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\x1b[31mb\x1b[0m", "ab"),
        ("a\x9b31mb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]0;title\x1b\\b", "ab"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1bcb\x1b(0c", "abc"),
        ("a\x1b]0;no end", "a0;no end"),
        ("a\x1b[31", "a31"),
        ("a\x1b", "a"),
        ("a\u202eb\u2066c\u200fd\u061ce\ufefff\u200bg\U000e0041h", "abcdefgh"),
        (
            "\u0645\u06cc\u200c\u062e क्\u200dष 👨\u200d👩",
            "\u0645\u06cc\u200c\u062e क्\u200dष 👨\u200d👩",
        ),
        ("\ud800", "\ufffd"),
    ],
)
def test_sequences_and_invisible_characters_are_removed(text: str, left: str) -> None:
    assert without_controls(text) == left


@given(anything | sequences)
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    for cleaned in (without_controls(text), plain(text), format_log_line(text)):
        assert not STRAY.search(cleaned)
        assert len(cleaned.splitlines()) <= 1
    assert not STRAY.search(re.sub(r"\x1b\[[0-9;]*m|[\n\t]", "", printable(text)))


@given(anything)
def test_json_line_is_one_line_for_every_splitter_and_stays_equal(text: str) -> None:
    for pure in (True, False):
        line = json_line(json.dumps({text: [text]}, ensure_ascii=pure))
        assert line.splitlines() == [line]
        assert not STRAY.search(line)
        expected = text if pure else re.sub("[\ud800-\udfff]", "\ufffd", text)
        assert json.loads(line) == {expected: [expected]}


def test_json_line_keeps_what_people_read() -> None:
    line = '{"name":"Postgres → Überseelager 日本 \u0645\u06cc\u200c\u062e"}'
    assert json_line(line) == line


@pytest.mark.parametrize("length", [LONGEST_MESSAGE, LONGEST_MESSAGE + 1, 70_000, 10_000_000])
def test_long_message_is_cut_and_says_so(length: int) -> None:
    cut = capped("x" * length)

    assert len(cut) == LONGEST_MESSAGE
    assert ("… (cut) " in cut[-108:]) is (length > LONGEST_MESSAGE)
    assert capped(cut) == cut


def test_end_of_a_sentence_is_kept_behind_a_long_value() -> None:
    assert capped(f"{'9' * 5000!r} is not a job id").endswith("999' is not a job id")


@pytest.mark.parametrize("filler", ["x", "x ", "\x1b[31m", f"{SECRET} "])
@pytest.mark.parametrize("clean", [str, plain])
def test_cut_through_a_secret_leaves_no_part_of_it(filler: str, clean: "type[str]") -> None:
    redaction.remember(SECRET)
    for edge in (LONGEST_MESSAGE, 65_536):
        for shift in range(len(SECRET) + 8):
            before = filler * ((edge - shift) // len(filler))
            text = before.ljust(edge - shift, "x") + SECRET + "y" * edge
            assert SECRET[:8] not in clean(capped(text, clean=clean)).replace(redaction.MASK, "")


def test_secret_split_by_what_is_removed_is_masked() -> None:
    redaction.remember(SECRET)
    split = f"{SECRET[:9]}\u202e{SECRET[9:]}"
    assert SECRET not in plain(split)


STARTS = ("\x1b]", "\x1b[", "\x9d", "\x9b", "\x1bP", "\x1b", "\x1b[0;", "\x1b]0;x\x1b", "\x1b(")


@pytest.mark.parametrize("start", STARTS)
def test_megabyte_of_starts_without_an_end_is_cleaned(start: str) -> None:
    """A quadratic pattern would need 10^12 steps, and so hours."""
    text = start * (1_000_000 // len(start))
    assert len(without_controls(text)) <= len(text)
    assert format_log_line(text) is not None
    assert printable(text) is not None


def test_no_pattern_of_escape_sequences_can_start_within_its_own_body() -> None:
    from airbyte_sync_cli import foreign_text  # noqa: PLC0415  # its pattern, as it stands

    starts = {chr(code) for code in range(0x80, 0xA0)} | {"\x1b"}
    bodies = re.findall(r"\[(\^?[^\[\]]*)\]\*\+", foreign_text._SEQUENCE.pattern)  # noqa: SLF001
    assert bodies
    for body in bodies:
        assert not [start for start in starts if re.fullmatch(f"[{body}]", start)], body


class CountedText(str):
    """A text that notes how much of it was handed on."""

    __slots__ = ("read",)

    def __getitem__(self, key: object) -> str:
        part = str.__getitem__(self, key)  # type: ignore[index]
        self.read = len(part)
        return part


def test_text_is_cut_before_anything_is_done_with_it() -> None:
    text = CountedText("x" * 10_000_000)

    plain(text)

    assert text.read == 65_536
    assert sys.getsizeof(plain(text)) < 20_000
