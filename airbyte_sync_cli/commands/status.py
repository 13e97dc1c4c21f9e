"""What `status` and `cancel` do once there is a session."""

import asyncio
from collections.abc import Sequence

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, Connection, Job
from airbyte_sync_cli.commands.session import Ending, Session
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, UnknownOutcomeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.state import Case
from airbyte_sync_cli.tasks import gather


async def look_at_jobs(session: Session, job_ids: Sequence[int], *, exit_status: bool) -> Ending:
    """Look once at each job."""
    cases = await gather(*(look_at_job(session, job_id) for job_id in job_ids))
    return _looked_at(cases, exit_status=exit_status)


async def look_at_connections(
    session: Session, wanted: Sequence[str], tags: Sequence[str], *, exit_status: bool
) -> Ending:
    """Look once at the latest job of each connection."""
    connections = await session.select(wanted, tags)
    cases = await gather(*(_look_at_latest(session, one) for one in connections))
    return _looked_at(cases, exit_status=exit_status)


async def cancel_jobs(session: Session, job_ids: Sequence[int]) -> Ending:
    """Cancel jobs by id: each is read first."""
    cases = await gather(*(look_at_job(session, job_id) for job_id in job_ids))
    return await _cancel(session, cases)


async def cancel_connections(
    session: Session, wanted: Sequence[str], tags: Sequence[str]
) -> Ending:
    """Cancel what is active on connections."""
    connections = await session.select(wanted, tags)
    cases = await gather(*(_look_at_latest(session, one) for one in connections))
    return await _cancel(session, cases)


async def look_at_job(session: Session, job_id: int) -> Case:
    """Read a job, its connection's name, and the reason if it failed."""
    case = Case.of_job(job_id)
    session.asked_about.append(case)
    job = case.job = await session.airbyte.job(job_id)
    async with asyncio.TaskGroup() as tasks:
        connection = tasks.create_task(_name_of(session, job.connection_id))
        tasks.create_task(_explain(session, case, job))
    case.connection = connection.result()
    case.url = session.airbyte.job_url(case.connection, job_id)
    return case


async def _look_at_latest(session: Session, connection: Connection) -> Case:
    case = Case(key=connection.id, connection=connection, adopted=True)
    session.asked_about.append(case)
    jobs = await session.airbyte.jobs(connection.id, limit=1)
    case.job = jobs[0] if jobs else None
    if case.job is not None:
        await _explain(session, case, case.job)
    case.url = session.airbyte.job_url(connection, case.job.id if case.job else None)
    return case


async def _name_of(session: Session, connection_id: str) -> Connection | None:
    """Read the job's connection; a deleted one leaves the job without a name."""
    try:
        return await session.airbyte.connection(connection_id, patience=0)
    except AirbyteSyncError:
        return None


async def _explain(session: Session, case: Case, job: Job) -> None:
    case.progress = await session.airbyte.progress(job.id)
    if job.status == "failed" and case.progress is not None:
        case.failure = case.progress.failure


def _looked_at(cases: Sequence[Case], *, exit_status: bool) -> Ending:
    """A look succeeds when it could be done; `--exit-status` makes the jobs speak."""
    if not exit_status:
        syncs = [case.result() for case in cases]
        return Ending(syncs=syncs, exit_code=ExitCode.OK, must_be_printed=True)
    for case in cases:
        case.error = _without_outcome(case)
    return Ending.of(cases)


def _without_outcome(case: Case) -> AirbyteSyncError | None:
    """Keep a job that goes on, and one that there is not, from looking like a success."""
    name = case.connection.name if case.connection else case.key
    if case.job is None:
        return NotFoundError(f"{name!r} has no job yet", hint="`airbyte-sync run` starts one")
    if case.job.is_active:
        return UnknownOutcomeError(
            f"job {case.job.id} of {name!r} is {case.job.status}: it has no outcome yet",
            hint=f"`airbyte-sync wait {case.job.id}` waits for it",
        )
    return None


async def _cancel(session: Session, cases: Sequence[Case]) -> Ending:
    """Cancel every job that is active; what has ended already needs nothing."""
    from airbyte_sync_cli.sync.cancel import cancel_with_care  # noqa: PLC0415  # not for `status`
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415
    from airbyte_sync_cli.sync.stop import STOP_GRACE  # noqa: PLC0415

    context = session.context(RunPolicy())
    until = session.clock.monotonic() + STOP_GRACE

    async def cancel(case: Case) -> None:
        if case.job is not None and case.job.is_active:
            await cancel_with_care(
                context,
                case,
                grace_left=lambda: until - session.clock.monotonic(),
                on_sent=lambda: None,
            )

    await gather(*(cancel(case) for case in cases))
    return _cancelled(cases)


def _cancelled(cases: Sequence[Case]) -> Ending:
    """End well where nothing is active any more, however the jobs ended."""
    alive = [case for case in cases if case.job is not None and case.job.is_active]
    error = _uncancelled(alive) if alive else None
    done = {"exit_code": ExitCode.OK, "outcome": ExitCode.OK.outcome}
    for case in alive:
        case.ended_as = ExitCode.UNKNOWN
    return Ending(
        syncs=[
            case.result() if case in alive else case.result().model_copy(update=done)
            for case in cases
        ],
        error=error,
        exit_code=error.exit_code if error else ExitCode.OK,
    )


def _uncancelled(alive: Sequence[Case]) -> UnknownOutcomeError:
    """Say which jobs are still active after all that was tried, why, and what can be done."""
    names = ", ".join(f"{case.name} ({case.job.status})" for case in alive if case.job)
    ids = " ".join(str(case.job.id) for case in alive if case.job)
    refusal = next((case.cancel_refusal for case in alive if case.cancel_refusal), None)
    again = f"`airbyte-sync cancel {ids}` tries again, `airbyte-sync status {ids}` tells how it is"
    if all(case.cancel is None or not case.cancel.requested for case in alive):
        words = f"no cancel was sent, because Airbyte cannot be read any more: {names}"
    elif refusal:
        words = f"the cancel was refused: {names}: {refusal}"
    elif all(case.job and case.job.status in NOT_STARTED_STATUSES for case in alive):
        words = f"still waiting to begin, and Airbyte cancels only what has begun: {names}"
        again = (
            f"`airbyte-sync cancel {ids}` again once it is running (`airbyte-sync status {ids}`), "
            f"or `airbyte-sync wait {ids}` if it may run after all"
        )
    else:
        words = f"the cancel was sent, but is not confirmed yet: {names}"
    return UnknownOutcomeError(words, hint=again)
