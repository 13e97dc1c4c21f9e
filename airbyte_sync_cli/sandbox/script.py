"""What a scenario says about a job: its statuses over time, its counts, failures and logs."""

import math
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

FINAL: Final = frozenset({"succeeded", "failed", "cancelled"})
"""The statuses that never change again; every other status is active."""


class ScenarioModel(BaseModel):
    """A table of a scenario file. An unknown key is an error, so that a typo cannot pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(ScenarioModel):
    """A status and how many simulated seconds it lasts."""

    status: str
    seconds: float


class JobFailure(ScenarioModel):
    """Why an attempt failed: the fields of `attempts[].failureSummary.failures[]`.

    An empty string leaves its field out: Airbyte requires none but the timestamp.
    """

    origin: str = "source"
    type: str = "system_error"
    message: str = "Something went wrong in the connector."
    internal_message: str = "java.lang.RuntimeException: something went wrong"
    stacktrace: str = (
        "java.lang.RuntimeException: something went wrong\n"
        "\tat io.airbyte.sandbox.Source.read(Source.java:42)"
    )
    retryable: bool | None = None
    also: tuple["JobFailure", ...] = ()
    """Further failures of the same attempt, listed after this one."""


class StreamScript(ScenarioModel):
    """What one stream of a job does, where it differs from the others."""

    records: int | None = Field(default=None, ge=0)
    """Records that come on top of the job's, which its other streams share; None: its share."""
    written: int | None = Field(default=None, ge=0)
    """Of `records`, how many are committed; None: all but the rejected ones."""
    rejected: int = Field(default=0, ge=0)
    """Of `records`, how many the destination rejects (reported since 1.8)."""
    ends: Literal["complete", "incomplete", "running", "none"] | None = None
    """Its status once an attempt has ended: `running` is never updated, `none` never reported.
    None: as the attempt ended."""


class LogEntry(ScenarioModel):
    """A log line with a level and a source. A bare string stands for its message."""

    message: str
    level: str = "info"
    source: str = "replication-orchestrator"

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, value: object) -> object:
        return {"message": value} if isinstance(value, str) else value


def parse_life(text: str) -> tuple[Phase, ...]:
    """Parse `pending 2, running 20, succeeded`: a status and its seconds; the last one stays.

    Raises ValueError with a message for the author of the script.
    """
    phases = [_parse_phase(part) for part in text.split(",")]
    if any(math.isinf(phase.seconds) for phase in phases[:-1]):
        raise ValueError(f"{text!r}: every status but the last needs its seconds")
    if not math.isinf(phases[-1].seconds):
        raise ValueError(f"{text!r}: the last status takes no seconds, because it stays")
    # Airbyte never changes a final status, and clients stop polling there.
    if any(phase.status in FINAL for phase in phases[:-1]):
        raise ValueError(f"{text!r}: no status can follow succeeded, failed or cancelled")
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
    """Parse `20`, `20s`, `5m` or `2h`. Raises ValueError."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not seconds >= 0:  # NaN is not, either
        raise ValueError(f"{text!r} is negative or not a number")
    return seconds


def _check_life(text: str) -> str:
    parse_life(text)
    return text


class JobScript(ScenarioModel):
    """What a job does. All times are simulated seconds. A bare string stands for its `life`."""

    life: Annotated[str, AfterValidator(_check_life)] = "pending 2, running 20, succeeded"
    """Statuses and their seconds; any word can be a status. `running` starts an attempt,
    `incomplete` or the end closes it. `pending 2, running` runs until it is cancelled."""
    records: int = Field(default=1000, ge=0)
    byte_count: int = Field(default=204_800, ge=0)
    written: int | None = Field(default=None, ge=0)
    """Of `records`, how many are committed in the end; None: all but the rejected ones."""
    rejected: int = Field(default=0, ge=0)
    """Of `records`, how many the destination rejects (reported since 1.8)."""
    streams: dict[str, StreamScript] = Field(default_factory=dict)
    """By `name` or `namespace.name`: the streams that differ from the others."""
    full_refresh: bool = False
    """Every attempt reads from the start again; the job's counts are those of its last one."""
    statistics: bool = True
    """False: no counts at all, as after a sync that Airbyte wrongly reports as succeeded."""
    commit_lag: float = Field(default=5.0, ge=0)
    """Committed counts are the emitted counts of this many seconds ago."""
    statistics_late: float = Field(default=0.0, ge=0)
    """Seconds after the end until the final counts are there (Airbyte: up to a minute)."""
    flush_every: float | None = Field(default=None, ge=0)
    """Seconds between two updates of the counts; None is the version's own, 0 is continuous."""
    estimate: bool = False
    """Whether the source estimates its records and bytes beforehand. Few do."""
    stalls_after: float | None = Field(default=None, ge=0)
    """Seconds of `running` after which the counts stand still; None: never."""
    stalls_for: float = Field(default=3600.0, ge=0)
    """For how many seconds, which belong to the `running` of its `life`."""
    rate_limited: bool = False
    """Whether the source says so: meanwhile its streams are RATE_LIMITED (since 0.63)."""
    failure: JobFailure = JobFailure()
    """Why the job failed, if it does."""
    retry_failure: JobFailure = JobFailure(
        type="transient_error", message="The source closed the connection.", retryable=True
    )
    """Why the attempts before the last one failed."""
    retry_failures: tuple[JobFailure, ...] = ()
    """The same for the first attempts, one each."""
    job_type: str | None = None
    """The stored type where it differs from the request: `refresh` or `reset_connection`."""
    born_after: float = Field(default=0.0, ge=0)
    """Seconds from the trigger until the job exists."""
    cancel_takes: float = Field(default=1.0, ge=0)
    """Seconds from a cancel until the job is `cancelled`."""
    cancels_lost: int = Field(default=0, ge=0)
    """How many cancels get a 200 and have no effect."""
    logs: tuple[LogEntry, ...] = ()
    """Log lines in addition to those that every job writes."""
    logs_late: float = Field(default=0.0, ge=0)
    """Seconds from the writing of a log line until it can be read."""

    @model_validator(mode="before")
    @classmethod
    def _from_life(cls, value: object) -> object:
        return {"life": value} if isinstance(value, str) else value

    @cached_property  # every poll of a job reads them
    def phases(self) -> tuple[Phase, ...]:
        """The parsed `life`; the last phase lasts forever."""
        return parse_life(self.life)


RESET_SCRIPT: Final = JobScript(life="pending 1, running 5, succeeded", statistics=False)
"""What a reset or a clear does unless its connection has a `reset` script."""
