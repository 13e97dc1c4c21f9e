"""Text in styled pieces: measured, cut and padded by the cells that it takes on a terminal."""

from collections.abc import Iterable, Sequence

from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import cell_width, clip, shorten
from airbyte_sync_cli.output.terminal import Screen


@dataclass(frozen=True, slots=True)
class Styled:
    """Text that is not changed any more: what others wrote went through `plain` before."""

    pieces: tuple[tuple[str, str | None], ...] = ()
    """Each with its style, such as `bold red`; None for none."""

    @classmethod
    def of(cls, text: "str | Styled", style: str | None = None) -> "Styled":
        """Return a text in one style; one that is styled already stays as it is."""
        return text if isinstance(text, cls) else cls(((str(text), style),) if text else ())

    @property
    def plain(self) -> str:
        """Return the text without its styles."""
        return "".join(text for text, _ in self.pieces)

    @property
    def width(self) -> int:
        """Return the cells that it takes."""
        return sum(cell_width(text) for text, _ in self.pieces)

    def __add__(self, other: "str | Styled") -> "Styled":
        return Styled(self.pieces + Styled.of(other).pieces)

    def padded(self, width: int, *, right: bool = False) -> "Styled":
        """Return it filled up with spaces; `right` aligns it there."""
        blanks = " " * (width - self.width)
        return Styled.of(blanks) + self if right else self + blanks

    def cut(self, width: int, *, mark: str) -> "Styled":
        """Return as much as fits, with a mark at the end where something is missing."""
        if self.width <= width:
            return self
        kept, room = Styled(), max(width - len(mark), 0)
        for text, style in self.pieces:
            part = clip(text, room - kept.width)
            kept += Styled.of(part, style)
            if part != text:
                break
        return kept + mark[:width]

    def shortened(self, width: int, *, mark: str) -> "Styled":
        """Return it without its middle, where it is too long; in the style of its beginning."""
        if self.width <= width:
            return self
        return Styled.of(shorten(self.plain, width, mark=mark), self.pieces[0][1])

    def folded(self, width: int) -> Sequence["Styled"]:
        """Break it into lines at spaces, or anywhere in too long a word; in its first style."""
        style = self.pieces[0][1] if self.pieces else None
        return [
            Styled.of(line, style)
            for paragraph in self.plain.split("\n")
            for line in _lines(paragraph, width)
        ]

    def stripped(self) -> "Styled":
        """Return it without spaces at its end."""
        pieces = list(self.pieces)
        while pieces:
            text, style = pieces.pop()
            if text.rstrip():
                return Styled((*pieces, (text.rstrip(), style)))
        return Styled()

    def paint(self, screen: Screen) -> str:
        """Return what is written to a stream."""
        return "".join(screen.paint(text, style) for text, style in self.pieces)


def join(
    parts: Iterable["str | Styled"], separator: str = "  ", *, width: int | None = None
) -> Styled:
    """Join what is not empty; of that as many from the left as fit, the first one always."""
    joined = Styled()
    for part in map(Styled.of, parts):
        more = joined + separator + part if joined.pieces else part
        if width is not None and joined.pieces and part.pieces and more.width > width:
            break
        joined = more if part.pieces else joined
    return joined


def _lines(text: str, width: int) -> Sequence[str]:
    lines, rest = [], text
    while (end := len(clip(rest, width))) < len(rest):
        # A wide character in a column of one cell: without progress the loop would not end.
        end = end or 1
        space = rest.rfind(" ", 1, end + 1)
        cut = space if space > 0 else end
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, rest]
