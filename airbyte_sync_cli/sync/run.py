"""Run syncs: start one job for each connection, wait for its end, note how it ended.

Read downwards: `run_connections`, `_Run.all`, `_sync`, `_get_job_and_wait` (trigger.py,
our_job.py), `_wait_for_end` (wait.py, finish.py). Whatever cuts that short ends in wind_down.py.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from airbyte_sync_cli.airbyte.models import FAILED, Connection
from airbyte_sync_cli.errors import AirbyteSyncError, BugError, OutOfTimeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import DryRun, Finished, JobKnown, Planned
from airbyte_sync_cli.sync.finish import complete
from airbyte_sync_cli.sync.inactive import require_active
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped
from airbyte_sync_cli.sync.trigger import Trigger
from airbyte_sync_cli.sync.wait import Wait
from airbyte_sync_cli.sync.wind_down import InterruptReporter, WindDown

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.shared_reader import SharedReader

_T = TypeVar("_T")
_MAX_NAME_LOOKUP: Final = 10.0
"""Seconds for reading the name of a job's connection: the job is not polled meanwhile."""
_MAX_LIST: Final = 30.0
"""Seconds for reading the names of all connections, and the ids of their workspaces."""
_MANY_JOBS: Final = 20
"""Jobs for which all connections are read at once: a page has a hundred."""
_NO_FAILURE: Final = {ExitCode.OK, ExitCode.SKIPPED, None}


async def run_connections(
    context: Context, connections: Sequence[Connection]
) -> Sequence[SyncState]:
    """Start and wait for one sync of each connection, all at the same time."""
    job_type = context.policy.trigger.job_type
    states = [SyncState.to_start(connection, job_type) for connection in connections]
    return await _Run(context, states).all(connections)


async def wait_for_jobs(context: Context, job_ids: Sequence[int]) -> Sequence[SyncState]:
    """Wait for jobs that exist already. This process did not start them, so it cancels none."""
    return await _Run(context, [SyncState.of_job(job_id) for job_id in job_ids]).all(job_ids)


