"""Exactly one job: start it, and never lose it. docs/exactly-one-job.md draws this file.

The rule behind everything: after any answer but a clean yes or no, believe nothing and look.
A trigger is sent again only after a look, long enough, that found no job newer than before.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from airbyte_sync_cli.airbyte.api import (
    AnswerLost,
    Conflicted,
    Started,
    TriggerAnswer,
    Undelivered,
)
from airbyte_sync_cli.airbyte.models import Connection, Job
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    ConflictError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.blocker import outlast
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob, Triggering
from airbyte_sync_cli.sync.history import history_of
from airbyte_sync_cli.sync.search import Search
from airbyte_sync_cli.sync.since import SAME_AS_ASKED, left_behind, skew

_JOBS_READ: Final = 20
_JOBS_READ_SINCE: Final = 100
_RESERVED_FOR_CANCEL: Final = 1.5
"""Seconds of an interrupted process's grace that finding a job must leave for cancelling it."""

_PATIENCE: Final = 15.0
"""Seconds that one read may go on trying while surely nothing was started."""
_FRESH: Final = 1.0
"""Seconds that a look is good for: what is older is looked at again before a trigger leaves."""
_NOT_LEARNED: Final = (UnavailableError, DeniedError, NotFoundError, ProtocolError)
"""After a trigger that may have got through, these leave open what became of it."""

_NoJobTold = Started | AnswerLost | Undelivered


