"""The streams of a job as a short table: those that need a look, or all of them."""

from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.output.format import format_count
from airbyte_sync_cli.output.table import Column, layout
from airbyte_sync_cli.output.terminal import PLAIN
from airbyte_sync_cli.sync.result import StreamResult

_MOST: Final = 20
"""Rows without -v."""
_LONGEST_NAME: Final = 28
"""Cells, so that a row with numbers in the millions fits into 80 columns."""


def stream_lines(streams: Sequence[StreamResult], *, show_all: bool) -> list[str]:
    """Return a row for each stream: those that did not end as they should, or all."""
    rows = [one for one in streams if show_all or _differs(one)]
    shown = rows if show_all else rows[:_MOST]
    if not shown:
        return []
    columns = [
        Column(
            title="stream", cells=[_name(row) for row in shown], most=_LONGEST_NAME, shortens=True
        ),
        Column(title="status", cells=[row.status or "" for row in shown]),
        _numbers("read", [row.records_read for row in shown]),
        _numbers("written", [row.records_written for row in shown]),
        _numbers("rejected", [row.records_rejected or None for row in shown]),
    ]
    lines = [f"  {line.paint(PLAIN)}" for line in layout(columns, PLAIN, title_style="bold")]
    more = len(rows) - len(shown)
    return [*lines, f"  and {more} more, -v shows all"] if more else lines


def _differs(stream: StreamResult) -> bool:
    is_fine = stream.status in {None, "complete"} and not stream.records_rejected
    return not is_fine or stream.records_read != stream.records_written


def _name(stream: StreamResult) -> str:
    return f"{stream.namespace}.{stream.name}" if stream.namespace else stream.name


def _numbers(title: str, numbers: Sequence[int | None]) -> Column:
    cells = ["" if number is None else format_count(number) for number in numbers]
    return Column(title=title, cells=cells, right=True)
