"""What `run`, `trigger` and `wait` do."""

from collections.abc import Sequence

from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    interrupted,
    open_session,
    out_of_time,
)
from airbyte_sync_cli.errors import OutOfTimeError, UnavailableError, UnknownOutcomeError
from airbyte_sync_cli.settings.shown import is_noise
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.result import Start, SyncResult
from airbyte_sync_cli.sync.run import run_connections, wait_for_jobs
from airbyte_sync_cli.sync.select import as_connection_id
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped


async def run_syncs(invocation: Invocation, wanted: Selection, policy: RunPolicy) -> CommandResult:
    """Run (or only trigger) a sync of each connection."""
    timeout = policy.wait.timeout
    try:
        async with open_session(invocation, wanted, time_limit=timeout) as session:
            connections = await until_stopped(
                session.select(wanted), stop=session.stop, seconds=session.time_left(timeout)
            )
            return CommandResult.of(await run_connections(session.context(policy), connections))
    except DeadlineError:
        return out_of_time([_not_sent(one) for one in wanted.connections])
    except StoppedError:
        return interrupted(invocation.stop, [_not_sent(one) for one in wanted.connections])


def _not_sent(wanted: str) -> SyncResult:
    """Return the result of a connection, by what was typed, before anything was done.

    What looks like a token is not repeated as a name: nothing has confirmed it as one.
    """
    known = as_connection_id(wanted)
    name = None if known or is_noise(wanted) else wanted
    return SyncResult(connection_id=known, connection_name=name, start=Start.NOT_SENT)


async def wait_for(
    invocation: Invocation, job_ids: Sequence[int], policy: RunPolicy
) -> CommandResult:
    """Wait for existing jobs. An outage that began before is tolerated like any other."""
    timeout, max_outage = policy.wait.timeout, policy.wait.max_outage
    retry_for = max_outage if timeout is None else min(max_outage, timeout)
    wanted = Selection(job_ids=job_ids)
    try:
        async with open_session(
            invocation, wanted, retry_for=retry_for, time_limit=timeout
        ) as session:
            return CommandResult.of(await wait_for_jobs(session.context(policy), job_ids))
    except DeadlineError:
        cause = UnavailableError("no response in time")
    except StoppedError:
        asked_for = [SyncResult(job_id=one, adopted=True) for one in job_ids]
        return interrupted(invocation.stop, asked_for)
    except UnavailableError as error:
        if error.lasting:
            raise
        cause = error
    # Which limit was the shorter one: only after --max-outage is the outcome unknown.
    in_time = timeout is None or timeout > max_outage
    return CommandResult.of([_unreached(one, cause, in_time=in_time) for one in job_ids])


def _unreached(job_id: int, cause: UnavailableError, *, in_time: bool) -> SyncState:
    """Return the ending of a job that could not be read at all."""
    hint = f"once Airbyte is reachable, run `airbyte-sync wait {job_id}`"
    state = SyncState.of_job(job_id)
    if in_time:
        state.error = UnknownOutcomeError(
            f"job {job_id} may still be running: {cause.message}", hint=hint
        )
    else:
        message = f"--timeout passed before job {job_id} could be read: {cause.message}"
        state.error = OutOfTimeError(message, hint=hint)
    return state
