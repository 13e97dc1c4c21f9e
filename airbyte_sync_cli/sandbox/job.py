"""A simulated job: its status and attempts at any moment, and the cancels that change them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from airbyte_sync_cli.sandbox.connection import SimStream
from airbyte_sync_cli.sandbox.script import FINAL, JobFailure, JobScript

StartedBy = Literal["api", "schedule", "other"]

MANUAL_CANCELLATION: Final = JobFailure(
    origin="airbyte_platform",
    type="manual_cancellation",
    message="This attempt was cancelled",
    internal_message="Setting attempt to FAILED because the job was cancelled",
    stacktrace="",
)
"""The failure that Airbyte gives to a cancelled attempt."""
FLICKER: Final = 0.1
"""Seconds that a job is `incomplete` on its way to `cancelled`: failing its attempt sets it."""


@dataclass(frozen=True, slots=True)
class StatusSpan:
    """A status from one epoch second to another; the last span ends at infinity."""

    status: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One attempt of a job. `end` is infinite while it runs."""

    number: int
    start: float
    end: float
    status: Literal["running", "failed", "succeeded"]
    failure: JobFailure | None

    @property
    def failures(self) -> tuple[JobFailure, ...]:
        """Its failures, in the order in which Airbyte lists them."""
        return () if self.failure is None else (self.failure, *self.failure.also)

    def seconds_until(self, when: float) -> float:
        """Return how many seconds it had run by an epoch second."""
        return max(min(self.end, when) - self.start, 0.0)


@dataclass(frozen=True, slots=True)
class Cancel:
    """A cancel request for a job: when (epoch seconds), its sender, and whether it worked.

    A reset or clear that ends a running sync counts as one, without a user: it has no event.
    """

    at: float
    by: str
    took_effect: bool
    user: str | None = None


