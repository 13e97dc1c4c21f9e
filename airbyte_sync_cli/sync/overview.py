"""One connection with its latest job, as an overview shows it, and whether it needs attention."""

from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import (
    CANCELLED,
    FAILED,
    NOT_STARTED_STATUSES,
    Connection,
    Job,
    Progress,
    SwitchedOff,
)
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.anomalies import elapsed
from airbyte_sync_cli.sync.inactive import cause_of
from airbyte_sync_cli.sync.state import SyncState

_FAR_BEYOND: Final = 3.0
"""An active job is stuck after this many times its usual duration …"""
_GRACE: Final = 900.0
"""… if it is also so many seconds above it; and if it has not started after so many, when a wait
warns, too (`policy.WaitPolicy.start_warning`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One connection with its latest job."""

    connection: Connection
    workspace: str | None = None
    """The name of its workspace, if there are several."""
    job: Job | None = None
    progress: Progress | None = None
    usual_seconds: float | None = None
    """The median duration of its latest successes; None if fewer than five were read."""
    stuck: str | None = None
    """Why its job counts as stuck."""
    error: AirbyteSyncError | None = None
    """Why its job could not be read."""
    off: SwitchedOff | None = None
    """How an inactive connection was switched off, if that was read."""
    url: str | None = None

    @property
    def is_failing(self) -> bool:
        """Return whether it needs attention, which what a person has switched off does not."""
        if self.off is not None and self.off.by is not None:
            return False
        ended_badly = self.job is not None and self.job.status in {FAILED, CANCELLED}
        unclear = self.stuck is not None or self.error is not None
        return ended_badly or unclear or self.is_disabled_by_airbyte

    @property
    def is_disabled_by_airbyte(self) -> bool:
        """Return whether Airbyte has switched the connection off by itself."""
        return self.off is not None and cause_of(self.off) is not None

    def state(self) -> SyncState:
        """Return it as a sync, of which results are made."""
        return SyncState(
            key=self.connection.id,
            connection=self.connection,
            job=self.job,
            adopted=True,
            progress=self.progress,
            failure=self.progress.failure if self.progress and self._has_failed else None,
            error=self.error,
            url=self.url,
        )

    @property
    def _has_failed(self) -> bool:
        return self.job is not None and self.job.status == FAILED


def stuck(job: Job, usual: float | None, *, now: datetime) -> str | None:
    """Return why an active job counts as stuck; None if it does not, or nothing is known."""
    seconds = elapsed(job, now=now)
    if job.is_final or seconds is None:
        return None
    if job.status in NOT_STARTED_STATUSES:
        return "has not started" if seconds > _GRACE else None
    if usual is None or seconds <= max(_FAR_BEYOND * usual, usual + _GRACE):
        return None
    return f"takes {seconds / usual:.1f} times as long as usual" if usual else None
