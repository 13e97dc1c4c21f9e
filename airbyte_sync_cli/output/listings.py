"""What `connections`, `jobs` and `logs` show a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job
from airbyte_sync_cli.output import words
from airbyte_sync_cli.output.tables import Column, Screen, bar, render
from airbyte_sync_cli.sync.logs import AttemptLine
from airbyte_sync_cli.sync.unusual import Oddity, Usual, elapsed

_STATUS_COLOURS: Final = {
    "active": "green",
    "inactive": "dim",
    "deprecated": "red",
    "locked": "red",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "incomplete": "yellow",
}
_LEVEL_COLOURS: Final = {"error": "red", "fatal": "red", "warn": "yellow", "warning": "yellow"}
_SHORT_BAR, _LONG_BAR = 8, 24
_WIDE: Final = 120
"""Characters from which on a bar may be long."""


def connections_table(connections: Sequence[Connection], screen: Screen) -> str:
    """Write a table of connections; nothing for none."""
    if not connections:
        return ""
    return render(
        [
            Column(title="id", cells=[words.plain(one.id) for one in connections]),
            Column(title="name", cells=[words.plain(one.name) for one in connections], least=10),
            Column(
                title=f"source {screen.arrow} destination",
                cells=[_route(one, screen) for one in connections],
                leaves=2,
                least=24,
            ),
            Column(
                title="status",
                cells=[words.plain(one.status) for one in connections],
                leaves=1,
                colours=_STATUS_COLOURS,
            ),
            Column(title="schedule", cells=[_schedule(one) for one in connections], leaves=3),
            Column(
                title="tags",
                cells=[words.plain(", ".join(one.tags)) for one in connections],
                leaves=4,
                least=16,
                words="tags: {}",
            ),
        ],
        screen,
    )


def _route(connection: Connection, screen: Screen) -> str:
    source = connection.source_name or connection.source_id or "?"
    destination = connection.destination_name or connection.destination_id or "?"
    return words.plain(f"{source} {screen.arrow} {destination}")


def _schedule(connection: Connection) -> str:
    return words.plain(connection.schedule or connection.schedule_type or "?")


def jobs_table(jobs: Sequence[Job], usual: Usual, *, now: datetime, screen: Screen) -> str:
    """Write a table of jobs, with a bar for each that is scaled to the slowest."""
    if not jobs:
        return ""
    seconds = [elapsed(job, now=now) for job in jobs]
    length = _LONG_BAR if screen.width is None or screen.width >= _WIDE else _SHORT_BAR
    bars = [bar(one, most=max(seconds), width=length, screen=screen) for one in seconds]
    return render(
        [
            Column(title="job", cells=[str(job.id) for job in jobs], right=True),
            Column(
                title="status",
                cells=[words.plain(job.status) for job in jobs],
                colours=_STATUS_COLOURS,
            ),
            Column(
                title="type",
                cells=[words.plain(job.type) for job in jobs],
                leaves=3,
                silent=frozenset({"sync"}),
            ),
            Column(
                title="created (UTC)", cells=[f"{job.created_at:%Y-%m-%d %H:%M}" for job in jobs]
            ),
            Column(title="took", cells=[_took(job, now) for job in jobs], right=True),
            Column(title="", cells=bars),
            Column(
                title="rows", cells=[words.count(job.records_synced) for job in jobs], right=True
            ),
            Column(title="size", cells=[words.size(job.bytes_synced) for job in jobs], right=True),
            Column(
                title="attempts",
                cells=["?" if job.attempts is None else str(job.attempts) for job in jobs],
                right=True,
                leaves=2,
                words="{} attempts",
                silent=frozenset({"?", "0", "1"}),
            ),
            Column(
                title="unusual",
                cells=[_oddity(usual.judge(job, now=now)) for job in jobs],
                leaves=1,
                words="! {}",
            ),
        ],
        screen,
    )


def _took(job: Job, now: datetime) -> str:
    text = words.duration(elapsed(job, now=now))
    return text if job.is_final else f"{text}+"


def _oddity(oddity: Oddity) -> str:
    parts = []
    if oddity.slow is not None:
        usual = words.duration(oddity.usual_seconds)
        parts.append(f"slow: {oddity.slow:.1f}x the usual {usual}")
    if oddity.small is not None:
        usual = words.count(round(oddity.usual_records or 0))
        parts.append(f"small: {oddity.small:.0%} of the usual {usual} rows")
    return ", ".join(parts)


def log_text(found: AttemptLine, screen: Screen) -> str:
    """Write a line of a log: a plain one as it came, an event with its time and origin."""
    line = found.line
    message = words.log_line(line.message)
    if line.source is not None:
        at = words.moment(line.at) if line.at else "-"
        message = f"{at} {words.plain(line.source)} {(line.level or '?').upper()} > {message}"
    return screen.paint(message, _LEVEL_COLOURS.get(line.level or ""))
