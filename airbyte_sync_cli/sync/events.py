"""What happens during a sync: all that `sync` reports to the outside, while it happens.

Events are facts; the output decides how they look. Each carries a frozen snapshot of the sync.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airbyte_sync_cli.airbyte.models import Attempt, Failure, Job
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.state import Snapshot

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.logs import AttemptLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Work on these syncs is about to start, in this order."""

    syncs: Sequence[Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncEvent:
    """The base of every event that is about one sync."""

    sync: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedBy(SyncEvent):
    """Another job of the connection is active; ours starts when it has ended."""

    other: Job
    url: str | None = None
    """The other job's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocked(SyncEvent):
    """The other job has ended."""

    other: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggering(SyncEvent):
    """The trigger request is being sent, for the n-th time (from 1)."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(SyncEvent):
    """The trigger was refused although nothing is running; it is retried for `seconds`."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingForJob(SyncEvent):
    """The trigger response was lost or names no job; the connection's jobs are read again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKnown(SyncEvent):
    """The sync has a job now: one that we started, or an adopted one."""

    named: bool = False
    """The user named the job itself (`wait 7`)."""
    since: bool = False
    """It counts as ours because of `--since`: this run starts nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled(SyncEvent):
    """The job was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(SyncEvent):
    """An attempt of the job failed, and the job goes on."""

    attempt: Attempt
    is_retried: bool
    """The next attempt has begun already; else Airbyte may still begin one, or end the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirbyteLogged(SyncEvent):
    """New lines of Airbyte's log of the job (`--logs`); some may have been left out."""

    lines: "Sequence[AttemptLine]" = ()
    left_out: int = 0
    """How many, because there were more than a log on stderr can bear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageBegan(SyncEvent):
    """Airbyte is unreachable; requests are retried for `seconds`."""

    reason: str
    seconds: float
    is_denied: bool = False
    """It responds, but with a clean no (401, 403, 404)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEnded(SyncEvent):
    """Airbyte is reachable again, after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(SyncEvent):
    """Something odd that does not change the outcome; it also goes into the report."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun(SyncEvent):
    """What a real run would do first."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingNumbers(SyncEvent):
    """The job has succeeded; the outcome waits up to `seconds` for its final numbers."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling(SyncEvent):
    """A cancel request is being sent for our job; `because` is for people."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(SyncEvent):
    """One sync is done; `error` and `failure` hold more than its result has room for."""

    result: SyncResult
    error: AirbyteSyncError | None = None
    failure: Failure | None = None
    log_tail: "Sequence[AttemptLine]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A signal arrived, such as `SIGTERM`."""

    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """The results as they stand, before a cancel's confirmation is awaited.

    The process may be killed at any moment now, so files that others read are written here.
    """

    results: tuple[SyncResult, ...]


Event = (
    Planned
    | BlockedBy
    | Unblocked
    | Triggering
    | Refused
    | LookingForJob
    | JobKnown
    | Polled
    | AttemptFailed
    | AirbyteLogged
    | OutageBegan
    | OutageEnded
    | Warned
    | DryRun
    | AwaitingNumbers
    | Cancelling
    | Finished
    | Interrupted
    | Provisional
)
Listener = Callable[[Event], None]
"""Receives every event. Must be quick and must not raise."""
