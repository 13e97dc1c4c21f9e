"""After the end: late numbers, the reason of a failure, and whether a success is believable."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import CANCELLED, NOT_STARTED_STATUSES, SUCCEEDED, Job
from airbyte_sync_cli.clock import TICK
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AwaitingNumbers
from airbyte_sync_cli.sync.evidence import is_nothing_written
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped
from airbyte_sync_cli.sync.verification import verify, without_late

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_LATE_STATISTICS: Final = 60.0
"""Seconds that the last numbers may take to arrive (ConnectionManagerWorkflowImpl.kt,
runEndOfSyncHooks); waited for only where the outcome, or a finding, depends on them."""
_LATE_STATISTICS_UNCHECKED: Final = 2.0
"""Seconds otherwise, so that a result seldom has 0 records of a sync that moved some."""
_LATE_EVIDENCE: Final = 10.0
"""Seconds that --verify waits for a Config API that cannot be read."""
_SURELY_SETTLED: Final = 600.0
"""Seconds after its end at which a job that is only looked at has all its numbers, even if
Airbyte's clock differs from ours by minutes."""
_MAX_READ: Final = 10.0
"""Seconds for one read after the end."""
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 10.0
_MOST_WARNINGS: Final = 10
"""Findings that get a warning of their own; all are in the result."""


async def complete(context: Context, state: SyncState, *, seconds: float | None) -> None:
    """Read what there is to know of a job that has ended; its status stays what it is.

    Late numbers are waited for `seconds` at most. A stop ends that, not the outcome.
    """
    is_settled = False
    with suppress(StoppedError):
        is_settled = await until_stopped(_complete(context, state, seconds), stop=context.stop)
    if state.job is not None and state.job.status == SUCCEEDED:
        _conclude(context, state, is_settled=is_settled)


async def _complete(context: Context, state: SyncState, seconds: float | None) -> bool:
    """Return whether there was time enough for late numbers to arrive."""
    job = state.job
    if job is None:
        return True
    # Only a success can still become suspect: a failure waits for no numbers.
    if job.status == CANCELLED and state.cancel is None:
        # Instead of its streams, of which a cancel leaves nothing to say.
        await read_numbers(context.airbyte, state, job)
        state.cancelled_by = await context.airbyte.cancelled_by(job)
        return True
    if job.status != SUCCEEDED:
        await read_details(context.airbyte, state, job)
        return True
    limit = _LATE_STATISTICS if seconds is None else seconds
    await _await_evidence(context, state, limit)
    return limit >= _LATE_STATISTICS


async def read_details(airbyte: "Airbyte", state: SyncState, job: Job) -> None:
    """Read the numbers, attempts and streams of a job: two requests at most."""
    # Without numbers, the states of streams prove nothing: one request less to a broken API.
    if await read_numbers(airbyte, state, job):
        await read_streams(airbyte, state, job, state.workspace_id)


async def read_numbers(airbyte: "Airbyte", state: SyncState, job: Job) -> bool:
    """Read the numbers and attempts of a job; return False if they cannot be read now."""
    progress = await airbyte.progress(job.id, of_final_job=job.is_final)
    if progress is None:
        return False
    state.progress = progress
    if job.is_final and job.status != SUCCEEDED:
        state.failure = progress.failure
    return True


async def read_streams(
    airbyte: "Airbyte", state: SyncState, job: Job, workspace_id: str | None
) -> None:
    """Read the states of a job's streams."""
    if job.status not in NOT_STARTED_STATUSES:
        found = await airbyte.stream_statuses(job, workspace_id)
        state.statuses = state.statuses if found is None else found


async def verify_past(airbyte: "Airbyte", state: SyncState, *, now: datetime) -> None:
    """Verify a success that is only looked at: late numbers are not waited for."""
    job = state.job
    if job is None or job.status != SUCCEEDED:
        return
    await _read_filters(airbyte, state)
    _judge(state, RunPolicy())
    age = (now - job.ended_at).total_seconds() if job.ended_at else 0.0
    if age < _SURELY_SETTLED:
        state.verification = without_late(state.verification)


