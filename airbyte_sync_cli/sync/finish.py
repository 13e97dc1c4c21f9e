"""After the end: late numbers, the reason of a failure, and whether a success is believable."""

import asyncio
from typing import Final

from airbyte_sync_cli.airbyte.models import SUCCEEDED
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AwaitingNumbers
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped

_LATE_STATISTICS: Final = 60.0
"""Seconds that the last numbers may take to arrive (ConnectionManagerWorkflowImpl.kt,
runEndOfSyncHooks); waited for only where the outcome depends on them."""
_LATE_STATISTICS_UNCHECKED: Final = 2.0
"""Seconds otherwise, so that a result seldom has 0 records of a sync that moved some."""
_MAX_READ: Final = 10.0
"""Seconds for one read after the end."""
_BETWEEN_READS: Final = 2.0


async def complete(context: Context, state: SyncState, *, seconds: float | None) -> None:
    """Read what there is to know of a job that has ended; its status stays what it is.

    Late numbers are waited for `seconds` at most. A stop ends that, not the outcome.
    """
    try:
        await until_stopped(_complete(context, state, seconds), stop=context.stop)
    except StoppedError:
        _check_success(context, state)


async def _complete(context: Context, state: SyncState, seconds: float | None) -> None:
    job = state.job
    if job is None:
        return
    # Only a success can still become suspect: a failure waits for no numbers.
    if job.status == SUCCEEDED:
        await _await_numbers(context, state, _LATE_STATISTICS if seconds is None else seconds)
        _check_success(context, state)
    else:
        # The failure and the numbers of a job come in one response: asked for once.
        progress = await context.airbyte.progress(job.id, of_final_job=True)
        if progress is not None:
            state.progress, state.failure = progress, progress.failure


async def _await_numbers(context: Context, state: SyncState, seconds: float) -> None:
    """Read the job again until its numbers suffice, or their time is over."""
    policy, clock = context.policy, context.clock
    matters = policy.verify or policy.min_records is not None
    limit = min(
        _LATE_STATISTICS if matters else _LATE_STATISTICS_UNCHECKED,
        max(seconds, 0.0),
    )
    until = clock.monotonic() + limit
    # Until it is checked, a signal must not report an unproven success as ok.
    state.suspect = matters and not _suffices(state, policy)
    error = await _read_again(context, state)
    if matters and not _suffices(state, policy):
        context.emit(AwaitingNumbers(sync=state.snapshot(), seconds=limit))
    # Only the last error counts: one that a later read made good is no warning.
    while not _suffices(state, policy) and clock.monotonic() < until:
        await clock.sleep(_BETWEEN_READS)
        error = await _read_again(context, state)
    if error is not None:
        context.warn(state, f"the final statistics could not be read: {error}")


async def _read_again(context: Context, state: SyncState) -> str | None:
    """Read the job and its numbers once more; return why that was not possible."""
    if state.job is None:
        return None
    try:
        async with asyncio.timeout(_MAX_READ):
            job = await context.airbyte.job(state.job.id, retry_for=0)
            # A replica of the database may lag behind: a final status is never taken back.
            state.job = job if job.is_final else state.job
            state.progress = await context.airbyte.progress(state.job.id) or state.progress
    except (AirbyteSyncError, TimeoutError) as error:
        return str(error) or f"no response within {_MAX_READ:.0f} s"
    return None


def _suffices(state: SyncState, policy: RunPolicy) -> bool:
    """Return whether later numbers would not change the outcome."""
    records = state.job.records_synced if state.job else None
    if policy.min_records is None and policy.verify and state.progress is not None:
        # --verify wants evidence of work, not records: a sync may have had nothing to move.
        return bool(records) or state.progress.did_run is True
    # At least 1: just after the end, a 0 may be a number that has not arrived yet.
    return (records or 0) >= max(policy.min_records or 0, 1)


def _check_success(context: Context, state: SyncState) -> None:
    """Mark a success as suspect that moved too little, or left no trace of work (airbyte #85355).

    Judged by what is known by now: numbers that did not come in time prove nothing.
    """
    if state.job is None or state.job.status != SUCCEEDED:
        return
    records = state.job.records_synced
    state.suspect = False
    _check_min_records(context, state, records)
    _check_trace(context, state, records)


def _check_min_records(context: Context, state: SyncState, records: int | None) -> None:
    wanted = context.policy.min_records
    if wanted is None or (records is not None and records >= wanted):
        return
    state.suspect = True
    moved = "an unknown number of" if records is None else f"{records}"
    context.warn(state, f"succeeded, but with {moved} records: --min-records is {wanted}")


def _check_trace(context: Context, state: SyncState, records: int | None) -> None:
    verify = context.policy.verify
    if not records and state.progress is not None and state.progress.did_run is False:
        state.suspect = state.suspect or verify
        context.warn(
            state,
            "Airbyte reports succeeded, but there is no evidence of work (no attempt, no "
            "statistics): a failed launch can look like this",
        )
    elif verify and not records and state.progress is None:
        # Without the Config API nothing shows whether it ran: only --verify doubts it then.
        state.suspect = True
        context.warn(
            state,
            "--verify: no records, and no other evidence of work, because the Config API is "
            "unavailable",
        )
