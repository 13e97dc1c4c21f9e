"""From the Config API's wire models to ours: numbers, attempts, failures, logs."""

from collections.abc import Iterator, Sequence
from typing import Final

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.models import (
    FINAL_STATUSES,
    UNKNOWN,
    Connection,
    Failure,
    Job,
    LogLine,
    Progress,
    StreamProgress,
    Workspace,
)
from airbyte_sync_cli.airbyte.request import Reply
from airbyte_sync_cli.errors import ProtocolError, RejectedError
from airbyte_sync_cli.foreign_text import capped

_LONGEST_TRACE: Final = 20_000
"""Characters of a stack trace: some three hundred lines."""
_TYPES: Final = {"reset_connection": "reset"}
"""Stored names that the Public API shows as another word; we show its words everywhere."""


def read_started(reply: Reply) -> Job:
    """Read the answer to a trigger."""
    return job(wire.read(wire.ConfigJobInfo, reply))


def read_refresh(reply: Reply) -> Job:
    """Read the answer to a refresh. Raises RejectedError where the destination cannot.

    Up to 1.1 the answer to a started refresh names no job: ProtocolError, so it is looked for.
    """
    answer = wire.read(wire.ConfigRefresh, reply)
    started = answer.job
    if started is None and answer.value:
        raise ProtocolError(f"{reply.request}: a refresh was started, its job is not named")
    if started is None:
        raise RejectedError(
            f"{reply.request}: the destination cannot refresh",
            hint="--job-type clear, then a sync, loads everything again",
        )
    return job(wire.ConfigJobInfo(job=started))


def job(info: wire.ConfigJobInfo | wire.ConfigJobRow, *, connection_id: str = "") -> Job:
    """Return a job; its attempts are known in some answers only.

    `connection_id` is whose jobs were asked for: a row of a list may not name its connection.
    """
    row, attempts = info.job, info.attempts
    stats = row.aggregated_stats or wire.Stats()
    ended = row.updated_at if row.status in FINAL_STATUSES else None
    return Job(
        id=row.id,
        connection_id=row.config_id or connection_id,
        type=_TYPES.get(row.config_type or UNKNOWN, row.config_type or UNKNOWN),
        status=row.status or UNKNOWN,
        created_at=row.created_at,
        ended_at=ended,
        records_synced=stats.records_committed,
        bytes_synced=stats.bytes_committed,
        attempts=None if attempts is None else len(attempts),
    )


def progress(info: wire.ConfigJobInfo) -> Progress:
    """Tell the live numbers, the attempts, and the failure if there is one."""
    attempts = [row.attempt if row else wire.WireAttempt() for row in info.attempts or ()]
    is_counted = info.attempts is not None
    total = info.job.aggregated_stats or wire.Stats()
    latest = (attempts[-1].total_stats if attempts else None) or wire.Stats()
    return Progress(
        attempts=len(attempts) if is_counted else None,
        records_emitted=_first(total.records_emitted, latest.records_emitted),
        bytes_emitted=_first(total.bytes_emitted, latest.bytes_emitted),
        records_committed=_first(total.records_committed, latest.records_committed),
        streams=tuple(_stream(row) for row in info.job.stream_aggregated_stats or () if row),
        failure=_failure(attempts),
        did_run=(bool(attempts) or total.records_emitted is not None) if is_counted else None,
    )


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
    """The first failure of the last attempt, as Airbyte's own notices show it."""
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


def workspaces(reply: Reply) -> Sequence[Workspace]:
    """Read a list of workspaces."""
    found = wire.read(wire.ConfigWorkspaces, reply).workspaces
    return [Workspace(id=row.workspace_id, name=row.name) for row in found if row]


def _capped(text: str | None) -> str | None:
    return text and capped(text)


def connection(row: wire.ConfigConnection) -> Connection:
    """Tell a connection, with its schedule for people."""
    data = row.schedule_data or wire.ConfigScheduleData()
    basic, cron = data.basic_schedule or row.schedule, data.cron
    every = f"Every {basic.units} {basic.time_unit}".upper() if basic else None
    return Connection(
        id=row.connection_id,
        name=row.name or row.connection_id,
        status=row.status or UNKNOWN,
        workspace_id=row.workspace_id,
        source_id=row.source_id,
        destination_id=row.destination_id,
        schedule_type=row.schedule_type,
        schedule=(cron.cron_expression if cron else None) or every,
        tags=tuple(tag.name for tag in row.tags or () if tag),
    )


def lines(log: Sequence[str | wire.LogEvent | None]) -> Iterator[LogLine]:
    """Tell the lines of a part of a log, of either shape."""
    for entry in log:
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
