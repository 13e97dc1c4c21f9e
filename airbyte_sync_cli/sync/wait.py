"""Wait for a job: poll its status until it is final, through outages and within time limits."""

import asyncio
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, Job
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    OutOfTimeError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import BlockedBy, Event, OutageBegan, OutageEnded, Polled, Warned
from airbyte_sync_cli.sync.poll_interval import Outage, pause_before_poll
from airbyte_sync_cli.sync.state import SyncState


async def wait_for_other_job(context: Context, state: SyncState, job: Job) -> Job:
    """Wait for the end of a job that is in the way, whatever it is, and return it as it ended.

    Raises UnknownOutcomeError where that could not be learned.
    """
    context.emit(BlockedBy(sync=state.snapshot(), other=job))

    def pass_on(event: Event, /) -> None:
        if isinstance(event, OutageBegan | OutageEnded | Warned):
            context.emit(replace(event, sync=state.snapshot()))

    policy = replace(context.policy, wait=replace(context.policy.wait, start_timeout=None))
    other = SyncState(key=state.key, connection=state.connection, job=job, history=state.history)
    return await Wait(replace(context, emit=pass_on, policy=policy), other, job.id).until_end()


_LAST_LOOK: Final = 5.0
"""Seconds for the look that follows the deadline."""


class Wait:
    """One wait for one job."""

    def __init__(
        self, context: Context, state: SyncState, job_id: int, *, deadline: float | None = None
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._policy = context.policy.wait
        self._emit = context.emit
        self._state = state
        self._job_id = job_id
        self._deadline = deadline
        self._began = self._clock.monotonic()
        self._outage: Outage | None = None
        self._warned: set[str] = set()
        self._has_begun = state.job is not None and state.job.status not in NOT_STARTED_STATUSES
        """Between two attempts a job may be `pending` again: that is no late start."""

    async def until_end(self) -> Job:
        """Look until the job's status is final.

        The deadlines are followed by one last look, so that a job that ended in time is never
        called late. Raises OutOfTimeError, UnknownOutcomeError after `max_outage`, and what
        reading the job raises for good.
        """
        while True:
            looked_at = self._clock.monotonic()
            job = await self._look()
            if job is not None and job.is_final:
                return job
            late = self._lateness(job, looked_at)
            if late is not None:
                raise late
            await self._clock.sleep(self._pause())

    async def _look(self) -> Job | None:
        try:
            job = await self._read()
        except AirbyteSyncError as error:
            self._note_trouble(error)
            return None
        self._note_end_of_trouble()
        self._state.job = job
        self._has_begun = self._has_begun or job.status not in NOT_STARTED_STATUSES
        if job.is_active and job.status not in NOT_STARTED_STATUSES and not self._is_late():
            self._state.progress = (
                await self._context.airbyte.progress(job.id) or self._state.progress
            )
        self._emit(Polled(sync=self._state.snapshot()))
        self._warn_of_oddities(job)
        return job

    async def _read(self) -> Job:
        """Read the job; a read that hangs does not outlast the deadline by much."""
        seconds = None
        if self._deadline is not None:
            seconds = max(self._deadline - self._clock.monotonic(), _LAST_LOOK)
        try:
            async with asyncio.timeout(seconds):
                return await self._context.airbyte.job(self._job_id, retry_for=0)
        except TimeoutError as error:
            raise UnavailableError("no answer in time") from error

    def _is_late(self) -> bool:
        """Whether `--timeout` has passed: a cancel is due, numbers are not."""
        return self._deadline is not None and self._clock.monotonic() >= self._deadline

    def _lateness(self, job: Job | None, looked_at: float) -> OutOfTimeError | None:
        """Say whether time was up, and which, when this look at the job began."""
        if self._deadline is not None and looked_at >= self._deadline:
            return OutOfTimeError(
                f"{self._name} had not ended when --timeout passed",
                hint=f"`airbyte-sync wait {self._job_id}` waits on; --timeout gives more time",
            )
        start_deadline = self._start_deadline()
        if job is not None and start_deadline is not None and looked_at >= start_deadline:
            return OutOfTimeError(
                f"{self._name} had not begun to work when --start-timeout passed",
                hint="Airbyte has no free worker, or its workers are stuck: look at its pods",
                limit="--start-timeout",
            )
        return None

    @property
    def _name(self) -> str:
        return self._state.name if self._state.job is not None else f"job {self._job_id}"

    def _start_deadline(self) -> float | None:
        limit = self._policy.start_timeout
        return None if limit is None or self._has_begun else self._began + limit

    def _pause(self) -> float:
        """Sleep no longer than to the next deadline."""
        if self._outage is not None:
            pause = self._outage.pause(self._clock)
        elif self._policy.poll_interval is not None:
            pause = self._policy.poll_interval
        else:
            waited = self._clock.monotonic() - self._began  # a job's own age needs two clocks
            jitter = self._clock.jitter(-1, 1)
            pause = pause_before_poll(waited, history=self._state.history, jitter=jitter)
        now, start = self._clock.monotonic(), self._start_deadline()
        ends = [] if self._deadline is None else [self._deadline - now]
        if start is not None and (start > now or self._outage is None):
            ends.append(start - now)  # what cannot be read is not looked at ever faster
        return max(0.0, min([pause, *ends]))

    def _note_trouble(self, error: AirbyteSyncError) -> None:
        """Count a failed look; give up with the error where it is borne no longer."""
        now = self._clock.monotonic()
        trouble = self._outage = self._outage or Outage()
        trouble.note(error, now)
        was_read = self._state.job is not None
        if trouble.exhausts(self._policy, now, doubt=was_read):
            raise self._ending(error, trouble.age(now), was_read=was_read)
        if trouble.looks == 1:
            refused = trouble.refused_since is not None
            limit = self._policy.denied_grace if refused else self._policy.max_outage
            self._emit(
                OutageBegan(sync=self._state.snapshot(), reason=error.message, seconds=limit)
            )

    def _ending(
        self, error: AirbyteSyncError, seconds: float, *, was_read: bool
    ) -> AirbyteSyncError:
        """Name the job, whatever keeps us from it: it may go on."""
        if not (was_read or isinstance(error, UnavailableError)):
            return error
        return UnknownOutcomeError(
            f"{self._name} may go on, but Airbyte could not be read for {seconds:.0f} s: "
            f"{error.message}",
            hint=". ".join(
                filter(
                    None,
                    [
                        error.hint if not isinstance(error, UnavailableError) else None,
                        f"`airbyte-sync wait {self._job_id}` learns the outcome afterwards",
                    ],
                )
            ),
        )

    def _note_end_of_trouble(self) -> None:
        if self._outage is not None:
            seconds = self._outage.age(self._clock.monotonic())
            self._outage = None
            self._emit(OutageEnded(sync=self._state.snapshot(), seconds=seconds))

    def _warn_of_oddities(self, job: Job) -> None:
        if not job.has_known_status:
            self._warn(f"job {job.id} has the unknown status {job.status!r}: taken as active")
        waiting = self._clock.monotonic() - self._began >= self._policy.start_warning
        if waiting and not self._has_begun and job.status in NOT_STARTED_STATUSES:
            minutes = self._policy.start_warning / 60
            self._warn(
                f"job {job.id} has been {job.status} for {minutes:.0f} minutes: "
                "Airbyte may have no free worker (--start-timeout sets a limit)"
            )

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._context.warn(self._state, message)
