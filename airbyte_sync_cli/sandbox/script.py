"""What a job will do, written down before it starts: its life, its numbers, its failure."""

import math
from functools import cached_property
from typing import Annotated, Final

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


class Failure(Model):
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
    failure: Failure = Failure()
    """Why the job failed, if it does."""
    retry_failure: Failure = Failure(
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
