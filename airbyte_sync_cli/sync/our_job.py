"""The job of a run: started by us, found again after its response was lost, or adopted.

A job is ours if a clean yes named it and it is new, or if a search found it after a lost response
and nothing else can have started it (`OurJob._doubt`). Only a job of ours is ever cancelled; any
other one that does what was asked for is adopted.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import (
    ClockAhead,
    Conflicted,
    Connection,
    Job,
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
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob, Triggering
from airbyte_sync_cli.sync.policy import LISTED_AS, TriggerPolicy
from airbyte_sync_cli.sync.poll_interval import Outage
from airbyte_sync_cli.sync.result import Start, describe_missing_job, hint_for_missing_job
from airbyte_sync_cli.sync.state import SyncState

JOBS_READ: Final = 20
"""The newest jobs: more than anyone starts on one connection during a search."""
_RETRY_FOR: Final = 5.0
"""Seconds of retries for one read of a search: some gateways let few requests through."""
_FIRST_PAUSE: Final = 1.0
_MAX_PAUSE: Final = 5.0
"""Seconds between two reads of a search."""
_RESERVED_FOR_CANCEL: Final = 1.5
"""Seconds of an interrupted process's grace period that finding a job leaves for cancelling it."""
_BETWEEN_READS: Final = 0.2
"""Seconds, within the grace period."""
_MAX_EVIDENCE: Final = 5.0
_MAX_EVIDENCE_AT_A_STOP: Final = 0.5
"""Seconds for asking who started a job; at a stop its cancel waits for the response."""


