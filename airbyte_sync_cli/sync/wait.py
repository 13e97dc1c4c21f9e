"""Wait for a job's end: sleep, look, and never take "could not look" for an answer."""

from dataclasses import dataclass

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, Job
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    OutOfTimeError,
    UnavailableError,
    UnknownOutcomeError,
)
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import OutageBegan, OutageEnded, Polled
from airbyte_sync_cli.sync.pace import LONGEST, SHORTEST, pause_before_look


@dataclass(slots=True)
class _Outage:
    """A stretch of looks that all failed."""

    began: float
    looks: int = 0
    retry_after: float | None = None

    def pause(self) -> float:
        """Back off: 2, 4, 8 … 30 s, or what the server asked for."""
        doubled = min(self.looks, 10)  # a float overflows after 1024 of them: 8 hours
        return max(min(SHORTEST * 2.0**doubled, LONGEST), self.retry_after or 0.0)


class Wait:
    """One wait for one job."""

    def __init__(
        self, context: Context, case: Case, job_id: int, *, deadline: float | None = None
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._policy = context.policy.wait
        self._emit = context.emit
        self._case = case
        self._job_id = job_id
        self._deadline = deadline
        self._began = self._clock.monotonic()
        self._outage: _Outage | None = None
        self._warned: set[str] = set()
        self._has_begun = case.job is not None and case.job.status not in NOT_STARTED_STATUSES
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
            job = await self._context.airbyte.job(self._job_id, patience=0)
        except AirbyteSyncError as error:
            self._note_outage(error)
            return None
        self._note_end_of_outage()
        self._case.job = job
        self._has_begun = self._has_begun or job.status not in NOT_STARTED_STATUSES
        if job.is_active and job.status not in NOT_STARTED_STATUSES:
            self._case.progress = (
                await self._context.airbyte.progress(job.id) or self._case.progress
            )
        self._emit(Polled(key=self._case.key, job=job, progress=self._case.progress))
        self._warn_of_oddities(job)
        return job

    def _lateness(self, job: Job | None, looked_at: float) -> OutOfTimeError | None:
        """Say whether time was up, and which, when this look at the job began."""
        name = f"job {self._job_id}"
        if self._deadline is not None and looked_at >= self._deadline:
            return OutOfTimeError(
                f"{name} had not ended when --timeout passed",
                hint=f"`airbyte-sync wait {self._job_id}` waits on; --timeout gives more time",
            )
        start_deadline = self._start_deadline()
        if job is not None and start_deadline is not None and looked_at >= start_deadline:
            return OutOfTimeError(
                f"{name} had not begun to work when --start-timeout passed",
                hint="Airbyte has no free worker, or its workers are stuck: look at its pods",
                limit="--start-timeout",
            )
        return None

    def _start_deadline(self) -> float | None:
        limit = self._policy.start_timeout
        return None if limit is None or self._has_begun else self._began + limit

    def _pause(self) -> float:
        """Sleep no longer than to the next deadline."""
        if self._outage is not None:
            pause = self._outage.pause()
        elif self._policy.poll_interval is not None:
            pause = self._policy.poll_interval
        else:
            pause = pause_before_look(self._age(), history=self._case.history)
        now, start = self._clock.monotonic(), self._start_deadline()
        ends = [] if self._deadline is None else [self._deadline - now]
        if start is not None and (start > now or self._outage is None):
            ends.append(start - now)  # what cannot be read is not looked at ever faster
        return max(0.0, min([pause, *ends]))

    def _age(self) -> float:
        job, waited = self._case.job, self._clock.monotonic() - self._began
        created = (self._clock.now() - job.created_at).total_seconds() if job else 0.0
        return max(waited, created)

    def _note_outage(self, error: AirbyteSyncError) -> None:
        """Count a failed look; give up with the error where its patience is used up."""
        now = self._clock.monotonic()
        outage = self._outage = self._outage or _Outage(began=now)
        outage.looks += 1
        passing = isinstance(error, UnavailableError)
        outage.retry_after = error.retry_after if isinstance(error, UnavailableError) else None
        if now - outage.began >= self._patience(passing=passing):
            raise self._unknown(error, now - outage.began) if passing else error
        if outage.looks == 1:
            self._emit(OutageBegan(key=self._case.key, words=error.message))

    def _patience(self, *, passing: bool) -> float:
        """A plain no is believed at once, unless the job had been read before."""
        if passing:
            return self._policy.max_outage
        doubt = self._policy.denied_patience if self._case.job is not None else 0.0
        return min(doubt, self._policy.max_outage)

    def _unknown(self, error: AirbyteSyncError, seconds: float) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"job {self._job_id} may go on, but Airbyte could not be read for {seconds:.0f} s: "
            f"{error.message}",
            hint=f"when it is back, `airbyte-sync wait {self._job_id}` learns the outcome",
        )

    def _note_end_of_outage(self) -> None:
        if self._outage is not None:
            seconds = self._clock.monotonic() - self._outage.began
            self._outage = None
            self._emit(OutageEnded(key=self._case.key, seconds=seconds))

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
            self._context.warn(self._case.key, message)
