"""Tables and bars: what fits where, and what a stream can show."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.output.format import cell_width
from airbyte_sync_cli.output.table import Column, render
from airbyte_sync_cli.output.terminal import Screen, screen_of


class Terminal(io.StringIO):
    """A stream that calls itself a terminal, of an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io.StringIO has none
        return self._encoding

    def isatty(self) -> bool:
        return True


def columns(*widths: int) -> list[Column]:
    """Columns so wide, the later the less important."""
    return [
        Column(title=f"t{place}", cells=["x" * width], leaves=place)
        for place, width in enumerate(widths)
    ]


def test_a_file_has_no_width_and_no_colour() -> None:
    assert screen_of(io.StringIO(), {}) == Screen(width=None, colour=False, unicode=True)
    assert screen_of(None, {}) == Screen(width=None, colour=False, unicode=True)


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_a_terminal_shows_colours_unless_it_is_told_not_to(
    environ: dict[str, str], colour: object
) -> None:
    assert screen_of(Terminal(), environ).colour is colour


@pytest.mark.parametrize(
    ("columns", "width"), [("132", 132), ("10", 40), ("0", 80), ("wide", 80), ("", 80)]
)
def test_columns_say_how_wide_a_terminal_is(columns: str, width: int) -> None:
    assert screen_of(Terminal(), {"COLUMNS": columns}).width == width


def test_a_terminal_of_its_own_width_is_measured() -> None:
    leader, follower = os.openpty()
    try:
        with os.fdopen(follower, "w", encoding="utf-8") as stream:
            assert screen_of(stream, {}).width in {80, 40}  # it says 0 where nobody set it
            assert screen_of(stream, {"COLUMNS": "99"}).width == 99
    finally:
        os.close(leader)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "unheard-of"])
def test_an_encoding_without_blocks_gets_none(encoding: str) -> None:
    assert not screen_of(Terminal(encoding), {}).unicode


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert screen_of(stream, {}) == Screen()


def test_what_fits_stays_in_one_line() -> None:
    assert render(columns(5, 5, 5), Screen(width=19)).splitlines() == [
        "t0     t1     t2",
        "xxxxx  xxxxx  xxxxx",
    ]


def test_the_least_important_column_moves_first() -> None:
    assert render(columns(5, 5, 5), Screen(width=18)).splitlines() == [
        "t0     t1",
        "xxxxx  xxxxx",
        "    xxxxx",
    ]


def test_what_has_moved_is_told_in_words_or_not_at_all() -> None:
    wide = Column(title="a", cells=["x" * 15, "y" * 15, "z" * 15])
    moved = Column(
        title="b", cells=["3", "1", ""], leaves=1, moved="{} attempts", silent=frozenset({"1"})
    )
    assert render([wide, moved], Screen(width=16)).splitlines() == [
        "a",
        "x" * 15,
        "    3 attempts",
        "y" * 15,
        "z" * 15,
    ]


def test_a_column_without_content_is_left_out() -> None:
    empty = Column(title="unusual", cells=["", ""])
    told = render([Column(title="a", cells=["1", "22"], right=True), empty], Screen())
    assert told.splitlines() == [" a", " 1", "22"]


def test_a_long_text_folds_at_its_spaces() -> None:
    text = Column(title="name", cells=["one two three four"], least=8)
    told = render([Column(title="id", cells=["1"]), text], Screen(width=12))
    assert told.splitlines() == ["id  name", "1   one two", "    three", "    four"]


@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=90), max_size=4
    ),
    width=st.integers(40, 140),
)
def test_no_text_leaves_the_terminal_and_none_is_lost(names: list[str], width: int) -> None:
    cells = ["id", *names]
    ids = Column(title="id", cells=["i" * 20 for _ in cells])
    told = render([ids, Column(title="n", cells=cells, least=10)], Screen(width=width))
    assert max(cell_width(line) for line in told.splitlines()) <= width
    letters = "".join(line[22:] for line in told.splitlines()[1:])
    assert letters.replace(" ", "") == "".join(cells)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("注文", 4), ("e\u0301", 1), ("", 0)])
def test_wide_letters_count_twice_and_accents_not_at_all(text: str, width: int) -> None:
    assert cell_width(text) == width
