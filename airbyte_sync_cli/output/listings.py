"""What `connections`, `workspaces`, `jobs`, `check` and `logs` show on stdout."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import (
    CANCELLED,
    FAILED,
    INCOMPLETE,
    SUCCEEDED,
    Connection,
    Job,
    SwitchedOff,
)
from airbyte_sync_cli.output.airbyte_log import colour_of
from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_log_line,
    format_time,
    plain,
)
from airbyte_sync_cli.output.report import StepRow, WorkspaceRow
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.table import Column, bar, layout, render
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync.anomalies import Anomaly, Medians, elapsed
from airbyte_sync_cli.sync.inactive import describe
from airbyte_sync_cli.sync.logs import AttemptLine

_STATUS_COLOURS: Final = {
    "active": "green",
    "inactive": "dim",
    "deprecated": "red",
    "locked": "red",
    SUCCEEDED: "green",
    FAILED: "red",
    CANCELLED: "yellow",
    INCOMPLETE: "yellow",
}
_SHORT_BAR, _LONG_BAR = 8, 24
_WIDE: Final = 120
"""Columns from which on a bar may be long."""


def connections_table(connections: Sequence[Connection], screen: Screen) -> str:
    """Return a table of connections; nothing for none."""
    if not connections:
        return ""
    routes = [_route(one, screen.arrow) for one in connections]
    statuses = [_coloured(one.status, _STATUS_COLOURS) for one in connections]
    schedules = [one.schedule or one.schedule_type or "?" for one in connections]
    tags = [", ".join(one.tags) for one in connections]
    reasons = [describe(one.switched_off or SwitchedOff()) or "" for one in connections]
    columns = [
        # Ids are seldom copied, and one takes half of 80 columns.
        Column(title="id", cells=[one.id for one in connections], leaves=5),
        Column(title="name", cells=[one.name for one in connections], least=10),
        Column(title=f"source {screen.arrow} destination", cells=routes, least=24, leaves=2),
        Column(title="status", cells=statuses, leaves=1),
        *([Column(title="why", cells=reasons, least=20, leaves=6)] if any(reasons) else []),
        Column(title="schedule", cells=schedules, leaves=3),
        Column(title="tags", cells=tags, least=16, leaves=4, moved="tags: {}"),
    ]
    return render(columns, screen)


def _route(connection: Connection, arrow: str) -> str:
    source = connection.source_name or connection.source_id or "?"
    destination = connection.destination_name or connection.destination_id or "?"
    return f"{source} {arrow} {destination}"


def workspaces_table(workspaces: Sequence[WorkspaceRow], screen: Screen) -> str:
    """Return a table of workspaces; nothing for none."""
    if not workspaces:
        return ""
    columns = [
        Column(title="id", cells=[one.workspace_id for one in workspaces]),
        Column(title="name", cells=[one.workspace_name or "?" for one in workspaces], least=10),
        Column(
            title="connections",
            cells=["?" if one.connections is None else str(one.connections) for one in workspaces],
            right=True,
        ),
    ]
    return render(columns, screen)


def _coloured(text: str, colours: Mapping[str, str]) -> Styled:
    text = plain(text)
    return Styled.of(text, colours.get(text))


def jobs_table(jobs: Sequence[Job], usual: Medians, *, now: datetime, screen: Screen) -> str:
    """Return a table of jobs, with a bar for each that is scaled to the slowest."""
    if not jobs:
        return ""
    columns = [
        *_job_columns(jobs),
        *_duration_columns(jobs, now, screen),
        *_volume_columns(jobs),
        *_remark_columns(jobs, usual, now),
    ]
    return render(columns, screen)


def _job_columns(jobs: Sequence[Job]) -> Sequence[Column]:
    created = [
        f"{job.created_at.astimezone(UTC):%Y-%m-%d %H:%M}" if job.created_at else "?"
        for job in jobs
    ]
    return [
        Column(title="job", cells=[str(job.id) for job in jobs], right=True),
        Column(title="status", cells=[_coloured(job.status, _STATUS_COLOURS) for job in jobs]),
        Column(
            title="type",
            cells=[job.type for job in jobs],
            leaves=6,
            silent=frozenset({"sync"}),
        ),
        Column(title="created (UTC)", cells=created, leaves=2, moved="{} UTC"),
    ]


def _duration_columns(jobs: Sequence[Job], now: datetime, screen: Screen) -> Sequence[Column]:
    seconds = [elapsed(job, now=now) for job in jobs]
    length = _LONG_BAR if screen.width is None or screen.width >= _WIDE else _SHORT_BAR
    most = max(one or 0.0 for one in seconds)
    bars = [Styled.of(bar(one or 0.0, most=most, width=length, screen=screen)) for one in seconds]
    return [
        Column(title="took", cells=[_took(job, now) for job in jobs], right=True),
        Column(cells=bars),
    ]


def _took(job: Job, now: datetime) -> str:
    text = format_duration(elapsed(job, now=now))
    return text if job.is_final else f"{text}+"


def _volume_columns(jobs: Sequence[Job]) -> Sequence[Column]:
    records = [format_count(job.records_synced) for job in jobs]
    sizes = [format_bytes(job.bytes_synced) for job in jobs]
    return [
        Column(title="records", cells=records, right=True, leaves=1, moved="{} records"),
        Column(title="size", cells=sizes, right=True, leaves=3),
    ]


def _remark_columns(jobs: Sequence[Job], usual: Medians, now: datetime) -> Sequence[Column]:
    return [
        Column(
            title="attempts",
            cells=["?" if job.attempts is None else str(job.attempts) for job in jobs],
            right=True,
            leaves=5,
            moved="{} attempts",
            silent=frozenset({"?", "0", "1"}),
        ),
        Column(
            title="unusual",
            cells=[_anomaly(usual.compare(job, now=now)) for job in jobs],
            leaves=4,
            moved="! {}",
        ),
    ]


def _anomaly(anomaly: Anomaly) -> str:
    parts = []
    if anomaly.slow is not None:
        usual = format_duration(anomaly.median_seconds)
        parts.append(f"slow: {anomaly.slow:.1f}x the usual {usual}")
    if anomaly.small is not None:
        usual = format_count(round(anomaly.median_records or 0))
        parts.append(f"small: {anomaly.small:.0%} of the usual {usual} records")
    return ", ".join(parts)


_MARKS: Final = {"ok": ("✓", "ok", "green"), "warning": ("!", "!", "yellow")}
_FAILED: Final = ("✗", "X", "red")


def steps_text(steps: Sequence[StepRow], screen: Screen) -> str:
    """Return the steps of `check`: each with its time, what was found, and a hint below."""
    columns = [
        Column(cells=[_mark(step, screen) for step in steps], gap=1),
        Column(cells=[step.name for step in steps], reserved=11),
        Column(cells=[_milliseconds(step.seconds) for step in steps], reserved=6, right=True),
        Column(cells=[_finding(step) for step in steps], least=30),
    ]
    return "\n".join(line.paint(screen) for line in layout(columns, screen))


def _mark(step: StepRow, screen: Screen) -> Styled:
    symbol, word, colour = _MARKS.get(step.outcome, _FAILED)
    return Styled.of(symbol if screen.unicode else f"{word:<2}", colour)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _finding(step: StepRow) -> Styled:
    return Styled.of("\n".join(plain(text) for text in (step.message, step.hint) if text))


def log_text(found: AttemptLine, screen: Screen) -> str:
    """Return a line of a log: a plain one as it came, an event with its time and origin."""
    line = found.line
    message = format_log_line(line.message)
    if line.source is not None:
        at = format_time(line.at) if line.at else "-"
        level = plain(line.level or "?").upper()
        message = f"{at} {plain(line.source)} {level} > {message}"
    return screen.paint(message, colour_of(found))
