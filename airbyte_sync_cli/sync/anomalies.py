"""A connection's past jobs, and what differs from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from airbyte_sync_cli.airbyte.models import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Durations of the connection's latest successes, in seconds, newest first."""

    durations: tuple[float, ...] = ()
    records: tuple[int, ...] = ()

    @property
    def typical(self) -> float | None:
        """The median duration in seconds; None without any success."""
        return median(self.durations) if self.durations else None


def history_of(jobs: Iterable[Job], *, job_type: str = "sync") -> History:
    """Gather the history of one type of job from a connection's jobs, newest first."""
    done = [job for job in jobs if job.status == "succeeded" and job.type == job_type]
    return History(
        durations=tuple(job.duration_seconds for job in done if job.duration_seconds is not None),
        records=tuple(job.records_synced for job in done if job.records_synced is not None),
    )


LEAST: Final = 5
"""Successes below which nothing is called usual."""
SLOW: Final = 2.0
"""A run is slow that takes more than so many times the median duration."""
SMALL: Final = 0.5
"""A success is small that moved less than this part of the median of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """How far a run is from usual: ratios to the median, None where nothing stands out."""

    slow: float | None = None
    small: float | None = None
    median_seconds: float | None = None
    median_records: float | None = None


class Medians:
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

    def compare(self, job: Job, *, now: datetime) -> Anomaly:
        """Compare one job; one that still goes on can already be slow, but not yet small."""
        seconds, records = self._seconds.get(job.type), self._records.get(job.type)
        return Anomaly(
            slow=_above(elapsed(job, now=now), seconds),
            small=_below(job.records_synced, records) if job.status == "succeeded" else None,
            median_seconds=seconds,
            median_records=records,
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
