"""The report of `make bench`: rows of ratios, as Markdown and as a plot (SVG)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
_BEGIN: Final = "<!-- benchmarks: begin (make bench) -->"
_END: Final = "<!-- benchmarks: end -->"
_BAR: Final = 18
"""Pixels from one bar to the next."""
_LEFT: Final = 330
_SCALE: Final = 260
"""Pixels of a bar whose ratio is 1."""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    name: str
    against: str
    """What the ratio is to; empty for a number that is no ratio."""
    value: float
    limit: float | None = None
    is_ratio: bool = True

    @property
    def is_exceeded(self) -> bool:
        """True if it is worse than its limit."""
        return self.limit is not None and self.value > self.limit

    @property
    def text(self) -> str:
        """The value as it is shown."""
        return f"{self.value:.2f}" if self.is_ratio else f"{self.value:.3g}"

    @property
    def share(self) -> float:
        """The length of its bar: the ratio, or the share of the limit."""
        return self.value if self.is_ratio else self.value / (self.limit or self.value or 1.0)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a group of rows."""
    print(f"\n{title}")
    for row in rows:
        limit = "" if row.limit is None else f"at most {row.limit:g}"
        verdict = "TOO MUCH" if row.is_exceeded else ""
        print(f"  {row.name:<42} {row.against:<22} {row.text:>7}  {limit} {verdict}".rstrip())


def publish(groups: Mapping[str, Sequence[Row]]) -> None:
    """Write the table into docs/benchmarks.md, and the plot beside it."""
    page = DOCS / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    page.write_text(f"{before}{_BEGIN}\n{markdown(groups)}\n{_END}{after}", encoding="utf-8")
    (DOCS / "benchmarks.svg").write_text(plot(groups), encoding="utf-8")
    print(f"\nwrote {page.name} and benchmarks.svg")


def markdown(groups: Mapping[str, Sequence[Row]]) -> str:
    """Format all rows as one table."""
    lines = ["| measured | compared with | value | at most |", "|---|---|---|---|"]
    for row in (row for rows in groups.values() for row in rows):
        limit = "" if row.limit is None else f"{row.limit:g}"
        lines.append(f"| {row.name} | {row.against} | {row.text} | {limit} |")
    return "\n".join(lines)


def plot(groups: Mapping[str, Sequence[Row]]) -> str:
    """Draw a bar for each row, and a mark at its limit."""
    parts: list[str] = []
    top = 10
    for title, rows in groups.items():
        if not rows:
            continue
        parts.append(f'<text x="8" y="{top + 14}" font-weight="bold">{escape(title)}</text>')
        top += _BAR + 4
        for row in rows:
            parts += _bar(row, top)
            top += _BAR
        top += 10
    style = "svg{background:#fff}text{font:12px sans-serif;fill:#222}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + 2 * _SCALE} {top}">\n'
        f"<style>{style}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(row: Row, top: int) -> list[str]:
    width = min(row.share, 1.7) * _SCALE
    colour = "#c0392b" if row.is_exceeded else "#2e86c1"
    name = row.name.replace("`", "") + (f", to {row.against}".replace("`", "") * bool(row.against))
    parts = [
        f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{top + 2}" width="{width:.0f}" height="12" fill="{colour}"/>',
        f'<text x="{_LEFT + width + 6:.0f}" y="{top + 12}">{row.text}</text>',
    ]
    if row.limit is not None:
        at = _LEFT + _SCALE * (row.limit if row.is_ratio else 1.0)
        parts.append(f'<path d="M{at:.0f} {top}v16" stroke="#222" stroke-width="2"/>')
    return parts
