"""After the end: late numbers, the reason of a failure, and whether a success is believable."""

import asyncio
from typing import Final

from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AwaitingNumbers
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped

_LATE_STATISTICS: Final = 60.0
"""Seconds that the last numbers may take to arrive (ConnectionManagerWorkflowImpl.kt,
runEndOfSyncHooks); waited for only where the verdict hangs on them."""
_COURTESY: Final = 2.0
"""Seconds given to them otherwise, so that a result seldom says 0 for a sync that moved rows."""
_LONGEST_LOOK: Final = 10.0
"""Seconds for one look after the end."""
_BETWEEN_LOOKS: Final = 2.0


async def complete(context: Context, state: SyncState, *, seconds: float | None) -> None:
    """Learn what there is to know of a job that has ended; a stop ends that, and not its verdict.

    Late numbers are waited for `seconds` at most.
    """
    try:
        await until_stopped(finish(context, state, seconds=seconds), stop=context.stop)
    except StoppedError:
        judge(context, state)


async def finish(context: Context, state: SyncState, *, seconds: float | None = None) -> None:
    """Complete the case of a job that has ended; the job's status stays what it is.

    Late numbers are waited for `seconds` at most.
    """
    job = state.job
    if job is None:
        return
    if job.status == "succeeded":
        await _await_numbers(context, state, _LATE_STATISTICS if seconds is None else seconds)
        judge(context, state)
    else:
        await _read_reason(context, state)


async def _await_numbers(context: Context, state: SyncState, seconds: float) -> None:
    """Read again until the numbers suffice, as long as that may take."""
    policy, clock = context.policy, context.clock
    matters = policy.verify or policy.min_records is not None
    limit = min(_LATE_STATISTICS if matters else _COURTESY, max(seconds, 0.0))
    until = clock.monotonic() + limit
    state.suspect = matters and not _suffices(state, policy)  # until it is judged
    trouble = await _read_again(context, state)
    if matters and not _suffices(state, policy):
        context.emit(AwaitingNumbers(sync=state.snapshot(), seconds=limit))
    while not _suffices(state, policy) and clock.monotonic() < until:
        await clock.sleep(_BETWEEN_LOOKS)
        trouble = await _read_again(context, state)
    if trouble is not None:
        context.warn(state, f"the final numbers are unknown: {trouble}")


async def _read_again(context: Context, state: SyncState) -> str | None:
    """Read the job and its numbers once more; return why that was not possible."""
    if state.job is None:
        return None
    try:
        async with asyncio.timeout(_LONGEST_LOOK):
            job = await context.airbyte.job(state.job.id, retry_for=0)
            state.job = job if job.is_final else state.job  # an ending is never taken back
            state.progress = await context.airbyte.progress(state.job.id) or state.progress
    except (AirbyteSyncError, TimeoutError) as error:
        return str(error) or f"no answer within {_LONGEST_LOOK:.0f} s"
    return None


def _suffices(state: SyncState, policy: RunPolicy) -> bool:
    """Whether the verdict needs no later numbers: there are enough, or a trace of work is all."""
    records = state.job.records_synced if state.job else None
    if policy.min_records is None and policy.verify and state.progress is not None:
        return bool(records) or state.progress.did_run is True
    return (records or 0) >= max(policy.min_records or 0, 1)


def judge(context: Context, state: SyncState) -> None:
    """Doubt a success that moved too little, or left no trace of work (airbyte #85355).

    By what is known by now: numbers that did not come in time prove nothing.
    """
    if state.job is None or state.job.status != "succeeded":
        return
    policy, records = context.policy, state.job.records_synced
    state.suspect = False
    if policy.min_records is not None and (records is None or records < policy.min_records):
        moved = "an unknown number of" if records is None else f"{records}"
        state.suspect = True
        context.warn(
            state,
            f"succeeded, but with {moved} records: --min-records is {policy.min_records}",
        )
    if not _left_trace(state):
        state.suspect = state.suspect or policy.verify
        context.warn(
            state,
            "Airbyte says succeeded, but there is no trace of work (no attempt, no statistics): "
            "a launch that failed can look like this",
        )
    elif policy.verify and not records and state.progress is None:
        state.suspect = True
        context.warn(
            state, "--verify: no records, and the Config API is out of reach to prove any work"
        )


def _left_trace(state: SyncState) -> bool:
    """Whether anything shows that work was done; True where that cannot be asked."""
    if state.job is not None and state.job.records_synced:
        return True
    traced = state.progress.did_run if state.progress else None
    return traced is not False


async def _read_reason(context: Context, state: SyncState) -> None:
    """Read why the job failed, best effort: only the Config API knows."""
    if state.job is None:
        return
    progress = await context.airbyte.progress(state.job.id, of_final_job=True)
    if progress is not None:
        state.progress, state.failure = progress, progress.failure
