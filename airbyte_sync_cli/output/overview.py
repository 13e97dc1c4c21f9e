"""What `status` shows of all connections: a table, the worst nearest to the prompt."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import CANCELLED, FAILED, SUCCEEDED
from airbyte_sync_cli.output.format import format_count, format_duration, format_time, plain
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.table import Column, layout
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync.anomalies import SLOW, elapsed
from airbyte_sync_cli.sync.inactive import describe
from airbyte_sync_cli.sync.overview import OverviewRow

_INACTIVE, _NO_JOB, _GOOD, _ACTIVE, _CANCELLED, _UNREAD, _STUCK, _DISABLED, _FAILED = range(9)
"""Ranks, from the top of the table to the bottom."""
_STYLES: Final = {
    _INACTIVE: ("dim", "-", "-"),
    _NO_JOB: ("dim", "○", "-"),
    _GOOD: ("green", "✓", "+"),
    _ACTIVE: ("cyan", "●", ">"),
    _CANCELLED: ("yellow", "✗", "x"),
    _UNREAD: ("yellow", "?", "?"),
    _STUCK: ("yellow", "!", "!"),
    _DISABLED: ("yellow", "!", "!"),
    _FAILED: ("red", "✗", "x"),
}
"""By rank: colour, symbol, and the symbol in ASCII."""
_INDENT: Final = 4
"""Columns before what has left the table, see `table`."""


def overview_text(
    rows: Sequence[OverviewRow], *, every: int, now: datetime, screen: Screen
) -> str:
    """Return the table of some of `every` connections, with the counts below it."""
    lines = [
        line.paint(screen) for line in overview_lines(rows, every=every, now=now, screen=screen)
    ]
    return "\n".join(lines)


def overview_lines(
    rows: Sequence[OverviewRow], *, every: int, now: datetime, screen: Screen
) -> list[Styled]:
    """Return the lines of the table, and the last one with the counts."""
    if not rows:
        return [Styled.of(_nothing(every))]
    ordered = sorted(rows, key=_order)
    return [*layout(_columns(ordered, now, screen), screen, title_style="bold"), _counts(rows)]


def _nothing(every: int) -> str:
    return f"none of {every} connections is failing" if every else "no connections"


def _order(row: OverviewRow) -> tuple[int, int, str, str]:
    """Sort by rank; what ended badly by age, the newest last, all others by name."""
    rank = _rank(row)
    age = row.job.id if row.job and rank in {_FAILED, _CANCELLED} else 0
    return rank, age, row.connection.name.casefold(), row.connection.id


def _rank(row: OverviewRow) -> int:
    if row.error is not None:
        return _UNREAD
    if not row.connection.is_active:
        return _DISABLED if row.is_failing else _INACTIVE
    if row.job is None:
        return _NO_JOB
    if row.stuck:
        return _STUCK
    return {SUCCEEDED: _GOOD, CANCELLED: _CANCELLED, FAILED: _FAILED}.get(row.job.status, _ACTIVE)


def _columns(rows: Sequence[OverviewRow], now: datetime, screen: Screen) -> Sequence[Column]:
    return [
        Column(title="status", cells=[_status(row, screen) for row in rows]),
        Column(
            title="connection",
            cells=[row.connection.name for row in rows],
            least=24,
            floor=12,
            shortens=True,
        ),
        Column(
            title="workspace",
            cells=[row.workspace or "" for row in rows],
            least=10,
            shortens=True,
            leaves=2,
            moved=None,
        ),
        Column(title="job", cells=[_job(row) for row in rows], right=True, leaves=3, moved=None),
        Column(title="age", cells=[_age(row, now) for row in rows], right=True),
        Column(title="took", cells=[_took(row) for row in rows], right=True),
        Column(
            title="usual",
            cells=[_usual(row) for row in rows],
            right=True,
            leaves=2,
            moved=None,
        ),
        Column(
            title="records",
            cells=[_records(row) for row in rows],
            right=True,
            leaves=1,
            moved=None,
        ),
        _reasons(rows, screen),
    ]


def _status(row: OverviewRow, screen: Screen) -> Styled:
    rank = _rank(row)
    colour, symbol, word = _STYLES[rank]
    return Styled.of(f"{symbol if screen.unicode else word} {_state(row, rank)}", colour)


def _state(row: OverviewRow, rank: int) -> str:
    if rank == _UNREAD:
        return "unknown"
    if rank in {_INACTIVE, _DISABLED}:
        return plain(row.connection.status)
    return plain(row.job.status) if row.job else "no job"


def _job(row: OverviewRow) -> str:
    return str(row.job.id) if row.job else ""


def _age(row: OverviewRow, now: datetime) -> str:
    """Return when the job ended, or how long it has been active."""
    if row.job is None:
        return ""
    if row.job.is_active:
        seconds = elapsed(row.job, now=now)
        return "" if seconds is None else f"for {_rough(seconds)}"
    at = row.job.ended_at or row.job.created_at
    return "" if at is None else f"{_rough((now - at).total_seconds())} ago"


def _rough(seconds: float) -> str:
    """Return the largest unit only: `45s`, `12m`, `3h`, `9d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _took(row: OverviewRow) -> Styled:
    seconds = row.job.duration_seconds if row.job else None
    if seconds is None:
        return Styled()
    is_slow = row.usual_seconds and seconds > SLOW * row.usual_seconds
    return Styled.of(format_duration(seconds), "yellow" if is_slow else None)


def _usual(row: OverviewRow) -> str:
    return "" if row.usual_seconds is None else format_duration(row.usual_seconds)


def _records(row: OverviewRow) -> str:
    """Return the records; a 0 of a job that did not succeed means nothing."""
    count = row.job.records_synced if row.job else None
    if count is None or (count == 0 and row.job and row.job.status != SUCCEEDED):
        return ""
    return format_count(count)


def _reasons(rows: Sequence[OverviewRow], screen: Screen) -> Column:
    """Return the last column; on a narrow terminal each takes one line below its row."""
    most = None if screen.width is None else screen.width - _INDENT - 1
    texts = [Styled.of(plain(_reason(row))) for row in rows]
    cells = [one if most is None else one.cut(most, mark=screen.ellipsis) for one in texts]
    return Column(title="reason", cells=cells, least=36, leaves=4)


def _reason(row: OverviewRow) -> str:
    """Return why: in the words of Airbyte, or where to read it."""
    if row.error is not None:
        return row.error.message
    if row.off is not None and (how := describe(row.off)):
        return how
    if row.stuck:
        return row.stuck
    if row.job is None or row.job.status != FAILED:
        return ""
    failure = row.progress.failure if row.progress else None
    if failure is None or not failure.message:
        return f"`airbyte-sync status {row.job.id}` shows why"
    first = failure.message.strip().splitlines()[0]
    why = f"{failure.origin}: {first}" if failure.origin else first
    return why if row.connection.is_active else f"last job failed: {why}"


def _counts(rows: Sequence[OverviewRow]) -> Styled:
    """Return how many there are of each kind, the worst first."""
    counts: Counter[str] = Counter()
    for row in sorted(rows, key=_rank, reverse=True):
        counts["stuck" if _rank(row) == _STUCK else _state(row, _rank(row))] += 1
    parts = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return Styled.of(f"{len(rows)} connection{'' if len(rows) == 1 else 's'}: {parts}", "bold")


def fitted(lines: Sequence[Styled], height: int) -> list[Styled]:
    """Return the title and the end of a table that is too high: the worst rows are there."""
    if len(lines) <= height:
        return list(lines)
    end = lines[-max(height - 2, 1) :]
    above = Styled.of(f"  {len(lines) - len(end) - 1} more lines above", "dim")
    return [lines[0], above, *end]


def change_text(row: OverviewRow, *, now: datetime, screen: Screen) -> str:
    """Return in a line how a connection is now, as `--watch` reports it."""
    colour = _STYLES[_rank(row)][0]
    state = screen.paint("stuck" if row.stuck else _state(row, _rank(row)), colour)
    details = [
        f"job {_job(row)}" if row.job else "",
        _took(row).plain,
        plain(_reason(row)),
    ]
    rest = ", ".join(filter(None, details))
    return f"{format_time(now)} {plain(row.connection.name)}: {state}" + (rest and f" ({rest})")
