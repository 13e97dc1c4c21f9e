"""What `run`, `trigger` and `wait` do."""

from collections.abc import Sequence
from dataclasses import replace

from airbyte_sync_cli.airbyte.models import Connection, Job, active_among
from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    interrupted,
    open_session,
    out_of_time,
)
from airbyte_sync_cli.errors import (
    NotFoundError,
    OutOfTimeError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.settings.shown import is_noise
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.result import Start, SyncResult
from airbyte_sync_cli.sync.run import run_connections, wait_for_jobs
from airbyte_sync_cli.sync.select import as_connection_id, select_streams
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped
from airbyte_sync_cli.tasks import gather


async def run_syncs(invocation: Invocation, wanted: Selection, policy: RunPolicy) -> CommandResult:
    """Run (or only trigger) a sync of each connection."""
    timeout = policy.wait.timeout
    try:
        async with open_session(invocation, wanted, time_limit=timeout) as session:
            connections, policy = await until_stopped(
                _select(session, wanted, policy),
                stop=session.stop,
                seconds=session.time_left(timeout),
            )
            return CommandResult.of(await run_connections(session.context(policy), connections))
    except DeadlineError:
        return out_of_time([_not_sent(one) for one in wanted.connections])
    except StoppedError:
        return interrupted(invocation.stop, [_not_sent(one) for one in wanted.connections])


async def _select(
    session: Session, wanted: Selection, policy: RunPolicy
) -> tuple[Sequence[Connection], RunPolicy]:
    """Return the connections, and the policy with the streams that are named of them."""
    connections = await session.select(wanted)
    streams = await select_streams(session.airbyte, connections, wanted.streams)
    return connections, replace(policy, trigger=replace(policy.trigger, streams=streams))


def _not_sent(wanted: str) -> SyncResult:
    """Return the result of a connection to be started, before anything was done."""
    return _named(wanted).model_copy(update={"start": Start.NOT_SENT, "adopted": False})


def _named(wanted: str) -> SyncResult:
    """Return the result of a connection, by what was typed, before anything was read.

    What looks like a token is not repeated as a name: nothing has confirmed it as one.
    """
    known = as_connection_id(wanted)
    name = None if known or is_noise(wanted) else wanted
    return SyncResult(connection_id=known, connection_name=name, adopted=True)


async def wait_for(invocation: Invocation, wanted: Selection, policy: RunPolicy) -> CommandResult:
    """Wait for existing jobs. An outage that began before is tolerated like any other."""
    timeout, max_outage = policy.wait.timeout, policy.wait.max_outage
    retry_for = max_outage if timeout is None else min(max_outage, timeout)
    asked_for = [SyncResult(job_id=one, adopted=True) for one in wanted.job_ids]
    asked_for += [_named(one) for one in wanted.connections]
    try:
        first = replace(wanted, reads_streams=False)  # not before the end
        async with open_session(
            invocation, first, retry_for=retry_for, time_limit=timeout
        ) as session:
            if wanted.job_ids:
                states = await wait_for_jobs(session.context(policy), wanted.job_ids)
                return CommandResult.of(states)
            return await _wait_for_connections(session, wanted, policy)
    except DeadlineError:
        if not wanted.job_ids:
            return out_of_time(asked_for)
        cause = UnavailableError("no response in time")
    except StoppedError:
        return interrupted(invocation.stop, asked_for)
    except UnavailableError as error:
        if error.lasting or not wanted.job_ids:
            raise
        cause = error
    # Which limit was the shorter one: only after --max-outage is the outcome unknown.
    in_time = timeout is None or timeout > max_outage
    return CommandResult.of([_unreached(one, cause, in_time=in_time) for one in wanted.job_ids])


async def _wait_for_connections(
    session: Session, wanted: Selection, policy: RunPolicy
) -> CommandResult:
    """Wait for the active job of each connection, or report the latest one."""
    found = await until_stopped(
        _find_jobs(session, wanted),
        stop=session.stop,
        seconds=session.time_left(policy.wait.timeout),
    )
    job_ids = [job.id for _, job in found if job is not None]
    waited = iter(await wait_for_jobs(session.context(policy), job_ids) if job_ids else ())
    return CommandResult.of(
        [_without_job(session, one) if job is None else next(waited) for one, job in found]
    )


async def _find_jobs(
    session: Session, wanted: Selection
) -> Sequence[tuple[Connection, Job | None]]:
    connections = await session.select(wanted)
    lists = await gather(*(session.airbyte.jobs(one.id) for one in connections))
    newest = [next(iter([*active_among(jobs), *jobs]), None) for jobs in lists]
    return list(zip(connections, newest, strict=True))


def _without_job(session: Session, connection: Connection) -> SyncState:
    state = SyncState(key=connection.id, connection=connection, adopted=True)
    state.error = NotFoundError(
        f"{connection.name!r} has no job yet", hint="`airbyte-sync run` starts one"
    )
    state.url = session.airbyte.job_url(connection, None)
    return state


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
