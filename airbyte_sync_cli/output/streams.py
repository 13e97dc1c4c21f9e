"""The streams of a job as a short table: those that need a look, or all of them."""

from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.output.format import format_count
from airbyte_sync_cli.output.table import Column, layout
from airbyte_sync_cli.output.terminal import PLAIN
from airbyte_sync_cli.sync.result import StreamResult

_MOST: Final = 20
"""Lines without -v."""
_LONGEST_NAME: Final = 28
"""Cells, so that a line with numbers fits into 80 columns."""


def stream_lines(streams: Sequence[StreamResult], *, show_all: bool) -> list[str]:
    """Return a line for each stream: those that did not end as they should, or all."""
    rows = [one for one in streams if show_all or _differs(one)]
    shown = rows if show_all else rows[:_MOST]
    if not shown:
        return []
    columns = [
        Column(cells=[_name(row) for row in shown], most=_LONGEST_NAME, shortens=True),
        Column(cells=[row.status or "" for row in shown]),
        _numbers([row.records_read for row in shown], "read"),
        _numbers([row.records_written for row in shown], "written"),
        _numbers([row.records_rejected or None for row in shown], "rejected"),
    ]
    lines = [f"  stream {line.paint(PLAIN)}" for line in layout(columns, PLAIN)]
    more = len(rows) - len(shown)
    return [*lines, f"  stream and {more} more, -v shows all"] if more else lines


def _differs(stream: StreamResult) -> bool:
    is_fine = stream.status in {None, "complete"} and not stream.records_rejected
    return not is_fine or stream.records_read != stream.records_written


def _name(stream: StreamResult) -> str:
    return f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name


def _numbers(records: Sequence[int | None], word: str) -> Column:
    cells = ["" if number is None else f"{format_count(number)} {word}" for number in records]
    return Column(cells=cells, right=True)
