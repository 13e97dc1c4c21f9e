"""Draws the live view: lines of text that fit a terminal of any size."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte.models import StreamProgress
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    format_records,
    plain,
)
from airbyte_sync_cli.output.live.estimate import Estimate
from airbyte_sync_cli.output.live.state import Kind, LiveRow, LiveState
from airbyte_sync_cli.output.styled import Styled, join
from airbyte_sync_cli.output.table import Column, layout
from airbyte_sync_cli.output.terminal import Screen

_INDENT: Final = "  "
_WIDEST: Final = 120
"""Columns: a table over the whole of a wide screen is hard to follow with the eye."""
_STYLES: Final = {
    Kind.FAILED: "bold red",
    Kind.ACTIVE: "cyan",
    Kind.WAITING: "yellow",
    Kind.PLANNED: "dim",
    Kind.SKIPPED: "dim",
    Kind.SUCCEEDED: "green",
}
_SYMBOLS: Final = {
    Kind.FAILED: ("✗", "x"),
    Kind.ACTIVE: ("●", ">"),
    Kind.WAITING: ("◌", "o"),
    Kind.PLANNED: ("·", "."),
    Kind.SKIPPED: ("-", "-"),
    Kind.SUCCEEDED: ("✓", "+"),
}
"""With Unicode, and without."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn on, and the moment (monotonic seconds)."""

    screen: Screen
    width: int
    height: int
    now: float


def draw(state: LiveState, frame: Frame) -> list[Styled]:
    """Draw everything; never more than `frame.height` lines of `frame.width` columns."""
    rows = list(state.rows.values())
    if not rows:
        return []
    if len(rows) == 1:
        lines = _one(rows[0], frame)
    else:
        lines = _many(rows, frame, frame.now - (frame.now if state.began is None else state.began))
    if state.interrupted:
        again = "; Ctrl-C again quits at once" if state.interrupted == "SIGINT" else ""
        notice = Styled.of(f"{state.interrupted}: stopping{again}", "bold yellow")
        lines = [*lines[: frame.height - 1], notice]
    mark = frame.screen.ellipsis
    return [line.stripped().cut(frame.width, mark=mark) for line in lines[: frame.height]]


def _symbol(kind: Kind, screen: Screen) -> Styled:
    return Styled.of(_SYMBOLS[kind][not screen.unicode], _STYLES[kind])


def _bar(share: float | None, width: int, screen: Screen, *, style: str) -> Styled:
    """Return a bar; without a share an empty one."""
    full, empty = "━─" if screen.unicode else "#-"
    filled = round((share or 0.0) * width)
    return Styled.of(full * filled, style) + Styled.of(empty * (width - filled), "dim")


# -- one sync ------------------------------------------------------------------------------------

_WIDEST_BAR: Final = 40
_MOST_STREAMS: Final = 12


def _one(row: LiveRow, frame: Frame) -> list[Styled]:
    """Draw a sync: what it is, how long it takes, what it has moved, its streams."""
    lines = [_headline(row, frame), *_blocked(row, frame)]
    lines += [_progress(row, frame), _numbers(row, frame)]
    lines = [line for line in lines if line.pieces]
    room = min(frame.height - len(lines), _MOST_STREAMS)
    if len(row.streams) > 1 and room > 1:
        lines += _streams(row.streams, room, frame)
    return lines


def _headline(row: LiveRow, frame: Frame) -> Styled:
    seconds, job = row.seconds(frame.now), row.sync.job
    name = Styled.of(plain(row.name), "bold")
    return join(
        [
            _symbol(row.kind, frame.screen) + " " + name,
            f"job {job.id}" if job else "",
            Styled.of(plain(row.state), _STYLES[row.kind]),
            f"attempt {row.attempt}" if row.attempt > 1 else "",
            Styled.of(format_duration(seconds) if seconds is not None else "", "dim"),
            Styled.of("adopted" if row.sync.adopted else "", "dim"),
        ],
        width=frame.width,
    )


def _blocked(row: LiveRow, frame: Frame) -> list[Styled]:
    """Draw what is waited for, and its link; too long a link is left to the log (-v)."""
    if row.blocked is None:
        return []
    lines = [Styled.of(_INDENT) + one for one in Styled.of(row.blocked).folded(frame.width - 2)]
    link = Styled.of(f"{_INDENT}{plain(row.blocked_url or '')}", "dim")
    return [*lines, link] if row.blocked_url else lines


def _progress(row: LiveRow, frame: Frame) -> Styled:
    """Draw the bar and the estimated end, where the connection has a history."""
    estimate = row.estimate(frame.now)
    if estimate is None:
        return Styled()
    width = max(min(_WIDEST_BAR, frame.width - len(estimate.sentence) - 5), 4)
    bar = _bar(estimate.share, width, frame.screen, style=_STYLES[row.kind])
    return join([Styled.of(_INDENT) + bar, estimate.sentence])


