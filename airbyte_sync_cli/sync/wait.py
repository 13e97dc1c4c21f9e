"""Wait for a job: poll its status until it is final, through outages and within time limits."""

import asyncio
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, Job, Progress
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    OutOfTimeError,
    ProtocolError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import (
    BlockedBy,
    Event,
    OutageBegan,
    OutageEnded,
    Polled,
    Unblocked,
    Warned,
)
from airbyte_sync_cli.sync.poll_interval import LONGEST_WATCHED, Outage, pause_before_poll
from airbyte_sync_cli.sync.progress_watch import ProgressWatch
from airbyte_sync_cli.sync.state import SyncState

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.shared_reader import WatchedJob

_NUMBERS_OF_MANY: Final = 300.0
"""Seconds between two reads of numbers that only a warning of a stalled job needs."""
_LAST_POLL: Final = 5.0
"""Seconds for the poll that follows the deadline."""


class Wait:
    """The wait for one job."""

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
        self._watch = ProgressWatch(context, state)
        self._has_begun = state.job is not None and state.job.status not in NOT_STARTED_STATUSES
        """Stays True: between two attempts a job may be `pending` again. That is no late start."""
        self._shared: WatchedJob | None = None
        """Reads the job together with those of other waits."""
        self._interval = 0.0
        """The last pause between two polls."""
        self._numbers_at = 0.0
        """When live numbers were last read."""
        self._numbers_of: str | None = None
        """The status then."""

    async def until_end(self) -> Job:
        """Poll until the job's status is final, and return the job.

        Each deadline is followed by one last poll, so that a job that ended in time is never a
        timeout. Raises OutOfTimeError, UnknownOutcomeError after `max_outage`, and a clean no that
        lasts.
        """
        reader = self._context.reader
        if reader is None:
            return await self._until_end()
        with reader.watching(self._job_id, self._state.job, self._state.connection) as shared:
            self._shared = shared
            return await self._until_end()

    async def _until_end(self) -> Job:
        while True:
            polled_at = self._clock.monotonic()
            job = await self._poll()
            if job is not None and job.is_final:
                return job
            # Judged by when the poll began: only a poll after the deadline can be the last one.
            out_of_time = self._out_of_time(job, polled_at)
            if out_of_time is not None:
                raise out_of_time
            self._interval, at_most = self._pause(), self._time_to_deadline()
            if self._shared is None:
                await self._clock.sleep(min(self._interval, at_most))
            else:
                await self._shared.pause(self._interval, at_most=at_most)

    async def _poll(self) -> Job | None:
        """Read the job once; None where that failed and the outage is still tolerated.

        Also None where a list has failed that shows all jobs: then nothing is known of this one.
        """
        try:
            job = await self._read()
        except AirbyteSyncError as error:
            self._note_outage(error)
            return None
        if job is None:
            return None
        self._note_end_of_outage()
        self._state.job = job  # also a final one: whatever stops us next, the outcome is known
        self._has_begun = self._has_begun or job.status not in NOT_STARTED_STATUSES
        if self._wants_numbers(job):
            progress = await self._read_numbers(job)
            if progress is not None:
                self._state.progress = progress
                await self._watch.note(progress)
        self._emit(Polled(sync=self._state.snapshot()))
        self._warn_of_anomalies(job)
        return job

    async def _read(self) -> Job | None:
        seconds = None
        if self._deadline is not None:  # a read that hangs must not outlast it by much
            seconds = max(self._deadline - self._clock.monotonic(), _LAST_POLL)
        try:
            async with asyncio.timeout(seconds):
                if self._shared is not None and not self._must_be_certain():
                    return await self._shared.read(max_age=self._interval)
                # No retries inside: `Outage` has to see each failure, to report and to limit them.
                return await self._context.airbyte.job(self._job_id, retry_for=0)
        except TimeoutError as error:
            raise UnavailableError("no response in time") from error

    def _wants_numbers(self, job: Job) -> bool:
        """Return whether somebody looks at live numbers now: they cost a request of their own.

        After a change of status in any case, because a new attempt is news.
        """
        # Once --timeout has passed, the cancel is due: live numbers would only delay it.
        if job.is_final or job.status in NOT_STARTED_STATUSES or self._is_overdue():
            return False
        every = self._context.numbers_every
        if self._shared is not None and every > 0:  # a heartbeat of several syncs shows none
            every = max(every, _NUMBERS_OF_MANY)
        if self._policy.stall_warning is not None:  # it has to see that they stay the same
            every = min(every, self._policy.stall_warning / 4)
        is_due = self._clock.monotonic() - self._numbers_at >= every
        return is_due or self._numbers_of != job.status

    async def _read_numbers(self, job: Job) -> Progress | None:
        self._numbers_at, self._numbers_of = self._clock.monotonic(), job.status
        if self._shared is not None:
            return await self._shared.numbers()
        return await self._context.airbyte.progress(job.id)

    def _must_be_certain(self) -> bool:
        """Return whether this is the poll after a deadline: a list may be from before it."""
        ends = (self._deadline, self._start_deadline())
        return any(end is not None and self._clock.monotonic() >= end for end in ends)

    def _is_overdue(self) -> bool:
        return self._deadline is not None and self._clock.monotonic() >= self._deadline

    def _out_of_time(self, job: Job | None, polled_at: float) -> OutOfTimeError | None:
        """Return the error of the deadline that had passed when this poll began."""
        if self._deadline is not None and polled_at >= self._deadline:
            status = "could not be read" if job is None else f"is still {job.status}"
            return OutOfTimeError(
                f"{self._name} {status} after --timeout",
                hint=f"run `airbyte-sync wait {self._job_id}` to resume waiting, "
                "or raise --timeout",
            )
        start_deadline = self._start_deadline()
        # Without a job nothing is known of its start: an outage is no late start.
        if job is not None and start_deadline is not None and polled_at >= start_deadline:
            return OutOfTimeError(
                f"{self._name} is still {job.status} after --start-timeout",
                hint="Airbyte has no free worker, or its workers are stuck: check its pods",
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
        """Return the pause before the next poll."""
        if self._outage is not None:
            return self._outage.pause(self._clock)
        if self._policy.poll_interval is not None:
            return self._policy.poll_interval
        # Our own wait, not the job's age: that would compare Airbyte's clock with ours.
        waited = self._clock.monotonic() - self._began
        jitter = self._clock.jitter(-1, 1)
        pause = pause_before_poll(waited, history=self._state.history, jitter=jitter)
        is_watched = self._context.numbers_every == 0
        return min(pause, LONGEST_WATCHED) if is_watched else pause

    def _time_to_deadline(self) -> float:
        """Return the seconds until the next deadline, which cuts off a pause."""
        now, start = self._clock.monotonic(), self._start_deadline()
        ends = [] if self._deadline is None else [self._deadline - now]
        # A start deadline that passed in an outage is no reason to poll without a pause.
        if start is not None and (start > now or self._outage is None):
            ends.append(start - now)
        return max(0.0, min(ends, default=inf))

    def _note_outage(self, error: AirbyteSyncError) -> None:
        """Count a failed poll; raise once the outage is no longer tolerated."""
        now = self._clock.monotonic()
        outage = self._outage = self._outage or Outage()
        outage.note(error, now)
        # A 404 of a job that was never read is believed; of one that was, it is a hiccup at first.
        was_read = self._state.job is not None
        # A web page: with several waits the API is known to be there.
        is_hiccup = was_read or (isinstance(error, ProtocolError) and self._shared is not None)
        if outage.is_over_limit(self._policy, now, retry_denied=is_hiccup):
            raise self._final_error(error, outage.age(now), was_read=was_read)
        if outage.failures == 1:
            is_denied = outage.denied_since is not None
            limit = self._policy.denied_grace if is_denied else self._policy.max_outage
            self._emit(
                OutageBegan(
                    sync=self._state.snapshot(),
                    reason=error.message,
                    seconds=limit,
                    is_denied=is_denied,
                )
            )

    def _final_error(
        self, error: AirbyteSyncError, seconds: float, *, was_read: bool
    ) -> AirbyteSyncError:
        """Return the error to end with: it names a job that may still be running."""
        is_outage = isinstance(error, UnavailableError)
        if not (was_read or is_outage):
            return error
        cure = error.hint if not is_outage else None
        resume = f"run `airbyte-sync wait {self._job_id}` afterwards to get its outcome"
        return UnknownOutcomeError(
            f"{self._name} may still be running, but its status could not be read for "
            f"{seconds:.0f} s: {error.message}",
            hint=f"{cure}. {resume}" if cure else resume,
        )

    def _note_end_of_outage(self) -> None:
        if self._outage is not None:
            seconds = self._outage.age(self._clock.monotonic())
            self._outage = None
            self._emit(OutageEnded(sync=self._state.snapshot(), seconds=seconds))

    def _warn_of_anomalies(self, job: Job) -> None:
        if not job.has_known_status:
            self._warn_once(
                f"job {job.id} has the unknown status {job.status!r}: treated as active"
            )
        is_late = self._clock.monotonic() - self._began >= self._policy.start_warning
        if is_late and not self._has_begun and job.status in NOT_STARTED_STATUSES:
            minutes = self._policy.start_warning / 60
            self._warn_once(
                f"job {job.id} has been {job.status} for {minutes:.0f} minutes: "
                "Airbyte may have no free worker (--start-timeout sets a limit)"
            )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._context.warn(self._state, message)


async def wait_for_other_job(context: Context, state: SyncState, job: Job) -> Job:
    """Wait for the end of a job that has to end before ours starts, and return it.

    It gets a state of its own: ours must not look like the other job. Only outages and warnings of
    that wait are reported. Raises UnknownOutcomeError where its end cannot be learned.
    """
    url = context.airbyte.job_url(state.connection, job.id) if state.connection else None
    context.emit(BlockedBy(sync=state.snapshot(), other=job, url=url))

    def emit(event: Event, /) -> None:
        if isinstance(event, OutageBegan | OutageEnded | Warned):
            context.emit(replace(event, sync=state.snapshot()))

    # --start-timeout is about our job, and so is --timeout, which sync/run.py applies.
    policy = replace(context.policy, wait=replace(context.policy.wait, start_timeout=None))
    other = SyncState(key=state.key, connection=state.connection, job=job, history=state.history)
    ended = await Wait(replace(context, emit=emit, policy=policy), other, job.id).until_end()
    context.emit(Unblocked(sync=state.snapshot(), other=ended))
    return ended
