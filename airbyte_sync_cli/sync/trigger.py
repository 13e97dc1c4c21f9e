"""Get exactly one job for a connection: start it once, and never lose it.

The rule (docs/exactly-one-job.md draws it): only a clean yes or no is believed. After any other
response the connection's jobs are read, and a trigger is sent again only after a search, long
enough, that found no job newer than before.

What happens after each response is decided in `Trigger._handle`; a lost response goes to
`_handle_lost_response` there. Whose a found job is, `OurJob` decides.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from airbyte_sync_cli.airbyte.http import RETRY_FOR
from airbyte_sync_cli.airbyte.models import (
    SUCCEEDED,
    Conflicted,
    Connection,
    Job,
    ResponseLost,
    Started,
    TriggerResponse,
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
from airbyte_sync_cli.sync.inactive import require_active
from airbyte_sync_cli.sync.our_job import JOBS_READ, OurJob
from airbyte_sync_cli.sync.policy import IfRunning
from airbyte_sync_cli.sync.result import Start, describe_missing_job
from airbyte_sync_cli.sync.since import EarlierRun
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.wait import wait_for_other_job

# A whole page of the Public API: many jobs may have run since the timestamp.
_JOBS_READ_SINCE: Final = 100
_FRESH: Final = 1.0
"""Seconds from reading the jobs in which a trigger may be sent. Later, another job may have begun
(which a clear would cancel), or begun and ended (which would be taken for ours)."""
_LEAVES_OPEN: Final = (UnavailableError, DeniedError, NotFoundError, ProtocolError)
"""Errors that leave open what an earlier trigger has started."""

_MAY_BE_OURS: Final = "may have been started by this run's rejected trigger"


class Trigger:
    """Gets one job for one connection: started, found again, or adopted."""

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
        """Since the last trigger: how often the jobs were stale when it could have been sent."""
        self._prerequisites = 0
        """Jobs that Airbyte did first, such as resets, instead of the one asked for."""

    async def get_job(self) -> None:
        """Set `state.job`, started by us or adopted, or end as skipped.

        Raises ConflictError, RejectedError and so on after a clean no, UnavailableError where
        nothing can have been started, and UnknownOutcomeError where something may have been.
        """
        try:
            while not await self._step():
                pass
        except _LEAVES_OPEN as error:
            if self._our_job.may_exist:
                raise self._our_job.unknown_outcome(error.message) from error
            raise

    async def preview(self) -> str:
        """Return what `get_job` would do first, for people, and do nothing (`--dry-run`)."""
        jobs = await self._read_jobs()
        found = self._earlier_run.among(jobs)
        active = _newest_active(jobs)
        if found is not None:
            return f"would adopt job {found.id} ({found.status}), created since then"
        if active is not None:
            return f"job {active.id} is {active.status}: would {self._if_running(active)}"
        streams = sorted(map(str, self._policy.streams.get(self._connection.id, ())))
        of_streams = f" of {', '.join(streams)}" if streams else ""
        return f"would start a {self._policy.job_type}{of_streams}"

    async def _step(self) -> bool:
        """Read the connection's jobs and act on them. True: there is a job, or a skip."""
        read_at = self._clock.monotonic()  # before the read: its first page may be that old
        jobs = await self._read_jobs()
        # In this order: an active job of ours must not be taken for another one in the way.
        if await self._our_job.claim_from(jobs):
            return True
        # Before --if-running, which would skip or refuse the job that an earlier try started.
        found = self._earlier_run.among(jobs)
        if found is not None:
            self._our_job.adopt(found, since=True)
            return True
        active = _newest_active(jobs)
        if active is not None:
            return await self._apply_if_running(active)
        self._our_job.update_baseline(jobs)
        return await self._start(read_at=read_at)

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
        """Seconds for one read. Before a trigger it is safe to give up early (exit 9)."""
        return self._context.policy.wait.max_outage if self._our_job.may_exist else RETRY_FOR

    # -- another job is active (--if-running) ------------------------------------------------

    async def _apply_if_running(self, active: Job) -> bool:
        match self._if_running(active):
            case "attach":
                self._our_job.adopt(active)
            case "skip":
                self._name_in_result(active)
                self._state.ended_as = ExitCode.SKIPPED
                if self._state.start is Start.POSSIBLE:
                    self._context.warn(self._state, f"job {active.id} {_MAY_BE_OURS}")
            case "fail":
                doubt = ""
                if self._our_job.may_be_among([active]):  # a 503 of a gateway proves little
                    self._name_in_result(active)
                    doubt = f", and {_MAY_BE_OURS}"
                raise ConflictError(
                    f"job {active.id} ({active.type}) is {active.status} on connection "
                    f"{self._connection.name!r}{doubt}"
                )
            case "wait":
                await self._wait_for_other(active)
                return False
        return True

    def _if_running(self, active: Job) -> IfRunning:
        """Return what to do with an active job: as the option says, with two exceptions.

        A job of another type is waited for, not attached to: its success is not ours. After a
        lost response the active job may be ours, so it is neither skipped nor a failure.
        """
        option = self._policy.if_running
        if option == "attach":
            return option if self._fulfils_request(active) else "wait"
        return "wait" if self._our_job.may_exist else option

    def _name_in_result(self, active: Job) -> None:
        """Name a job that is left alone."""
        self._state.job, self._state.adopted = active, True
        self._state.url = self._context.airbyte.job_url(self._connection, active.id)
        if self._our_job.may_be_among([active]):
            self._state.start = Start.POSSIBLE

    async def _wait_for_other(self, other: Job) -> None:
        self._state.obstacle = f"waiting for job {other.id} ({other.type}) to end"
        try:
            await wait_for_other_job(self._context, self._state, other)
        except UnknownOutcomeError as error:
            raise self._not_started(error.message) from error
        # What was refused before says nothing about the connection as it is now.
        self._attempt, self._conflict_since, self._state.obstacle = 1, None, None

    def _fulfils_request(self, job: Job) -> bool:
        return self._policy.is_fulfilled_by(job)

    def _not_started(self, reason: str, *, hint: str | None = None) -> AirbyteSyncError:
        if self._our_job.may_exist:
            return self._our_job.unknown_outcome(reason)
        return UnavailableError(f"{describe_missing_job(Start.NOT_SENT)}: {reason}", hint=hint)

    # -- sending one trigger -----------------------------------------------------------------

    async def _start(self, *, read_at: float) -> bool:
        """Send one trigger and act on its response. False: read the jobs again."""
        fresh_since = await self._acquire_slot(read_at)
        if fresh_since is None:
            return False
        response = await self._our_job.trigger(
            self._attempt,
            send_before=None if self._is_always_slow else fresh_since + _FRESH,
            is_repeat=self._conflict_since is not None,
        )
        if response is None:  # connecting took so long that the jobs read before are stale
            self._stale_reads += 1
            return False
        self._stale_reads = 0
        return await self._handle(response)

    async def _acquire_slot(self, read_at: float) -> float | None:
        """Wait for a slot to trigger; return when the jobs were last read.

        None, and no slot, where a job has appeared while we waited for it.
        """
        await self._context.slots.acquire()  # may take minutes: a trigger can take one itself
        fresh_since = None
        try:
            fresh_since = read_at if self._is_fresh(read_at) else await self._read_again()
        finally:
            if fresh_since is None:
                self._context.slots.release()
        return fresh_since

    async def _read_again(self) -> float | None:
        """Read the jobs right before a trigger and return when; None where one is in the way.

        Without retries first: jobs of a read that was retried are stale again. With retries where
        that fails: a gateway that limits requests lets nothing else through. A read that succeeds
        slowly is repeated, until it is clear that every read here is slow.
        """
        while True:
            read_at = self._clock.monotonic()
            try:
                jobs = await self._read_jobs(retry_for=0)
            except UnavailableError:
                read_at = self._clock.monotonic()
                jobs = await self._read_jobs()
            found = self._our_job.may_be_among(jobs) or self._earlier_run.among(jobs)
            if found or _newest_active(jobs):
                return None
            self._our_job.update_baseline(jobs)
            if self._is_fresh(read_at):
                return read_at
            self._stale_reads += 1

    def _is_fresh(self, read_at: float) -> bool:
        return self._is_always_slow or self._clock.monotonic() - read_at < _FRESH

    @property
    def _is_always_slow(self) -> bool:
        """Return whether no read is fresh here: then the last one has to do, or none would."""
        return self._stale_reads >= self._policy.max_triggers

    # -- what the response proves ------------------------------------------------------------

    async def _handle(self, response: TriggerResponse) -> bool:
        """Act on a response. True: there is a job. False: read the jobs, and maybe send again.

        A clean no (403, 404, 422 …) is no response but an error, raised before this.
        """
        match response:
            case Started(job=job) if self._is_prerequisite(job):
                return await self._wait_for_prerequisite(job)
            case Started() if self._our_job.accept(response):
                return True
            case Started(job=job):  # a job of before: what our trigger did is unknown
                return await self._handle_lost_response(
                    f"the response names job {job.id}, which had already ended"
                )
            case ResponseLost(message=message):
                return await self._handle_lost_response(message)
            case Undelivered():
                return await self._handle_undelivered(response)
            case Conflicted():
                return await self._check_conflict(response)

    async def _handle_lost_response(self, reason: str) -> bool:
        """The trigger may have started a job that no response named: search for it.

        The search outlasts the minute in which Airbyte itself may still start it; only after that
        is it safe to send the trigger again.
        """
        if await self._our_job.find(reason, self._policy.lost_grace):
            return True
        await self._check_connection()  # the Config API answers 500 where it is disabled
        self._count_attempt(reason)
        return False

    async def _handle_undelivered(self, response: Undelivered) -> bool:
        """A connection that failed, a 503 or 429: retry with backoff, after a short search.

        Some gateways answer 503 although they have passed the request on.
        """
        grace = self._policy.refused_grace
        if not response.unsent and await self._our_job.find(response.message, grace):
            return True
        pause = max(2.0**self._attempt, response.retry_after or 0.0)
        self._count_attempt(response.message, hint=response.hint)
        await self._clock.sleep(pause)
        return False

    def _count_attempt(self, reason: str, *, hint: str | None = None) -> None:
        """Raise after the last attempt: UnavailableError, or UnknownOutcomeError."""
        if self._attempt >= self._policy.max_triggers:
            raise self._not_started(reason, hint=hint)
        self._attempt += 1

    # -- Airbyte does something else first ---------------------------------------------------

    def _is_prerequisite(self, job: Job) -> bool:
        """Return whether a clean yes names another kind of job, such as a pending reset."""
        is_current = job.is_active or self._our_job.is_new(job)
        return is_current and not self._fulfils_request(job)

    async def _wait_for_prerequisite(self, job: Job) -> bool:
        """Wait for what Airbyte does first (SchedulerHandler.kt, createJob), then trigger again.

        A new one was started by our trigger: named in the result, and cancelled with us. True if
        it ended badly: then so does the sync.
        """
        if not self._our_job.is_new(job):
            await self._wait_for_other(job)
            return False
        self._prerequisites += 1
        self._our_job.claim(job)  # before the wait: a stop in it has to cancel the reset
        self._state.job = await wait_for_other_job(self._context, self._state, job)
        if self._state.job.status != SUCCEEDED:
            return True
        self._our_job.release()  # its success is not the sync's
        if self._prerequisites >= self._policy.max_triggers:
            raise ConflictError(
                f"{self._prerequisites} triggers of {self._connection.name!r} returned a "
                f"{job.type} instead of a {self._policy.job_type}",
                hint="see the connection's timeline in the UI for its pending stream resets",
            )
        return False

    # -- conflicts (409) ---------------------------------------------------------------------

    async def _check_conflict(self, response: Conflicted) -> bool:
        """Read what a 409 claims, because it can be wrong. True: there is a job.

        The jobs before the connection: a job of ours counts, although the connection was disabled
        since.
        """
        if response.already_running:
            jobs = await self._read_jobs()
            if await self._our_job.claim_from(jobs):
                return True
            await self._check_connection()
            if _newest_active(jobs):
                return False
        else:
            if await self._our_job.find(None, 0.0):
                return True
            await self._check_connection()
            reason = response.message if self._conflict_since is None else None
            if await self._our_job.find(reason, self._policy.conflict_grace):
                return True
        await self._outlast_conflict(response)
        return False

    async def _check_connection(self) -> None:
        """Raise RejectedError where the connection was disabled meanwhile.

        Where it cannot be read, the jobs decide.
        """
        with suppress(AirbyteSyncError):
            self._connection_now = await self._context.airbyte.connection(self._connection.id)
        await require_active(self._context.airbyte, self._connection_now)

    async def _outlast_conflict(self, response: Conflicted) -> None:
        """Pause before the next trigger: a 409 while nothing runs is normal just after a reset."""
        now, limit = self._clock.monotonic(), self._policy.conflict_retry_for
        if self._conflict_since is None:
            self._conflict_since = now
            self._context.emit(
                Refused(sync=self._state.snapshot(), reason=response.message, seconds=limit)
            )
        waited = now - self._conflict_since
        if waited >= limit:
            if self._our_job.may_exist:  # Airbyte may act on a start signal after its response
                raise self._our_job.unknown_outcome(response.message)
            raise ConflictError(
                f"nothing is running on {self._connection.name!r}, but Airbyte rejects the "
                f"trigger: {response.message}",
                hint="the connection may be stuck: save it again in the UI, or restart Airbyte's "
                "workers",
            )
        # Doubles: each pause is as long as the wait before it.
        await self._clock.sleep(min(max(waited, 2.0), 20.0))


def _newest_active(jobs: Sequence[Job]) -> Job | None:
    return next(iter(active_among(jobs)), None)