def _numbers(row: LiveRow, frame: Frame) -> Styled:
    rates = row.rates(frame.now)
    parts: list[str | Styled] = [
        format_records(row.records) if row.records is not None else "",
        format_bytes(row.size) if row.size is not None else "",
        Styled.of(f"{format_rate(rates[0])} records/s" if rates else "", "dim"),
        Styled.of(f"{format_bytes(rates[1])}/s" if rates else "", "dim"),
    ]
    fitting = join(parts, width=frame.width - len(_INDENT))
    return Styled.of(_INDENT) + fitting if fitting.pieces else fitting


def _streams(streams: Sequence[StreamProgress], room: int, frame: Frame) -> list[Styled]:
    shown = streams if len(streams) <= room else streams[: room - 1]
    columns = [
        Column(cells=[one.name for one in shown], least=8, shortens=True),
        _number_column([format_count(one.records_emitted) for one in shown], reserved=12),
        _number_column([format_bytes(one.bytes_emitted) for one in shown], reserved=9),
    ]
    screen = replace(frame.screen, width=frame.width - len(_INDENT))
    lines = [Styled.of(_INDENT) + line for line in layout(columns, screen)]
    rest = len(streams) - len(shown)
    return [*lines, Styled.of(f"  + {rest} more streams", "dim")] if rest else lines


def _number_column(cells: Sequence[str], *, reserved: int) -> Column:
    return Column(cells=[Styled.of(cell) for cell in cells], right=True, reserved=reserved)


# -- several syncs -------------------------------------------------------------------------------

_BAR: Final = 10
_LONGEST_NAME: Final = 40
_SHORTEST_NAME: Final = 10
_LEAST_FOR_TITLES: Final = 8
"""Lines; a lower terminal has no room for the columns' titles."""
_WORDS: Final = {
    Kind.SUCCEEDED: "succeeded",
    Kind.FAILED: "failed",
    Kind.ACTIVE: "running",
    Kind.WAITING: "waiting",
    Kind.PLANNED: "not started",
    Kind.SKIPPED: "skipped",
}
"""In the order of the headline."""


_COLUMNS: Final = {
    "symbol": Column(cells=(), reserved=1, gap=1, leads=True),
    "connection": Column(cells=(), title="connection", floor=1, shortens=True, leads=True),
    "state": Column(cells=(), title="state", reserved=10, leaves=1, moved=None, leads=True),
    "time": Column(
        cells=(), title="time", reserved=6, leaves=4, moved=None, leads=True, right=True
    ),
    "bar": Column(cells=(), reserved=_BAR, leaves=5, moved=None),
    "left": Column(cells=(), title="left", reserved=7, leaves=2, moved=None),
    "records": Column(cells=(), title="records", reserved=7, leaves=3, moved=None, right=True),
    "size": Column(cells=(), title="size", reserved=8, leaves=6, moved=None, right=True),
    "rate": Column(cells=(), title="rate", reserved=8, leaves=7, moved=None, right=True),
}
"""The rate is the first to leave where it is narrow, the state the last."""


def _many(rows: Sequence[LiveRow], frame: Frame, seconds: float) -> list[Styled]:
    """Draw a head, the rows that matter most, a line for the others, and the total."""
    has_titles = frame.height >= _LEAST_FOR_TITLES
    shown, rest = _chosen(rows, max(frame.height - 2 - has_titles, 1))  # 2: head and total
    width = min(frame.width, _WIDEST)
    # No column that can leave has text for a second line, so the total is one line.
    *body, total = layout(
        _columns(shown, rows, frame, width),
        replace(frame.screen, width=width),
        title_style="dim" if has_titles else None,
        tails={i: reason for i, row in enumerate(shown) if (reason := _reason(row))},
    )
    fold = [Styled.of(f"  + {len(rest)} more: {_counts(rest)}", "dim")] if rest else []
    head = Styled.of(f"{len(rows)} syncs", "bold") + f": {_counts(rows)}"
    return [
        join([head, Styled.of(format_duration(seconds), "dim")], width=width),
        *body,
        *fold,
        total,
    ]


