"""The one table layout: of listings, the summary, the steps of `check`, and the live view.

Where a table is too narrow, its least important columns leave it, and those that can are folded
or shortened.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from itertools import zip_longest
from typing import Final

from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import plain
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.terminal import Screen

_INDENT: Final = "    "
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_NO_TAILS: Final[Mapping[int, str]] = {}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its cells in the order of the rows, and what happens where it is too wide.

    A cell that is a `str` may come from others: its secrets are masked here, before it is folded,
    because half a secret is not recognised as one.
    """

    cells: Sequence[str | Styled]
    title: str = ""
    right: bool = False
    gap: int = 2
    """Spaces before the next column."""
    reserved: int = 0
    """Width that it has at least, so that the next column keeps its place."""
    most: int | None = None
    """Width that it has at most."""
    least: int | None = None
    """Width at which it still reads well: other columns leave first. None: its width is fixed."""
    floor: int | None = None
    """Width below which it never gets; None: `least`."""
    shortens: bool = False
    """Whether too long a cell loses its middle, instead of being folded into several lines."""
    leaves: int = 0
    """The higher, the earlier it leaves the table; 0 stays."""
    moved: str | None = "{}"
    """How a cell reads on a second line once its column has left; None: it is not shown."""
    silent: frozenset[str] = field(default_factory=frozenset)
    """Cells that are not worth a place there."""
    leads: bool = False
    """Whether it is also shown in rows that end in a text of their own."""

    @cached_property
    def width(self) -> int:
        """Return the width that all its cells need."""
        cells = max((Styled.of(cell).width for cell in (self.title, *self.cells)), default=0)
        width = max(self.reserved, cells)
        return width if self.most is None else min(width, self.most)

    @property
    def is_empty(self) -> bool:
        """Return whether no row has anything in it."""
        return not any(Styled.of(cell).pieces for cell in self.cells)

    @property
    def narrowest(self) -> int:
        """Return the width below which other columns leave."""
        return self.width if self.least is None else min(self.width, self.least)

    def lines(self, row: int, width: int, screen: Screen) -> Sequence[Styled]:
        """Return a cell, folded or shortened to a width."""
        cell = Styled.of(self.cells[row])
        if self.shortens:
            return [cell.shortened(width, mark=screen.ellipsis)]
        return [cell] if self.least is None else cell.folded(width)

    def moved_text(self, row: int) -> str | None:
        """Return a cell as it reads on the second line."""
        text = Styled.of(self.cells[row]).plain
        return self.moved.format(text) if self.moved and text and text not in self.silent else None


def render(columns: Sequence[Column], screen: Screen) -> str:
    """Return a table with its titles, painted."""
    return "\n".join(line.paint(screen) for line in layout(columns, screen, title_style="bold"))


def layout(
    columns: Sequence[Column],
    screen: Screen,
    *,
    title_style: str | None = None,
    tails: Mapping[int, str] = _NO_TAILS,
) -> list[Styled]:
    """Return the lines of a table, with titles if these have a style.

    `tails` are texts at the end of a row, behind its leading columns and instead of the others;
    they may be longer than the line.
    """
    masked = [_masked(column, with_title=title_style is not None) for column in columns]
    shown = [column for column in masked if column.reserved or not column.is_empty]
    kept = _kept(shown, screen.width)
    widths = _widths(kept, screen.width)
    left = [column for column in shown if column not in kept]
    lines = []
    if title_style:
        titles = [Styled.of(column.title, title_style) for column in kept]
        lines.append(_line(titles, kept, widths).stripped())
    for row in range(len(columns[0].cells)):
        folded = [
            column.lines(row, width, screen) for column, width in zip(kept, widths, strict=True)
        ]
        if row in tails:
            leading = [place for place, column in enumerate(kept) if column.leads]
            start = _line(
                [folded[place][0] for place in leading],
                [kept[place] for place in leading],
                [widths[place] for place in leading],
            )
            lines.append(start + plain(tails[row]))
            continue
        lines += [
            _line(cells, kept, widths).stripped()
            for cells in zip_longest(*folded, fillvalue=Styled())
        ]
        moved = [text for column in left if (text := column.moved_text(row))]
        lines += [Styled.of(line, "dim") for line in _second_line(moved, screen.width)]
    return lines


def _masked(column: Column, *, with_title: bool) -> Column:
    cells = [plain(cell) if isinstance(cell, str) else cell for cell in column.cells]
    return replace(column, cells=cells, title=column.title if with_title else "")


def _kept(columns: Sequence[Column], width: int | None) -> Sequence[Column]:
    """Let columns leave until the others fit at their narrowest."""
    kept = list(columns)
    while width is not None and _sum([column.narrowest for column in kept], kept) > width:
        leaving = max(kept, key=lambda column: column.leaves)
        if leaving.leaves == 0:
            break
        kept.remove(leaving)
    return kept


def _sum(widths: Sequence[int], columns: Sequence[Column]) -> int:
    return sum(widths) + sum(column.gap for column in columns[:-1])


def _widths(columns: Sequence[Column], room: int | None) -> list[int]:
    """Take the missing room from the columns that have most to spare; first down to `least`."""
    widths = [column.width for column in columns]
    excess = _sum(widths, columns) - room if room is not None else 0
    # Names are shortened below their readable width only once every other column has left.
    for limits in ([c.least for c in columns], [c.floor for c in columns]):
        spare = [
            0 if limit is None else w - limit for w, limit in zip(widths, limits, strict=True)
        ]
        while excess > 0 and max(spare, default=0) > 0:
            widest = spare.index(max(spare))
            widths[widest] -= 1
            spare[widest] -= 1
            excess -= 1
    return widths


def _line(cells: Sequence[Styled], columns: Sequence[Column], widths: Sequence[int]) -> Styled:
    line = Styled()
    for cell, column, width in zip(cells, columns, widths, strict=True):
        line += cell.padded(width, right=column.right) + " " * column.gap
    return line


def _second_line(texts: Sequence[str], width: int | None) -> Sequence[str]:
    if not texts:
        return []
    text = " | ".join(texts)
    room = (width or len(text) + len(_INDENT)) - 1
    return textwrap.wrap(
        text, room, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def bar(value: float, *, most: float, width: int, screen: Screen) -> str:
    """Return a bar for a share of the most; anything above 0 is visible."""
    share = min(max(value / most, 0.0), 1.0) if most > 0 else 0.0
    if not screen.unicode:
        return "#" * max(round(share * width), 1 if value > 0 else 0)
    eighths = max(round(share * width * 8), 1 if value > 0 else 0)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
