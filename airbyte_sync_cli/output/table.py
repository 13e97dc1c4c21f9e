"""Tables that fit: columns that do not fit fold into a second line, nothing is cut."""

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final, TextIO

from airbyte_sync_cli.output.format import cell_width, clip, padding
from airbyte_sync_cli.output.terminal import is_terminal, wants_colour
from airbyte_sync_cli.redaction import redact

_GAP: Final = "  "
_INDENT: Final = "    "
_NARROWEST: Final = 40
"""Characters; a terminal that says less is not believed."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_COLOURS: Final = {"red": "31", "yellow": "33", "green": "32", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What can be drawn on."""

    width: int | None = None
    """Characters of a line; None where nobody wraps: a file, a pipe."""
    colour: bool = False
    blocks: bool = True
    """Whether the encoding knows block characters and arrows."""

    def paint(self, text: str, colour: str | None) -> str:
        """Colour a text, where colours are wanted."""
        if not self.colour or colour is None or not text:
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    @property
    def arrow(self) -> str:
        """From a source to its destination."""
        return "→" if self.blocks else "->"


PLAIN: Final = Screen()
"""A file, a pipe: nothing is folded or coloured."""


def screen_of(stream: TextIO | None, environ: Mapping[str, str]) -> Screen:
    """Look at a stream: NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS are respected."""
    seen = stream is not None and is_terminal(stream)
    return Screen(
        width=_width(stream, environ) if seen else None,
        colour=wants_colour(stream, environ),
        blocks=_can_write(_EIGHTHS + "→", stream),
    )


def _width(stream: TextIO | None, environ: Mapping[str, str]) -> int:
    asked = environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return max(int(asked), _NARROWEST)
    try:
        columns = os.get_terminal_size(stream.fileno() if stream else 1).columns
    except (OSError, ValueError):
        columns = 0
    return max(columns, _NARROWEST) if columns else 80


def _can_write(text: str, stream: TextIO | None) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its cells in the order of the rows."""

    title: str
    cells: Sequence[str]
    right: bool = False
    least: int | None = None
    """The narrowest width that still reads well; None: never folded within itself."""
    leaves: int = 0
    """The higher, the earlier it moves to the second line; 0 stays."""
    words: str = "{}"
    """How a cell is said on the second line, where no title stands above it."""
    silent: frozenset[str] = frozenset()
    """Cells that are not worth saying there."""
    colours: Mapping[str, str] | None = None
    """The colour of a cell, by its text."""

    @property
    def width(self) -> int:
        """What it takes unfolded."""
        return max(cell_width(text) for text in (self.title, *self.cells))

    def said(self, row: int) -> str | None:
        """Say a cell without its title."""
        text = self.cells[row]
        return self.words.format(text) if text and text not in self.silent else None


def render(columns: Sequence[Column], screen: Screen) -> str:
    """Write a table: unfolded where nobody wraps or all fits, else folded by importance."""
    shown = [_masked(column) for column in columns if any(column.cells)]
    kept = _kept(shown, screen.width)
    widths = _widths(kept, screen.width)
    moved = [column for column in shown if column not in kept]
    lines = [screen.paint(_line([c.title for c in kept], kept, widths, Screen()), "bold")]
    for row in range(len(columns[0].cells)):
        lines += _row(row, kept, widths, screen)
        said = [text for column in moved if (text := column.said(row))]
        lines += [screen.paint(line, "dim") for line in _second(said, screen.width)]
    return "\n".join(lines)


def _masked(column: Column) -> Column:
    """Mask secrets before anything is folded: over two lines none would be known for one."""
    return replace(column, cells=[redact(cell) for cell in column.cells])


def _kept(columns: Sequence[Column], width: int | None) -> Sequence[Column]:
    """Let columns move to the second line until the others fit at their narrowest."""
    kept = list(columns)
    while width is not None and _narrowest(kept) > width:
        leaving = max(kept, key=lambda column: column.leaves)
        if leaving.leaves == 0:
            break
        kept.remove(leaving)
    return kept


def _narrowest(columns: Sequence[Column]) -> int:
    widths = [c.width if c.least is None else min(c.width, c.least) for c in columns]
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _widths(columns: Sequence[Column], width: int | None) -> Sequence[int]:
    """Share the room: every column its own width, the foldable ones what is left."""
    widths = [column.width for column in columns]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width if width else 0
    while excess > 0:
        room = [
            (widths[i] - min(c.least, c.width), i)
            for i, c in enumerate(columns)
            if c.least is not None
        ]
        most, widest = max(room, default=(0, 0))
        if most <= 0:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _row(
    row: int, columns: Sequence[Column], widths: Sequence[int], screen: Screen
) -> Sequence[str]:
    folded = [
        _fold(column.cells[row], width) for column, width in zip(columns, widths, strict=True)
    ]
    return [_line(parts, columns, widths, screen) for parts in zip_longest(*folded, fillvalue="")]


def _line(
    parts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], screen: Screen
) -> str:
    cells = []
    for text, column, width in zip(parts, columns, widths, strict=True):
        blanks = padding(text, width)
        painted = screen.paint(text, (column.colours or {}).get(text))
        cells.append(blanks + painted if column.right else painted + blanks)
    return _GAP.join(cells).rstrip()


def _second(said: Sequence[str], width: int | None) -> Sequence[str]:
    if not said:
        return []
    text = " | ".join(said)
    room = (width or len(text) + len(_INDENT)) - 1
    return textwrap.wrap(
        text, room, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def _fold(text: str, width: int) -> Sequence[str]:
    """Break a text at spaces, or anywhere if a word is too long; wide characters count twice."""
    lines, rest = [], text
    while (end := len(clip(rest, width))) < len(rest):
        end = end or 1
        space = rest.rfind(" ", 1, end + 1)
        cut = space if space > 0 else end
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, rest]


def bar(value: float, *, most: float, width: int, screen: Screen) -> str:
    """Draw a bar for a share of the most; anything above 0 is seen."""
    share = min(max(value / most, 0.0), 1.0) if most > 0 else 0.0
    if not screen.blocks:
        return "#" * max(round(share * width), 1 if value > 0 else 0)
    eighths = max(round(share * width * 8), 1 if value > 0 else 0)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
