"""What happens, told while it happens: the only thing that `sync` says to the outside.

Events are facts, not words: the output decides how they look. Each names its connection by
`key`, which stays the same from the first event of a connection to the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from airbyte_sync_cli.airbyte.models import Connection, Failure, Job, Progress
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.result import SyncResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """These connections (or jobs) are about to be worked on, in this order."""

    keys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The connection was read."""

    key: str
    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedBy:
    """Another job of the connection is active; we wait for its end before we start ours."""

    key: str
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggering:
    """The trigger is being sent, for the n-th time (from 1)."""

    key: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The trigger was refused although nothing is running; it is repeated for so many seconds."""

    key: str
    words: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingForJob:
    """The trigger's answer was no clean yes or no; the connection's jobs are read again."""

    key: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKnown:
    """From here on there is a job: ours, or adopted, because it was in our way or named to us."""

    key: str
    job: Job
    adopted: bool
    history: History
    url: str | None = None
    named: bool = False
    """The user named the job itself (`wait 7`)."""
    since: bool = False
    """It counts as ours because of `--since`: this run starts nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """The job was read; `progress` has the live numbers where the Config API tells them."""

    key: str
    job: Job
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageBegan:
    """Airbyte cannot be read; we go on trying."""

    key: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEnded:
    """Airbyte can be read again, after so many seconds."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something odd that does not change the ending; collected into the report."""

    message: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A dry run looked, and this is what a real one would do first."""

    key: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingNumbers:
    """The job has succeeded; its verdict waits for its last numbers, for so many seconds."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """A cancel is being sent for our job; `because` is for people."""

    key: str
    job: Job
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A signal arrived, such as `SIGTERM`."""

    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One connection is done; `error` and `failure` say more than the result has room for."""

    key: str
    result: SyncResult
    error: AirbyteSyncError | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """The results as they stand, before a cancel's confirmation is awaited.

    The process may be killed any moment now: files that others read are written here.
    """

    results: tuple[SyncResult, ...]


Event = (
    Planned
    | Resolved
    | BlockedBy
    | Triggering
    | Refused
    | LookingForJob
    | JobKnown
    | Polled
    | OutageBegan
    | OutageEnded
    | Warned
    | DryRun
    | AwaitingNumbers
    | Cancelling
    | Interrupted
    | Finished
    | Provisional
)


class Listener(Protocol):
    """Whoever wants to know. Must be quick and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        ...
