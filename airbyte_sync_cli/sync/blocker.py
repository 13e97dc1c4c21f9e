"""Wait until a job that is not ours is out of the way."""

from dataclasses import replace

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.errors import UnavailableError, UnknownOutcomeError
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import BlockedBy, Event, OutageBegan, OutageEnded, Warned
from airbyte_sync_cli.sync.wait import Wait


async def wait_for_other_job(context: Context, case: Case, job: Job) -> None:
    """Wait for the end of another job, whatever it is; ours is not started yet.

    Raises UnavailableError where its end could not be learned.
    """
    context.emit(BlockedBy(key=case.key, job=job))

    def pass_on(event: Event, /) -> None:
        if isinstance(event, OutageBegan | OutageEnded | Warned):
            context.emit(event)

    policy = replace(context.policy, wait=replace(context.policy.wait, start_timeout=None))
    other = Case(key=case.key, job=job, history=case.history)
    try:
        await Wait(replace(context, emit=pass_on, policy=policy), other, job.id).until_end()
    except UnknownOutcomeError as error:
        raise UnavailableError(f"nothing was started: {error.message}") from error
