"""What takes time: starting a job and waiting for it, cancelling and waiting for the stop.

Both APIs call these; they differ only in how long they wait and in what they answer.
"""

import math
from typing import Final

from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.refusals import JobOverAtOnce, StartTimedOut
from airbyte_sync_cli.sandbox.world import Birth, World

JOB_ID_LIMIT: Final = 60.0
"""Seconds that a newer server waits for a job id (TemporalClient, since June 2026)."""
_BETWEEN_CANCELS: Final = 1.0
"""Seconds after which a reset cancels again what a lost cancel has left running."""
LONGEST_NAP: Final = 60.0
"""Simulated seconds between two looks while a request is held."""


async def start_sync(
    world: World,
    connection_id: str,
    *,
    early: bool,
    asked_by: str,
    kind: str = "sync",
    born_after: float | None = None,
) -> SimJob:
    """Start a job and hold until it exists (`early`) or until its attempt runs.

    Raises a Refusal; StartTimedOut only with `early`, and the job may come into being later.
    """
    connection = world.admit(connection_id)
    active = world.active_job(connection.id)
    if active is not None:
        active.asked_by.append(asked_by)
    else:
        birth = world.ask_for_job(connection, asked_by=asked_by, kind=kind, born_after=born_after)
        active = await _await_birth(world, birth, limit=JOB_ID_LIMIT if early else math.inf)
    return active if early else await _await_attempt(world, active)


async def start_reset(world: World, connection_id: str, *, asked_by: str) -> SimJob:
    """Start a reset; what runs on the connection is cancelled rather than refused.

    What is only pending is cancelled once it runs: two jobs at a time there are never.
    """
    connection = world.connection(connection_id)
    while (active := world.active_job(connection.id)) is not None:
        await cancel_running(world, connection.id, asked_by=asked_by)
        due = min(active.runs_at, active.ends_at) - world.clock.now()
        if active.active:
            await world.clock.sleep(min(max(due, _BETWEEN_CANCELS), LONGEST_NAP))
    birth = world.ask_for_job(connection, asked_by=asked_by, kind="reset_connection")
    return await _await_birth(world, birth, limit=math.inf)


async def cancel_running(world: World, connection_id: str, *, asked_by: str) -> None:
    """Cancel whatever runs on a connection now, and hold until it has stopped."""
    active = world.active_job(connection_id)
    if active is None or not active.cancel(asked_by):
        return
    while active.active:
        await world.clock.sleep(min(active.ends_at - world.clock.now(), LONGEST_NAP))


async def _await_birth(world: World, birth: Birth, *, limit: float) -> SimJob:
    until = world.clock.now() + limit
    while birth.job is None:
        now = world.clock.now()
        if now >= until:
            raise StartTimedOut
        await world.clock.sleep(min(birth.at - now, until - now, LONGEST_NAP))
        world.advance()
    return birth.job


async def _await_attempt(world: World, job: SimJob) -> SimJob:
    while not job.attempts_at(world.clock.now()):
        if not job.active:
            raise JobOverAtOnce
        due = min(job.runs_at, job.ends_at) - world.clock.now()
        await world.clock.sleep(min(due, LONGEST_NAP))
    return job
