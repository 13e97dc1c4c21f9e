"""Our own values for what Airbyte sends: frozen, the same for both APIs.

Which of Airbyte's status words are final is decided here; `sync/state.py` gives each of those its
exit code.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeVar
from unicodedata import normalize
from uuid import UUID

from airbyte_sync_cli.fast_dataclass import dataclass

SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
FINAL_STATUSES: Final = frozenset({SUCCEEDED, FAILED, CANCELLED})
"""Statuses that never change again (airbyte-config/config-models JobStatus.kt)."""

RUNNING: Final = "running"
INCOMPLETE: Final = "incomplete"
NOT_STARTED_STATUSES: Final = frozenset({"pending", "queued"})
"""Statuses of a job that was created, but without a running attempt."""

ACTIVE_STATUSES: Final = NOT_STARTED_STATUSES | {RUNNING, INCOMPLETE}
"""Statuses of a job that has not ended. A status in neither set counts as active, too: if Airbyte
renames one of these, waiting still works; if it renames a final one, a wait lasts until its
timeout, with one warning that names the unknown status."""

UNKNOWN: Final = "unknown"
"""Replaces a type or status that is missing or malformed."""

JobType = Literal["sync", "clear", "refresh"]
"""What can be triggered. Jobs have more types, such as `reset`: a plain str in `Job`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRead:
    """What a command reads first: a job, a connection, or else all connections."""

    job_id: int | None = None
    connection_id: str | None = None
    workspace: str | None = None
    """The id or name of the one whose connections are read."""
    with_workspaces: bool = False
    """Whether the workspaces are asked for at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamId:
    """A stream's name; Airbyte stores a missing namespace as null or as an empty text."""

    namespace: str | None = None
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", self.namespace or None)

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, as it was when it was read."""

    id: int
    connection_id: str
    type: str
    status: str
    created_at: datetime | None
    """None if Airbyte's date is missing or malformed."""
    changed_at: datetime | None = None
    """When its status last changed, by Airbyte's clock; None if unknown."""
    ended_at: datetime | None = None
    records_synced: int | None = None
    """Committed records, summed over attempts."""
    bytes_synced: int | None = None
    attempts: int | None = None
    """Number of attempts so far; None from the Public API, which does not have it."""
    streams: frozenset[StreamId] | None = None
    """The streams that a clear or refresh was requested for, if it is one; None if unknown."""

    @property
    def is_final(self) -> bool:
        """True if the job has ended."""
        return self.status in FINAL_STATUSES

    @property
    def is_active(self) -> bool:
        """True if the job occupies its connection; unknown statuses count as active."""
        return not self.is_final

    @property
    def has_known_status(self) -> bool:
        """True if this version of the program knows the status."""
        return self.is_final or self.status in ACTIVE_STATUSES

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from creation to end; None if a date is missing, as while it is active."""
        if self.ended_at is None or self.created_at is None:
            return None
        return max(0.0, (self.ended_at - self.created_at).total_seconds())


def active_among(jobs: Sequence[Job]) -> Sequence[Job]:
    """Return the jobs of one connection that are active.

    An unknown status counts as active for the newest job only: Airbyte creates no second job
    while one is active (DefaultJobPersistence.enqueueJob), so any older one has ended.
    """
    newest = max((job.id for job in jobs), default=0)
    return [job for job in jobs if job.is_active and (job.has_known_status or job.id == newest)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """How a connection was switched off. What Airbyte does not say is None."""

    reason: str | None = None
    """Airbyte's word: it switched the connection off by itself."""
    by: str | None = None
    """The user who did."""
    at: datetime | None = None
    breaking_change: bool | None = None
    """Whether its source's schema has changed in a way that breaks it."""


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
    """`manual`, `basic` or `cron`; None if unknown."""
    schedule: str | None = None
    """The schedule as text, such as `EVERY 24 HOURS` or a cron expression."""
    tags: Sequence[str] = ()
    switched_off: SwitchedOff | None = None
    """How that came to be, if it was read."""

    @property
    def is_active(self) -> bool:
        """True if Airbyte would start a sync of it; an unknown status counts as active."""
        return self.status not in {"inactive", "deprecated", "locked"}

    @property
    def starts_only_by_hand(self) -> bool:
        """True if no schedule of Airbyte's own can start its syncs."""
        return self.schedule_type == "manual"


def as_uuid(text: str) -> str | None:
    """Return an id as Airbyte writes it; None if the text is none.

    UUID() also accepts capitals, braces and no hyphens.
    """
    try:
        return str(UUID(text))
    except ValueError:
        return None


