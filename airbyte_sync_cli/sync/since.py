"""`--since`: which job an earlier try of the same task has left behind.

The moment is from the launcher's clock, a job's creation from Airbyte's: where the two are apart
by more than a `Date` header can be off, the moment is moved to Airbyte's clock. A slow Airbyte
would otherwise seem to have created our job before we asked for it, and it would be doubled.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import Job, JobType

SAME_AS_ASKED: Final = {
    "sync": {"sync", "refresh"},
    "clear": {"clear", "reset"},
    "refresh": {"refresh"},
}
"""Which jobs count for what was asked: a refresh loads the data, too; a reset loads nothing."""
_LEAST_SKEW: Final = 3.0
"""Seconds: a `Date` tells whole ones, and an answer is under way for a while."""


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