def _chosen(rows: Sequence[LiveRow], room: int) -> tuple[list[LiveRow], list[LiveRow]]:
    """Choose what is shown: failed and active ones first, in the order of the plan."""
    if len(rows) <= room:
        return list(rows), []
    room -= 1  # the line for the others
    failed = [row for row in rows if row.kind is Kind.FAILED]
    others = sorted((row for row in rows if row.kind is not Kind.FAILED), key=_rank)
    active = sum(row.kind is Kind.ACTIVE for row in others)
    failures = max(room - active, room // 2)  # however many failed, active ones are shown, too
    shown = failed[:failures]
    shown += others[: max(room - len(shown), 0)]
    keys = {row.sync.key for row in shown}
    return shown, [row for row in rows if row.sync.key not in keys]


def _rank(row: LiveRow) -> int:
    return row.kind


def _counts(rows: Sequence[LiveRow]) -> str:
    numbers = Counter(row.kind for row in rows)
    return ", ".join(f"{numbers[kind]} {word}" for kind, word in _WORDS.items() if numbers[kind])


def _reason(row: LiveRow) -> str:
    """Return why a sync failed: shown instead of its numbers."""
    failure = row.result.failure if row.result else None
    return failure.message if failure and failure.message else ""


def _columns(
    shown: Sequence[LiveRow], rows: Sequence[LiveRow], frame: Frame, width: int
) -> list[Column]:
    """Return the columns for some rows, and for the total of all."""
    lines = [*(_cells(row, frame) for row in shown), _total(rows, frame)]
    columns = []
    for name, column in _COLUMNS.items():
        cells = [Styled.of(line.get(name, "")) for line in lines]
        columns.append(replace(column, cells=cells))
    symbol, connection, state, *others = columns
    least, most = max(_SHORTEST_NAME, width // 4), max(_LONGEST_NAME, width // 3)
    connection = replace(connection, least=least, most=most)
    if any(row.attempt > 1 for row in shown):
        state = replace(state, title="state #try")
    return [symbol, connection, state, *others]


_Cells = Mapping[str, str | Styled]
"""The cells of one line, by the names of their columns."""


def _cells(row: LiveRow, frame: Frame) -> _Cells:
    seconds, estimate = row.seconds(frame.now), row.estimate(frame.now)
    state = plain(row.state) + (f" #{row.attempt}" if row.attempt > 1 else "")
    return {
        "symbol": _symbol(row.kind, frame.screen),
        "connection": plain(row.name),
        "state": Styled.of(state, _STYLES[row.kind]),
        "time": format_duration(seconds) if seconds is not None else "",
        "bar": _share_bar(row, estimate, frame.screen),
        "left": estimate.span if estimate else "",
        **_number_cells(row.records, row.size, row.rates(frame.now)),
    }


def _share_bar(row: LiveRow, estimate: Estimate | None, screen: Screen) -> Styled:
    share = estimate.share if estimate else (1.0 if row.kind is Kind.SUCCEEDED else None)
    if share is None and row.kind is not Kind.ACTIVE:
        return Styled()
    return _bar(share, _BAR, screen, style=_STYLES[row.kind])


def _number_cells(
    records: int | None, size: int | None, rates: tuple[float, float] | None
) -> _Cells:
    return {
        "records": format_count(records) if records is not None else "",
        "size": format_bytes(size) if size is not None else "",
        "rate": f"{format_rate(rates[0])}/s" if rates else "",
    }


def _total(rows: Sequence[LiveRow], frame: Frame) -> _Cells:
    """Sum up what is known; an end is estimated only where one is for every active sync."""
    records = [row.records for row in rows if row.records is not None]
    sizes = [row.size for row in rows if row.size is not None]
    rates = [rate for row in rows if (rate := row.rates(frame.now))]
    speed = (sum(one for one, _ in rates), sum(one for _, one in rates)) if rates else None
    left, done = _time_left(rows, frame.now), sum(row.result is not None for row in rows)
    return {
        "connection": Styled.of("total", "bold"),
        "state": f"{done}/{len(rows)} done",
        "bar": _bar(_share_done(rows, frame.now), _BAR, frame.screen, style="bold"),
        "left": left.span if left else "",
        **_number_cells(sum(records) if records else None, sum(sizes) if sizes else None, speed),
    }


def _share_done(rows: Sequence[LiveRow], now: float) -> float:
    """Return the share that is done: whole syncs, and what is estimated of the active ones."""
    shares = [
        1.0 if row.result is not None else (guess.share if (guess := row.estimate(now)) else 0.0)
        for row in rows
    ]
    return sum(shares) / len(rows)


def _time_left(rows: Sequence[LiveRow], now: float) -> Estimate | None:
    """Estimate when the last one ends; None once one takes longer than ever before."""
    estimates = [row.estimate(now) for row in rows if row.result is None]
    if not estimates or not all(estimates):
        return None
    ranges = [(one.low, one.high) for one in estimates if one]
    lows, highs = [low or 0.0 for low, _ in ranges], [high for _, high in ranges if high]
    if len(highs) < len(ranges):
        return None
    return Estimate(share=0.0, low=max(lows), high=max(highs))
