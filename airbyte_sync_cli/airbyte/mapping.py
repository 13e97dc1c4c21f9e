"""From the wire models of both APIs to the values of `models`.

A renamed status passes through as a word: `models.FINAL_STATUSES` decides whether it is final.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.models import (
    FINAL_STATUSES,
    UNKNOWN,
    Connection,
    Failure,
    Job,
    ListedJob,
    LogLine,
    Progress,
    StreamProgress,
    Workspace,
)
from airbyte_sync_cli.foreign_text import capped

_LONGEST_TRACE: Final = 20_000
"""Characters of a stack trace: some three hundred lines."""
_TYPES: Final = {"reset_connection": "reset"}
"""The Config API's names of job types that differ from the Public API's, which are shown."""


def public_job(row: wire.PublicJobRow, *, connection_id: str = "") -> Job:
    """Return a job. `connection_id` is used if a row of a list names no connection."""
    return Job(
        id=row.job_id,
        connection_id=row.connection_id or connection_id,
        type=row.job_type or UNKNOWN,
        status=row.status or UNKNOWN,
        created_at=row.start_time,
        changed_at=_public_changed_at(row),
        ended_at=row.last_updated_at,
        records_synced=row.rows_synced,
        bytes_synced=row.bytes_synced,
    )


def _public_changed_at(row: wire.PublicJobRow) -> datetime | None:
    """Return when the status last changed: `lastUpdatedAt` exists only after the end.

    `duration` is from the creation to the last change (JobResponseMapper.kt), absent before one.
    """
    if row.last_updated_at is not None or row.start_time is None:
        return row.last_updated_at
    with suppress(OverflowError):
        return row.start_time + (row.duration or timedelta())
    return row.start_time


def query_time(moment: datetime) -> str:
    """Format a time for a filter, in whole seconds, rounded down."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def config_job(info: wire.ConfigJobInfo | wire.ConfigJobRow, *, connection_id: str = "") -> Job:
    """Return a job, as `public_job` does; not every response has its attempts."""
    row, attempts, stats = info.job, info.attempts, _total(info.job)
    return Job(
        id=row.id,
        connection_id=row.config_id or connection_id,
        type=_TYPES.get(row.config_type or UNKNOWN, row.config_type or UNKNOWN),
        status=row.status or UNKNOWN,
        created_at=row.created_at,
        changed_at=row.updated_at,
        # `updatedAt` changes with every attempt; it is the end only of a job that has ended.
        ended_at=row.updated_at if row.status in FINAL_STATUSES else None,
        records_synced=stats.records_committed,
        bytes_synced=stats.bytes_committed,
        attempts=None if attempts is None else len(attempts),
    )


def listed_job(row: wire.ConfigJobRow) -> ListedJob:
    """Return a job of the Config API's list, which has its numbers, too."""
    return ListedJob(job=config_job(row), progress=progress(row))


def progress(info: wire.ConfigJobInfo | wire.ConfigJobRow) -> Progress:
    """Return the live numbers, the attempts, and the failure if there is one."""
    attempts = [_attempt(row) for row in info.attempts or ()]
    has_attempts = info.attempts is not None
    total = _total(info.job)
    latest = (attempts[-1].total_stats if attempts else None) or wire.Stats()
    return Progress(
        attempts=len(attempts) if has_attempts else None,
        # While a job runs, some versions have numbers for its latest attempt only.
        records_emitted=_first(total.records_emitted, latest.records_emitted),
        bytes_emitted=_first(total.bytes_emitted, latest.bytes_emitted),
        records_committed=_first(total.records_committed, latest.records_committed),
        streams=tuple(_stream(row) for row in info.job.stream_aggregated_stats or () if row),
        failure=_failure(attempts),
        did_run=(bool(attempts) or total.records_emitted is not None) if has_attempts else None,
    )


def _attempt(row: wire.ConfigAttempt | wire.WireAttempt | None) -> wire.WireAttempt:
    """Return an attempt; in the response about one job it is wrapped, beside its logs."""
    if isinstance(row, wire.ConfigAttempt):
        return row.attempt
    return row or wire.WireAttempt()


def _total(job: wire.ConfigListedJob) -> wire.Stats:
    """Return the counts of a job; without any statistics Airbyte sums up an empty list to 0."""
    # StatsAggregationHelper.getJobAggregatedStats, since 0.57.3.
    is_known = job.stream_aggregated_stats is None or any(job.stream_aggregated_stats)
    return job.aggregated_stats if job.aggregated_stats and is_known else wire.Stats()


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _stream(row: wire.StreamStats) -> StreamProgress:
    return StreamProgress(
        name=row.stream_name,
        namespace=row.stream_namespace,
        records_emitted=row.records_emitted,
        records_committed=row.records_committed,
        bytes_emitted=row.bytes_emitted,
    )


def _failure(attempts: Sequence[wire.WireAttempt]) -> Failure | None:
    """Return the first failure of the last attempt, as Airbyte's notifications do."""
    summary = attempts[-1].failure_summary if attempts else None
    first = next((one for one in summary.failures if one), None) if summary else None
    if first is None:
        return None
    return Failure(
        origin=first.failure_origin,
        type=first.failure_type,
        message=_capped(first.external_message or first.internal_message),
        retryable=first.retryable,
        internal_message=_capped(first.internal_message),
        stacktrace=first.stacktrace and capped(first.stacktrace, _LONGEST_TRACE),
    )


def _capped(text: str | None) -> str | None:
    return text and capped(text)


def connection(row: wire.PublicConnection | wire.ConfigConnection) -> Connection:
    """Return a connection; the names of its source and destination are in other lists."""
    schedule_type, schedule = _schedule(row)
    return Connection(
        id=row.connection_id,
        name=row.name or row.connection_id,
        status=row.status or UNKNOWN,
        workspace_id=row.workspace_id,
        source_id=row.source_id,
        destination_id=row.destination_id,
        schedule_type=schedule_type,
        schedule=schedule,
        tags=tuple(tag.name for tag in row.tags or () if tag),
    )


def _schedule(
    row: wire.PublicConnection | wire.ConfigConnection,
) -> tuple[str | None, str | None]:
    """Return the type of a schedule, and the schedule as the Public API writes it."""
    if isinstance(row, wire.PublicConnection):
        public = row.schedule or wire.PublicSchedule()
        return public.schedule_type, public.cron_expression or public.basic_timing
    data = row.schedule_data or wire.ConfigScheduleData()
    basic, cron = data.basic_schedule or row.schedule, data.cron
    every = f"Every {basic.units} {basic.time_unit}".upper() if basic else None
    return row.schedule_type, (cron.cron_expression if cron else None) or every


def workspace(row: wire.WireWorkspace) -> Workspace:
    """Return a workspace."""
    return Workspace(id=row.workspace_id, name=row.name)


def log_lines(entries: Sequence[str | wire.LogEvent | None]) -> Iterator[LogLine]:
    """Yield the lines of a part of a log: plain text, or events (since 1.2)."""
    for entry in entries:
        if isinstance(entry, str):
            yield LogLine(message=entry)
        elif entry is not None:
            for text in (entry.message, entry.stack_trace):
                for line in (text or "").splitlines():
                    yield LogLine(
                        message=line,
                        at=entry.timestamp,
                        level=entry.level,
                        source=entry.log_source,
                    )
