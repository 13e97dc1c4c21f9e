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
    Attempt,
    Connection,
    Failure,
    Job,
    ListedJob,
    LogLine,
    Progress,
    StreamId,
    StreamProgress,
    StreamStatus,
    SwitchedOff,
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
    row, attempts, stats = info.job, info.attempts, _total(info)
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
        streams=_requested_streams(row),
    )


def _requested_streams(row: wire.ConfigListedJob) -> frozenset[StreamId] | None:
    if row.reset_config:
        return frozenset(map(stream_id, row.reset_config.streams_to_reset))
    if row.refresh_config:
        return frozenset(map(stream_id, row.refresh_config.streams_to_refresh))
    return None


def stream_id(row: wire.StreamDescriptor) -> StreamId:
    """Return a stream's name."""
    return StreamId(name=row.name, namespace=row.namespace)


def listed_job(row: wire.ConfigJobRow) -> ListedJob:
    """Return a job of the Config API's list, which has its numbers, too."""
    return ListedJob(job=config_job(row), progress=progress(row))


def progress(info: wire.ConfigJobInfo | wire.ConfigJobRow) -> Progress:
    """Return the numbers, the attempts, and the streams of a job."""
    has_attempts = info.attempts is not None
    attempts = [_attempt(row, index) for index, row in enumerate(_attempts(info))]
    total = _total(info)
    latest = attempts[-1] if attempts else Attempt(number=0)
    return Progress(
        status=info.job.status,
        attempts=len(attempts) if has_attempts else None,
        # While a job runs, some versions have numbers for its latest attempt only.
        records_emitted=_first(total.records_emitted, latest.records_emitted),
        bytes_emitted=_first(total.bytes_emitted, latest.bytes_emitted),
        records_committed=_first(total.records_committed, latest.records_committed),
        bytes_committed=total.bytes_committed,
        records_rejected=total.records_rejected,
        streams=tuple(_stream(row, row) for row in info.job.stream_aggregated_stats or () if row),
        selected=tuple(
            StreamId(name=row.name, namespace=row.namespace)
            for row in info.job.enabled_streams or ()
            if row
        ),
        attempt_list=tuple(attempts) if has_attempts else None,
    )


def _attempts(info: wire.ConfigJobInfo | wire.ConfigJobRow) -> Sequence[wire.WireAttempt]:
    """Return the attempts, oldest first: `JobHistoryHandler` does not sort them everywhere.

    In the response about one job they are wrapped, beside their logs.
    """
    found = (
        row.attempt if isinstance(row, wire.ConfigAttempt) else row for row in info.attempts or ()
    )
    rows = [row or wire.WireAttempt() for row in found]
    is_numbered = all(row.id is not None for row in rows)
    return sorted(rows, key=lambda row: row.id or 0) if is_numbered else rows


def _total(info: wire.ConfigJobInfo | wire.ConfigJobRow) -> wire.Stats:
    """Return the job's numbers; without any statistics Airbyte sums up an empty list to zeros."""
    job, total = info.job, info.job.aggregated_stats or wire.Stats()
    # StatsAggregationHelper.getJobAggregatedStats, since 0.57.3.
    is_empty = job.stream_aggregated_stats is not None and not any(job.stream_aggregated_stats)
    # A sync without new data has no stream in the table of statistics, but its attempt has zeros.
    is_known = not is_empty or any(_has_numbers(row) for row in _attempts(info))
    return total if is_known or total.records_emitted else wire.Stats()


def _has_numbers(row: wire.WireAttempt) -> bool:
    """Return whether an attempt has any number of its own."""
    stats = row.total_stats or wire.Stats()
    return _first(stats.records_emitted, stats.records_committed) is not None


def _attempt(row: wire.WireAttempt, index: int) -> Attempt:
    stats, summary = row.total_stats or wire.Stats(), row.failure_summary
    return Attempt(
        number=(index if row.id is None else row.id) + 1,
        status=row.status,
        records_emitted=stats.records_emitted,
        bytes_emitted=stats.bytes_emitted,
        records_committed=stats.records_committed,
        streams=tuple(
            _stream(each, each.stats or wire.Stats()) for each in row.stream_stats or () if each
        ),
        failure=_failure(summary),
        partial_success=summary.partial_success if summary else None,
    )


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _stream(row: wire.StreamStats | wire.AttemptStreamStats, stats: wire.Stats) -> StreamProgress:
    return StreamProgress(
        name=row.stream_name,
        namespace=row.stream_namespace,
        records_emitted=stats.records_emitted,
        records_committed=stats.records_committed,
        records_rejected=stats.records_rejected,
        bytes_emitted=stats.bytes_emitted,
    )


def stream_statuses(rows: wire.ConfigStreamStatuses, *, job_id: int) -> Sequence[StreamStatus]:
    """Return the states of a job's streams."""
    return [
        StreamStatus(
            stream=StreamId(name=row.stream_name, namespace=row.stream_namespace),
            attempt=row.attempt_number + 1,
            state=row.run_state,
            quota_reset=row.metadata.quota_reset if row.metadata else None,
        )
        for row in rows.stream_statuses or ()
        if row and row.job_id == job_id
    ]


def _failure(summary: wire.FailureSummary | None) -> Failure | None:
    """Return the first failure that says anything; Airbyte's notifications use the first one."""
    found = [one for one in summary.failures if one] if summary else []
    if not found:
        return None
    telling = (one for one in found if one.external_message or one.internal_message)
    first = next(telling, found[0])
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


def switched_off(event: wire.ConfigEvent | None) -> SwitchedOff:
    """Return what the latest event of switching a connection on or off says."""
    if event is None or event.event_type != "CONNECTION_DISABLED":
        return SwitchedOff()
    return SwitchedOff(
        reason=event.summary.disabled_reason if event.summary else None,
        by=(event.user.name or event.user.email) if event.user else None,
        at=event.created_at,
    )


def canceller(events: Sequence[wire.ConfigEvent], job: Job) -> str | None:
    """Return the user whose cancel ended the job.

    Each request has an event, also one that had no effect; that of the one that had is written
    when the job has stopped (SchedulerHandler.submitCancellationToWorker).
    """
    ended = job.ended_at
    found = [one for one in events if one.summary and one.summary.job_id == job.id]
    if ended is not None:
        found.sort(key=lambda one: abs((one.created_at or ended) - ended))
    user = found[0].user if found else None
    if user is None:
        return None
    known = [user.name or user.email, user.email if user.name else None]
    return " ".join([known[0], *([f"({known[1]})"] if known[1] else [])]) if known[0] else None


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