class Trigger:
    """Comes by exactly one job for one connection, and remembers enough to find it again."""

    def __init__(
        self, context: Context, case: Case, connection: Connection, *, tasks: asyncio.TaskGroup
    ) -> None:
        self._context = context
        self._airbyte = context.airbyte
        self._clock = context.clock
        self._policy = context.policy.trigger
        self._case = case
        self._connection = connection
        self._tasks = tasks
        self._search: Search | None = None
        """Set when the baseline is known: from then on there may be a job of ours."""
        self._under_way: asyncio.Task[TriggerAnswer | AirbyteSyncError] | None = None
        self._unaccounted = False
        """A trigger was answered by something that leaves open whether a job was made."""
        self._may_have_reached = False
        """The same, and the answer did not come from a gateway that delivered nothing."""
        self._attempt = 1
        self._conflict_since: float | None = None
        self._skew_told = False

    async def obtain(self) -> None:
        """Fill the case with a job, ours or adopted, or end it as skipped.

        Raises ConflictError, RejectedError and so on where there is a clean no,
        UnavailableError where surely nothing was started, else UnknownOutcomeError.
        """
        try:
            while not await self._advance():
                pass
        except _NOT_LEARNED as error:
            if self._may_have_reached:
                raise self.unknown(error.message) from error
            raise

    async def look(self) -> str:
        """Say what `obtain` would do first, and do nothing (`--dry-run`)."""
        jobs = await self._read_jobs()
        found = self._since_match(jobs)
        active = next((job for job in jobs if job.is_active), None)
        if found is not None:
            return f"would adopt job {found.id} ({found.status}), created since then"
        if active is not None:
            return f"job {active.id} is {active.status}: would {self._policy.if_running}"
        return f"would start a {self._policy.job_type}"

    async def _advance(self) -> bool:
        """Go one step from the connection's jobs as they are now; True when that was the end."""
        looked_at = self._clock.monotonic()  # before: some of the answers may be as old
        jobs = await self._read_jobs()
        if self._claim(self._lost_among(jobs)):
            return True
        found = self._since_match(jobs)
        if found is not None:
            self._take(found, adopted=True)
            return True
        active = next((job for job in jobs if job.is_active), None)
        if active is not None:
            return await self._meet(active)
        self._note_baseline(jobs)
        return await self._start(looked_at=looked_at)

    # -- what is there already ---------------------------------------------------------------

    async def _read_jobs(self) -> Sequence[Job]:
        limit = _JOBS_READ_SINCE if self._policy.since else _JOBS_READ
        jobs = await self._airbyte.jobs(self._connection.id, limit=limit, patience=self._patience)
        self._case.history = history_of(jobs, job_type=self._policy.job_type)
        return jobs

    @property
    def _patience(self) -> float:
        """Seconds for one read: a job that may exist is worth outlasting an outage."""
        return self._context.policy.wait.max_outage if self._may_have_reached else _PATIENCE

    def _note_baseline(self, jobs: Sequence[Job]) -> Search:
        """Remember the newest job, as long as surely none of them can be ours."""
        if self._search is None or not self._unaccounted:
            self._search = Search(
                context=self._context,
                connection=self._connection,
                baseline=max((job.id for job in jobs), default=0),
                job_type=self._policy.job_type,
            )
        return self._search

    def _lost_among(self, jobs: Sequence[Job]) -> Job | None:
        """Find the job of a trigger whose answer left open whether there is one."""
        if self._search is None or not self._unaccounted:
            return None
        return self._search.first_newer(jobs)

    def _since_match(self, jobs: Sequence[Job]) -> Job | None:
        """Find the job that an earlier try of the same task left: done, or still at it."""
        if self._policy.since is None:
            return None
        apart = skew(self._airbyte.clock_ahead)
        if apart and not self._skew_told:
            self._skew_told = True
            seconds = apart.total_seconds()
            where = "ahead of" if seconds > 0 else "behind"
            self._warn(f"Airbyte's clock is {abs(seconds):.0f} s {where} ours: --since follows it")
        return left_behind(jobs, self._policy.since + apart, self._policy.job_type)

    async def _meet(self, active: Job) -> bool:
        """Another job is active: do as `--if-running` says. True if that is the end."""
        match self._policy.if_running:
            case "attach":
                self._take(active, adopted=True)
            case "skip":
                self._case.job, self._case.adopted = active, True
                self._case.url = self._airbyte.job_url(self._connection, active.id)
                self._case.ended_as = ExitCode.SKIPPED
            case "fail":
                raise ConflictError(
                    f"job {active.id} ({active.type}) is {active.status} on connection "
                    f"{self._connection.name!r}",
                    hint="--if-running wait starts ours afterwards, attach waits for that one",
                )
            case "wait":
                await outlast(self._context, self._case, active)
                self._attempt, self._conflict_since = 1, None
                return False
        return True

    # -- starting ours -----------------------------------------------------------------------

    async def _start(self, *, looked_at: float) -> bool:
        """Send one trigger and learn its effect. False: look at everything anew."""
        search = await self._await_turn(looked_at)
        if search is None:
            return False
        answer = await self._send()
        if isinstance(answer, Conflicted):  # a refusal is no attempt: it has its own patience
            return await self._check_conflict(answer, search)
        if self._accept(answer, search) or await self._look_after(answer, search):
            return True
        await self._pause_or_give_up(answer)
        return False

    async def _await_turn(self, looked_at: float) -> Search | None:
        """Wait for our turn to trigger; None, and no turn, where something came in between.

        The wait can be long. A clear would cancel a sync that began in the meantime, and a job
        that ended in the meantime could be taken for ours.
        """
        await self._context.slots.acquire()
        search = None
        try:
            is_fresh = self._clock.monotonic() - looked_at < _FRESH
            search = self._search if is_fresh else await self._look_again()
        finally:
            if search is None:
                self._context.slots.release()
        return search

    async def _look_again(self) -> Search | None:
        jobs = await self._read_jobs()
        if self._lost_among(jobs) or self._since_match(jobs) or any(j.is_active for j in jobs):
            return None
        return self._note_baseline(jobs)

    async def _send(self) -> TriggerAnswer:
        """Send one trigger in a task of its own: whoever stops us must not lose its answer."""
        self._under_way = self._tasks.create_task(self._request())
        self._under_way.add_done_callback(lambda _: self._context.slots.release())
        self._context.emit(Triggering(key=self._case.key, number=self._attempt))
        await asyncio.wait({self._under_way})
        answer = self._account_for(self._under_way)
        if isinstance(answer, AirbyteSyncError):
            raise answer
        return answer

    async def _request(self) -> TriggerAnswer | AirbyteSyncError:
        try:
            return await self._airbyte.trigger(self._connection.id, self._policy.job_type)
        except AirbyteSyncError as error:  # a clean no, kept as a value out of the task group
            return error

    def _account_for(
        self, done: "asyncio.Task[TriggerAnswer | AirbyteSyncError]"
    ) -> TriggerAnswer | AirbyteSyncError:
        """Note what an answer leaves open, in the same breath in which the request ends."""
        answer, self._under_way = done.result(), None
        match answer:
            case AnswerLost() | Started() | Conflicted(says_running=False):
                self._unaccounted = self._may_have_reached = True
            case Undelivered(surely=False):
                self._unaccounted = True
            case _:
                pass
        return answer

    def _accept(self, answer: _NoJobTold, search: Search) -> bool:
        """Take the job that a plain yes names: ours only if it is new."""
        if not isinstance(answer, Started):
            return False
        is_new = answer.job.id > search.baseline
        if not is_new and answer.job.is_final:
            return False
        if not is_new:
            self._warn(f"Airbyte answered with job {answer.job.id}, which ran before: adopted")
        self._take(answer.job, adopted=not is_new)
        return True

    async def _look_after(self, answer: _NoJobTold, search: Search) -> bool:
        """Look for our job after an answer that names none."""
        match answer:
            case Undelivered(surely=True):
                return False
            case Undelivered():
                return await self._find(search, answer.words, self._policy.refused_grace)
            case _:
                return await self._find(search, _words(answer), self._policy.lost_grace)

    async def _pause_or_give_up(self, answer: _NoJobTold) -> None:
        if self._attempt >= self._policy.most_attempts:
            hint = answer.hint if isinstance(answer, Undelivered) else None
            raise UnavailableError(f"nothing was started: {_words(answer)}", hint=hint)
        if isinstance(answer, Undelivered):
            await self._clock.sleep(max(2.0**self._attempt, answer.retry_after or 0.0))
        self._attempt += 1

    def unknown(self, words: str) -> UnknownOutcomeError:
        """Say that a job may exist that could not be found."""
        return UnknownOutcomeError(
            f"a sync of {self._connection.name!r} may have been started, but no new job was "
            f"found: {words.removeprefix('nothing was started: ')}",
            hint=f"see `airbyte-sync status --conn {self._connection.id}`; with --since a retry "
            "adopts it",
        )

    async def _check_conflict(self, answer: Conflicted, search: Search) -> bool:
        """A 409 is not believed but checked. True: a job was taken."""
        connection = await self._airbyte.connection(self._connection.id, patience=self._patience)
        if not connection.is_active:
            raise rejected_for_status(connection)
        if answer.says_running:
            jobs = await self._read_jobs()
            if self._claim(self._lost_among(jobs)):
                return True
            if any(job.is_active for job in jobs):
                return False
        elif await self._find(search, answer.words, self._policy.conflict_grace):
            return True
        await self._outlast_conflict(answer)
        return False

    async def _outlast_conflict(self, answer: Conflicted) -> None:
        """Nothing runs, though Airbyte says so: normal for a while just after a reset."""
        now = self._clock.monotonic()
        self._conflict_since = now if self._conflict_since is None else self._conflict_since
        waited = now - self._conflict_since
        if waited >= self._policy.conflict_patience:
            raise ConflictError(
                f"nothing runs on {self._connection.name!r}, yet Airbyte refuses: {answer.words}",
                hint="the connection may be stuck: saving it anew in the UI, or restarting "
                "Airbyte's workers, frees it",
            )
        await self._clock.sleep(min(max(waited, 2.0), 20.0))

    # -- finding ours ------------------------------------------------------------------------

    async def _find(self, search: Search, words: str, seconds: float) -> bool:
        self._context.emit(LookingForJob(key=self._case.key, words=words))
        return self._claim(await search.look_for(seconds))

    def _claim(self, job: Job | None) -> bool:
        """Take a job newer than the baseline: ours only where no schedule can start one."""
        if job is None:
            return False
        by_hand = self._connection.starts_only_by_hand
        if not by_hand:
            self._warn(
                f"the trigger's answer was lost; job {job.id} is newer, but the connection's "
                "schedule could have started it: adopted, never cancelled by us"
            )
        self._take(job, adopted=not by_hand)
        return True

    async def find_now(self, grace_left: Callable[[], float]) -> None:
        """We are asked to stop: learn quickly which job our trigger made, if it made one.

        The request under way may still answer, which proves most; meanwhile the jobs are read
        where a new one could only be ours.
        """
        if self._search is None:
            return
        while self.is_open() and grace_left() > _RESERVED_FOR_CANCEL:
            self._take_answer(self._search)
            if self.is_open() and (not self._under_way or self._connection.starts_only_by_hand):
                limit = min(_RESERVED_FOR_CANCEL, max(grace_left(), 0.1))
                self._claim(await self._search.glance(limit))
            if self.is_open():
                await self._clock.sleep(0.2)
        if self.is_open():
            self._claim(await self._search.glance(max(grace_left() / 2, 0.1)))
        if self.is_open():
            self._warn(
                f"a trigger for {self._connection.name!r} was under way and no job of it is to be "
                f"seen yet: `airbyte-sync status --conn {self._connection.id}` tells later"
            )

    def is_open(self) -> bool:
        """Whether there may be a job of ours that we cannot name yet."""
        return self._case.job is None and (self._under_way is not None or self._unaccounted)

    def _take_answer(self, search: Search) -> None:
        """Take the answer of the trigger under way, if it has come."""
        if self._under_way is None or not self._under_way.done():
            return
        answer = self._account_for(self._under_way)
        if isinstance(answer, Started):
            self._accept(answer, search)

    def abandon(self) -> None:
        """Let go of a request that nobody waits for any more."""
        if self._under_way is not None:
            self._under_way.cancel()

    # -- telling -----------------------------------------------------------------------------

    def _take(self, job: Job, *, adopted: bool) -> None:
        case = self._case
        case.job, case.adopted = job, adopted
        case.url = self._airbyte.job_url(self._connection, job.id)
        if job.type not in SAME_AS_ASKED[self._policy.job_type]:
            asked = self._policy.job_type
            self._warn(f"job {job.id} is a {job.type}, though a {asked} was asked for")
        self._context.emit(
            JobKnown(key=case.key, job=job, adopted=adopted, history=case.history, url=case.url)
        )

    def _warn(self, message: str) -> None:
        self._context.warn(self._case.key, message)


def _words(answer: _NoJobTold) -> str:
    if isinstance(answer, Started):
        return f"Airbyte answered with job {answer.job.id}, which had ended before"
    return answer.words


def rejected_for_status(connection: Connection) -> RejectedError:
    """Say that Airbyte would not start this connection."""
    return RejectedError(
        f"connection {connection.name!r} ({connection.id}) is {connection.status}: "
        "Airbyte starts only active connections",
        hint="switch it on in Airbyte's UI; Airbyte itself switches off what failed too often",
    )
