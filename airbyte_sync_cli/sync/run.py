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
from airbyte_sync_cli.sync.events import (
    DryRun,
    Finished,
    JobKnown,
    Planned,
    Resolved,
)
from airbyte_sync_cli.sync.finish import complete
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.select import require_active
from airbyte_sync_cli.sync.state import Case
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped
from airbyte_sync_cli.sync.trigger import Trigger
from airbyte_sync_cli.sync.wait import Wait
from airbyte_sync_cli.sync.wind_down import InterruptReporter, WindDown

_LONGEST_NAME: Final = 10.0
"""Seconds for finding out what a job's connection is called: meanwhile nobody looks at the job."""
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED, None}


async def run_connections(context: Context, connections: Sequence[Connection]) -> Sequence[Case]:
    """Trigger and wait for each connection, at the same time; one ending each."""
    job_type = context.policy.trigger.job_type
    cases = [Case.to_start(one, job_type) for one in connections]
    run = _Run(context, cases)
    for case, connection in zip(cases, connections, strict=True):
        context.emit(Resolved(key=case.key, connection=connection))
    return await run.all(
        [partial(run.sync, case, one) for case, one in zip(cases, connections, strict=True)]
    )


async def wait_for_jobs(context: Context, job_ids: Sequence[int]) -> Sequence[Case]:
    """Wait for jobs that exist already: theirs, so never cancelled."""
    cases = [Case.of_job(job_id) for job_id in job_ids]
    run = _Run(context, cases)
    return await run.all(
        [partial(run.watch, case, one) for case, one in zip(cases, job_ids, strict=True)]
    )


class _Run:
    """Everything that happens at the same time, and how it ends together."""

    def __init__(self, context: Context, cases: Sequence[Case]) -> None:
        self._context = context
        self._policy = context.policy
        self._clock = context.clock
        self._stop = context.stop
        self._cases = cases
        self._interrupts = InterruptReporter(context, cases)
        self._wind_down = WindDown(context, on_news=self._interrupts.tell)
        self._began = self._clock.monotonic()
        timeout = self._policy.wait.timeout
        self._deadline = None if timeout is None else self._began + timeout
        most = self._policy.max_parallel
        self._turn: AbstractAsyncContextManager[object] = (
            nullcontext() if most is None else asyncio.Semaphore(most)
        )

    async def all(self, works: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[Case]:
        """Do each case's work at the same time, each to its own ending."""
        self._context.emit(Planned(keys=[case.key for case in self._cases]))
        async with asyncio.TaskGroup() as tasks:
            interrupts = tasks.create_task(self._report_interrupts())
            async with asyncio.TaskGroup() as group:
                for case, work in zip(self._cases, works, strict=True):
                    group.create_task(self._conclude(case, work))
            interrupts.cancel()
        return self._cases

    async def sync(self, case: Case, connection: Connection) -> None:
        """Come by exactly one job of a connection and see it through."""
        async with asyncio.TaskGroup() as tasks:
            ours = OurJob(self._context, case, connection, tasks=tasks)
            try:
                await self._sync(case, connection, ours)
            except StoppedError as stopped:
                await self._wind_down.run(case, stopped, ours)
            except Exception as error:  # noqa: BLE001  # a bug of ours, and a job may be running
                case.error = error if isinstance(error, AirbyteSyncError) else BugError.of(error)
                if isinstance(case.error, BugError):
                    await self._wind_down.after_bug(ours)
            finally:
                ours.abandon()

    async def watch(self, case: Case, job_id: int) -> None:
        """See a job through that somebody else started."""
        try:
            await until_stopped(self._know(case, job_id), stop=self._stop)
            await self._see_through(case, job_id)
        except StoppedError as stopped:
            await self._wind_down.run(case, stopped)

    async def _conclude(self, case: Case, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._turn:
                await work()
        except AirbyteSyncError as error:
            case.error = error
        except Exception as error:  # noqa: BLE001  # the others go on, and this job keeps its name
            case.error = BugError.of(error)
        try:
            self._tell_end(case)
        except Exception as error:  # noqa: BLE001  # a fault in telling must not end the others
            case.error = case.error or BugError.of(error)

    def _tell_end(self, case: Case) -> None:
        if self._policy.fail_fast and case.exit_code not in _FINE and not self._stop.is_wished:
            self._stop.fail_fast()
            self._context.warn(case.key, "this one failed, so the others are ended (--fail-fast)")
        self._context.emit(
            Finished(key=case.key, result=case.result(), error=case.error, failure=case.failure)
        )

    async def _report_interrupts(self) -> None:
        try:
            await self._interrupts.run()
        except Exception as error:  # noqa: BLE001  # the same: each sync has its own ending
            bug = BugError.of(error)
            for case in self._cases:
                case.error = case.error or bug

    async def _sync(self, case: Case, connection: Connection, ours: OurJob) -> None:
        if self._stop.is_wished:
            raise StoppedError
        require_active(connection)
        trigger = Trigger(self._context, case, connection, ours)
        if self._policy.dry_run:
            words = await until_stopped(
                trigger.look(), stop=self._stop, seconds=self._seconds_left()
            )
            self._context.emit(DryRun(key=case.key, words=words))
            case.ended_as = ExitCode.OK
            return
        await until_stopped(trigger.obtain(), stop=self._stop, seconds=self._seconds_left())
        if case.job is None or case.ended_as is not None:
            return
        if self._policy.trigger_only:
            case.ended_as = ExitCode.OK
            return
        await self._see_through(case, case.job.id)

    async def _know(self, case: Case, job_id: int) -> None:
        """Find the name of a job's connection, for people; the wait does not hang on it."""
        airbyte, left = self._context.airbyte, self._seconds_left()
        try:
            async with asyncio.timeout(
                _LONGEST_NAME if left is None else min(_LONGEST_NAME, left)
            ):
                case.job = await airbyte.job(job_id)
                case.connection = await airbyte.connection(case.job.connection_id, patience=0)
        except (AirbyteSyncError, TimeoutError):
            return  # the wait meets the same trouble, and knows how long to bear it
        case.url = airbyte.job_url(case.connection, job_id)
        self._context.emit(Resolved(key=case.key, connection=case.connection))
        self._context.emit(
            JobKnown(
                key=case.key,
                job=case.job,
                adopted=True,
                history=case.history,
                url=case.url,
                named=True,
            )
        )

    async def _see_through(self, case: Case, job_id: int) -> None:
        """Wait for the end and complete what is known of it."""
        if case.job is None or case.job.is_active:
            wait = Wait(self._context, case, job_id, deadline=self._deadline)
            try:
                await until_stopped(wait.until_end(), stop=self._stop)
            except OutOfTimeError as error:
                case.error = error
                at = self._deadline if error.limit == "--timeout" else None
                raise DeadlineError(error.limit, at=at) from error
        await complete(self._context, case, seconds=self._seconds_left())

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else self._deadline - self._clock.monotonic()
