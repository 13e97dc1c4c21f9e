"""A connection's past jobs, and jobs that differ from them: slow ones, small ones."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import SUCCEEDED, Job
from airbyte_sync_cli.fast_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Durations (seconds) and records of the connection's latest successes, newest first."""

    durations: tuple[float, ...] = ()
    records: tuple[int, ...] = ()

    @property
    def typical(self) -> float | None:
        """The median duration in seconds; None without any success."""
        return median(self.durations) if self.durations else None


def median(values: Sequence[float]) -> float:
    """Return the middle of the sorted values, or the mean of the two in the middle.

    Not by `statistics`, which takes 0.2 MiB of every wait.
    """
    ordered, half = sorted(values), len(values) // 2
    return (ordered[half] + ordered[~half]) / 2


def history_of(jobs: Iterable[Job], *, job_type: str = "sync") -> History:
    """Return the history of one job type, from a connection's jobs (newest first)."""
    done = [job for job in jobs if job.status == SUCCEEDED and job.type == job_type]
    return History(
        durations=tuple(job.duration_seconds for job in done if job.duration_seconds is not None),
        records=tuple(job.records_synced for job in done if job.records_synced is not None),
    )


LEAST: Final = 5
"""Fewer successes than this have no meaningful median."""
SLOW: Final = 2.0
"""A job is slow if it takes more than this many times the median duration."""
SMALL: Final = 0.5
"""A success is small if it moved less than this share of the median of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """How a job differs: its ratios to the median, None where nothing stands out."""

    slow: float | None = None
    small: float | None = None
    median_seconds: float | None = None
    median_records: float | None = None


class Medians:
    """Median duration and records of the successes in `history`, for each job type."""

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
        """Compare one job; one that is still running can already be slow, but not small."""
        seconds, records = self._seconds.get(job.type), self._records.get(job.type)
        return Anomaly(
            slow=_above(elapsed(job, now=now), seconds),
            small=_below(job.records_synced, records) if job.status == SUCCEEDED else None,
            median_seconds=seconds,
            median_records=records,
        )


def elapsed(job: Job, *, now: datetime) -> float | None:
    """Return the seconds that a job took, or has taken until now; None without dates."""
    done = job.duration_seconds
    if done is not None or job.created_at is None:
        return done
    # Airbyte's clock, which dates the job, may be ahead of ours.
    return max(0.0, (now - job.created_at).total_seconds())


def _above(seconds: float | None, usual: float | None) -> float | None:
    return seconds / usual if usual and seconds and seconds > SLOW * usual else None


def _below(records: int | None, usual: float | None) -> float | None:
    if not usual or records is None:
        return None
    return records / usual if records < SMALL * usual else None
