"""What `status` and `cancel` do."""

import asyncio
from collections.abc import Sequence

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, Connection, as_uuid
from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    in_session,
)
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, UnknownOutcomeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.finish import read_numbers, read_streams, verify_past
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.tasks import both, gather


async def show_status(
    invocation: Invocation, wanted: Selection, *, exit_status: bool
) -> CommandResult:
    """Read each job, or the latest job of each connection, once.

    `exit_status` lets the jobs decide the exit code.
    """

    async def show(session: Session) -> CommandResult:
        return _shown(await _read_all(session, wanted), exit_status=exit_status)

    return await in_session(invocation, wanted, show)


async def cancel_jobs(invocation: Invocation, wanted: Selection) -> CommandResult:
    """Cancel these jobs, or what is active on these connections: each is read first."""

    async def cancel(session: Session) -> CommandResult:
        return await _cancel(session, await _read_all(session, wanted))

    return await in_session(invocation, wanted, cancel)


async def _read_all(session: Session, wanted: Selection) -> Sequence[SyncState]:
    if wanted.job_ids:
        return await gather(*(read_job(session, job_id) for job_id in wanted.job_ids))
    connections = await session.select(wanted)
    return await gather(*(_read_latest(session, one) for one in connections))


async def read_job(session: Session, job_id: int) -> SyncState:
    """Read a job, its connection's name, its streams, and the reason if it failed."""
    state = SyncState.of_job(job_id)
    session.asked_about.append(state)
    job, workspace = await both(session.airbyte.job(job_id), _likely_workspace(session))
    state.job = job
    async with asyncio.TaskGroup() as tasks:
        connection = tasks.create_task(_name_of(session, job.connection_id))
        tasks.create_task(read_numbers(session.airbyte, state, job))
        if workspace is not None:
            tasks.create_task(read_streams(session.airbyte, state, job, workspace))
    state.connection = connection.result()
    if state.progress is not None and state.workspace_id not in {None, workspace}:
        await read_streams(session.airbyte, state, job, state.workspace_id)
    await verify_past(session.airbyte, state, now=session.clock.now())
    state.url = session.airbyte.job_url(state.connection, job_id)
    return state


async def _likely_workspace(session: Session) -> str | None:
    """Return the workspace of any job, if there is only one: a job does not show it."""
    configured = as_uuid(session.settings.workspace_id or "")
    return configured or await session.airbyte.sole_workspace()


async def _read_latest(session: Session, connection: Connection) -> SyncState:
    state = SyncState(key=connection.id, connection=connection, adopted=True)
    session.asked_about.append(state)
    jobs = await session.airbyte.jobs(connection.id, limit=1)
    state.job = jobs[0] if jobs else None
    if state.job is not None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read_numbers(session.airbyte, state, state.job))
            tasks.create_task(
                read_streams(session.airbyte, state, state.job, connection.workspace_id)
            )
        await verify_past(session.airbyte, state, now=session.clock.now())
    state.url = session.airbyte.job_url(connection, state.job.id if state.job else None)
    return state


async def _name_of(session: Session, connection_id: str) -> Connection | None:
    """Read the job's connection; None if it was deleted."""
    try:
        return await session.airbyte.connection(connection_id, retry_for=0)
    except AirbyteSyncError:
        return None


def _shown(states: Sequence[SyncState], *, exit_status: bool) -> CommandResult:
    """Exit 0 if the jobs could be read; with `--exit-status`, with their exit code."""
    if not exit_status:
        syncs = [state.result() for state in states]
        return CommandResult(syncs=syncs, exit_code=ExitCode.OK, must_be_printed=True)
    for state in states:
        state.error = without_outcome(state)
    return CommandResult.of(states)


def without_outcome(state: SyncState) -> AirbyteSyncError | None:
    """Return the error for a job that is still running, and for one that does not exist."""
    name = state.connection.name if state.connection else state.key
    if state.job is None:
        return NotFoundError(f"{name!r} has no job yet", hint="`airbyte-sync run` starts one")
    if state.job.is_active:
        return UnknownOutcomeError(
            f"job {state.job.id} of {name!r} is {state.job.status}, so it has no outcome yet",
            hint=f"`airbyte-sync wait {state.job.id}` waits for it",
        )
    return None


async def _cancel(session: Session, states: Sequence[SyncState]) -> CommandResult:
    """Cancel the jobs that are active."""
    from airbyte_sync_cli.sync.cancel import cancel_job  # noqa: PLC0415  # not for `status`
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415
    from airbyte_sync_cli.sync.stop import STOP_GRACE  # noqa: PLC0415

    context = session.context(RunPolicy())
    # One limit for all: the jobs are cancelled at the same time.
    until = session.clock.monotonic() + STOP_GRACE

    async def cancel(state: SyncState) -> None:
        if state.job is not None and state.job.is_active:
            await cancel_job(
                context,
                state,
                grace_left=lambda: until - session.clock.monotonic(),
                on_sent=lambda: None,
            )

    await gather(*(cancel(state) for state in states))
    return _cancelled(states)


def _cancelled(states: Sequence[SyncState]) -> CommandResult:
    """Exit 0 if no job is active any more, whatever its status."""
    alive = [state for state in states if state.job is not None and state.job.is_active]
    error = _uncancelled(alive) if alive else None
    done = {"exit_code": ExitCode.OK, "outcome": ExitCode.OK.outcome}
    for state in alive:
        state.ended_as = ExitCode.UNKNOWN
    return CommandResult(
        syncs=[
            state.result() if state in alive else state.result().model_copy(update=done)
            for state in states
        ],
        error=error,
        exit_code=error.exit_code if error else ExitCode.OK,
    )


def _uncancelled(alive: Sequence[SyncState]) -> UnknownOutcomeError:
    """Return the error for jobs that are still active: which, why, and what to do."""
    names = ", ".join(f"{state.name} ({state.job.status})" for state in alive if state.job)
    ids = " ".join(str(state.job.id) for state in alive if state.job)
    refusal = next((state.cancel_refusal for state in alive if state.cancel_refusal), None)
    again = f"run `airbyte-sync cancel {ids}` again, or see `airbyte-sync status {ids}`"
    if all(state.cancel is None or not state.cancel.requested for state in alive):
        words = f"no cancel was sent, because Airbyte is unreachable: {names}"
    elif refusal:
        words = f"the cancel was rejected: {names}: {refusal}"
    elif all(state.job and state.job.status in NOT_STARTED_STATUSES for state in alive):
        words = f"not started yet, and Airbyte cancels only running jobs: {names}"
        again = (
            f"run `airbyte-sync cancel {ids}` once it is running (`airbyte-sync status {ids}`), "
            f"or `airbyte-sync wait {ids}` to let it finish"
        )
    else:
        words = f"the cancel was sent but is not confirmed yet: {names}"
    return UnknownOutcomeError(words, hint=again)
