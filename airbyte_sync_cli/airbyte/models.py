"""What Airbyte's answers mean, whichever API gave them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeVar
from unicodedata import normalize

FINAL_STATUSES: Final = frozenset({"succeeded", "failed", "cancelled"})
"""Never change again (airbyte-config/config-models JobStatus.kt)."""

ACTIVE_STATUSES: Final = frozenset({"pending", "queued", "running", "incomplete"})
"""Go on. A status that is in neither set is taken as active, too."""

NOT_STARTED_STATUSES: Final = frozenset({"pending", "queued"})
"""Created, but no attempt works yet."""

UNKNOWN: Final = "unknown"
"""Stands for a word that Airbyte did not tell."""

JobType = Literal["sync", "clear", "refresh"]
"""What can be asked for. A job may come back as another type, which is kept as a plain word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, at the moment when it was read."""

    id: int
    connection_id: str
    type: str
    status: str
    created_at: datetime | None
    """None where Airbyte's date cannot be read."""
    ended_at: datetime | None = None
    records_synced: int | None = None
    """Committed records, summed over attempts."""
    bytes_synced: int | None = None
    attempts: int | None = None
    """How many attempts began; only the Config API tells."""

    @property
    def is_final(self) -> bool:
        """Whether the job ended for good."""
        return self.status in FINAL_STATUSES

    @property
    def is_active(self) -> bool:
        """Whether the job still occupies its connection; unknown words count as active."""
        return not self.is_final

    @property
    def has_known_status(self) -> bool:
        """Whether this version of the program has heard of the status."""
        return self.is_final or self.status in ACTIVE_STATUSES

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from creation to end; None while the job is active, or without dates."""
        if self.ended_at is None or self.created_at is None:
            return None
        return max(0.0, (self.ended_at - self.created_at).total_seconds())


def active_among(jobs: Sequence[Job]) -> Sequence[Job]:
    """Return those of a connection's jobs that still occupy it.

    An unknown status counts as active in the newest job only: Airbyte creates no job beside one
    that has not ended (DefaultJobPersistence.enqueueJob), so a newer job proves that it has.
    """
    newest = max((job.id for job in jobs), default=0)
    return [job for job in jobs if job.is_active and (job.has_known_status or job.id == newest)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection between a source and a destination."""

    id: str
    name: str
    status: str
    workspace_id: str | None = None
    source_id: str | None = None
    destination_id: str | None = None
    source_name: str | None = None
    destination_name: str | None = None
    schedule_type: str | None = None
    """`manual`, `basic` or `cron`; None where Airbyte did not say."""
    schedule: str | None = None
    """The schedule for people, such as `Every 24 HOURS` or a cron expression."""
    tags: Sequence[str] = ()

    @property
    def is_active(self) -> bool:
        """Whether Airbyte would start a sync of it. An unknown word gets the benefit."""
        return self.status not in {"inactive", "deprecated", "locked"}

    @property
    def starts_only_by_hand(self) -> bool:
        """Whether surely no schedule of Airbyte's own starts its syncs."""
        return self.schedule_type == "manual"


def same_name(one: str, other: str) -> bool:
    """Compare names as people do: the form in Unicode and blanks at the ends do not count."""
    return normalize("NFC", one.strip()) == normalize("NFC", other.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace: the id counts, the name is for people."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed, in Airbyte's words. Every field may be missing on the wire."""

    origin: str | None = None
    """source, destination, replication, airbyte_platform, …"""
    type: str | None = None
    """config_error, system_error, transient_error, …"""
    message: str | None = None
    """The external message: the one for people."""
    retryable: bool | None = None
    stream: str | None = None
    internal_message: str | None = None
    stacktrace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """How far one stream is."""

    name: str
    namespace: str | None = None
    records_emitted: int | None = None
    records_committed: int | None = None
    bytes_emitted: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What only the Config API knows of a job: live numbers and attempts.

    *Emitted* was read from the source, *committed* was confirmed by the destination.
    """

    attempts: int | None = None
    records_emitted: int | None = None
    bytes_emitted: int | None = None
    records_committed: int | None = None
    streams: Sequence[StreamProgress] = field(default=())
    failure: Failure | None = None
    """The first failure of the last attempt that failed."""
    did_run: bool | None = None
    """Whether any attempt or statistics exist; None where it could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAhead:
    """How many seconds Airbyte's clock is ahead of ours: no less, and no more."""

    least: float
    most: float

    def narrowed_by(self, newer: "ClockAhead") -> "ClockAhead":
        """Combine two readings; the newer one alone where a clock was set between them."""
        least, most = max(self.least, newer.least), min(self.most, newer.most)
        return ClockAhead(least=least, most=most) if least <= most else newer


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of what Airbyte logged."""

    message: str
    at: datetime | None = None
    level: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The trigger was answered with a job: ours only if its id is newer than the baseline."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicted:
    """The trigger got a 409, which proves nothing by itself.

    `already_running`: it says that a sync is running, so nothing of ours was started.
    Otherwise (`state-conflict`) the start signal may have been given.
    """

    message: str
    already_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """The trigger most likely reached nobody: connection refused, 503, 429."""

    message: str
    hint: str | None = None
    unsent: bool = False
    """True where not a byte of the request was sent."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLost:
    """Anything but a clean yes or no: timeout, dropped connection, 408, 5xx, HTML."""

    message: str


_T = TypeVar("_T")
ReadLog = Callable[[AsyncIterator[LogLine]], Awaitable[_T]]
"""Reads the lines of a log as they arrive."""

TriggerResponse = Started | Conflicted | Undelivered | ResponseLost
"""A clean no is raised: DeniedError, NotFoundError, RejectedError, ProtocolError."""
