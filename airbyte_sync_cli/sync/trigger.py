"""Exactly one job: start it, and never lose it. docs/exactly-one-job.md draws this file.

The rule behind everything: after any answer but a clean yes or no, believe nothing and look.
A trigger is sent again only after a look, long enough, that found no job newer than before.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from airbyte_sync_cli.airbyte.http import RETRY_FOR
from airbyte_sync_cli.airbyte.models import (
    Conflicted,
    Connection,
    Job,
    ResponseLost,
    Started,
    Undelivered,
    active_among,
)
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    ConflictError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.anomalies import history_of
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import Refused
from airbyte_sync_cli.sync.our_job import JOBS_READ, OurJob
from airbyte_sync_cli.sync.policy import FULFILLED_BY, IfRunning
from airbyte_sync_cli.sync.result import Start, describe_missing_job
from airbyte_sync_cli.sync.select import require_active
from airbyte_sync_cli.sync.since import EarlierRun
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.wait import wait_for_other_job

_JOBS_READ_SINCE: Final = 100
_FRESH: Final = 1.0
"""Seconds that a look is good for, from its first request until the trigger leaves."""
_NOT_LEARNED: Final = (UnavailableError, DeniedError, NotFoundError, ProtocolError)
"""After a trigger that may have got through, these leave open what became of it."""

_MAY_BE_OURS: Final = "may come from our trigger, which was refused"

_NoConflict = Started | ResponseLost | Undelivered


class Trigger:
    """Comes by exactly one job for one connection."""

    def __init__(
        self, context: Context, state: SyncState, connection: Connection, our_job: OurJob
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._policy = context.policy.trigger
        self._state = state
        self._connection = self._connection_now = connection
        self._our_job = our_job
        self._earlier_run = EarlierRun(context, state)
        self._attempt = 1
        self._conflict_since: float | None = None
        self._stale_reads = 0
        """Looks that were no longer fresh at their own end, since the last trigger."""
        self._detours = 0
        """Jobs that our triggers brought about and that did something else first."""

    async def obtain(self) -> None:
        """Fill the case with a job, ours or adopted, or end it as skipped.

        Raises ConflictError, RejectedError and so on where there is a clean no,
        UnavailableError where surely nothing was started, else UnknownOutcomeError.
        """
        try:
            while not await self._advance():
                pass
        except _NOT_LEARNED as error:
            if self._our_job.may_exist:
                raise self._our_job.unknown_outcome(error.message) from error
            raise

    async def look(self) -> str:
        """Say what `obtain` would do first, and do nothing (`--dry-run`)."""
        jobs = await self._read_jobs()
        found = self._earlier_run.among(jobs)
        active = _active(jobs)
        if found is not None:
            return f"would adopt job {found.id} ({found.status}), created since then"
        if active is not None:
            return f"job {active.id} is {active.status}: would {self._how_to_meet(active)}"
        return f"would start a {self._policy.job_type}"

    async def _advance(self) -> bool:
        """Go one step from the connection's jobs as they are now; True when that was the end."""
        looked_at = self._clock.monotonic()  # before: some of the answers may be as old
        jobs = await self._read_jobs()
        if await self._our_job.claim_from(jobs):
            return True
        found = self._earlier_run.among(jobs)
        if found is not None:
            self._our_job.take(found, adopted=True, since=True)
            return True
        active = _active(jobs)
        if active is not None:
            return await self._meet(active)
        self._our_job.update_baseline(jobs)
        return await self._start(looked_at=looked_at)

    # -- what is there already ---------------------------------------------------------------

    async def _read_jobs(self, *, retry_for: float | None = None) -> Sequence[Job]:
        jobs = await self._context.airbyte.jobs(
            self._connection.id,
            limit=_JOBS_READ_SINCE if self._policy.since else JOBS_READ,
            retry_for=self._retry_for if retry_for is None else retry_for,
        )
        self._state.history = history_of(jobs, job_type=self._policy.job_type)
        return jobs

    @property
    def _retry_for(self) -> float:
        """Seconds for one read: a job that may exist is worth outlasting an outage."""
        return self._context.policy.wait.max_outage if self._our_job.may_exist else RETRY_FOR

    async def _meet(self, active: Job) -> bool:
        """Another job is active: do as `--if-running` says. True if that is the end."""
        match self._how_to_meet(active):
            case "attach":
                self._our_job.take(active, adopted=True)
            case "skip":
                self._name(active)
                self._state.ended_as = ExitCode.SKIPPED
                if self._state.start is Start.POSSIBLE:
                    self._context.warn(self._state, f"job {active.id} {_MAY_BE_OURS}")
            case "fail":
                doubt = ""
                if self._our_job.may_be_among([active]):  # a gateway's 503 proves little
                    self._name(active)
                    doubt = f", and {_MAY_BE_OURS}"
                raise ConflictError(
                    f"job {active.id} ({active.type}) is {active.status} on connection "
                    f"{self._connection.name!r}{doubt}",
                    hint="--if-running wait starts a sync afterwards, attach waits for that job",
                )
            case "wait":
                await self._wait_for(active)
                return False
        return True

    def _name(self, active: Job) -> None:
        """Let the result name a job that is left alone, and say if it may be ours after all."""
        self._state.job, self._state.adopted = active, True
        self._state.url = self._context.airbyte.job_url(self._connection, active.id)
        if self._our_job.may_be_among([active]):
            self._state.start = Start.POSSIBLE

    def _how_to_meet(self, active: Job) -> IfRunning:
        """Decide what to do with another job.

        One that does something else is waited for where it would be adopted: its success is none
        of ours. So is one that our own lost trigger may have brought about.
        """
        how = self._policy.if_running
        if how == "attach":
            return how if self._fulfils_request(active) else "wait"
        return "wait" if self._our_job.may_exist else how

    async def _wait_for(self, active: Job) -> None:
        """Wait until somebody's job is out of the way; raises where that is not learned."""
        self._state.obstacle = f"job {active.id} ({active.type}) is in the way"
        try:
            await wait_for_other_job(self._context, self._state, active)
        except UnknownOutcomeError as error:
            raise self._not_started(error.message) from error
        self._attempt, self._conflict_since, self._state.obstacle = 1, None, None

    def _fulfils_request(self, job: Job) -> bool:
        return job.type in FULFILLED_BY[self._policy.job_type]

    def _not_started(self, words: str, *, hint: str | None = None) -> AirbyteSyncError:
        if self._our_job.may_exist:
            return self._our_job.unknown_outcome(words)
        return UnavailableError(f"{describe_missing_job(Start.NOT_SENT)}: {words}", hint=hint)

    # -- starting ours -----------------------------------------------------------------------

    async def _start(self, *, looked_at: float) -> bool:
        """Send one trigger and learn its effect. False: look at everything anew."""
        fresh = await self._turn_comes(looked_at)
        if fresh is None:
            return False
        answer = await self._our_job.trigger(
            self._attempt,
            send_before=None if self._is_always_slow else fresh + _FRESH,
            is_repeat=self._conflict_since is not None,
        )
        if answer is None:  # the connection took its time, so the look is old
            self._stale_reads += 1
            return False
        self._stale_reads = 0
        if isinstance(answer, Conflicted):  # a refusal is no attempt: it has its own patience
            return await self._check_conflict(answer)
        if isinstance(answer, Started) and self._is_detour(answer.job):
            return await self._follow_detour(answer.job)
        if await self._learn(answer):
            return True
        if isinstance(answer, ResponseLost):
            await self._check_connection()  # the Config API answers 500 where it is switched off
        await self._prepare_next_attempt(answer)
        return False

    async def _turn_comes(self, looked_at: float) -> float | None:
        """Wait for our turn to trigger; return when the look before it began.

        None, and no turn, where something came in between: the wait can be long. A clear would
        cancel a sync that began in the meantime, and a job that ended in the meantime could be
        taken for ours.
        """
        await self._context.slots.acquire()
        fresh = None
        try:
            fresh = looked_at if self._is_fresh(looked_at) else await self._look_again()
        finally:
            if fresh is None:
                self._context.slots.release()
        return fresh

    async def _look_again(self) -> float | None:
        """Look right before a trigger, and move the baseline; None if not free.

        Without repeats, because the first answers of a look that took long are old, too. Where
        that fails, with them: a gateway that counts requests lets no other look through. A look
        that succeeds slowly is as old, and taken again, until every one has been slow.
        """
        while True:
            looked_at = self._clock.monotonic()
            try:
                jobs = await self._read_jobs(retry_for=0)
            except UnavailableError:
                looked_at = self._clock.monotonic()
                jobs = await self._read_jobs()
            if self._our_job.may_be_among(jobs) or self._earlier_run.among(jobs) or _active(jobs):
                return None
            self._our_job.update_baseline(jobs)
            if self._is_fresh(looked_at):
                return looked_at
            self._stale_reads += 1

    def _is_fresh(self, looked_at: float) -> bool:
        return self._is_always_slow or self._clock.monotonic() - looked_at < _FRESH

    @property
    def _is_always_slow(self) -> bool:
        """Whether no look can be fresh here: then the latest one must do."""
        return self._stale_reads >= self._policy.max_triggers

    async def _learn(self, answer: _NoConflict) -> bool:
        """Take the job that an answer names, or look for the one that it may have made."""
        match answer:
            case Started() if self._our_job.accept(answer):
                return True
            case Undelivered(unsent=True):
                return False
            case Undelivered():
                return await self._our_job.find(answer.message, self._policy.refused_grace)
            case _:
                return await self._our_job.find(_words(answer), self._policy.lost_grace)

    async def _prepare_next_attempt(self, answer: _NoConflict) -> None:
        """Count it, after the pause that the answer asks for; raises after the last one."""
        if self._attempt >= self._policy.max_triggers:
            hint = answer.hint if isinstance(answer, Undelivered) else None
            raise self._not_started(_words(answer), hint=hint)
        if isinstance(answer, Undelivered):
            await self._clock.sleep(max(2.0**self._attempt, answer.retry_after or 0.0))
        self._attempt += 1

    # -- something else first ----------------------------------------------------------------

    def _is_detour(self, job: Job) -> bool:
        """Whether a plain yes names something else, such as pending resets of streams."""
        is_there = job.is_active or self._our_job.is_new(job)
        return is_there and not self._fulfils_request(job)

    async def _follow_detour(self, job: Job) -> bool:
        """Wait for what Airbyte does first (SchedulerHandler.kt, createJob), then look anew.

        Ours if it is new: named, and cancelled with us. True if it ended badly: so do we.
        """
        if not self._our_job.is_new(job):
            await self._wait_for(job)
            return False
        self._detours += 1
        self._our_job.take(job, adopted=False)
        ended = await wait_for_other_job(self._context, self._state, job)
        self._state.job = ended
        if ended.status != "succeeded":
            return True
        self._our_job.release()
        if self._detours >= self._policy.max_triggers:
            raise ConflictError(
                f"Airbyte answered {self._detours} times with a {job.type} of "
                f"{self._connection.name!r} instead of a {self._policy.job_type}",
                hint="its page in the UI shows what is pending",
            )
        return False

    # -- refused -----------------------------------------------------------------------------

    async def _check_connection(self) -> None:
        """Raise RejectedError if somebody has switched the connection off meanwhile.

        Where it cannot be read, there is nothing to say: the jobs tell more.
        """
        with suppress(AirbyteSyncError):
            self._connection_now = await self._context.airbyte.connection(self._connection.id)
        require_active(self._connection_now)

    async def _check_conflict(self, answer: Conflicted) -> bool:
        """A 409 is not believed but checked, the jobs first. True: a job was taken."""
        if answer.already_running:
            jobs = await self._read_jobs()
            if await self._our_job.claim_from(jobs):
                return True
            await self._check_connection()
            if _active(jobs):
                return False
        else:
            if await self._our_job.find(None, 0.0):
                return True
            await self._check_connection()
            words = answer.message if self._conflict_since is None else None
            if await self._our_job.find(words, self._policy.conflict_grace):
                return True
        await self._outlast_conflict(answer)
        return False

    async def _outlast_conflict(self, answer: Conflicted) -> None:
        """Nothing runs, though Airbyte says so: normal for a while just after a reset."""
        now, seconds = self._clock.monotonic(), self._policy.conflict_retry_for
        if self._conflict_since is None:
            self._conflict_since = now
            self._context.emit(
                Refused(sync=self._state.snapshot(), reason=answer.message, seconds=seconds)
            )
        waited = now - self._conflict_since
        if waited >= seconds:
            if self._our_job.may_exist:  # a start signal outlives its request
                raise self._our_job.unknown_outcome(answer.message)
            raise ConflictError(
                f"nothing runs on {self._connection.name!r}, yet Airbyte refuses: "
                f"{answer.message}",
                hint="the connection may be stuck: saving it anew in the UI, or restarting "
                "Airbyte's workers, frees it",
            )
        await self._clock.sleep(min(max(waited, 2.0), 20.0))


def _active(jobs: Sequence[Job]) -> Job | None:
    """Return the newest job that is still active."""
    return next(iter(active_among(jobs)), None)


def _words(answer: _NoConflict) -> str:
    if isinstance(answer, Started):
        return f"Airbyte answered with job {answer.job.id}, which had ended before"
    return answer.message
