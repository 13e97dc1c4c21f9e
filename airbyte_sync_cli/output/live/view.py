"""Draws the state: lines of text that fit a terminal of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from airbyte_sync_cli.airbyte.models import StreamProgress
from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    format_records,
    plain,
)
from airbyte_sync_cli.output.live import table
from airbyte_sync_cli.output.live.state import LiveState, Row
from airbyte_sync_cli.output.live.symbols import STYLES, Symbols, joined

_INDENT: Final = "  "
_WIDEST_BAR: Final = 40
_MOST_STREAMS: Final = 12
_WIDEST: Final = 120
"""Columns: a table over the whole of a wide screen is hard to follow with the eye."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn on: columns, lines, characters, and the moment (monotonic seconds)."""

    width: int
    height: int
    symbols: Symbols
    now: float


def draw(state: LiveState, frame: Frame) -> list[Text]:
    """Draw everything; never more than `frame.height` lines of `frame.width` columns."""
    rows = list(state.rows.values())
    if not rows:
        return []
    lines = _one(rows[0], frame) if len(rows) == 1 else _many(state, rows, frame)
    if state.interrupted:
        what = f"{state.interrupted}: stopping"
        again = "; Ctrl-C again leaves at once" if state.interrupted == "SIGINT" else ""
        lines = [*lines[: frame.height - 1], Text(what + again, "bold yellow")]
    return [_fitted(line, frame) for line in lines[: frame.height]]


def _fitted(line: Text, frame: Frame) -> Text:
    line.rstrip()
    return frame.symbols.cell(line, frame.width) if line.cell_len > frame.width else line


def _many(state: LiveState, rows: Sequence[Row], frame: Frame) -> list[Text]:
    seconds = frame.now - state.began if state.began is not None else 0.0
    return table.draw(
        rows,
        width=min(frame.width, _WIDEST),
        height=frame.height,
        symbols=frame.symbols,
        now=frame.now,
        seconds=seconds,
    )


def _one(row: Row, frame: Frame) -> list[Text]:
    """Draw one connection: what it is, how long it takes, what it moved, its streams."""
    lines = [_headline(row, frame), _progress(row, frame), _numbers(row, frame)]
    lines = [line for line in lines if line.plain.strip()]
    room = min(frame.height - len(lines), _MOST_STREAMS)
    if len(row.streams) > 1 and room > 1:
        lines += _streams(row.streams, room, frame)
    return lines


def _headline(row: Row, frame: Frame) -> Text:
    seconds = row.seconds(frame.now)
    return joined(
        [
            joined([frame.symbols.symbol(row.kind), Text(plain(row.name), "bold")], " "),
            f"job {row.sync.job.id}" if row.sync.job else "",
            Text(plain(row.state), STYLES[row.kind]),
            f"attempt {row.attempt}" if row.attempt > 1 else "",
            Text(format_duration(seconds), "dim") if seconds is not None else "",
            Text("adopted", "dim") if row.sync.adopted else "",
        ],
        width=frame.width,
    )


def _progress(row: Row, frame: Frame) -> Text:
    """Draw the bar and the estimated end, where the connection has a past to tell it from."""
    guess = row.estimate(frame.now)
    if guess is None:
        return Text("")
    width = max(min(_WIDEST_BAR, frame.width - len(guess.sentence) - 5), 4)
    bar = frame.symbols.bar(guess.share, width, style=STYLES[row.kind])
    return joined([Text(_INDENT) + bar, guess.sentence])


def _numbers(row: Row, frame: Frame) -> Text:
    rates = row.rates(frame.now)
    parts = [
        format_records(row.records) if row.records is not None else "",
        format_bytes(row.size) if row.size is not None else "",
        Text(f"{format_rate(rates[0])} records/s", "dim") if rates else "",
        Text(f"{format_bytes(rates[1])}/s", "dim") if rates else "",
    ]
    fitting = joined(parts, width=frame.width - len(_INDENT))
    return Text(_INDENT).append_text(fitting) if any(parts) else Text("")


def _streams(streams: Sequence[StreamProgress], room: int, frame: Frame) -> list[Text]:
    shown = streams if len(streams) <= room else streams[: room - 1]
    widest = min(max(len(one.name) for one in shown), max(frame.width - 30, 8))
    lines = [
        joined(
            [
                Text(_INDENT).append_text(frame.symbols.cell(plain(one.name), widest)),
                frame.symbols.cell(format_count(one.records_emitted), 12, right=True),
                frame.symbols.cell(format_bytes(one.bytes_emitted), 9, right=True),
            ]
        )
        for one in shown
    ]
    rest = len(streams) - len(shown)
    return [*lines, Text(f"  + {rest} more streams", "dim")] if rest else lines
