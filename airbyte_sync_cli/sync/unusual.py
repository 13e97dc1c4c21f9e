"""Which runs stand out from their connection's own history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.sync.history import history_of

LEAST: Final = 5
"""Successes below which nothing is called usual."""
SLOW: Final = 2.0
"""A run is slow that takes more than so many times the median duration."""
SMALL: Final = 0.5
"""A success is small that moved less than this part of the median of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """How far a run is from usual: ratios to the median, None where nothing stands out."""

    slow: float | None = None
    small: float | None = None
    usual_seconds: float | None = None
    usual_records: float | None = None


class Usual:
    """What is usual for each type of job: medians of the successes in `history`."""

    def __init__(self, history: Sequence[Job]) -> None:
        self._seconds: dict[str, float] = {}
        self._records: dict[str, float] = {}
        for job_type in {job.type for job in history}:
            past = history_of(history, job_type=job_type)
            if len(past.durations) >= LEAST:
                self._seconds[job_type] = median(past.durations)
            if len(past.records) >= LEAST:
                self._records[job_type] = median(past.records)

    def judge(self, job: Job, *, now: datetime) -> Oddity:
        """Compare one job; one that still goes on can already be slow, but not yet small."""
        seconds, records = self._seconds.get(job.type), self._records.get(job.type)
        return Oddity(
            slow=_above(elapsed(job, now=now), seconds),
            small=_below(job.records_synced, records) if job.status == "succeeded" else None,
            usual_seconds=seconds,
            usual_records=records,
        )


def elapsed(job: Job, *, now: datetime) -> float | None:
    """Return how many seconds a job took, or has taken until now; None without dates."""
    done = job.duration_seconds
    if done is not None or job.created_at is None:
        return done
    return max(0.0, (now - job.created_at).total_seconds())


def _above(seconds: float | None, usual: float | None) -> float | None:
    return seconds / usual if usual and seconds and seconds > SLOW * usual else None


def _below(records: int | None, usual: float | None) -> float | None:
    if not usual or records is None:
        return None
    return records / usual if records < SMALL * usual else None