class _Run:
    """Syncs that run at the same time, with one timeout and one way to be stopped."""

    def __init__(self, context: Context, states: Sequence[SyncState]) -> None:
        self._context = context
        """With the reader that all waits share, once they run."""
        self._policy = context.policy
        self._clock = context.clock
        self._stop = context.stop
        self._states = states
        self._interrupts = InterruptReporter(context, states)
        self._wind_down = WindDown(context, on_change=self._interrupts.report)
        # One deadline for all: a sync that waits for --max-parallel uses it up as well.
        timeout = self._policy.wait.timeout
        self._deadline = None if timeout is None else self._clock.monotonic() + timeout
        limit = self._policy.max_parallel
        self._parallel: AbstractAsyncContextManager[object] = (
            nullcontext() if limit is None else asyncio.Semaphore(limit)
        )

    async def all(self, subjects: Sequence[Connection | int]) -> Sequence[SyncState]:
        """Run every sync to its own end: of a connection to start, or of the id of a job."""
        self._context.emit(Planned(syncs=[state.snapshot() for state in self._states]))
        async with asyncio.TaskGroup() as tasks:
            # Outside the group of the syncs: it never ends by itself, so that group would not.
            interrupts = tasks.create_task(self._report_interrupts())
            self._context = replace(self._context, reader=await self._reader(tasks, subjects))
            async with asyncio.TaskGroup() as syncs:
                for state, subject in zip(self._states, subjects, strict=True):
                    syncs.create_task(self._run_to_end(state, subject))
            interrupts.cancel()
            if self._context.reader is not None:
                self._context.reader.close()
        return self._states

    async def _reader(
        self, tasks: asyncio.TaskGroup, subjects: Sequence[Connection | int]
    ) -> "SharedReader | None":
        """Return what reads the jobs of several syncs together; one job alone needs it not."""
        if len(subjects) == 1:
            return None
        from airbyte_sync_cli.sync.shared_reader import SharedReader  # noqa: PLC0415  # only then

        known = [one for one in subjects if isinstance(one, Connection)]
        if not known and len(subjects) >= _MANY_JOBS:
            known = list(await self._connections())
        return SharedReader(self._context.airbyte, self._clock, tasks, connections=known)

    async def _connections(self) -> Sequence[Connection]:
        """Read all connections, to name those of many jobs; none if that fails or is stopped."""
        left = self._seconds_left()
        limit = _MAX_LIST if left is None else min(_MAX_LIST, left)
        try:
            return await until_stopped(
                self._context.airbyte.connections(), stop=self._stop, seconds=limit
            )
        except (AirbyteSyncError, StoppedError):
            return ()

    async def _run_to_end(self, state: SyncState, subject: Connection | int) -> None:
        """Run one sync. Its errors stay in its state: one that left would cancel the others."""
        try:
            async with self._parallel:
                if isinstance(subject, Connection):
                    await self._sync(state, subject)
                else:
                    await self._watch(state, subject)
        except AirbyteSyncError as error:
            state.error = error
        except Exception as error:  # noqa: BLE001  # a bug: the result still has to name the job
            state.error = BugError.of(error)
        try:
            self._report_end(state)
        except Exception as error:  # noqa: BLE001  # a bug of a listener must not end the others
            state.error = state.error or BugError.of(error)

    async def _sync(self, state: SyncState, connection: Connection) -> None:
        """Get one job of a connection and wait for its end, or wind down when stopped.

        `tasks` holds the trigger request: it outlives a stop, so that its response is not lost.
        """
        async with asyncio.TaskGroup() as tasks:
            our_job = OurJob(self._context, state, connection, tasks=tasks)
            try:
                await self._get_job_and_wait(state, connection, our_job)
            except StoppedError as stopped:
                await self._wind_down.run(state, stopped, our_job)
            except Exception as error:  # noqa: BLE001  # a bug, and a job may be running
                # Noted here: it would leave the task group wrapped in an exception group.
                state.error = error if isinstance(error, AirbyteSyncError) else BugError.of(error)
                if isinstance(state.error, BugError):
                    await self._wind_down.after_bug(our_job)
            finally:
                # The task group would wait for a response that may never arrive.
                our_job.cancel_request()

    async def _get_job_and_wait(
        self, state: SyncState, connection: Connection, our_job: OurJob
    ) -> None:
        if self._stop.is_requested:  # while this one waited for --max-parallel
            raise StoppedError
        # Airbyte refuses an inactive connection too, but with a vague 409 or a 500.
        await self._in_time(require_active(self._context.airbyte, connection))
        trigger = Trigger(self._context, state, connection, our_job)
        if self._policy.dry_run:
            action = await self._in_time(trigger.preview())
            self._context.emit(DryRun(sync=state.snapshot(), message=action))
            state.ended_as = ExitCode.OK
            return
        await self._in_time(trigger.get_job())
        if self._policy.trigger_only:
            # A skip (--if-running) keeps its own exit code.
            state.ended_as = state.ended_as or ExitCode.OK
        if state.job is not None and state.ended_as is None:
            await self._wait_for_end(state, state.job.id)

    async def _watch(self, state: SyncState, job_id: int) -> None:
        """Wait for the end of a job that exists already."""
        try:
            await until_stopped(self._look_up_names(state, job_id), stop=self._stop)
            await self._wait_for_end(state, job_id)
        except StoppedError as stopped:
            await self._wind_down.run(state, stopped)

    async def _look_up_names(self, state: SyncState, job_id: int) -> None:
        """Read the job and its connection, so that messages can name them."""
        airbyte, left = self._context.airbyte, self._seconds_left()
        limit = _MAX_NAME_LOOKUP if left is None else min(_MAX_NAME_LOOKUP, left)
        try:
            async with asyncio.timeout(limit):
                reader = self._context.reader
                state.job = await (reader.find(job_id) if reader else airbyte.job(job_id))
                known = reader.connections if reader else {}
                connection_id = state.job.connection_id
                state.connection = known.get(connection_id.lower()) or await airbyte.connection(
                    connection_id, retry_for=0
                )
        except (AirbyteSyncError, TimeoutError):
            return  # Wait meets the same error, and retries for --max-outage
        state.url = airbyte.job_url(state.connection, job_id)
        self._context.emit(JobKnown(sync=state.snapshot(), named=True))

    async def _wait_for_end(self, state: SyncState, job_id: int) -> None:
        """Poll the job until its status is final, then read its last numbers or its failure."""
        # The log of a job that `--since` found as succeeded is that of an earlier run.
        is_final = state.job is not None and state.job.is_final
        if not is_final or state.requested_type is None:
            async with self._streamed_log(state, job_id):
                await self._poll_to_end(state, job_id)
        ended_at = self._clock.monotonic()
        await complete(self._context, state, seconds=self._seconds_left())
        if state.job is not None and state.job.status == FAILED:
            from airbyte_sync_cli.sync.job_log import read_tail  # noqa: PLC0415  # 0.4 MiB

            await read_tail(self._context, state, since=ended_at)

    def _streamed_log(self, state: SyncState, job_id: int) -> AbstractAsyncContextManager[None]:
        if self._context.policy.log_level is None:
            return nullcontext()
        from airbyte_sync_cli.sync.job_log import streamed_log  # noqa: PLC0415  # 0.4 MiB

        return streamed_log(self._context, state, job_id)

    async def _poll_to_end(self, state: SyncState, job_id: int) -> None:
        if state.job is not None and state.job.is_final:
            return
        wait = Wait(self._context, state, job_id, deadline=self._deadline)
        try:
            # Without `seconds`: Wait itself reads the job once more after the deadline.
            await until_stopped(wait.until_end(), stop=self._stop)
        except OutOfTimeError as error:
            state.error = error
            # The last poll came after the deadline: the grace period counts from the deadline.
            at = self._deadline if error.limit == "--timeout" else None
            raise DeadlineError(error.limit, at=at) from error

    async def _in_time(self, work: Coroutine[None, None, _T]) -> _T:
        return await until_stopped(work, stop=self._stop, seconds=self._seconds_left())

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else self._deadline - self._clock.monotonic()

    def _report_end(self, state: SyncState) -> None:
        is_failure = state.exit_code not in _NO_FAILURE
        # Only the first failure: the syncs that it stops may end with 143, a failure, too.
        if self._policy.fail_fast and is_failure and not self._stop.is_requested:
            self._stop.fail_fast()
            self._context.warn(state, "this sync failed, stopping the others (--fail-fast)")
        self._context.emit(
            Finished(
                sync=state.snapshot(),
                result=state.result(),
                error=state.error,
                failure=state.failure,
                log_tail=state.log_tail,
            )
        )

    async def _report_interrupts(self) -> None:
        try:
            await self._interrupts.run()
        except Exception as error:  # noqa: BLE001  # a bug of a listener must not end the syncs
            bug = BugError.of(error)
            for state in self._states:
                state.error = state.error or bug
