"""An attempt's log: as plain lines up to Airbyte 1.1, as structured events since 1.2."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob
from airbyte_sync_cli.sandbox.responses import Json
from airbyte_sync_cli.sandbox.script import FINAL, JobScript
from airbyte_sync_cli.sandbox.versions import Quirks

_TENTHS: Final = 10
_ENDLESS: Final = 600.0
"""Seconds over which an attempt without an end logs its progress."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line and when it was written."""

    at: float
    level: str
    source: str
    message: str
    stacktrace: str | None = None


def log_view(job: SimJob, attempt: JobAttempt, when: float, quirks: Quirks) -> Json:
    """Format what can be read of a log at an epoch second, as the version does.

    An empty log is one of lines even where events are known (JobConverter).
    """
    records = sorted(_records(job, attempt), key=lambda record: record.at)
    readable = [record for record in records if record.at + job.script.logs_late <= when]
    if not quirks.structured_logs:  # without a `logType`, too
        return {"logs": _formatted(readable)}
    if not readable:
        return {"logType": "formatted", "logs": _formatted(readable)}
    return {"logType": "structured", "logs": _structured(readable, quirks)}


def _records(job: SimJob, attempt: JobAttempt) -> Iterator[LogRecord]:
    start, script = attempt.start, job.script
    yield LogRecord(
        start, "info", "platform", f"Starting attempt {attempt.number} of job {job.id}"
    )
    yield LogRecord(start, "info", "source", "Connection to the source established")
    for entry in script.logs:
        yield LogRecord(start, entry.level, entry.source, entry.message)
    yield from _progress(job, attempt)
    if math.isfinite(attempt.end):
        yield from _ending(attempt)


def _progress(job: SimJob, attempt: JobAttempt) -> Iterator[LogRecord]:
    # By the script, not by the actual end: a line that was read once must not change later.
    pause = _planned_seconds(job.script, attempt.number) / _TENTHS
    for tenth in range(1, _TENTHS):
        records = job.script.records * tenth // _TENTHS
        at = attempt.start + pause * tenth
        if at < attempt.end:
            yield LogRecord(at, "info", "replication-orchestrator", f"Records read: {records}")


def _planned_seconds(script: JobScript, number: int) -> float:
    """Return how long an attempt is meant to take; ten minutes if it has no end."""
    planned = [0.0]
    for phase in script.phases:
        if phase.status == "incomplete":
            planned.append(0.0)
        elif phase.status not in FINAL and (phase.status == "running" or planned[-1]):
            planned[-1] += phase.seconds
    seconds = planned[min(number, len(planned) - 1)]
    return seconds if math.isfinite(seconds) else _ENDLESS


def _ending(attempt: JobAttempt) -> Iterator[LogRecord]:
    for failure in attempt.failures:
        # Failures of other origins are logged by the platform.
        source = failure.origin if failure.origin in {"source", "destination"} else "platform"
        trace = failure.stacktrace or None
        yield LogRecord(attempt.end, "error", source, failure.message, trace)
    text = f"Attempt {attempt.number} ended: {attempt.status}"
    yield LogRecord(attempt.end, "info", "platform", text)


def _formatted(records: list[LogRecord]) -> Json:
    return {"logLines": [line for record in records for line in _lines(record)]}


def _lines(record: LogRecord) -> list[str]:
    stamp = datetime.fromtimestamp(int(record.at), UTC).strftime("%Y-%m-%d %H:%M:%S")
    first = f"{stamp} {record.source} {record.level.upper()} > {record.message}"
    return [first, *(record.stacktrace or "").splitlines()]


def _structured(records: list[LogRecord], quirks: Quirks) -> Json:
    events = [
        quirks.fields(
            "LogEvent",
            {
                "timestamp": int(record.at * 1000),
                "message": record.message,
                "level": record.level,
                "logSource": record.source,
                "stackTrace": record.stacktrace,
                "strackTrace": record.stacktrace,  # Airbyte's spelling up to 1.2
            },
        )
        for record in records
    ]
    return {"version": "1", "events": events}
