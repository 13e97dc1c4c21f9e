"""After the end: late numbers, the reason of a failure, and whether a success is believable."""

import asyncio
from typing import Final

from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AwaitingNumbers
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import Case
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped

LATE_STATISTICS: Final = 60.0
"""Seconds that the last numbers may take to arrive (ConnectionManagerWorkflowImpl.kt,
runEndOfSyncHooks); waited for only where the verdict hangs on them."""
_COURTESY: Final = 2.0
"""Seconds given to them otherwise, so that a result seldom says 0 for a sync that moved rows."""
_LONGEST_LOOK: Final = 10.0
"""Seconds for one look after the end."""
_BETWEEN_LOOKS: Final = 2.0


async def complete(context: Context, case: Case, *, seconds: float | None) -> None:
    """Learn what there is to know of a job that has ended; a stop ends that, and not its verdict.

    Late numbers are waited for `seconds` at most.
    """
    try:
        await until_stopped(finish(context, case, seconds=seconds), stop=context.stop)
    except StoppedError:
        judge(context, case)


async def finish(context: Context, case: Case, *, seconds: float | None = None) -> None:
    """Complete the case of a job that has ended; the job's status stays what it is.

    Late numbers are waited for `seconds` at most.
    """
    job = case.job
    if job is None:
        return
    if job.status == "succeeded":
        await _await_numbers(context, case, LATE_STATISTICS if seconds is None else seconds)
        judge(context, case)
    else:
        await _learn_reason(context, case)


async def _await_numbers(context: Context, case: Case, seconds: float) -> None:
    """Read again until the numbers suffice, as long as that may take."""
    policy, clock = context.policy, context.clock
    matters = policy.verify or policy.min_records is not None
    limit = min(LATE_STATISTICS if matters else _COURTESY, max(seconds, 0.0))
    until = clock.monotonic() + limit
    case.suspect = matters and not _suffices(case, policy)  # until it is judged
    trouble = await _read_again(context, case)
    if matters and not _suffices(case, policy):
        context.emit(AwaitingNumbers(key=case.key, seconds=limit))
    while not _suffices(case, policy) and clock.monotonic() < until:
        await clock.sleep(_BETWEEN_LOOKS)
        trouble = await _read_again(context, case)
    if trouble is not None:
        context.warn(case.key, f"the final numbers are unknown: {trouble}")


async def _read_again(context: Context, case: Case) -> str | None:
    """Read the job and its numbers once more; return why that was not possible."""
    if case.job is None:
        return None
    try:
        async with asyncio.timeout(_LONGEST_LOOK):
            job = await context.airbyte.job(case.job.id, patience=0)
            case.job = job if job.is_final else case.job  # an ending is never taken back
            case.progress = await context.airbyte.progress(case.job.id) or case.progress
    except (AirbyteSyncError, TimeoutError) as error:
        return str(error) or f"no answer within {_LONGEST_LOOK:.0f} s"
    return None


def _suffices(case: Case, policy: RunPolicy) -> bool:
    """Whether the verdict needs no later numbers: there are enough, or a trace of work is all."""
    records = case.job.records_synced if case.job else None
    if policy.min_records is None and policy.verify and case.progress is not None:
        return bool(records) or case.progress.leaves_trace is True
    return (records or 0) >= max(policy.min_records or 0, 1)


def judge(context: Context, case: Case) -> None:
    """Doubt a success that moved too little, or left no trace of work (airbyte #85355).

    By what is known by now: numbers that did not come in time prove nothing.
    """
    if case.job is None or case.job.status != "succeeded":
        return
    policy, records = context.policy, case.job.records_synced
    case.suspect = False
    if policy.min_records is not None and (records is None or records < policy.min_records):
        moved = "an unknown number of" if records is None else f"{records}"
        case.suspect = True
        context.warn(
            case.key, f"succeeded, but with {moved} records: --min-records is {policy.min_records}"
        )
    if not _left_trace(case):
        case.suspect = case.suspect or policy.verify
        context.warn(
            case.key,
            "Airbyte says succeeded, but there is no trace of work (no attempt, no statistics): "
            "a launch that failed can look like this",
        )
    elif policy.verify and not records and case.progress is None:
        case.suspect = True
        context.warn(
            case.key, "--verify: no records, and the Config API is out of reach to prove any work"
        )


def _left_trace(case: Case) -> bool:
    """Whether anything shows that work was done; True where that cannot be asked."""
    if case.job is not None and case.job.records_synced:
        return True
    traced = case.progress.leaves_trace if case.progress else None
    return traced is not False


async def _learn_reason(context: Context, case: Case) -> None:
    """Ask why, best effort and briefly: the verdict does not hang on it."""
    if case.job is None:
        return
    try:
        async with asyncio.timeout(_LONGEST_LOOK):
            case.failure = await context.airbyte.failure(case.job)
            case.progress = await context.airbyte.progress(case.job.id) or case.progress
    except (AirbyteSyncError, TimeoutError) as error:
        why = str(error) or f"no answer within {_LONGEST_LOOK:.0f} s"
        context.warn(case.key, f"why job {case.job.id} failed could not be learned: {why}")
