"""Symbols, bars and columns of the live view, with Unicode or without."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from airbyte_sync_cli.output.live.state import Kind

STYLES: Final = {
    Kind.FAILED: "bold red",
    Kind.ACTIVE: "cyan",
    Kind.WAITING: "yellow",
    Kind.PLANNED: "dim",
    Kind.SKIPPED: "dim",
    Kind.SUCCEEDED: "green",
}


@dataclass(frozen=True, slots=True)
class Symbols:
    """The characters that the terminal can show."""

    symbols: dict[Kind, str]
    full: str
    empty: str
    ellipsis: str

    def symbol(self, kind: Kind) -> Text:
        """Draw where a row stands in one letter."""
        return Text(self.symbols[kind], STYLES[kind])

    def bar(self, share: float | None, width: int, *, style: str) -> Text:
        """Draw a bar; without a share an empty one."""
        filled = round((share or 0.0) * width)
        return Text.assemble((self.full * filled, style), (self.empty * (width - filled), "dim"))

    def cell(self, content: str | Text, width: int, *, right: bool = False) -> Text:
        """Fit a text into so many columns."""
        # Begun without a style: a line's own style would reach all that is appended to it.
        text = Text().append_text(content) if isinstance(content, Text) else Text(content)
        if text.cell_len > width:
            text.truncate(max(width - 1, 0), overflow="crop")
            text.append(self.ellipsis)
        gap = " " * (width - text.cell_len)
        return Text(gap).append_text(text) if right else text.append(gap)


UNICODE: Final = Symbols(
    symbols={
        Kind.FAILED: "✗",
        Kind.ACTIVE: "●",
        Kind.WAITING: "◌",
        Kind.PLANNED: "·",
        Kind.SKIPPED: "-",
        Kind.SUCCEEDED: "✓",
    },
    full="━",
    empty="─",
    ellipsis="…",
)
ASCII: Final = Symbols(
    symbols={
        Kind.FAILED: "x",
        Kind.ACTIVE: ">",
        Kind.WAITING: "o",
        Kind.PLANNED: ".",
        Kind.SKIPPED: "-",
        Kind.SUCCEEDED: "+",
    },
    full="#",
    empty="-",
    ellipsis="~",
)


def symbols_for(encoding: str | None) -> Symbols:
    """Choose what an encoding can carry."""
    try:
        "✗●◌━─…".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def joined(
    parts: Sequence[str | Text], separator: str = "  ", *, width: int | None = None
) -> Text:
    """Join what is not empty, and of that as many from the left as have room."""
    texts = [part if isinstance(part, Text) else Text(part) for part in parts if part]
    while width is not None and len(texts) > 1 and _joined_length(texts, separator) > width:
        texts.pop()
    return Text(separator).join(texts)


def _joined_length(texts: Sequence[Text], separator: str) -> int:
    return sum(text.cell_len for text in texts) + len(separator) * (len(texts) - 1)
