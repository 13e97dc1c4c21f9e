"""The one job of a run: claimed from a trigger response, or found after it was lost."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import (
    ClockAhead,
    Conflicted,
    Connection,
    Job,
    JobType,
    ResponseLost,
    Started,
    TriggerResponse,
    Undelivered,
)
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    BugError,
    RejectedError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob, Triggering
from airbyte_sync_cli.sync.policy import FULFILLED_BY, LISTED_AS
from airbyte_sync_cli.sync.poll_interval import Outage
from airbyte_sync_cli.sync.result import Start, describe_missing_job, hint_for_missing_job
from airbyte_sync_cli.sync.state import SyncState

JOBS_READ: Final = 20
"""The newest jobs: more than anybody starts on one connection within a search."""
_PATIENCE: Final = 5.0
"""Seconds that one look may repeat its requests: some gateways let few through at a time."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Looks for a job of the connection that is newer than all there were before."""

    context: Context
    connection: Connection
    baseline: int
    """The newest job id, over all types, before our first trigger."""
    job_type: JobType
    """What we asked for."""

    async def look(self) -> Job | None:
        """Look once. Raises what reading the jobs raises."""
        return self.first_newer(await self._read(retry_for=0))

    async def look_for(self, seconds: float) -> Job | None:
        """Look for a while, and once more at its end. An outage does not count as looking.

        Raises what reading the jobs raises once that has gone on for `--max-outage`, or for a
        minute where it is a plain no: a proxy can be confused while a server restarts.
        """
        clock = self.context.clock
        began, pause, trouble = clock.monotonic(), _FIRST_PAUSE, Outage()
        while True:
            over, wish = clock.monotonic() - began >= seconds, 0.0
            try:
                jobs = await self._read(_PATIENCE)
            except AirbyteSyncError as error:
                trouble.note(error, clock.monotonic())
                if trouble.exhausts(self.context.policy.wait, clock.monotonic()):
                    raise
                wish = trouble.retry_after or 0.0
            else:
                trouble = Outage()
                job = self.first_newer(jobs)
                if job is not None or over:
                    return job
            await clock.sleep(max(pause, wish))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def glance(self, seconds: float) -> Job | None:
        """Look once and quickly; not being able to is the same as not having seen."""
        try:
            async with asyncio.timeout(seconds):
                return await self.look()
        except (AirbyteSyncError, TimeoutError):
            return None

    def first_newer(self, jobs: Sequence[Job]) -> Job | None:
        """Return the first job after the baseline that does what was asked for.

        A reset that our trigger brought about instead does not: it is in the way, and waited for.
        """
        does = FULFILLED_BY[self.job_type]
        newer = [job for job in jobs if job.id > self.baseline and job.type in does]
        return min(newer, key=lambda job: job.id, default=None)

    async def _read(self, retry_for: float) -> Sequence[Job]:
        return await self.context.airbyte.jobs(
            self.connection.id, limit=JOBS_READ, retry_for=retry_for
        )


_RESERVED_FOR_CANCEL: Final = 1.5
"""Seconds of an interrupted process's grace that finding a job must leave for cancelling it."""
_LONGEST_EVIDENCE: Final = 5.0
_LONGEST_EVIDENCE_AT_A_STOP: Final = 0.5
"""Seconds for asking who started a job; then a cancel is waiting for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Until when a job can be the effect of a trigger whose answer was lost."""

    closes: datetime
    """By our wall clock, to compare with a job's creation."""
    closes_at: float
    """The same in monotonic seconds, to compare with the look that finds the job."""

    def admits(self, job: Job, *, now: float, ahead: ClockAhead | None) -> bool:
        """Return whether the job surely appeared in time. Without a clock, only a look tells."""
        if ahead is None or job.created_at is None:
            return now <= self.closes_at
        return job.created_at <= self.closes + timedelta(seconds=ahead.least)