class OurJob:
    """What one connection may have of ours, from the first trigger until a job is known."""

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
        self._search = Search(context, connection, policy=self._policy)
        self._request_task: asyncio.Task[TriggerResponse | AirbyteSyncError] | None = None
        self._is_sent = False
        """Whether the request under way has been sent: before that, it can start nothing."""
        self._send_before: float | None = None
        self._expired = False
        self._is_stopping = False
        """From then on, a request that has not been sent is never sent."""
        self._earlier_start = Start.NOT_SENT
        """What is known of the triggers before the one under way."""
        self._claim_windows: list[_ClaimWindow] = []
        """One for each trigger whose response was lost."""
        self._was_refused = False
        """By a gateway, which should have delivered nothing: a job found later is adopted."""

    @property
    def may_exist(self) -> bool:
        """Return whether a trigger was sent of which nothing is known."""
        return bool(self._claim_windows)

    def is_unresolved(self) -> bool:
        """Return whether there may be a job of ours that cannot be named yet."""
        return self._state.job is None and (self._is_sent or self.may_exist)

    def is_new(self, job: Job) -> bool:
        """Return whether the job is newer than all jobs before our first trigger."""
        return job.id > self._search.baseline

    def update_baseline(self, jobs: Sequence[Job]) -> None:
        """Raise the baseline to the newest of these jobs, as long as none of them can be ours."""
        # Once one of them can be ours, a higher baseline would hide it: a second job would start.
        if not self.may_exist and not self._was_refused:
            newest = max((job.id for job in jobs), default=0)
            self._search.baseline = max(newest, self._search.baseline)

    def unknown_outcome(self, reason: str) -> UnknownOutcomeError:
        """Return the error for a job that may exist and was not found."""
        return UnknownOutcomeError(
            f"{self._connection.name!r}: {describe_missing_job(Start.POSSIBLE)}: {reason}",
            hint=hint_for_missing_job(Start.POSSIBLE, self._connection.id),
        )

    # -- the trigger request -----------------------------------------------------------------

    async def trigger(
        self, number: int, *, send_before: float | None, is_repeat: bool
    ) -> TriggerResponse | None:
        """Send the trigger with this number; the caller holds a slot, which this releases.

        The request runs in a task of its own: a stop cancels the caller, and with it would go the
        response that names the job. Returns None where the request could not be sent before
        `send_before` (monotonic seconds), so that the jobs have to be read again. Raises the error
        of a clean no.
        """
        self._send_before, self._expired = send_before, False
        self._request_task = self._tasks.create_task(self._request())
        # A callback: the request outlives a stop of this caller, and keeps its slot until it ends.
        self._request_task.add_done_callback(lambda _: self._context.slots.release())
        if not is_repeat:
            self._context.emit(Triggering(sync=self._state.snapshot(), number=number))
        # Not `await self._request_task`: a stop of this caller would cancel the request as well.
        await asyncio.wait({self._request_task})
        response = self._record_response(self._request_task)
        if isinstance(response, AirbyteSyncError):
            raise response
        return None if self._expired else response

    async def _request(self) -> TriggerResponse | AirbyteSyncError:
        began = self._clock.monotonic()
        try:
            response = await self._context.airbyte.trigger(
                self._connection.id,
                self._job_type,
                streams=self._policy.streams.get(self._connection.id, ()),
                may_send=self._may_send,
            )
        except AirbyteSyncError as error:  # a value, so that the task group is not cancelled by it
            return error
        except Exception as error:  # noqa: BLE001  # a bug, and a job may have been started
            return BugError.of(error)
        self._context.slots.adapt(response, self._clock.monotonic() - began)
        return response

    def _may_send(self) -> bool:
        """Decide in the last moment, when the connection is up: from here on a job may exist."""
        send_before, now = self._send_before, self._clock.monotonic()
        self._expired = send_before is not None and now > send_before
        if self._is_stopping or self._expired:
            return False
        # Before the first byte, not after the response: a stop in between must know of the job.
        self._is_sent = True
        self._state.start = Start.POSSIBLE
        return True

    def _record_response(
        self, done: "asyncio.Task[TriggerResponse | AirbyteSyncError]"
    ) -> TriggerResponse | AirbyteSyncError:
        """Note what a response leaves open.

        Nothing is awaited here: a stop in between would find a request that is neither under way
        nor accounted for.
        """
        was_sent = self._is_sent
        response, self._request_task, self._is_sent = done.result(), None, False
        match response:
            case Started(job=job) if self.is_new(job):
                self._earlier_start = Start.STARTED
            case Started(job=job) if job.is_active:  # Airbyte returns the job that runs already
                self._note_refusal()
            case BugError() if was_sent:
                self._open_claim_window()
            # An old final job: a server that holds a trigger until an attempt runs may name one.
            # A state conflict: the start signal was given, the job did not appear in a minute.
            case ResponseLost() | Started() | Conflicted(already_running=False):
                self._open_claim_window()
            case BugError() | Undelivered(unsent=True):
                pass
            case _:  # a refusal: 409 already running, 503, 429, or a clean no
                self._was_refused = self._was_refused or isinstance(response, Undelivered)
                self._note_refusal()
        self._state.start = self._earlier_start
        if isinstance(response, Conflicted | Undelivered | ResponseLost):
            self._state.obstacle = response.message or self._state.obstacle
        return response

    def _note_refusal(self) -> None:
        if not self.may_exist:
            self._earlier_start = Start.REFUSED

    def _open_claim_window(self) -> None:
        self._earlier_start = Start.POSSIBLE
        self._claim_windows.append(
            _ClaimWindow(
                closes=self._clock.now() + timedelta(seconds=self._policy.lost_grace),
                closes_at=self._clock.monotonic() + self._policy.claim_window,
            )
        )

    # -- finding a job -----------------------------------------------------------------------

    def accept(self, response: Started) -> bool:
        """Take the job that a clean yes names; False where it had ended before our trigger."""
        job = response.job
        if self.is_new(job):
            self.claim(job)
            return True
        if job.is_final:
            return False
        self._warn(f"the response names job {job.id}, which was already running: adopted")
        self.adopt(job)
        return True

    async def find(self, reason: str | None, seconds: float) -> bool:
        """Search for a job that no response has named, and claim or adopt it.

        `reason` is for people; None reports no search. Raises UnknownOutcomeError where reading
        the jobs is rejected while one of ours may exist.
        """
        if reason is not None:
            self._context.emit(LookingForJob(sync=self._state.snapshot(), reason=reason))
        try:
            return await self._claim_or_adopt(await self._search.find_within(seconds))
        except RejectedError as error:
            if self.may_exist:
                raise self.unknown_outcome(error.message) from error
            raise

    def may_be_among(self, jobs: Sequence[Job]) -> bool:
        """Return whether one of these jobs may come from one of our triggers."""
        return self._candidate(jobs) is not None

    async def claim_from(self, jobs: Sequence[Job]) -> bool:
        """Claim or adopt the job that may come from one of our triggers, if there is one."""
        return await self._claim_or_adopt(self._candidate(jobs))

    def _candidate(self, jobs: Sequence[Job]) -> Job | None:
        # Before the first trigger, every job is another client's: nothing is claimed.
        may_be_there = self.may_exist or self._was_refused
        return self._search.first_new(jobs) if may_be_there else None

    async def _claim_or_adopt(self, found: Job | None) -> bool:
        """Claim a found job if nothing else can have started it, else adopt it."""
        if found is None or self._is_for_if_running(found):
            return False
        doubt = await self._doubt(found)
        if doubt is None:
            self.claim(found)
            return True
        rest = "; a job of this run may still appear" if self.is_unresolved() else ""
        self._warn(
            f"job {found.id} is newer than the trigger, but {doubt}: adopted, so it is not "
            f"cancelled{rest}"
        )
        self.adopt(found)
        return True

    def _is_for_if_running(self, job: Job) -> bool:
        """Return whether the job cannot be ours, so that --if-running skip or fail applies."""
        nothing_sent = not self._is_stopping and not self._is_sent and not self.may_exist
        return nothing_sent and job.is_active and self._policy.if_running in {"skip", "fail"}

    async def _doubt(self, job: Job) -> str | None:
        """Return why another client or a schedule may have started a found job; None: it is ours.

        The order counts: the last question costs a request.
        """
        if not self._is_sent and not self.may_exist:
            return "the trigger was rejected"
        # A sync may come back as a refresh, but nothing shows that this one is ours.
        if job.type not in LISTED_AS[self._job_type]:
            return f"it is a {job.type}"
        # Someone may have started it by hand, long after Airbyte has given up on our trigger.
        if not self._is_sent and not self._appeared_in_time(job):
            return "it appeared too long afterwards"
        if not self._connection.starts_only_by_hand and not await self._was_started_by_hand(job):
            return "the connection's schedule could have started it"
        return None

    def _appeared_in_time(self, job: Job) -> bool:
        now, ahead = self._clock.monotonic(), self._context.airbyte.clock_ahead
        return any(window.admits(job, now=now, ahead=ahead) for window in self._claim_windows)

    async def _was_started_by_hand(self, job: Job) -> bool:
        limit = _MAX_EVIDENCE_AT_A_STOP if self._is_stopping else _MAX_EVIDENCE
        try:
            async with asyncio.timeout(limit):
                return await self._context.airbyte.was_started_by_hand(job.id)
        except TimeoutError:
            return False

    # -- the job is known --------------------------------------------------------------------

    def claim(self, job: Job) -> None:
        """Make it the job of this run, started by us: a timeout or a signal cancels it."""
        self._state.start = Start.STARTED
        self._set_job(job, adopted=False, since=False)

    def adopt(self, job: Job, *, since: bool = False) -> None:
        """Make it the job of this run, started by others, or before (`since`): never cancelled."""
        self._set_job(job, adopted=True, since=since)

    def _set_job(self, job: Job, *, adopted: bool, since: bool) -> None:
        state = self._state
        state.job, state.adopted, state.obstacle = job, adopted, None
        state.url = self._context.airbyte.job_url(self._connection, job.id)
        if job.type not in LISTED_AS[self._job_type]:
            self._warn(f"job {job.id} is a {job.type}, although a {self._job_type} was requested")
        self._context.emit(JobKnown(sync=state.snapshot(), since=since))

    def release(self) -> None:
        """Forget a job of ours that has ended and was not what was asked for, such as a reset."""
        state = self._state
        state.job, state.url, state.progress = None, None, None
        state.start = self._earlier_start = Start.POSSIBLE if self.may_exist else Start.NOT_SENT

    # -- being stopped -----------------------------------------------------------------------

    async def find_before_stop(self, grace_left: Callable[[], float]) -> None:
        """Find out within the grace period which job our trigger started, if it started one."""
        self._is_stopping = True
        # A gateway's 503 may have delivered the trigger: one read, in time for a cancel.
        if not self.is_unresolved() and self._state.job is None and self._was_refused:
            await self._try_claim(_RESERVED_FOR_CANCEL)
        while self.is_unresolved() and grace_left() > _RESERVED_FOR_CANCEL:
            # The response proves most. With a schedule the jobs are not read before it: a new job
            # would be adopted, although the response may still name it as ours.
            self._accept_finished_request()
            only_ours = not self._request_task or self._connection.starts_only_by_hand
            if self.is_unresolved() and only_ours:
                await self._try_claim(_RESERVED_FOR_CANCEL)
            if self.is_unresolved():
                await self._clock.sleep(_BETWEEN_READS)
        # The rest is too short for a cancel, but long enough to name the job.
        while self.is_unresolved() and grace_left() > _RESERVED_FOR_CANCEL / 5:
            await self._try_claim(grace_left() / 2)
            if self.is_unresolved():
                await self._clock.sleep(_BETWEEN_READS)

    async def _try_claim(self, seconds: float) -> None:
        await self._claim_or_adopt(await self._search.try_find(seconds))

    def _accept_finished_request(self) -> None:
        if self._request_task is None or not self._request_task.done():
            return
        response = self._record_response(self._request_task)
        if isinstance(response, Started):
            self.accept(response)
        elif isinstance(response, BugError):
            self._warn(response.message)

    def cancel_request(self) -> None:
        """Drop a trigger request whose response nothing waits for any more."""
        if self._request_task is not None:
            self._request_task.cancel()

    def _warn(self, message: str) -> None:
        self._context.warn(self._state, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClaimWindow:
    """Until when a job can come from a trigger whose response was lost."""

    closes: datetime
    """By our wall clock, compared with the job's creation."""
    closes_at: float
    """In monotonic seconds, compared with the read that finds the job."""

    def admits(self, job: Job, *, now: float, ahead: ClockAhead | None) -> bool:
        """Return whether the job was surely created in time.

        Where Airbyte's clock or the job's date is unknown, what counts is when it was found.
        """
        if ahead is None or job.created_at is None:
            return now <= self.closes_at
        return job.created_at <= self.closes + timedelta(seconds=ahead.least)


class Search:
    """Finds a job of the connection that is newer than all jobs before our first trigger."""

    def __init__(self, context: Context, connection: Connection, *, policy: TriggerPolicy) -> None:
        self._context = context
        self._connection = connection
        self._policy = policy
        self.baseline = 0
        """The newest job id, over all types, before our first trigger. Job ids only ever grow."""

    async def find_within(self, seconds: float) -> Job | None:
        """Read the jobs for that long, and once more at the end, which an outage puts off.

        Raises what reading the jobs raises, once that has lasted for `--max-outage`, or for a
        minute where it is a clean no: a proxy can respond so while a server restarts.
        """
        clock, limits = self._context.clock, self._context.policy.wait
        began, pause, outage = clock.monotonic(), _FIRST_PAUSE, Outage()
        while True:
            is_last = clock.monotonic() - began >= seconds
            try:
                job = await self._find(retry_for=_RETRY_FOR)
            except AirbyteSyncError as error:
                outage.note(error, clock.monotonic())
                if outage.is_over_limit(limits, clock.monotonic()):
                    raise
            else:
                outage = Outage()
                if job is not None or is_last:
                    return job
            # Not clipped to `seconds`: the last read has to come after the grace, not before.
            await clock.sleep(max(pause, outage.retry_after or 0.0))
            pause = min(pause * 1.5, _MAX_PAUSE)

    async def try_find(self, seconds: float) -> Job | None:
        """Read the jobs once, and quickly; None also where that fails."""
        try:
            async with asyncio.timeout(seconds):
                return await self._find(retry_for=0)
        except (AirbyteSyncError, TimeoutError):
            return None

    async def _find(self, *, retry_for: float) -> Job | None:
        jobs = await self._context.airbyte.jobs(
            self._connection.id, limit=JOBS_READ, retry_for=retry_for
        )
        return self.first_new(jobs)

    def first_new(self, jobs: Sequence[Job]) -> Job | None:
        """Return the first job above the baseline that does what was asked for.

        A reset that Airbyte does before our sync is in the way, and waited for by `Trigger`.
        """
        # The first, not the newest: a schedule or another client may have started one after ours.
        new = [job for job in jobs if job.id > self.baseline and self._policy.is_fulfilled_by(job)]
        return min(new, key=lambda job: job.id, default=None)
