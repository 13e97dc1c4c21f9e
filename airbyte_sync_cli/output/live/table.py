"""The live view of several connections: a table that fits the terminal, and its total."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    plain,
    shorten,
)
from airbyte_sync_cli.output.live.estimate import Estimate
from airbyte_sync_cli.output.live.state import Kind, Row
from airbyte_sync_cli.output.live.symbols import STYLES, Symbols, joined

_GAP: Final = "  "
_SYMBOL: Final = 2
_BAR: Final = 10
_LONGEST_NAME: Final = 40
_SHORTEST_NAME: Final = 10
_LEAST_FOR_TITLES: Final = 8
"""Lines; a lower terminal has no room for the columns' titles."""
_WORDS: Final = {
    Kind.FAILED: "failed",
    Kind.ACTIVE: "running",
    Kind.WAITING: "waiting",
    Kind.PLANNED: "not started",
    Kind.SKIPPED: "skipped",
    Kind.SUCCEEDED: "succeeded",
}
_ORDER: Final = (
    Kind.SUCCEEDED,
    Kind.FAILED,
    Kind.ACTIVE,
    Kind.WAITING,
    Kind.PLANNED,
    Kind.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and how much it is worth: the least worth goes first where it is narrow."""

    title: str
    least: int
    """Columns that it takes at least, so that it does not jump about."""
    worth: int
    right: bool = False


_COLUMNS: Final = (
    Column("state", 10, 6),
    Column("time", 6, 3, right=True),
    Column("bar", _BAR, 2),
    Column("left", 7, 5),
    Column("records", 7, 4, right=True),
    Column("size", 8, 1, right=True),
    Column("rate", 8, 0, right=True),
)

Cells = Mapping[str, str | Text]


@dataclass(frozen=True, slots=True)
class _Line:
    symbol: Text
    name: Text
    cells: Cells
    words: str = ""
    """What is said instead of the numbers: why it failed."""


def draw(
    rows: Sequence[Row], *, width: int, height: int, symbols: Symbols, now: float, seconds: float
) -> list[Text]:
    """Draw a head, the rows that matter most, a line for the others, and the total."""
    titles = [_titles(rows)] if height >= _LEAST_FOR_TITLES else []
    shown, rest = _chosen(rows, max(height - 2 - len(titles), 1))
    lines = [*titles, *(_line(row, symbols, now) for row in shown), _total(rows, symbols, now)]
    sheet = _Sheet(lines, width, symbols)
    *body, total = [sheet.draw(line) for line in lines]
    fold = [Text(f"  + {len(rest)} more: {_counts(rest)}", "dim")] if rest else []
    return [_headline(rows, seconds, width), *body, *fold, total]


def _titles(rows: Sequence[Row]) -> _Line:
    """Say what the columns are; a number behind a state is an attempt's."""
    state = "state #try" if any(row.attempt > 1 for row in rows) else "state"
    titles = {column.title: column.title for column in _COLUMNS} | {"state": state, "bar": ""}
    cells = {key: Text(title, "dim") for key, title in titles.items()}
    return _Line(Text(""), Text("connection", "dim"), cells)


class _Sheet:
    """The widths of the columns, as the lines need them."""

    def __init__(self, lines: Sequence[_Line], width: int, symbols: Symbols) -> None:
        self._symbols = symbols
        self._width = width
        self._widths = {
            column.title: max(column.least, *(_length(line, column) for line in lines))
            for column in _COLUMNS
        }
        most = max(_LONGEST_NAME, width // 3)
        longest = min(max(line.name.cell_len for line in lines), most)
        self._columns = self._fitting(longest)
        self._name = max(min(longest, self._room(self._columns)), 1)

    def _fitting(self, longest: int) -> Sequence[Column]:
        """Leave out columns until the names have room."""
        columns = list(_COLUMNS)
        enough = min(longest, max(_SHORTEST_NAME, self._width // 4))
        while columns and self._room(columns) < enough:
            columns.remove(min(columns, key=lambda column: column.worth))
        return columns

    def _room(self, columns: Sequence[Column]) -> int:
        taken = sum(len(_GAP) + self._widths[column.title] for column in columns)
        return self._width - _SYMBOL - taken

    def draw(self, line: _Line) -> Text:
        """Put a line together."""
        text = self._symbols.cell(line.symbol, _SYMBOL)
        name = shorten(line.name.plain, self._name, mark=self._symbols.ellipsis)
        text.append_text(self._symbols.cell(Text(name, line.name.style), self._name))
        for column in self._columns:
            if line.words and column.title not in {"state", "time"}:
                break
            cell = line.cells.get(column.title, "")
            width = self._widths[column.title]
            text.append(_GAP).append_text(self._symbols.cell(cell, width, right=column.right))
        if line.words:
            text.append(_GAP + line.words)
        return text


def _length(line: _Line, column: Column) -> int:
    if line.words and column.title not in {"state", "time"}:
        return 0
    return cell_len(str(line.cells.get(column.title, "")))


def _chosen(rows: Sequence[Row], room: int) -> tuple[list[Row], list[Row]]:
    """Choose what is shown: failed and active ones first, in the order of the plan."""
    if len(rows) <= room:
        return list(rows), []
    room -= 1  # the line for the others
    failed = [row for row in rows if row.kind is Kind.FAILED]
    others = sorted((row for row in rows if row.kind is not Kind.FAILED), key=_rank)
    active = sum(row.kind is Kind.ACTIVE for row in others)
    failures = max(room - active, room // 2)  # however many failed, work is seen, too
    shown = failed[:failures]
    shown += others[: max(room - len(shown), 0)]
    names = {row.sync.key for row in shown}
    return shown, [row for row in rows if row.sync.key not in names]


def _rank(row: Row) -> int:
    return row.kind


def _headline(rows: Sequence[Row], seconds: float, width: int) -> Text:
    return joined(
        [
            Text.assemble((f"{len(rows)} syncs", "bold"), f": {_counts(rows)}"),
            Text(format_duration(seconds), "dim"),
        ],
        width=width,
    )


def _counts(rows: Sequence[Row]) -> str:
    numbers = Counter(row.kind for row in rows)
    return ", ".join(f"{numbers[kind]} {_WORDS[kind]}" for kind in _ORDER if numbers[kind])


def _line(row: Row, symbols: Symbols, now: float) -> _Line:
    seconds, guess = row.seconds(now), row.estimate(now)
    state = plain(row.state) + (f" #{row.attempt}" if row.attempt > 1 else "")
    cells: dict[str, str | Text] = {
        "state": Text(state, STYLES[row.kind]),
        "time": format_duration(seconds) if seconds is not None else "",
        "bar": _bar(row, guess, symbols),
        "left": guess.span if guess else "",
        **_numbers(row.records, row.size, row.rates(now)),
    }
    name = Text(plain(row.name))
    return _Line(symbols.symbol(row.kind), name, cells, words=_reason(row))


def _numbers(
    records: int | None, size: int | None, rates: tuple[float, float] | None
) -> dict[str, str]:
    return {
        "records": format_count(records) if records is not None else "",
        "size": format_bytes(size) if size is not None else "",
        "rate": f"{format_rate(rates[0])}/s" if rates else "",
    }


def _reason(row: Row) -> str:
    failure = row.result.failure if row.result else None
    return plain(failure.message) if failure and failure.message else ""


def _bar(row: Row, guess: Estimate | None, symbols: Symbols) -> str | Text:
    share = guess.share if guess else (1.0 if row.kind is Kind.SUCCEEDED else None)
    if share is None and row.kind is not Kind.ACTIVE:
        return ""
    return symbols.bar(share, _BAR, style=STYLES[row.kind])


def _total(rows: Sequence[Row], symbols: Symbols, now: float) -> _Line:
    """Sum up what is known; an end is guessed only where one is for every sync that goes on."""
    records = [row.records for row in rows if row.records is not None]
    sizes = [row.size for row in rows if row.size is not None]
    rates = [rate for row in rows if (rate := row.rates(now))]
    speed = (sum(one for one, _ in rates), sum(one for _, one in rates)) if rates else None
    left, done = _left(rows, now), sum(row.result is not None for row in rows)
    cells: dict[str, str | Text] = {
        "state": f"{done}/{len(rows)} done",
        "bar": symbols.bar(_done(rows, now), _BAR, style="bold"),
        "left": left.span if left else "",
        **_numbers(sum(records) if records else None, sum(sizes) if sizes else None, speed),
    }
    return _Line(Text(""), Text("total", "bold"), cells)


def _done(rows: Sequence[Row], now: float) -> float:
    """Tell how much of all is done: whole syncs, and what is guessed of those that go on."""
    shares = [
        1.0 if row.result is not None else (guess.share if (guess := row.estimate(now)) else 0.0)
        for row in rows
    ]
    return sum(shares) / len(rows)


def _left(rows: Sequence[Row], now: float) -> Estimate | None:
    """Guess when the last one ends."""
    guesses = [row.estimate(now) for row in rows if row.result is None]
    if not guesses or not all(guesses):
        return None
    ranges = [(one.low, one.high) for one in guesses if one]
    lows, highs = [low or 0.0 for low, _ in ranges], [high for _, high in ranges if high]
    if len(highs) < len(ranges):  # some are late: when they end, nobody can tell
        return None
    return Estimate(share=0.0, low=max(lows), high=max(highs))
