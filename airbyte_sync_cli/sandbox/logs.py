"""What an attempt logs, in both shapes: lines up to 1.1, events since 1.2."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from airbyte_sync_cli.sandbox.job import FINAL, JobAttempt, JobScript, LogEntry, SimJob
from airbyte_sync_cli.sandbox.responses import Json
from airbyte_sync_cli.sandbox.versions import Quirks

TENTHS = 10
ENDLESS = 600.0
"""Seconds over which an attempt without an end tells of its progress."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line and when it was written."""

    at: float
    level: str
    source: str
    message: str
    stacktrace: str | None = None


def log_of(job: SimJob, attempt: JobAttempt, when: float) -> list[LogRecord]:
    """Collect what can be read of an attempt's log by then; the newest lines come late."""
    lines = sorted(_lines(job, attempt), key=lambda line: line.at)
    return [line for line in lines if line.at + job.script.logs_late <= when]


def _lines(job: SimJob, attempt: JobAttempt) -> Iterator[LogRecord]:
    start, script = attempt.start, job.script
    yield LogRecord(
        start, "info", "platform", f"Starting attempt {attempt.number} of job {job.id}"
    )
    yield LogRecord(start, "info", "source", "Connection to the source established")
    for each in script.logs:
        entry = LogEntry(message=each) if isinstance(each, str) else each
        yield LogRecord(start, entry.level, entry.source, entry.message)
    yield from _progress(job, attempt)
    if math.isfinite(attempt.end):
        yield from _ending(attempt)


def _progress(job: SimJob, attempt: JobAttempt) -> Iterator[LogRecord]:
    # As planned at its birth: what was logged stays, however the attempt ends.
    pause = _planned_seconds(job.script, attempt.number) / TENTHS
    for tenth in range(1, TENTHS):
        records = job.script.records * tenth // TENTHS
        at = attempt.start + pause * tenth
        if at < attempt.end:
            yield LogRecord(at, "info", "replication-orchestrator", f"Records read: {records}")


def _planned_seconds(script: JobScript, number: int) -> float:
    """Add up how long an attempt was meant to take; ten minutes if for ever."""
    planned = [0.0]
    for phase in script.phases:
        if phase.status == "incomplete":
            planned.append(0.0)
        elif phase.status not in FINAL and (phase.status == "running" or planned[-1]):
            planned[-1] += phase.seconds
    seconds = planned[min(number, len(planned) - 1)]
    return seconds if math.isfinite(seconds) else ENDLESS


def _ending(attempt: JobAttempt) -> Iterator[LogRecord]:
    failure = attempt.failure
    if failure is not None:
        source = failure.origin if failure.origin in {"source", "destination"} else "platform"
        trace = failure.stacktrace or None
        yield LogRecord(attempt.end, "error", source, failure.message, trace)
    text = f"JobAttempt {attempt.number} ended: {attempt.status}"
    yield LogRecord(attempt.end, "info", "platform", text)


def shown(lines: list[LogRecord], quirks: Quirks) -> Json:
    """Show a log as its version does; where events are known, an empty log is one of lines."""
    if not quirks.structured_logs:
        return {"logs": _formatted(lines)}
    if not lines:
        return {"logType": "formatted", "logs": _formatted(lines)}
    return {"logType": "structured", "logs": _structured(lines, quirks)}


def _formatted(lines: list[LogRecord]) -> Json:
    return {"logLines": [text for line in lines for text in _as_text(line)]}


def _as_text(line: LogRecord) -> list[str]:
    stamp = datetime.fromtimestamp(int(line.at), UTC).strftime("%Y-%m-%d %H:%M:%S")
    first = f"{stamp} {line.source} {line.level.upper()} > {line.message}"
    return [first, *(line.stacktrace or "").splitlines()]


def _structured(lines: list[LogRecord], quirks: Quirks) -> Json:
    events = [
        quirks.fields(
            "LogEvent",
            {
                "timestamp": int(line.at * 1000),
                "message": line.message,
                "level": line.level,
                "logSource": line.source,
                "stackTrace": line.stacktrace,
                "strackTrace": line.stacktrace,  # so it was spelt at first
            },
        )
        for line in lines
    ]
    return {"version": "1", "events": events}
