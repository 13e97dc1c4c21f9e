"""The options of a run: frozen, complete before anything is contacted."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Final, Literal

from airbyte_sync_cli.airbyte.models import Job, JobType, StreamId
from airbyte_sync_cli.fast_dataclass import dataclass

IfRunning = Literal["wait", "attach", "skip", "fail"]
StopAction = Literal["cancel", "leave"]

LISTED_AS: Final = {
    "sync": frozenset({"sync"}),
    # A clear is requested as a reset, a name that every version knows.
    "clear": frozenset({"clear", "reset"}),
    "refresh": frozenset({"refresh"}),
}
"""The job types under which Airbyte lists what was asked for."""
FULFILLED_BY: Final = {**LISTED_AS, "sync": frozenset({"sync", "refresh"})}
"""The job types that do what was asked for: a refresh loads the data, too, a reset does not."""

LONGEST_SYNC: Final = 72 * 3600.0
"""Seconds: Airbyte itself ends a sync after 3 days (SYNC_JOB_MAX_TIMEOUT_DAYS)."""


LINES_PER_SECOND: Final = 50
"""Of `--logs`, on average: 10 MB an hour. Airflow's UI becomes slow with logs of several 10 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """How to get exactly one job. Durations are seconds."""

    job_type: JobType = "sync"
    streams: Mapping[str, frozenset[StreamId]] = field(default_factory=dict)
    """By connection id: the streams to clear or refresh. A connection that is not there: all."""
    if_running: IfRunning = "wait"
    since: datetime | None = None
    """A job created at or after this counts as ours; whole seconds, as Airbyte's dates are."""
    lost_grace: float = 75.0
    """How long to search for a job after a lost response: longer than the server's own 60 s
    (TemporalClient.kt, startNewManualSyncAndWaitForJobId)."""
    claim_window: float = 90.0
    """How long after a lost response a found job can be ours, where responses have no `Date`: the
    search, its last pause and its last read. A job found later is adopted."""
    # Shorter than lost_grace: the server has used up its own 60 s before it responds.
    conflict_grace: float = 30.0
    """The same after a 409 that does not say that a sync is running."""
    refused_grace: float = 5.0
    """The same after a 503 or 429, which should have delivered nothing."""
    conflict_retry_for: float = 120.0
    """How long to retry after a 409 while nothing runs: normal just after a reset."""
    max_triggers: int = 4
    """Trigger requests, each sent only when the one before had no visible effect. Also
    how often Airbyte may do another job first, and how many stale reads are taken for normal."""

    def is_fulfilled_by(self, job: Job) -> bool:
        """Return whether a job does what was asked for."""
        wanted = self.streams.get(job.connection_id, frozenset())
        # Where its streams are unknown, its type decides: after a lost response, a job of ours
        # that does not count would be started a second time.
        # More streams than asked for: others were pending, and Airbyte adds those.
        has_streams = not wanted or job.streams is None or wanted <= job.streams
        return job.type in FULFILLED_BY[self.job_type] and has_streams


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPolicy:
    """How long to wait, and how often to poll. Durations are seconds."""

    timeout: float | None = LONGEST_SYNC
    # No limit: on Cloud a job may be `queued` for hours until there is capacity.
    start_timeout: float | None = None
    start_warning: float = 900.0
    stall_warning: float | None = 1800.0
    """How long the numbers of a running job may stay the same before a warning; None is never."""
    poll_interval: float | None = None
    """None: adapted to how long we have waited, and to the connection's history."""
    max_outage: float = 1800.0
    """How long to tolerate Airbyte being unreadable: longer than a server upgrade."""
    denied_grace: float = 60.0
    """How long to retry after a clean no (401, 403, 404) for a job that was readable before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """All options of a `run`."""

    trigger: TriggerPolicy = field(default_factory=TriggerPolicy)
    wait: WaitPolicy = field(default_factory=WaitPolicy)
    on_timeout: StopAction = "cancel"
    on_interrupt: StopAction = "cancel"
    min_records: int | None = None
    max_rejected: int | None = None
    require_streams: Sequence[tuple[str, int | None]] = ()
    """Streams, as `name` or `namespace.name`, that must complete; with at least N records."""
    verify: bool = False
    """Whether what contradicts a success is exit 13 instead of a warning."""
    fail_fast: bool = False
    max_parallel: int | None = None
    trigger_only: bool = False
    """Return as soon as the job is known (`trigger`)."""
    dry_run: bool = False
    log_level: str | None = None
    """The least level of Airbyte's log that is shown while a job runs; None shows nothing."""
    log_tail: int = 20
    """How many warnings and errors of Airbyte's log are shown with the reason of a failure."""