@dataclass(slots=True)
class SimJob:
    """A job of the simulated Airbyte. Its status follows from the clock; nothing runs."""

    id: int
    connection_id: str
    type: str
    """The stored type: `sync`, `reset_connection`, `refresh` or `clear`."""
    created_at: float
    started_by: StartedBy
    script: JobScript = field(repr=False)
    now: Callable[[], float] = field(repr=False)
    spans: list[StatusSpan] = field(init=False)
    streams: tuple[SimStream, ...] = ()
    """The streams that a refresh or a reset was requested for; empty means all."""
    asked_by: list[str] = field(default_factory=list)
    """The senders of its triggers: the first one started it, the others joined it."""
    cancelled_by: list[Cancel] = field(default_factory=list)
    """The cancels that it got, the lost ones included."""

    def __post_init__(self) -> None:
        self.spans, at = [], self.created_at
        for phase in self.script.phases:
            self.spans.append(StatusSpan(phase.status, at, at + phase.seconds))
            at += phase.seconds

    @property
    def status(self) -> str:
        """The status now."""
        return self.status_at(self.now())

    @property
    def cancels(self) -> int:
        """The number of cancels that it got, the lost ones included."""
        return len(self.cancelled_by)

    @property
    def active(self) -> bool:
        """Whether it is not over; an unknown status counts as active."""
        return self.status not in FINAL

    @property
    def ends_at(self) -> float:
        """The epoch second of its end as planned now; infinite without an end."""
        return self.spans[-1].start if self.spans[-1].status in FINAL else math.inf

    @property
    def runs_at(self) -> float:
        """The epoch second of its first attempt as planned now; infinite without one."""
        return next((span.start for span in self.spans if span.status == "running"), math.inf)

    def status_at(self, when: float) -> str:
        """Return the status at an epoch second, in the future unless it is cancelled."""
        return self._span_at(when).status

    def updated_at(self, when: float) -> float:
        """Return the last change of status before that: nothing else moves `updatedAt`."""
        return self._span_at(when).start

    def active_at(self, when: float) -> bool:
        """Return whether it existed and was not over at an epoch second."""
        return self.created_at <= when and self.status_at(when) not in FINAL

    def attempts_at(self, when: float) -> list[JobAttempt]:
        """Return the attempts that had started by an epoch second."""
        attempts: list[JobAttempt] = []
        start: float | None = None
        for span in self.spans:
            if span.start > when:
                break
            # A status between two `running` (`queued`, say) does not end the attempt.
            if span.status == "running" and start is None:
                start = span.start
            elif start is not None and (span.status == "incomplete" or span.status in FINAL):
                attempts.append(self._ended_attempt(len(attempts), start, span))
                start = None
        if start is not None:
            attempts.append(JobAttempt(len(attempts), start, math.inf, "running", None))
        return self._with_final_failure(attempts, when)

    def cancel(self, by: str = "", *, user: str | None = "default") -> bool:
        """Cancel it now, on behalf of a sender and user. Return False if the cancel is lost.

        Nothing listens before the first attempt, so Airbyte loses a cancel that comes earlier
        (ConnectionManagerWorkflowImpl.cancelJob).
        """
        now = self.now()
        status = self.status_at(now)
        lost = status in FINAL or (status == "pending" and not self.attempts_at(now))
        lost = lost or self.cancels < self.script.cancels_lost
        self.cancelled_by.append(Cancel(now, by, took_effect=not lost, user=user))
        if lost:
            return False
        stop = now + self.script.cancel_takes
        # An earlier end stands: the job's own, or that of a cancel before this one.
        if stop < self.ends_at:
            self._cut(stop)
        return True

    def _cut(self, stop: float) -> None:
        flicker = max(stop - FLICKER, self.now())  # the past does not change
        kept = [span for span in self.spans if span.start < flicker]
        last = kept.pop() if kept else self.spans[0]
        self.spans = [
            *kept,
            StatusSpan(last.status, last.start, min(last.end, flicker)),
            StatusSpan("incomplete", flicker, stop),
            StatusSpan("cancelled", stop, math.inf),
        ]

    def _span_at(self, when: float) -> StatusSpan:
        # At the moment of a change the next status counts.
        return next((span for span in self.spans if span.end > when), self.spans[-1])

    def _ended_attempt(self, number: int, start: float, by: StatusSpan) -> JobAttempt:
        if by.status == "succeeded":
            return JobAttempt(number, start, by.start, "succeeded", None)
        retries = self.script.retry_failures
        failure = retries[number] if number < len(retries) else self.script.retry_failure
        if by.status == "failed":
            failure = self.script.failure
        return JobAttempt(number, start, by.start, "failed", failure)

    def _with_final_failure(self, attempts: list[JobAttempt], when: float) -> list[JobAttempt]:
        # `incomplete` closed the last attempt; if the job then failed or was cancelled, the
        # attempt's failure is the job's.
        failures = {"failed": self.script.failure, "cancelled": MANUAL_CANCELLATION}
        failure = failures.get(self.status_at(when))
        if attempts and failure is not None:
            last = attempts[-1]
            attempts[-1] = JobAttempt(last.number, last.start, last.end, "failed", failure)
        return attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """The filter of a job list, the same in both APIs. Empty sets and None match every job."""

    connections: frozenset[str] | None = None
    types: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    created_start: float | None = None
    created_end: float | None = None
    updated_start: float | None = None
    updated_end: float | None = None

    def matches(self, job: SimJob) -> bool:
        """Return whether a job is in the list; both ends of a range are inclusive."""
        updated = job.updated_at(job.now())
        return (
            (self.connections is None or job.connection_id in self.connections)
            and (not self.types or job.type in self.types)
            and (not self.statuses or job.status in self.statuses)
            and _is_within(job.created_at, self.created_start, self.created_end)
            and _is_within(updated, self.updated_start, self.updated_end)
        )


def _is_within(when: float, start: float | None, end: float | None) -> bool:
    return (start is None or when >= start) and (end is None or when <= end)


def sort_jobs(jobs: list[SimJob], field: str, *, newest_first: bool) -> list[SimJob]:
    """Sort by `createdAt` or `updatedAt`; at equal times, by id."""

    def key(job: SimJob) -> tuple[float, int]:
        when = job.created_at if field == "createdAt" else job.updated_at(job.now())
        return (when, job.id)

    return sorted(jobs, key=key, reverse=newest_first)
