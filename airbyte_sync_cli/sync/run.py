"""Run syncs: trigger and wait, for one connection or many, ours and theirs kept apart."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection
from airbyte_sync_cli.errors import AirbyteSyncError, BugError, OutOfTimeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import DryRun, Finished, JobKnown, Planned
from airbyte_sync_cli.sync.finish import complete
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.select import require_active
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped
from airbyte_sync_cli.sync.trigger import Trigger
from airbyte_sync_cli.sync.wait import Wait
from airbyte_sync_cli.sync.wind_down import InterruptReporter, WindDown

_LONGEST_NAME: Final = 10.0
"""Seconds for finding out what a job's connection is called: meanwhile nobody looks at the job."""
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED, None}


async def run_connections(
    context: Context, connections: Sequence[Connection]
) -> Sequence[SyncState]:
    """Trigger and wait for each connection, at the same time; one ending each."""
    job_type = context.policy.trigger.job_type
    states = [SyncState.to_start(one, job_type) for one in connections]
    run = _Run(context, states)
    return await run.all(
        [partial(run.sync, state, one) for state, one in zip(states, connections, strict=True)]
    )


async def wait_for_jobs(context: Context, job_ids: Sequence[int]) -> Sequence[SyncState]:
    """Wait for jobs that exist already: theirs, so never cancelled."""
    states = [SyncState.of_job(job_id) for job_id in job_ids]
    run = _Run(context, states)
    return await run.all(
        [partial(run.watch, state, one) for state, one in zip(states, job_ids, strict=True)]
    )


class _Run:
    """Everything that happens at the same time, and how it ends together."""

    def __init__(self, context: Context, states: Sequence[SyncState]) -> None:
        self._context = context
        self._policy = context.policy
        self._clock = context.clock
        self._stop = context.stop
        self._states = states
        self._interrupts = InterruptReporter(context, states)
        self._wind_down = WindDown(context, on_news=self._interrupts.tell)
        self._began = self._clock.monotonic()
        timeout = self._policy.wait.timeout
        self._deadline = None if timeout is None else self._began + timeout
        most = self._policy.max_parallel
        self._turn: AbstractAsyncContextManager[object] = (
            nullcontext() if most is None else asyncio.Semaphore(most)
        )

    async def all(self, works: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[SyncState]:
        """Do each case's work at the same time, each to its own ending."""
        self._context.emit(Planned(syncs=[state.snapshot() for state in self._states]))
        async with asyncio.TaskGroup() as tasks:
            interrupts = tasks.create_task(self._report_interrupts())
            async with asyncio.TaskGroup() as group:
                for state, work in zip(self._states, works, strict=True):
                    group.create_task(self._conclude(state, work))
            interrupts.cancel()
        return self._states

    async def sync(self, state: SyncState, connection: Connection) -> None:
        """Come by exactly one job of a connection and see it through."""
        async with asyncio.TaskGroup() as tasks:
            our_job = OurJob(self._context, state, connection, tasks=tasks)
            try:
                await self._sync(state, connection, our_job)
            except StoppedError as stopped:
                await self._wind_down.run(state, stopped, our_job)
            except Exception as error:  # noqa: BLE001  # a bug of ours, and a job may be running
                state.error = error if isinstance(error, AirbyteSyncError) else BugError.of(error)
                if isinstance(state.error, BugError):
                    await self._wind_down.after_bug(our_job)
            finally:
                our_job.cancel_request()

    async def watch(self, state: SyncState, job_id: int) -> None:
        """See a job through that somebody else started."""
        try:
            await until_stopped(self._know(state, job_id), stop=self._stop)
            await self._see_through(state, job_id)
        except StoppedError as stopped:
            await self._wind_down.run(state, stopped)

    async def _conclude(self, state: SyncState, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._turn:
                await work()
        except AirbyteSyncError as error:
            state.error = error
        except Exception as error:  # noqa: BLE001  # the others go on, and this job keeps its name
            state.error = BugError.of(error)
        try:
            self._tell_end(state)
        except Exception as error:  # noqa: BLE001  # a fault in telling must not end the others
            state.error = state.error or BugError.of(error)

    def _tell_end(self, state: SyncState) -> None:
        if self._policy.fail_fast and state.exit_code not in _FINE and not self._stop.is_requested:
            self._stop.fail_fast()
            self._context.warn(state, "this one failed, so the others are ended (--fail-fast)")
        self._context.emit(
            Finished(
                sync=state.snapshot(),
                result=state.result(),
                error=state.error,
                failure=state.failure,
            )
        )

    async def _report_interrupts(self) -> None:
        try:
            await self._interrupts.run()
        except Exception as error:  # noqa: BLE001  # the same: each sync has its own ending
            bug = BugError.of(error)
            for state in self._states:
                state.error = state.error or bug

    async def _sync(self, state: SyncState, connection: Connection, our_job: OurJob) -> None:
        if self._stop.is_requested:
            raise StoppedError
        require_active(connection)
        trigger = Trigger(self._context, state, connection, our_job)
        if self._policy.dry_run:
            words = await until_stopped(
                trigger.look(), stop=self._stop, seconds=self._seconds_left()
            )
            self._context.emit(DryRun(sync=state.snapshot(), message=words))
            state.ended_as = ExitCode.OK
            return
        await until_stopped(trigger.obtain(), stop=self._stop, seconds=self._seconds_left())
        if state.job is None or state.ended_as is not None:
            return
        if self._policy.trigger_only:
            state.ended_as = ExitCode.OK
            return
        await self._see_through(state, state.job.id)

    async def _know(self, state: SyncState, job_id: int) -> None:
        """Find the name of a job's connection, for people; the wait does not hang on it."""
        airbyte, left = self._context.airbyte, self._seconds_left()
        try:
            async with asyncio.timeout(
                _LONGEST_NAME if left is None else min(_LONGEST_NAME, left)
            ):
                state.job = await airbyte.job(job_id)
                state.connection = await airbyte.connection(state.job.connection_id, retry_for=0)
        except (AirbyteSyncError, TimeoutError):
            return  # the wait meets the same trouble, and knows how long to bear it
        state.url = airbyte.job_url(state.connection, job_id)
        self._context.emit(JobKnown(sync=state.snapshot(), named=True))

    async def _see_through(self, state: SyncState, job_id: int) -> None:
        """Wait for the end and complete what is known of it."""
        if state.job is None or state.job.is_active:
            wait = Wait(self._context, state, job_id, deadline=self._deadline)
            try:
                await until_stopped(wait.until_end(), stop=self._stop)
            except OutOfTimeError as error:
                state.error = error
                at = self._deadline if error.limit == "--timeout" else None
                raise DeadlineError(error.limit, at=at) from error
        await complete(self._context, state, seconds=self._seconds_left())

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else self._deadline - self._clock.monotonic()
