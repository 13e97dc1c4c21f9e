"""A job: its timeline is decided at its birth, cut by a cancel, and read by the clock.

No task runs for a job. Whoever asks gets what the timeline says for this moment.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from airbyte_sync_cli.sandbox.script import FINAL, Failure, JobScript

StartedBy = Literal["api", "schedule", "other"]

MANUAL_CANCELLATION: Final = Failure(
    origin="airbyte_platform",
    type="manual_cancellation",
    message="This attempt was cancelled",
    internal_message="Setting attempt to FAILED because the job was cancelled",
    stacktrace="",
)
FLICKER: Final = 0.1
"""Seconds that a job is `incomplete` on its way to `cancelled`: ending an attempt sets it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A status from one epoch second to another; the last one ends at infinity."""

    status: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try inside a job. `end` is infinite while it runs."""

    number: int
    start: float
    end: float
    status: Literal["running", "failed", "succeeded"]
    failure: Failure | None

    def overlap(self, until: float) -> float:
        """Seconds that it had run by then."""
        return max(min(self.end, until) - self.start, 0.0)


@dataclass(frozen=True, slots=True)
class Cancel:
    """A cancel that reached a job: when (epoch seconds), who sent it, and whether it worked.

    A reset or clear that ends a running sync is one, too.
    """

    at: float
    by: str
    took_effect: bool


@dataclass(slots=True)
class SimJob:
    """A job of the simulated Airbyte, readable at any moment."""

    id: int
    connection_id: str
    type: str
    """The stored type: `sync`, `reset_connection`, `refresh` or `clear`."""
    created_at: float
    started_by: StartedBy
    script: JobScript = field(repr=False)
    now: Callable[[], float] = field(repr=False)
    spans: list[Span] = field(init=False)
    asked_by: list[str] = field(default_factory=list)
    """Whose triggers it answers: the first started it, the others joined. Empty: a schedule."""
    cancelled_by: list[Cancel] = field(default_factory=list)
    """The cancels that reached it, the lost ones included."""

    def __post_init__(self) -> None:
        self.spans, at = [], self.created_at
        for phase in self.script.phases:
            self.spans.append(Span(phase.status, at, at + phase.seconds))
            at += phase.seconds

    @property
    def status(self) -> str:
        """What it is now."""
        return self.status_at(self.now())

    @property
    def cancels(self) -> int:
        """How many cancels reached it, the lost ones included."""
        return len(self.cancelled_by)

    @property
    def active(self) -> bool:
        """Whether it is not over; an unknown status counts as active."""
        return self.status not in FINAL

    @property
    def ends_at(self) -> float:
        """When it is over, as planned now; infinite if never."""
        return self.spans[-1].start if self.spans[-1].status in FINAL else math.inf

    @property
    def runs_at(self) -> float:
        """When its first attempt starts, as planned now; infinite if never."""
        return next((span.start for span in self.spans if span.status == "running"), math.inf)

    def status_at(self, when: float) -> str:
        """What it was, or will be unless it is cancelled, at an epoch second."""
        return self._span_at(when).status

    def updated_at(self, when: float) -> float:
        """The last change of status before that: the only thing that moves `updatedAt`."""
        return self._span_at(when).start

    def active_at(self, when: float) -> bool:
        """Whether it existed and was not over at that moment."""
        return self.created_at <= when and self.status_at(when) not in FINAL

    def attempts_at(self, when: float) -> list[Attempt]:
        """The attempts begun by then."""
        attempts: list[Attempt] = []
        begun: float | None = None
        for span in self.spans:
            if span.start > when:
                break
            if span.status == "running" and begun is None:
                begun = span.start
            elif begun is not None and (span.status == "incomplete" or span.status in FINAL):
                attempts.append(self._ended(len(attempts), begun, span))
                begun = None
        if begun is not None:
            attempts.append(Attempt(len(attempts), begun, math.inf, "running", None))
        return self._with_last_reason(attempts, when)

    def cancel(self, by: str = "") -> bool:
        """Ask it to stop now, in somebody's name; False if that is silently lost.

        Nothing listens before the first attempt, so Airbyte loses a cancel that comes then.
        """
        now = self.now()
        status = self.status_at(now)
        lost = status in FINAL or (status == "pending" and not self.attempts_at(now))
        lost = lost or self.cancels < self.script.cancels_lost
        self.cancelled_by.append(Cancel(now, by, took_effect=not lost))
        if lost:
            return False
        stop = now + self.script.cancel_takes
        # An end that comes sooner stands: its own, or that of a cancel before this one.
        if stop < self.ends_at:
            self._cut(stop)
        return True

    def _cut(self, stop: float) -> None:
        flicker = max(stop - FLICKER, self.now())
        kept = [span for span in self.spans if span.start < flicker]
        last = kept.pop() if kept else self.spans[0]
        self.spans = [
            *kept,
            Span(last.status, last.start, min(last.end, flicker)),
            Span("incomplete", flicker, stop),
            Span("cancelled", stop, math.inf),
        ]

    def _span_at(self, when: float) -> Span:
        return next((span for span in self.spans if span.end > when), self.spans[-1])

    def _ended(self, number: int, begun: float, by: Span) -> Attempt:
        if by.status == "succeeded":
            return Attempt(number, begun, by.start, "succeeded", None)
        failure = self.script.failure if by.status == "failed" else self.script.retry_failure
        return Attempt(number, begun, by.start, "failed", failure)

    def _with_last_reason(self, attempts: list[Attempt], when: float) -> list[Attempt]:
        # A job that was `incomplete` for a moment before its end tells the end's reason.
        reasons = {"failed": self.script.failure, "cancelled": MANUAL_CANCELLATION}
        reason = reasons.get(self.status_at(when))
        if attempts and reason is not None:
            last = attempts[-1]
            attempts[-1] = Attempt(last.number, last.start, last.end, "failed", reason)
        return attempts
