"""What `run`, `trigger` and `wait` do once there is a session."""

from collections.abc import Sequence
from dataclasses import replace

from airbyte_sync_cli.commands.session import (
    CommandResult,
    ConnectRetry,
    Session,
    hold_session,
    interrupted,
    out_of_time,
)
from airbyte_sync_cli.errors import OutOfTimeError, UnavailableError, UnknownOutcomeError
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.settings import Settings
from airbyte_sync_cli.settings.shown import is_noise
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.result import Start, SyncResult
from airbyte_sync_cli.sync.run import run_connections, wait_for_jobs
from airbyte_sync_cli.sync.select import as_connection_id
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped


async def start_syncs(
    settings: Settings,
    output: Output,
    wanted: Sequence[str],
    *,
    tags: Sequence[str],
    policy: RunPolicy,
) -> CommandResult:
    """Connect and run (or only trigger) a sync of each connection."""
    return await hold_session(
        lambda session: run_syncs(session, wanted, tags, policy),
        settings,
        output,
        stops_itself=True,
        asked_for=[_not_sent(one) for one in wanted],
        time_limit=policy.wait.timeout,
    )


async def run_syncs(
    session: Session, wanted: Sequence[str], tags: Sequence[str], policy: RunPolicy
) -> CommandResult:
    """Run (or only trigger) a sync of each connection."""
    asked_for = [_not_sent(one) for one in wanted]
    try:
        connections = await until_stopped(
            session.select(wanted, tags),
            stop=session.stop,
            seconds=_less_time(policy, session.age()).wait.timeout,
        )
    except DeadlineError:
        return out_of_time(asked_for)
    except StoppedError:
        return interrupted(session.stop, asked_for)
    context = session.context(_less_time(policy, session.age()))
    return CommandResult.of(await run_connections(context, connections))


def _not_sent(wanted: str) -> SyncResult:
    """Return the result of a connection, by what was typed, before anything was done.

    What looks like a token is not repeated as a name: nobody knows yet whether it is one.
    """
    known = as_connection_id(wanted)
    name = None if known or is_noise(wanted) else wanted
    return SyncResult(connection_id=known, connection_name=name, start=Start.NOT_SENT)


def _less_time(policy: RunPolicy, seconds: float) -> RunPolicy:
    """Count `--timeout` from the program's start: finding the way has taken so long."""
    if policy.wait.timeout is None:
        return policy
    left = max(policy.wait.timeout - seconds, 0.0)
    return replace(policy, wait=replace(policy.wait, timeout=left))


async def wait_for(
    settings: Settings, output: Output, job_ids: Sequence[int], policy: RunPolicy
) -> CommandResult:
    """Wait for jobs that exist. An outage may have begun before us: it is waited out as any."""
    timeout, max_outage = policy.wait.timeout, policy.wait.max_outage

    async def work(session: Session) -> CommandResult:
        context = session.context(_less_time(policy, session.age()))
        return CommandResult.of(await wait_for_jobs(context, job_ids))

    def give_up(error: UnavailableError) -> CommandResult:
        in_time = timeout is None or timeout > max_outage
        return CommandResult.of([_unreached(one, error, in_time=in_time) for one in job_ids])

    seconds = max_outage if timeout is None else min(max_outage, timeout)
    connect_retry = ConnectRetry(seconds=seconds, give_up=give_up)
    return await hold_session(
        work,
        settings,
        output,
        stops_itself=True,
        connect_retry=connect_retry,
        asked_for=[SyncResult(job_id=one, adopted=True) for one in job_ids],
        time_limit=timeout,
    )


def _unreached(job_id: int, cause: UnavailableError, *, in_time: bool) -> SyncState:
    """End a wait whose job could not be asked for at all."""
    hint = f"when Airbyte is back, `airbyte-sync wait {job_id}` learns the outcome"
    state = SyncState.of_job(job_id)
    if in_time:
        state.error = UnknownOutcomeError(f"job {job_id} may go on: {cause.message}", hint=hint)
    else:
        words = f"--timeout passed before job {job_id} could be looked at: {cause.message}"
        state.error = OutOfTimeError(words, hint=hint)
    return state