async def _await_evidence(context: Context, state: SyncState, seconds: float) -> None:
    """Read the evidence again until later numbers would change nothing, or time is over."""
    policy, clock = context.policy, context.clock
    began, pause = clock.monotonic(), _FIRST_PAUSE
    # Until it is checked, a signal must not report an unproven success as ok.
    _judge(state, policy)
    # The job was read just now: only its evidence is new.
    error = await _read_evidence(context, state, with_job=False)
    while True:
        _judge(state, policy)
        limit = min(_time_for(state, policy, is_readable=context.airbyte.has_config_api), seconds)
        left = began + limit - clock.monotonic()
        if left < TICK:
            break
        if limit > _LATE_STATISTICS_UNCHECKED and pause == _FIRST_PAUSE:
            context.emit(AwaitingNumbers(sync=state.snapshot(), seconds=limit))
        await clock.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        error = await _read_evidence(context, state, with_job=True)
    # Only the last error counts: one that a later read made good is no warning.
    if error is not None:
        context.warn(state, f"the final statistics could not be read: {error}")


def _time_for(state: SyncState, policy: RunPolicy, *, is_readable: bool) -> float:
    """Return for how many seconds of all later numbers might change something."""
    if any(finding.may_pass for finding in state.verification.findings):
        return _LATE_STATISTICS
    evidence = state.evidence
    if policy.verify and is_readable and evidence is not None and evidence.final is None:
        return _LATE_EVIDENCE
    # At least 1: just after the end, a 0 may be a number that has not arrived yet.
    has_records = state.job is not None and (state.job.records_synced or 0) > 0
    return 0.0 if has_records else _LATE_STATISTICS_UNCHECKED


async def _read_evidence(context: Context, state: SyncState, *, with_job: bool) -> str | None:
    """Read the numbers and the streams, and the job again; return why that was not possible."""
    job = state.job
    if job is None:
        return None
    try:
        async with asyncio.timeout(_MAX_READ):
            if with_job:
                again = await context.airbyte.job(job.id, retry_for=0)
                # A replica of the database may lag behind: a final status is never taken back.
                job = state.job = again if again.is_final else job
            await read_details(context.airbyte, state, job)
            state.job = _with_newer_numbers(state, job)
            await _read_filters(context.airbyte, state)
    except (AirbyteSyncError, TimeoutError) as error:
        return str(error) or f"no response within {_MAX_READ:.0f} s"
    return None


def _with_newer_numbers(state: SyncState, job: Job) -> Job:
    """Return the job with the numbers that were read after it, where those are larger."""
    evidence = state.evidence
    later = evidence.final if evidence else None
    if later is None or (later.records_committed or 0) <= (job.records_synced or 0):
        return job
    return replace(
        job,
        records_synced=later.records_committed,
        bytes_synced=max(later.bytes_committed or 0, job.bytes_synced or 0) or job.bytes_synced,
    )


async def _read_filters(airbyte: "Airbyte", state: SyncState) -> None:
    """Read, once, whether the connection itself drops records, where it matters."""
    evidence = state.evidence
    if state.filters_rows is None and evidence is not None and is_nothing_written(evidence):
        state.filters_rows = await airbyte.filters_rows(evidence.job.connection_id)


def _judge(state: SyncState, policy: RunPolicy) -> None:
    """Verify the success by what is known by now; findings are not reported yet."""
    if state.evidence is not None:
        state.verification = verify(state.evidence, policy)
    findings = state.verification.findings
    state.suspect = any(finding.is_required or policy.verify for finding in findings)


def _conclude(context: Context, state: SyncState, *, is_settled: bool) -> None:
    """Judge for the last time, and warn of each finding."""
    _judge(state, context.policy)
    # Numbers that had no time to arrive prove nothing; but --verify wants proof.
    if not is_settled and not context.policy.verify:
        state.verification = without_late(state.verification)
    findings = state.verification.findings
    for finding in findings[:_MOST_WARNINGS]:
        context.warn(state, finding.message)
    if len(findings) > _MOST_WARNINGS:
        context.warn(state, f"and {len(findings) - _MOST_WARNINGS} more findings")
    for message in state.verification.unchecked:
        context.warn(state, message)
