"""Wait until a job that is not ours is out of the way."""

from dataclasses import replace

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import BlockedBy, Event, OutageBegan, OutageEnded, Warned
from airbyte_sync_cli.sync.wait import Wait


async def wait_for_other_job(context: Context, case: Case, job: Job) -> Job:
    """Wait for the end of a job that is in the way, whatever it is, and return it as it ended.

    Raises UnknownOutcomeError where that could not be learned.
    """
    context.emit(BlockedBy(key=case.key, job=job))

    def pass_on(event: Event, /) -> None:
        if isinstance(event, OutageBegan | OutageEnded | Warned):
            context.emit(event)

    policy = replace(context.policy, wait=replace(context.policy.wait, start_timeout=None))
    other = Case(key=case.key, connection=case.connection, job=job, history=case.history)
    return await Wait(replace(context, emit=pass_on, policy=policy), other, job.id).until_end()
