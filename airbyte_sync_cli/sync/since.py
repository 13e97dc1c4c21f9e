"""`--since`: which job an earlier try of the same task has left behind.

The moment is from the launcher's clock, a job's creation from Airbyte's: where the two are apart
by more than a `Date` header can be off, the moment is moved to Airbyte's clock. A slow Airbyte
would otherwise seem to have created our job before we asked for it, and it would be doubled.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import Job, JobType
from airbyte_sync_cli.sync.context import Context

SAME_AS_ASKED: Final = {
    "sync": {"sync", "refresh"},
    "clear": {"clear", "reset"},
    "refresh": {"refresh"},
}
"""Which jobs count for what was asked: a refresh loads the data, too; a reset loads nothing."""
_LEAST_SKEW: Final = 3.0
"""Seconds: a `Date` tells whole ones, and an answer is under way for a while."""


class EarlierTry:
    """Finds the job that an earlier try of the same task left: done, or still at it."""

    def __init__(self, context: Context, key: str) -> None:
        self._context = context
        self._policy = context.policy.trigger
        self._key = key
        self._skew_told = False

    def among(self, jobs: Sequence[Job]) -> Job | None:
        """Find it among a connection's jobs, newest first; None without `--since`."""
        if self._policy.since is None:
            return None
        apart = skew(self._context.airbyte.clock_ahead)
        self._tell(apart)
        return left_behind(jobs, self._policy.since + apart, self._policy.job_type)

    def _tell(self, apart: timedelta) -> None:
        if not apart or self._skew_told:
            return
        self._skew_told = True
        seconds = apart.total_seconds()
        where = "ahead of" if seconds > 0 else "behind"
        self._context.warn(
            self._key,
            f"Airbyte's clock is {abs(seconds):.0f} s {where} ours: --since follows it",
        )


def skew(ahead: float | None) -> timedelta:
    """Tell by how much to move a moment to Airbyte's clock, which is `ahead` by some seconds."""
    apart = 0.0 if ahead is None or abs(ahead) < _LEAST_SKEW else ahead
    return timedelta(seconds=round(apart))


def left_behind(jobs: Sequence[Job], since: datetime, job_type: JobType) -> Job | None:
    """Find the job that counts as ours: one that has succeeded, else one still at it.

    Compared to the second, as Airbyte tells no finer.
    """
    earliest, types = since.replace(microsecond=0), SAME_AS_ASKED[job_type]
    ours = [job for job in jobs if job.created_at >= earliest and job.type in types]
    done = next((job for job in ours if job.status == "succeeded"), None)
    return done or next((job for job in ours if job.is_active), None)
