"""Format numbers, times and the texts of others for a line; measure and cut what is shown."""

import textwrap
from datetime import UTC, datetime
from typing import Final
from unicodedata import category, east_asian_width

from airbyte_sync_cli.foreign_text import capped, without_controls

_BYTE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_NARROWEST: Final = 20
"""Columns that a folded text has at least."""
_WIDTHLESS: Final = frozenset({"Mn", "Me", "Cf"})
"""Unicode's categories of combining marks and joiners."""


def format_duration(seconds: float | None) -> str:
    """Return seconds as `42s`, `3m 05s`, `2h 07m`, `1d 03h`."""
    if seconds is None:
        return "?"
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def format_bytes(count: float | None) -> str:
    """Return bytes as `512 B`, `2.0 KiB`, `1.4 GiB`."""
    if count is None:
        return "?"
    amount = float(count)
    for unit in _BYTE_UNITS[:-1]:
        if amount < 1023.95 or (unit == "B" and amount < 1024):  # noqa: PLR2004  # rounds up to 1024
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_BYTE_UNITS[-1]}"


def format_count(number: int | None) -> str:
    """Return a number with thousands separators: `1,234,567`."""
    return "?" if number is None else f"{number:,}"


def format_records(number: int) -> str:
    """Return a number of records: `1 record`, `48,200 records`."""
    return f"{format_count(number)} record{'' if number == 1 else 's'}"


def format_rate(per_second: float) -> str:
    """Return a number per second: `1,234`, or `0.4` below 10."""
    return f"{per_second:.1f}" if 0 < per_second < 10 else f"{round(per_second):,}"  # noqa: PLR2004  # two digits


def format_time(at: datetime) -> str:
    """Return a time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_log_line(text: str) -> str:
    """Return a line of Airbyte's log without controls: uncut, and with its indentation."""
    return without_controls(" ".join(text.expandtabs(4).splitlines())).rstrip()


def plain(text: str) -> str:
    """Return the text of others for use in a line: secrets masked, cleaned, and cut."""
    return capped(text, clean=_flat)


def _flat(text: str) -> str:
    return " ".join(without_controls(text, " ").split())


def cell_width(text: str) -> int:
    """Return the cells of a terminal that a text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if category(character) in _WIDTHLESS or "\u1160" <= character <= "\u11ff":  # half a syllable
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def clip(text: str, most: int) -> str:
    """Return as much of the start of a text as fits into `most` cells."""
    used = 0
    for index, character in enumerate(text):
        used += _cells(character)
        if used > most:
            return text[:index]
    return text


def fold(text: str, width: int | None, *, hang: int = 0) -> str:
    """Fold a text between words to a width; None folds nothing.

    The lines after the first begin at column `hang`. A text with a word that is too long for a
    line, such as a link, is left to the terminal, so that it can be copied whole.
    """
    # One column stays free: a terminal wraps after its last one.
    if width is None or cell_width(text) < width:
        return text
    if max(map(cell_width, text.split())) >= width - hang:
        return text
    return textwrap.fill(
        text,
        max(width - 1, hang + _NARROWEST),
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def shorten(text: str, most: int, *, mark: str = "…") -> str:
    """Cut the middle out of too long a text: names often differ at both ends."""
    if cell_width(text) <= most:
        return text
    kept = max(most - len(mark), 0)
    tail = kept // 2
    # Reversed, because wide characters have to be measured from the end.
    end = clip(text[::-1], tail)[::-1]
    return clip(text, kept - tail) + mark[:most] + end
