"""While a job runs: attempts that failed, and numbers that have stopped moving."""

from datetime import UTC, datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import FAILED, Job, Progress
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AttemptFailed
from airbyte_sync_cli.sync.state import SyncState

_MINUTE: Final = 60.0
_MOST_STREAMS: Final = 3
"""Names of rate-limited streams in one warning."""


class ProgressWatch:
    """Watches the progress of one job, and reports each finding once."""

    def __init__(self, context: Context, state: SyncState) -> None:
        self._context = context
        self._state = state
        self._limit = context.policy.wait.stall_warning
        self._numbers: tuple[int | None, ...] | None = None
        self._moved_at = 0.0
        self._reported = 0
        """The number of the latest attempt whose failure was reported."""
        self._has_warned = False

    async def note(self, progress: Progress) -> None:
        """Take what was just read of the job while it is active."""
        self._report_failures(progress)
        if self._limit is not None and self._is_stalled(progress, self._limit):
            self._has_warned = True
            await self._warn(self._limit)

    def _report_failures(self, progress: Progress) -> None:
        attempts = progress.attempt_list or ()
        for attempt in attempts:
            if attempt.status == FAILED and attempt.number > self._reported:
                self._reported = attempt.number
                is_retried = attempt.number < attempts[-1].number
                event = AttemptFailed(
                    sync=self._state.snapshot(), attempt=attempt, is_retried=is_retried
                )
                self._context.emit(event)

    def _is_stalled(self, progress: Progress, limit: float) -> bool:
        """Return True once: if a running job's numbers have stayed the same for so long.

        A job between two attempts is not running, and a new attempt begins anew.
        """
        now = self._context.clock.monotonic()
        numbers = (
            progress.attempts,
            progress.records_emitted,
            progress.bytes_emitted,
            progress.records_committed,
        )
        is_running = self._state.job is not None and self._state.job.status == "running"
        if numbers != self._numbers or not is_running:
            self._numbers, self._moved_at = numbers, now
            return False
        return not self._has_warned and now - self._moved_at >= limit

    async def _warn(self, seconds: float) -> None:
        """Warn, with Airbyte's reason if there is one. A slow sync is healthy: it goes on."""
        job = self._state.job
        if job is None:
            return
        for_long = f"{seconds / 60:.0f} minutes" if seconds >= _MINUTE else f"{seconds:.0f} s"
        reason = await self._rate_limit(job)
        why = reason or f"`airbyte-sync logs {job.id}` may show why"
        self._context.warn(self._state, f"job {job.id} has moved no records for {for_long}: {why}")

    async def _rate_limit(self, job: Job) -> str | None:
        """Return which streams wait for the source's quota, and until when."""
        statuses = await self._context.airbyte.stream_statuses(job, self._state.workspace_id)
        latest = max((row.attempt for row in statuses or ()), default=0)
        limited = [
            row for row in statuses or () if row.attempt == latest and row.state == "rate_limited"
        ]
        if not limited:
            return None
        ends = [row.quota_reset for row in limited if row.quota_reset is not None]
        until = f" until {_as_text(max(ends))}" if ends else ""
        names = ", ".join(sorted(str(row.stream) for row in limited)[:_MOST_STREAMS])
        more = f" and {len(limited) - _MOST_STREAMS} more" if len(limited) > _MOST_STREAMS else ""
        return f"the source is rate-limited{until} (stream {names}{more})"


def _as_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
