"""What a stream can show: its width, colours and characters, and whether it gets a live view."""

import os
from collections.abc import Mapping
from typing import Final, TextIO

from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.streams import is_terminal

_WATCHED: Final = frozenset({"run", "wait", "demo"})
"""The commands that wait, and so have a live view."""
_NARROWEST: Final = 40
"""Columns; a terminal that reports fewer is taken to have these."""
_CODES: Final = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36",
}  # fmt: skip
"""The SGR codes of ECMA-48."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What can be drawn on."""

    width: int | None = None
    """Columns; None for a file or a pipe, where no line is folded."""
    colour: bool = False
    unicode: bool = True
    """Whether the encoding has bars, arrows and symbols."""

    def paint(self, text: str, style: str | None) -> str:
        """Return the text in a style, where colours are shown."""
        if not self.colour or style is None or not text:
            return text
        codes = ";".join(_CODES[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"

    @property
    def arrow(self) -> str:
        """Return what stands between a source and its destination."""
        return "→" if self.unicode else "->"

    @property
    def ellipsis(self) -> str:
        """Return what stands for something that has been cut."""
        return "…" if self.unicode else "~"


PLAIN: Final = Screen()
"""A file or a pipe: nothing is folded or coloured."""


def screen_of(stream: TextIO | None, environ: Mapping[str, str]) -> Screen:
    """Measure a stream; NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS are respected."""
    seen = is_terminal(stream)
    return Screen(
        width=_width(stream, environ) if seen else None,
        colour=wants_colour(stream, environ),
        unicode=_can_write("▏█→✗●◌━─…", stream),
    )


def _width(stream: TextIO | None, environ: Mapping[str, str]) -> int:
    asked = environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return max(int(asked), _NARROWEST)
    try:
        columns = os.get_terminal_size(stream.fileno() if stream else 1).columns
    except (OSError, ValueError):
        columns = 0
    # A pseudo-terminal whose size was never set has 0 columns.
    return max(columns, _NARROWEST) if columns else 80


def _can_write(text: str, stream: TextIO | None) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def wants_live_view(
    command: str | None, options: OutputOptions, *, environ: Mapping[str, str], stream: TextIO
) -> bool:
    """Return whether a person watches a terminal that can be drawn on."""
    return (
        command in _WATCHED
        and options.format == "text"
        and options.log_format == "text"
        and options.verbosity >= 0
        and not _is_set(environ, "CI")
        and environ.get("TERM") != "dumb"
        and is_terminal(stream)
    )


def wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Return whether to write colours: as no-color.org and force-color.org define it."""
    # Any text counts, also `0`: no-color.org ignores the value.
    if stream is None or environ.get("NO_COLOR"):
        return False
    if _is_set(environ, "FORCE_COLOR"):
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() not in {"", "0", "false"}