class OurJob:
    """What there may be of ours on one connection, from the first trigger until a job is taken."""

    def __init__(
        self,
        context: Context,
        state: SyncState,
        connection: Connection,
        *,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._state = state
        self._connection = connection
        self._tasks = tasks
        self._policy = context.policy.trigger
        self._job_type = self._policy.job_type
        self._search = Search(
            context=context, connection=connection, baseline=0, job_type=self._job_type
        )
        self._request_task: asyncio.Task[TriggerResponse | AirbyteSyncError] | None = None
        self._is_sent = False
        """The trigger under way: before that, nothing of it can exist."""
        self._send_before: float | None = None
        self._expired = False
        self._is_wanted = True
        """Until we are stopped: a trigger that has not left by then never leaves."""
        self._earlier_start = Start.NOT_SENT
        """What the triggers before the one under way have come to."""
        self._windows: list[_Window] = []
        """One for each trigger whose answer was lost."""
        self._was_refused = False
        """By a gateway that should have delivered nothing: what it hides is adopted at most."""

    # -- triggering --------------------------------------------------------------------------

    @property
    def may_exist(self) -> bool:
        """Whether a trigger reached Airbyte and nobody knows what became of it."""
        return bool(self._windows)

    def is_new(self, job: Job) -> bool:
        """Return whether the job is newer than the last look before our first trigger."""
        return job.id > self._search.baseline

    def update_baseline(self, jobs: Sequence[Job]) -> None:
        """Remember the newest job, as long as surely none of them can be ours."""
        if not self.may_exist and not self._was_refused:
            newest = max((job.id for job in jobs), default=0)
            self._search = replace(self._search, baseline=max(newest, self._search.baseline))

    async def trigger(
        self, number: int, *, send_before: float | None, is_repeat: bool
    ) -> TriggerResponse | None:
        """Send the trigger with this number, in a turn already taken, which it gives back.

        It goes in a task of its own: whoever stops us must not lose its answer. It leaves only
        while the look before it is fresh (monotonic seconds); None: it did not, look again.
        Raises RejectedError and so on, where the answer is a clean no.
        """
        self._send_before, self._expired = send_before, False
        self._request_task = self._tasks.create_task(self._request())
        self._request_task.add_done_callback(lambda _: self._context.slots.release())
        if not is_repeat:
            self._context.emit(Triggering(sync=self._state.snapshot(), number=number))
        await asyncio.wait({self._request_task})
        answer = self._record_response(self._request_task)
        if isinstance(answer, AirbyteSyncError):
            raise answer
        return None if self._expired else answer

    async def _request(self) -> TriggerResponse | AirbyteSyncError:
        try:
            return await self._context.airbyte.trigger(
                self._connection.id, self._job_type, may_send=self._may_send
            )
        except AirbyteSyncError as error:  # a clean no, kept as a value out of the task group
            return error
        except Exception as error:  # noqa: BLE001  # a bug of ours, and a job may have begun
            return BugError.of(error)

    def _may_send(self) -> bool:
        """Decide when the connection stands, and note what exists from this moment on."""
        send_before, now = self._send_before, self._clock.monotonic()
        self._expired = send_before is not None and now > send_before
        if not self._is_wanted or self._expired:
            return False
        self._is_sent = True
        self._state.start = Start.POSSIBLE
        return True

    def _record_response(
        self, done: "asyncio.Task[TriggerResponse | AirbyteSyncError]"
    ) -> TriggerResponse | AirbyteSyncError:
        """Note what an answer leaves open, in the same breath in which the request ends."""
        had_left = self._is_sent
        answer, self._request_task, self._is_sent = done.result(), None, False
        match answer:
            case Started(job=job) if self.is_new(job):
                self._earlier_start = Start.STARTED
            case Started(job=job) if job.is_active:  # somebody's, which ours has joined
                self._earlier_start = self._earlier_start if self.may_exist else Start.REFUSED
            case BugError() if had_left:
                self._open_window()
            case ResponseLost() | Started() | Conflicted(already_running=False):
                self._open_window()
            case BugError() | Undelivered(unsent=True):
                pass
            case _:
                self._was_refused = self._was_refused or isinstance(answer, Undelivered)
                self._earlier_start = self._earlier_start if self.may_exist else Start.REFUSED
        self._state.start = self._earlier_start
        self._state.obstacle = _obstacle(answer) or self._state.obstacle
        return answer

    def _open_window(self) -> None:
        self._earlier_start = Start.POSSIBLE
        self._windows.append(
            _Window(
                closes=self._clock.now() + timedelta(seconds=self._policy.lost_grace),
                closes_at=self._clock.monotonic() + self._policy.claim_window,
            )
        )

    # -- finding and taking ------------------------------------------------------------------

    def accept(self, answer: Started) -> bool:
        """Take the job that a plain yes names, unless it had ended before: ours only if new."""
        is_new = self.is_new(answer.job)
        if not is_new and answer.job.is_final:
            return False
        if not is_new:
            self._warn(f"Airbyte answered with job {answer.job.id}, which ran before: adopted")
        self.take(answer.job, adopted=not is_new)
        return True

    async def find(self, words: str | None, seconds: float) -> bool:
        """Look for so long for a job that no answer has named, and take it; `words` say why.

        Raises UnknownOutcomeError where the looks are refused though there may be one.
        """
        if words is not None:
            self._context.emit(LookingForJob(sync=self._state.snapshot(), reason=words))
        try:
            return await self._claim(await self._search.look_for(seconds))
        except RejectedError as error:
            if self.may_exist:
                raise self.unknown_outcome(error.message) from error
            raise

    def may_be_among(self, jobs: Sequence[Job]) -> bool:
        """Tell whether one of these is of a trigger whose answer left that open."""
        return self._lost_among(jobs) is not None

    async def claim_from(self, jobs: Sequence[Job]) -> bool:
        """Take that one, if there is one."""
        return await self._claim(self._lost_among(jobs))

    def _lost_among(self, jobs: Sequence[Job]) -> Job | None:
        is_open = self.may_exist or self._was_refused
        return self._search.first_newer(jobs) if is_open else None

    async def _claim(self, job: Job | None) -> bool:
        """Take a job newer than the baseline that no answer has named: ours or adopted."""
        if job is None or self._is_in_the_way(job):
            return False
        doubt = await self._doubt(job)
        if doubt is not None:
            rest = "; a job of ours may still appear" if self.is_unresolved() else ""
            self._warn(
                f"job {job.id} is newer than our trigger, but {doubt}: adopted, never cancelled "
                f"by us{rest}"
            )
        self.take(job, adopted=doubt is not None)
        return True

    def _is_in_the_way(self, job: Job) -> bool:
        """Whether a job is surely somebody's, and we were told not to have it as ours."""
        is_theirs = self._is_wanted and not self._is_sent and not self.may_exist
        return is_theirs and job.is_active and self._policy.if_running in {"skip", "fail"}

    async def _doubt(self, job: Job) -> str | None:
        """Say why a job that was only found may be somebody else's; None where it is ours."""
        if not self._is_sent and not self.may_exist:
            return "that was refused"
        if job.type not in LISTED_AS[self._job_type]:
            return f"it is a {job.type}"
        if not self._is_sent and not self._appeared_in_time(job):
            return "appeared too long after it"
        if not self._connection.starts_only_by_hand and not await self._was_started_by_hand(job):
            return "the connection's schedule could have started it"
        return None

    def _appeared_in_time(self, job: Job) -> bool:
        now, ahead = self._clock.monotonic(), self._context.airbyte.clock_ahead
        return any(window.admits(job, now=now, ahead=ahead) for window in self._windows)

    async def _was_started_by_hand(self, job: Job) -> bool:
        limit = _LONGEST_EVIDENCE if self._is_wanted else _LONGEST_EVIDENCE_AT_A_STOP
        try:
            async with asyncio.timeout(limit):
                return await self._context.airbyte.was_started_by_hand(job.id)
        except TimeoutError:
            return False

    def take(self, job: Job, *, adopted: bool, since: bool = False) -> None:
        """Make this the case's job; `since`: it counts because of `--since`."""
        state = self._state
        state.job, state.adopted, state.obstacle = job, adopted, None
        if not adopted:
            state.start = Start.STARTED
        state.url = self._context.airbyte.job_url(self._connection, job.id)
        if job.type not in LISTED_AS[self._job_type]:
            self._warn(f"job {job.id} is a {job.type}, though a {self._job_type} was asked for")
        self._context.emit(JobKnown(sync=state.snapshot(), since=since))

    def release(self) -> None:
        """Give up a job of ours that has ended and was not what was asked for."""
        state = self._state
        state.job, state.url, state.progress = None, None, None
        state.start = self._earlier_start = Start.POSSIBLE if self.may_exist else Start.NOT_SENT

    # -- being stopped -----------------------------------------------------------------------

    def is_unresolved(self) -> bool:
        """Whether there may be a job of ours that we cannot name yet."""
        return self._state.job is None and (self._is_sent or self.may_exist)

    async def find_before_stop(self, grace_left: Callable[[], float]) -> None:
        """We are asked to stop: learn quickly which job our trigger made, if it made one.

        The request under way may still answer, which proves most; meanwhile the jobs are read
        where a new one could only be ours.
        """
        self._is_wanted = False
        if not self.is_unresolved() and self._state.job is None and self._was_refused:
            await self._glance(_RESERVED_FOR_CANCEL)
        while self.is_unresolved() and grace_left() > _RESERVED_FOR_CANCEL:
            self._take_answer()
            if self.is_unresolved() and (
                not self._request_task or self._connection.starts_only_by_hand
            ):
                await self._glance(_RESERVED_FOR_CANCEL)
            if self.is_unresolved():
                await self._clock.sleep(0.2)
        while self.is_unresolved() and grace_left() > _RESERVED_FOR_CANCEL / 5:
            await self._glance(grace_left() / 2)
            if self.is_unresolved():
                await self._clock.sleep(0.2)

    async def _glance(self, seconds: float) -> None:
        await self._claim(await self._search.glance(seconds))

    def _take_answer(self) -> None:
        """Take the answer of the trigger under way, if it has come."""
        if self._request_task is None or not self._request_task.done():
            return
        answer = self._record_response(self._request_task)
        if isinstance(answer, Started):
            self.accept(answer)
        elif isinstance(answer, BugError):
            self._warn(answer.message)

    def cancel_request(self) -> None:
        """Let go of a request that nobody waits for any more."""
        if self._request_task is not None:
            self._request_task.cancel()

    def unknown_outcome(self, words: str) -> UnknownOutcomeError:
        """Say that a job may exist that could not be found."""
        start = Start.POSSIBLE
        return UnknownOutcomeError(
            f"{self._connection.name!r}: {describe_missing_job(start)}: {words}",
            hint=hint_for_missing_job(start, self._connection.id),
        )

    def _warn(self, message: str) -> None:
        self._context.warn(self._state, message)


def _obstacle(answer: TriggerResponse | AirbyteSyncError) -> str | None:
    """Say what an answer other than a yes has put in the way."""
    if isinstance(answer, Conflicted | Undelivered | ResponseLost):
        return answer.message
    return None
