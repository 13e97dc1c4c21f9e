"""`--since`: which job an earlier try of the same task has left behind.

The moment is from the launcher's clock, a job's creation from Airbyte's. So the moment is moved
to the earliest one that it can have been by Airbyte's clock, as the `Date` of its answers tells
it. That is at most a second and the way of an answer too early: a job of that second may count
although somebody made it just before, and none of ours is ever doubled. In the process itself no
clock is needed: what is newer than the baseline is told by job ids.

A moment that our own clock has not reached yet cannot be of it, and is not moved.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import ClockAhead, Job, JobType, active_among
from airbyte_sync_cli.errors import ProtocolError, UsageError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.policy import FULFILLED_BY
from airbyte_sync_cli.sync.state import SyncState

_SLACK: Final = timedelta(minutes=1)
"""By so much a moment may be ahead of a clock without being called a future one."""
_WORTH_TELLING: Final = 3.0
"""Seconds: smaller differences are told only by what counts."""


class EarlierRun:
    """Finds the job that an earlier try of the same task left: done, or still at it."""

    def __init__(self, context: Context, state: SyncState) -> None:
        self._context = context
        self._policy = context.policy.trigger
        self._state = state
        self._skew_told = False

    def among(self, jobs: Sequence[Job]) -> Job | None:
        """Find it among a connection's jobs, newest first; None without `--since`.

        Raises UsageError for a moment in the future.
        """
        since, ahead = self._policy.since, self._context.airbyte.clock_ahead
        if since is None:
            return None
        now = self._context.clock.now()
        if since > now + _SLACK:
            _require_past(since, now + timedelta(seconds=ahead.most if ahead else 0.0))
        else:
            self._tell(ahead)
            since += timedelta(seconds=ahead.least if ahead else 0.0)
        return find_since(jobs, since, self._policy.job_type)

    def _tell(self, ahead: ClockAhead | None) -> None:
        """Warn once of clocks that are surely some seconds apart."""
        if ahead is None or self._skew_told:
            return
        seconds = max(ahead.least, 0.0) or min(ahead.most, 0.0)
        if abs(seconds) < _WORTH_TELLING:
            return
        self._skew_told = True
        where = "ahead of" if seconds > 0 else "behind"
        self._context.warn(
            self._state,
            f"Airbyte's clock is {abs(seconds):.0f} s {where} ours: --since follows it",
        )


def _require_past(since: datetime, airbytes_now: datetime) -> None:
    """Refuse a moment after which there can be no job yet: each retry would start another."""
    if since > airbytes_now + _SLACK:
        raise UsageError(
            f"--since: {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC is in the future, Airbyte's "
            f"clock says {airbytes_now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            hint="give the time at which the task began; without an offset it is taken as UTC",
        )


def find_since(jobs: Sequence[Job], since: datetime, job_type: JobType) -> Job | None:
    """Find the job that counts as ours: one that has succeeded, else one still at it.

    Compared to the second, as Airbyte tells no finer. Raises ProtocolError where that hangs on a
    job whose date cannot be read.
    """
    earliest = since.replace(microsecond=0)
    done = [job for job in jobs if job.status == "succeeded"]
    candidates = [
        job for job in (*done, *active_among(jobs)) if job.type in FULFILLED_BY[job_type]
    ]
    undecided: Job | None = None
    for job in candidates:
        counts = _is_since(job, jobs, earliest)
        if counts:
            return job
        undecided = undecided or (job if counts is None else None)
    if undecided is None:
        return None
    raise ProtocolError(
        f"the creation time of job {undecided.id} ({undecided.status}) cannot be read, so --since "
        "cannot tell whether it counts",
        hint=f"`airbyte-sync status {undecided.id}` shows it; without --since a new job starts",
    )


def _is_since(job: Job, jobs: Sequence[Job], earliest: datetime) -> bool | None:
    """Compare a job's creation; without a date, by its neighbours and its end. None: unknown."""
    if job.created_at is not None:
        return job.created_at >= earliest
    before = [one.created_at for one in jobs if one.id < job.id and one.created_at]
    if before and max(before) >= earliest:
        return True
    after = [one.created_at for one in jobs if one.id > job.id and one.created_at]
    if min(after, default=earliest) < earliest or (job.ended_at or earliest) < earliest:
        return False
    return None
