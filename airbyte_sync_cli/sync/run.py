"""Run syncs: trigger and wait, for one connection or many, ours and theirs kept apart."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection
from airbyte_sync_cli.errors import AirbyteSyncError, BugError, OutOfTimeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.cancel import cancel_with_care
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import (
    Cancelling,
    DryRun,
    Finished,
    JobKnown,
    Planned,
    Resolved,
)
from airbyte_sync_cli.sync.finish import finish, judge
from airbyte_sync_cli.sync.interrupt_reporter import InterruptReporter
from airbyte_sync_cli.sync.ours import OurJob
from airbyte_sync_cli.sync.select import require_active
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError, until_stopped
from airbyte_sync_cli.sync.trigger import Trigger
from airbyte_sync_cli.sync.wait import Wait

_MORE_TIME: Final = "--timeout gives more time"
_MORE_TIME_OR_LEAVE: Final = f"{_MORE_TIME}, --on-timeout leave lets the job go on"
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED, None}


async def run_connections(context: Context, connections: Sequence[Connection]) -> Sequence[Case]:
    """Trigger and wait for each connection, at the same time; one ending each."""
    cases = [Case(key=one.id, connection=one) for one in connections]
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
            interrupts = tasks.create_task(self._interrupts.run())
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
                await self._wind_down(case, stopped, ours)
            except AirbyteSyncError as error:
                case.error = error
            finally:
                ours.abandon()

    async def watch(self, case: Case, job_id: int) -> None:
        """See a job through that somebody else started."""
        try:
            await until_stopped(
                self._know(case, job_id), stop=self._stop, seconds=self._seconds_left()
            )
            await self._see_through(case, job_id)
        except StoppedError as stopped:
            await self._wind_down(case, stopped)

    async def _conclude(self, case: Case, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._turn:
                await work()
        except AirbyteSyncError as error:
            case.error = error
        except Exception as error:  # noqa: BLE001  # the others go on, and this job keeps its name
            case.error = BugError.of(error)
        if self._policy.fail_fast and case.exit_code not in _FINE and not self._stop.is_wished:
            self._stop.fail_fast()
            self._context.warn(case.key, "this one failed, so the others are ended (--fail-fast)")
        self._context.emit(
            Finished(key=case.key, result=case.result(), error=case.error, failure=case.failure)
        )

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
        airbyte = self._context.airbyte
        try:
            case.job = await airbyte.job(job_id)
            case.connection = await airbyte.connection(case.job.connection_id, patience=0)
        except AirbyteSyncError:
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
                raise DeadlineError(error.limit) from error
        await self._complete(case)

    async def _complete(self, case: Case) -> None:
        """Learn what there is to know of a job that has ended; its end stands without that."""
        work = finish(self._context, case, seconds=self._seconds_left())
        try:
            await until_stopped(work, stop=self._stop)
        except StoppedError:
            judge(self._context, case)

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else self._deadline - self._clock.monotonic()

    # -- being stopped -----------------------------------------------------------------------

    async def _wind_down(
        self, case: Case, stopped: StoppedError, ours: OurJob | None = None
    ) -> None:
        """Leave no job behind that is ours and unwanted, and none without a name."""
        since = self._clock.monotonic()
        grace_left = partial(self._stop.grace_left, since)
        if ours is not None:
            await ours.find_now(grace_left)
        case.ended_as = self._ending(case, stopped, ours)
        if case.job is not None and not case.adopted and self._unwanted(stopped):
            because = self._because(stopped)
            self._context.emit(Cancelling(key=case.key, job=case.job, because=because))
            await cancel_with_care(
                self._context, case, grace_left=grace_left, on_sent=self._interrupts.tell
            )
        if case.job is not None and case.job.is_final and case.exit_code is not case.ended_as:
            await self._complete(case)  # it ended by itself, before the cancel or in spite of it
        if isinstance(case.error, OutOfTimeError):
            more_time = _MORE_TIME if self._policy.trigger_only else _MORE_TIME_OR_LEAVE
            case.error = _with_its_cancel(case, case.error, more_time)
        self._interrupts.tell()

    def _ending(self, case: Case, stopped: StoppedError, ours: OurJob | None) -> ExitCode:
        if self._stop.interrupted is not None:
            return ExitCode[self._stop.interrupted.signal]
        if isinstance(stopped, DeadlineError):
            case.error = case.error or _too_late(case, ours)
            return ExitCode.TIMEOUT
        if ours is not None and ours.is_open():
            case.error = ours.unknown("another sync failed meanwhile (--fail-fast)")
            return ExitCode.UNKNOWN
        return ExitCode.SKIPPED if case.job is None else ExitCode.SIGTERM

    def _because(self, stopped: StoppedError) -> str:
        if isinstance(stopped, DeadlineError):
            return f"{stopped.limit} passed"
        interrupted = self._stop.interrupted is not None
        return "interrupted" if interrupted else "another sync failed (--fail-fast)"

    def _unwanted(self, stopped: StoppedError) -> bool:
        """Whether a job of ours shall not go on without us."""
        if isinstance(stopped, DeadlineError):
            return self._policy.on_timeout == "cancel"
        if self._stop.interrupted is not None:
            return self._policy.on_interrupt == "cancel"
        return True  # a sibling failed, and --fail-fast was asked for


def _too_late(case: Case, ours: OurJob | None) -> OutOfTimeError:
    """Say what `--timeout` cut short, where nobody has said it yet."""
    if case.job is None and ours is not None and ours.is_open():
        unknown = ours.unknown("--timeout passed")
        return OutOfTimeError(unknown.message, hint=unknown.hint)
    name = f"job {case.job.id} had ended" if case.job else "there was a job"
    return OutOfTimeError(f"--timeout passed before {name}", hint=_MORE_TIME)


def _with_its_cancel(case: Case, error: OutOfTimeError, more_time: str) -> OutOfTimeError | None:
    """Say what became of the job that was out of time; None where it had ended by itself."""
    if case.job is None or case.cancel is None:
        return error
    if case.exit_code is not ExitCode.TIMEOUT:
        return None
    if case.cancel.confirmed:
        hint = error.hint if error.limit == "--start-timeout" else more_time
        return OutOfTimeError(f"{error.message}: cancelled", hint=hint, limit=error.limit)
    return OutOfTimeError(
        f"{error.message}; its cancel is unconfirmed, it may go on",
        hint=f"`airbyte-sync status {case.job.id}` tells how it stands, "
        f"`airbyte-sync cancel {case.job.id}` cancels it again",
        limit=error.limit,
    )
