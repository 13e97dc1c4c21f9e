"""Tables and bars: what fits where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.output.format import cell_width
from airbyte_sync_cli.output.table import Column, render
from airbyte_sync_cli.output.terminal import Screen


def columns(*widths: int) -> list[Column]:
    """Columns so wide, the later the less important."""
    return [
        Column(title=f"t{place}", cells=["x" * width], leaves=place)
        for place, width in enumerate(widths)
    ]


def test_table_that_fits_is_not_folded() -> None:
    assert render(columns(5, 5, 5), Screen(width=19)).splitlines() == [
        "t0     t1     t2",
        "xxxxx  xxxxx  xxxxx",
    ]


def test_least_important_column_moves_first() -> None:
    assert render(columns(5, 5, 5), Screen(width=18)).splitlines() == [
        "t0     t1",
        "xxxxx  xxxxx",
        "    xxxxx",
    ]


def test_moved_cells_are_labelled_or_left_out() -> None:
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


def test_empty_column_is_left_out() -> None:
    empty = Column(title="unusual", cells=["", ""])
    told = render([Column(title="a", cells=["1", "22"], right=True), empty], Screen())
    assert told.splitlines() == [" a", " 1", "22"]


def test_long_cell_folds_at_spaces() -> None:
    text = Column(title="name", cells=["one two three four"], least=8)
    told = render([Column(title="id", cells=["1"]), text], Screen(width=12))
    assert told.splitlines() == ["id  name", "1   one two", "    three", "    four"]


@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=90), max_size=4
    ),
    width=st.integers(40, 140),
)
def test_folded_cells_fit_the_width_and_lose_nothing(names: list[str], width: int) -> None:
    cells = ["id", *names]
    ids = Column(title="id", cells=["i" * 20 for _ in cells])
    told = render([ids, Column(title="n", cells=cells, least=10)], Screen(width=width))
    assert max(cell_width(line) for line in told.splitlines()) <= width
    letters = "".join(line[22:] for line in told.splitlines()[1:])
    assert letters.replace(" ", "") == "".join(cells)


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("注文", 4), ("e\u0301", 1), ("", 0)])
def test_wide_letters_take_two_cells_and_accents_none(text: str, width: int) -> None:
    assert cell_width(text) == width
