"""What a connection's past says of its next sync: how long it may take, how much it moves."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

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
