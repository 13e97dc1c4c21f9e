"""Filtering and sorting of jobs, which both lists share."""

from dataclasses import dataclass

from airbyte_sync_cli.sandbox.job import SimJob


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What a list of jobs is asked for. Empty sets and None let everything pass."""

    connections: frozenset[str] | None = None
    types: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    created_start: float | None = None
    created_end: float | None = None
    updated_start: float | None = None
    updated_end: float | None = None

    def matches(self, job: SimJob) -> bool:
        """Whether a job belongs to the list; both ends of a range are inclusive."""
        updated = job.updated_at(job.now())
        return (
            (self.connections is None or job.connection_id in self.connections)
            and (not self.types or job.type in self.types)
            and (not self.statuses or job.status in self.statuses)
            and _within(job.created_at, self.created_start, self.created_end)
            and _within(updated, self.updated_start, self.updated_end)
        )


def _within(when: float, start: float | None, end: float | None) -> bool:
    return (start is None or when >= start) and (end is None or when <= end)


def sort_jobs(jobs: list[SimJob], field: str, *, newest_first: bool) -> list[SimJob]:
    """Sort by `createdAt` or `updatedAt`; equal times keep the order of ids."""

    def key(job: SimJob) -> tuple[float, int]:
        when = job.created_at if field == "createdAt" else job.updated_at(job.now())
        return (when, job.id)

    return sorted(jobs, key=key, reverse=newest_first)
