"""Start, reset and cancel as Airbyte's server does: when a request is rejected, how long it holds.

Both APIs come here, as in airbyte-platform: SchedulerHandler, TemporalClient, and the workflow
ConnectionManagerWorkflowImpl, which runs one job per connection at a time.
"""

import math
from typing import Final

from airbyte_sync_cli.sandbox.connection import SimConnection, SimStream
from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.problems import (
    AlreadyRunning,
    JobEndedAtOnce,
    NotActive,
    StartTimedOut,
    WorkflowDeleted,
)
from airbyte_sync_cli.sandbox.state import PlannedJob, SandboxState

JOB_ID_LIMIT: Final = 60.0
"""Seconds that a newer server waits for a job id (TemporalClient, since June 2026)."""
_BETWEEN_CANCELS: Final = 1.0
"""Seconds after which a reset repeats a cancel that was lost."""
LONGEST_SLEEP: Final = 60.0
"""Simulated seconds between two checks while a request is held."""


async def start_sync(
    state: SandboxState,
    connection_id: str,
    *,
    early: bool,
    asked_by: str,
    kind: str = "sync",
    streams: tuple[SimStream, ...] = (),
    born_after: float | None = None,
) -> SimJob:
    """Start a job and hold until it exists (`early`) or until its first attempt runs.

    Raises an ApiProblem; StartTimedOut only with `early`, and the job may still be created later.
    """
    connection = _require_startable(state, connection_id)
    job = state.active_job(connection.id)
    # A pending or queued job counts as not running yet: the trigger returns its id, not a 409.
    if job is not None:
        job.asked_by.append(asked_by)
    else:
        planned = state.plan_job(
            connection, asked_by=asked_by, kind=kind, streams=streams, born_after=born_after
        )
        job = await _wait_for_job(state, planned, limit=JOB_ID_LIMIT if early else math.inf)
    return job if early else await _wait_for_attempt(state, job)


async def start_reset(
    state: SandboxState,
    connection_id: str,
    *,
    asked_by: str,
    streams: tuple[SimStream, ...] = (),
) -> SimJob:
    """Start a reset of these streams, or of all; a running job is cancelled, not a 409.

    A job that is only pending ignores a cancel and is cancelled once it runs, because there are
    never two active jobs on a connection.
    """
    connection = state.connection(connection_id)
    # A loop, because a schedule or another caller may start a job while this one stops.
    while (active := state.active_job(connection.id)) is not None:
        await cancel_running(state, connection.id, asked_by=asked_by, user=None)
        due = min(active.runs_at, active.ends_at) - state.clock.now()
        if active.active:
            await state.clock.sleep(min(max(due, _BETWEEN_CANCELS), LONGEST_SLEEP))
    planned = state.plan_job(
        connection, asked_by=asked_by, kind="reset_connection", streams=streams
    )
    return await _wait_for_job(state, planned, limit=math.inf)


async def cancel_running(
    state: SandboxState, connection_id: str, *, asked_by: str, user: str | None = "default"
) -> None:
    """Cancel whatever job runs on a connection now, and hold until it has stopped."""
    # By connection, not by job: the cancel of a finished job cancels its successor
    # (SchedulerHandler.submitCancellationToWorker, in every version).
    active = state.active_job(connection_id)
    if active is None or not active.cancel(asked_by, user=user):
        return
    # Without a limit, as TemporalClient.startNewCancellation; in steps, because a later cancel may
    # move the end.
    while active.active:
        await state.clock.sleep(min(active.ends_at - state.clock.now(), LONGEST_SLEEP))


def _require_startable(state: SandboxState, connection_id: str) -> SimConnection:
    """Return a connection on which a sync may start.

    Raises NoSuchConnection, NotActive, WorkflowDeleted or AlreadyRunning. A job whose first
    attempt has not started does not count as running: the trigger then joins it.
    """
    connection = state.connection(connection_id)
    if connection.status != "active":
        raise NotActive
    if connection.workflow_deleted:
        raise WorkflowDeleted(connection.id)
    active = state.active_job(connection.id)
    # The workflow sets its running flag only when an attempt starts.
    if active is not None and active.attempts_at(state.clock.now()):
        raise AlreadyRunning(connection.id)
    return connection


async def _wait_for_job(state: SandboxState, planned: PlannedJob, *, limit: float) -> SimJob:
    until = state.clock.now() + limit
    while planned.job is None:
        now = state.clock.now()
        if now >= until:  # the start signal stays: the job is still created at its time
            raise StartTimedOut
        await state.clock.sleep(min(planned.at - now, until - now, LONGEST_SLEEP))
        state.advance()
    return planned.job


async def _wait_for_attempt(state: SandboxState, job: SimJob) -> SimJob:
    while not job.attempts_at(state.clock.now()):
        if not job.active:  # it ended without an attempt, or was cancelled while pending
            raise JobEndedAtOnce
        due = min(job.runs_at, job.ends_at) - state.clock.now()
        await state.clock.sleep(min(due, LONGEST_SLEEP))
    return job
