"""A job of the sandbox: its script, attempts and status over time."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

FINAL: Final = frozenset({"succeeded", "failed", "cancelled"})
"""The statuses that never change again; everything else counts as active."""


class Model(BaseModel):
    """What a scenario file may contain: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(Model):
    """A status and how many simulated seconds it lasts."""

    status: str
    seconds: float


class JobFailure(Model):
    """Why an attempt failed, in the words of `attempts[].failureSummary.failures[]`."""

    origin: str = "source"
    type: str = "system_error"
    message: str = "Something went wrong in the connector."
    internal_message: str = "java.lang.RuntimeException: something went wrong"
    stacktrace: str = (
        "java.lang.RuntimeException: something went wrong\n"
        "\tat io.airbyte.sandbox.Source.read(Source.java:42)"
    )
    retryable: bool | None = None


class LogEntry(Model):
    """A line of the log with a level and an origin of its own."""

    message: str
    level: str = "info"
    source: str = "replication-orchestrator"


def parse_life(text: str) -> tuple[Phase, ...]:
    """Read `pending 2, running 20, succeeded`: a status and its seconds, the last one stays.

    Raises ValueError with a sentence for whoever wrote the script.
    """
    phases = [_parse_phase(part) for part in text.split(",")]
    if any(math.isinf(phase.seconds) for phase in phases[:-1]):
        raise ValueError(f"{text!r}: only the last status may stand without seconds")
    if not math.isinf(phases[-1].seconds):
        raise ValueError(f"{text!r}: the last status stays as it is, so it takes no seconds")
    if any(phase.status in FINAL for phase in phases[:-1]):
        raise ValueError(f"{text!r}: nothing follows succeeded, failed or cancelled")
    return tuple(phases)


def _parse_phase(part: str) -> Phase:
    words = part.split()
    match words:
        case [status]:
            return Phase(status=status, seconds=math.inf)
        case [status, seconds]:
            return Phase(status=status, seconds=parse_seconds(seconds))
        case _:
            raise ValueError(f"{part.strip()!r} is not a status and its seconds (`running 20`)")


def parse_seconds(text: str) -> float:
    """Read `20`, `20s`, `5m` or `2h`. Raises ValueError."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not seconds >= 0:
        raise ValueError(f"{text!r} is less than no time")
    return seconds


def _check_life(text: str) -> str:
    parse_life(text)
    return text


class JobScript(Model):
    """One job's plot. All times are simulated seconds. A bare text stands for its `life`."""

    life: Annotated[str, AfterValidator(_check_life)] = "pending 2, running 20, succeeded"
    """Statuses and their seconds; any word may be a status. `running` begins an attempt,
    `incomplete` or the end closes it. `pending 2, running` runs until it is cancelled."""
    records: int = Field(default=1000, ge=0)
    byte_count: int = Field(default=204_800, ge=0)
    statistics: bool = True
    """False: not a number is ever known, as after Airbyte's false successes."""
    commit_lag: float = Field(default=5.0, ge=0)
    """Committed numbers are those that were emitted so long ago."""
    statistics_late: float = Field(default=0.0, ge=0)
    """The last numbers arrive so long after the end (Airbyte: up to a minute)."""
    flush_every: float | None = Field(default=None, ge=0)
    """Numbers move in steps of so many seconds; None takes the version's own, 0 is smooth."""
    estimate: bool = False
    """Whether the source tells beforehand how much there will be. Few do."""
    failure: JobFailure = JobFailure()
    """Why the job failed, if it does."""
    retry_failure: JobFailure = JobFailure(
        type="transient_error", message="The source closed the connection.", retryable=True
    )
    """Why the attempts before the last one failed."""
    job_type: str | None = None
    """Another type than was asked for: `refresh` or `reset_connection`."""
    born_after: float = Field(default=0.0, ge=0)
    """The trigger's signal is taken, but the job exists only so much later."""
    cancel_takes: float = Field(default=1.0, ge=0)
    """Seconds from a cancel until the job is `cancelled`."""
    cancels_lost: int = Field(default=0, ge=0)
    """So many cancels are answered with 200 and do nothing."""
    logs: tuple[str | LogEntry, ...] = ()
    """More log lines, beside those that the job writes by itself."""
    logs_late: float = Field(default=0.0, ge=0)
    """The last log lines arrive so long after they were written."""

    @model_validator(mode="before")
    @classmethod
    def _from_life(cls, value: object) -> object:
        return {"life": value} if isinstance(value, str) else value

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The life, parsed; the last phase lasts for ever."""
        return parse_life(self.life)


RESET_SCRIPT: Final = JobScript(life="pending 1, running 5, succeeded", statistics=False)
"""What a reset or a clear does unless a connection says otherwise."""


StartedBy = Literal["api", "schedule", "other"]

MANUAL_CANCELLATION: Final = JobFailure(
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
class JobAttempt:
    """One try inside a job. `end` is infinite while it runs."""

    number: int
    start: float
    end: float
    status: Literal["running", "failed", "succeeded"]
    failure: JobFailure | None

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

    def attempts_at(self, when: float) -> list[JobAttempt]:
        """The attempts begun by then."""
        attempts: list[JobAttempt] = []
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
            attempts.append(JobAttempt(len(attempts), begun, math.inf, "running", None))
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

    def _ended(self, number: int, begun: float, by: Span) -> JobAttempt:
        if by.status == "succeeded":
            return JobAttempt(number, begun, by.start, "succeeded", None)
        failure = self.script.failure if by.status == "failed" else self.script.retry_failure
        return JobAttempt(number, begun, by.start, "failed", failure)

    def _with_last_reason(self, attempts: list[JobAttempt], when: float) -> list[JobAttempt]:
        # A job that was `incomplete` for a moment before its end tells the end's reason.
        reasons = {"failed": self.script.failure, "cancelled": MANUAL_CANCELLATION}
        reason = reasons.get(self.status_at(when))
        if attempts and reason is not None:
            last = attempts[-1]
            attempts[-1] = JobAttempt(last.number, last.start, last.end, "failed", reason)
        return attempts
