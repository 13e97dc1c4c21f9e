"""How the user wants it done: frozen, decided once, before anything is contacted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from airbyte_sync_cli.airbyte.models import JobType

IfRunning = Literal["wait", "attach", "skip", "fail"]
StopAction = Literal["cancel", "leave"]

LISTED_AS: Final = {
    "sync": frozenset({"sync"}),
    "clear": frozenset({"clear", "reset"}),
    "refresh": frozenset({"refresh"}),
}
"""The types under which lists show what was asked for."""
FULFILLED_BY: Final = {**LISTED_AS, "sync": frozenset({"sync", "refresh"})}
"""The types that do what was asked for: a refresh loads the data, too; a reset loads nothing."""

LONGEST_SYNC: Final = 72 * 3600.0
"""Seconds: Airbyte itself ends a sync after 3 days (SYNC_JOB_MAX_TIMEOUT_DAYS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """How exactly one job is come by. Durations are seconds."""

    job_type: JobType = "sync"
    if_running: IfRunning = "wait"
    since: datetime | None = None
    """Jobs created at or after this count as ours; whole seconds, as Airbyte tells no finer."""
    lost_grace: float = 75.0
    """How long a job is looked for after a lost answer: outlasts the server's own 60 s
    (TemporalClient.kt, startNewManualSyncAndWaitForJobId)."""
    claim_window: float = 90.0
    """How long after a lost answer a look that finds a job can have found ours, where no answer is
    dated: a search, and its last pause and look. What appears later is adopted at most."""
    conflict_grace: float = 30.0
    """The same after a 409 that does not say that something runs."""
    refused_grace: float = 5.0
    """The same after a 503 or 429, where nothing should have been delivered."""
    conflict_retry_for: float = 120.0
    """How long a 409 with nothing running is retried: normal just after a reset."""
    max_triggers: int = 4
    """Trigger requests, when each one before had no effect that could be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPolicy:
    """How long to wait, and how patiently. Durations are seconds."""

    timeout: float | None = LONGEST_SYNC
    start_timeout: float | None = None
    start_warning: float = 900.0
    poll_interval: float | None = None
    """None adapts to the job's age and the connection's history."""
    max_outage: float = 1800.0
    """How long the API may be unreadable: longer than a server upgrade."""
    denied_grace: float = 60.0
    """How long a plain no (401, 403, 404 …) is doubted once the job had been read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """Everything about a `run`."""

    trigger: TriggerPolicy = field(default_factory=TriggerPolicy)
    wait: WaitPolicy = field(default_factory=WaitPolicy)
    on_timeout: StopAction = "cancel"
    on_interrupt: StopAction = "cancel"
    min_records: int | None = None
    verify: bool = False
    fail_fast: bool = False
    max_parallel: int | None = None
    trigger_only: bool = False
    """Return as soon as the job is known."""
    dry_run: bool = False