def same_name(one: str, other: str) -> bool:
    """True if two names differ at most in their Unicode form and in blanks at the ends."""
    return normalize("NFC", one.strip()) == normalize("NFC", other.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace. Names need not be unique."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed, in Airbyte's words. Airbyte may omit any of them."""

    origin: str | None = None
    """source, destination, replication, airbyte_platform, …"""
    type: str | None = None
    """config_error, system_error, transient_error, …"""
    message: str | None = None
    """The external message, which Airbyte's UI shows."""
    retryable: bool | None = None
    stream: str | None = None
    internal_message: str | None = None
    stacktrace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """The progress of one stream."""

    name: str
    namespace: str | None = None
    records_emitted: int | None = None
    records_committed: int | None = None
    records_rejected: int | None = None
    bytes_emitted: int | None = None

    @property
    def id(self) -> "StreamId":
        """Return what tells it from other streams."""
        return StreamId(name=self.name, namespace=self.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """The state of a stream in one attempt, as the platform noted it while the attempt ran."""

    stream: StreamId
    attempt: int
    """From 1."""
    state: str
    """pending, running, rate_limited, complete, or incomplete."""
    quota_reset: datetime | None = None
    """When the source may go on, while it is rate-limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a job. Its numbers are its own: a retry reads records again."""

    number: int
    """From 1."""
    status: str | None = None
    """running, failed, or succeeded."""
    records_emitted: int | None = None
    bytes_emitted: int | None = None
    records_committed: int | None = None
    streams: Sequence[StreamProgress] = ()
    failure: Failure | None = None
    """The first failure that says anything."""
    partial_success: bool | None = None
    """True if it failed after records had been committed."""

    @property
    def has_statistics(self) -> bool:
        """True if Airbyte has any number of this attempt."""
        return self.records_emitted is not None or self.records_committed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What only the Config API has of a job: live numbers, attempts, the failure.

    Emitted records were read from the source, committed ones were written to the destination,
    rejected ones were read, but the destination could not take them. Numbers are of all attempts.
    """

    status: str | None = None
    """The job's, in the same response: numbers of a job that was still running are not final."""
    attempts: int | None = None
    records_emitted: int | None = None
    bytes_emitted: int | None = None
    records_committed: int | None = None
    bytes_committed: int | None = None
    records_rejected: int | None = None
    """Since 1.8."""
    streams: Sequence[StreamProgress] = ()
    selected: Sequence[StreamId] = ()
    """The streams of the job's own catalog: the connection's may have changed since."""
    attempt_list: Sequence[Attempt] | None = None
    """Oldest first; None if the response has no attempts."""

    @property
    def last_attempt(self) -> Attempt | None:
        """Return the latest attempt, if there is one."""
        return self.attempt_list[-1] if self.attempt_list else None

    @property
    def failure(self) -> Failure | None:
        """Return why the last attempt failed."""
        return self.last_attempt.failure if self.last_attempt else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job of a list, with the numbers of the same response."""

    job: Job
    progress: Progress | None = None
    """None from the Public API, which does not have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of the jobs of some workspaces."""

    rows: Sequence[ListedJob]
    next_offset: int | None
    """Where the next page begins; None after the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAhead:
    """How many seconds Airbyte's clock is ahead of ours: between `least` and `most`."""

    least: float
    most: float

    def narrowed_by(self, newer: "ClockAhead") -> "ClockAhead":
        """Combine two measurements; return the newer one if a clock was set between them."""
        least, most = max(self.least, newer.least), min(self.most, newer.most)
        return ClockAhead(least=least, most=most) if least <= most else newer


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of Airbyte's log of an attempt."""

    message: str
    at: datetime | None = None
    level: str | None = None
    source: str | None = None


_T = TypeVar("_T")
ReadLog = Callable[[AsyncIterator[LogLine]], Awaitable[_T]]
"""Reads the lines of a log as they arrive."""


# -- the response to a trigger: what it proves -----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The response names a job. It is ours only if its id is newer than the baseline."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicted:
    """The response is a 409, which alone proves nothing.

    `already_running`: it says that a sync is running, so nothing of ours was started.
    Otherwise (`state-conflict`) the start signal may have been sent.
    """

    message: str
    already_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """The trigger most likely did not reach Airbyte: connection refused, 503, 429."""

    message: str
    hint: str | None = None
    unsent: bool = False
    """True if no byte of the request was sent."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLost:
    """Neither a success nor a clean refusal: timeout, dropped connection, 408, 5xx, HTML."""

    message: str


TriggerResponse = Started | Conflicted | Undelivered | ResponseLost
"""A clean refusal is raised: DeniedError, NotFoundError, RejectedError, ProtocolError."""
