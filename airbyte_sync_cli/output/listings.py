"""The tables of `connections`, `jobs` and `check`."""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job
from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_log_line,
    format_time,
    plain,
)
from airbyte_sync_cli.output.report import StepRow
from airbyte_sync_cli.output.table import Column, Screen, bar, render
from airbyte_sync_cli.sync.anomalies import Anomaly, Medians, elapsed
from airbyte_sync_cli.sync.logs import AttemptLine

_MARKS: Final = {"ok": ("✓", "ok", "green"), "warning": ("!", "!", "yellow")}
_FAILED: Final = ("✗", "X", "red")
_NAME: Final = 11
_TIME: Final = 8


def steps_text(steps: Sequence[StepRow], screen: Screen) -> str:
    """Draw the steps."""
    return "\n".join(line for step in steps for line in _lines(step, screen))


def _lines(step: StepRow, screen: Screen) -> Sequence[str]:
    unicode, plain, colour = _MARKS.get(step.outcome, _FAILED)
    mark = (unicode if screen.blocks else plain).ljust(1 if screen.blocks else 2)
    head = f"{mark} {step.name:<{_NAME}}{_duration(step.seconds):>{_TIME}}  "
    message = _folded(step.message, len(head), screen)
    first = screen.paint(mark, colour) + head[len(mark) :] + message[0]
    cure = _folded(step.hint, len(head), screen) if step.hint else []
    return [first, *(" " * len(head) + line for line in [*message[1:], *cure])]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _folded(text: str, indent: int, screen: Screen) -> Sequence[str]:
    """Fold a text; masked before, because a secret over two lines would not be known for one."""
    text = plain(text)
    if screen.width is None:
        return [text]
    room = max(screen.width - indent, 30)
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]


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
    ids, names, routes, statuses, schedules, tags = zip(
        *(_cells(one, screen) for one in connections), strict=True
    )
    columns = [
        Column(title="id", cells=ids, leaves=5),  # copied seldom, and it takes half of 80 columns
        Column(title="name", cells=names, least=10),
        Column(title=f"source {screen.arrow} destination", cells=routes, least=24, leaves=2),
        Column(title="status", cells=statuses, leaves=1, colours=_STATUS_COLOURS),
        Column(title="schedule", cells=schedules, leaves=3),
        Column(title="tags", cells=tags, least=16, leaves=4, words="tags: {}"),
    ]
    return render(columns, screen)


def _cells(connection: Connection, screen: Screen) -> tuple[str, ...]:
    """Write the cells of one connection, in the order of the columns."""
    source = connection.source_name or connection.source_id or "?"
    destination = connection.destination_name or connection.destination_id or "?"
    texts = (
        connection.id,
        connection.name,
        f"{source} {screen.arrow} {destination}",
        connection.status,
        connection.schedule or connection.schedule_type or "?",
        ", ".join(connection.tags),
    )
    return tuple(plain(text) for text in texts)


def jobs_table(jobs: Sequence[Job], usual: Medians, *, now: datetime, screen: Screen) -> str:
    """Write a table of jobs, with a bar for each that is scaled to the slowest."""
    if not jobs:
        return ""
    columns = [*_what(jobs), *_effort(jobs, now, screen), *_yield(jobs), *_notes(jobs, usual, now)]
    return render(columns, screen)


def _what(jobs: Sequence[Job]) -> Sequence[Column]:
    """Tell which jobs they are."""
    statuses = [plain(job.status) for job in jobs]
    created = [
        f"{job.created_at.astimezone(UTC):%Y-%m-%d %H:%M}" if job.created_at else "?"
        for job in jobs
    ]
    return [
        Column(title="job", cells=[str(job.id) for job in jobs], right=True),
        Column(title="status", cells=statuses, colours=_STATUS_COLOURS),
        Column(
            title="type",
            cells=[plain(job.type) for job in jobs],
            leaves=6,
            silent=frozenset({"sync"}),
        ),
        Column(title="created (UTC)", cells=created, leaves=2, words="{} UTC"),
    ]


def _effort(jobs: Sequence[Job], now: datetime, screen: Screen) -> Sequence[Column]:
    """Tell how long they took, in words and as bars."""
    seconds = [elapsed(job, now=now) for job in jobs]
    length = _LONG_BAR if screen.width is None or screen.width >= _WIDE else _SHORT_BAR
    most = max(one or 0.0 for one in seconds)
    bars = [bar(one or 0.0, most=most, width=length, screen=screen) for one in seconds]
    return [
        Column(title="took", cells=[_took(job, now) for job in jobs], right=True),
        Column(title="", cells=bars),
    ]


def _yield(jobs: Sequence[Job]) -> Sequence[Column]:
    """Tell what they moved."""
    records = [format_count(job.records_synced) for job in jobs]
    sizes = [format_bytes(job.bytes_synced) for job in jobs]
    return [
        Column(title="records", cells=records, right=True, leaves=1, words="{} records"),
        Column(title="size", cells=sizes, right=True, leaves=3),
    ]


def _notes(jobs: Sequence[Job], usual: Medians, now: datetime) -> Sequence[Column]:
    """Tell what is worth a look."""
    return [
        Column(
            title="attempts",
            cells=["?" if job.attempts is None else str(job.attempts) for job in jobs],
            right=True,
            leaves=5,
            words="{} attempts",
            silent=frozenset({"?", "0", "1"}),
        ),
        Column(
            title="unusual",
            cells=[_oddity(usual.compare(job, now=now)) for job in jobs],
            leaves=4,
            words="! {}",
        ),
    ]


def _took(job: Job, now: datetime) -> str:
    text = format_duration(elapsed(job, now=now))
    return text if job.is_final else f"{text}+"


def _oddity(oddity: Anomaly) -> str:
    parts = []
    if oddity.slow is not None:
        usual = format_duration(oddity.median_seconds)
        parts.append(f"slow: {oddity.slow:.1f}x the usual {usual}")
    if oddity.small is not None:
        usual = format_count(round(oddity.median_records or 0))
        parts.append(f"small: {oddity.small:.0%} of the usual {usual} records")
    return ", ".join(parts)


def log_text(found: AttemptLine, screen: Screen) -> str:
    """Write a line of a log: a plain one as it came, an event with its time and origin."""
    line = found.line
    message = format_log_line(line.message)
    if line.source is not None:
        at = format_time(line.at) if line.at else "-"
        level = plain(line.level or "?").upper()
        message = f"{at} {plain(line.source)} {level} > {message}"
    return screen.paint(message, _LEVEL_COLOURS.get(line.level or ""))
