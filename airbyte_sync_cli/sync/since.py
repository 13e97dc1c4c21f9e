"""`--since`: find the job that an earlier run of the same task has started.

The timestamp comes from the launcher's clock, a job's creation from Airbyte's. So the timestamp
is moved to the earliest moment that it can be by Airbyte's clock, which the `Date` of its
responses shows. That is too early by at most a second and the time of a response: a job that
another client started just before may count, and no second job is ever started. Within one process
no clock is needed: job ids show what is newer than the baseline.

A timestamp that our own clock has not reached yet comes from another clock, and is not moved.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from airbyte_sync_cli.airbyte.models import SUCCEEDED, ClockAhead, Job, active_among
from airbyte_sync_cli.errors import ProtocolError, UsageError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.policy import TriggerPolicy
from airbyte_sync_cli.sync.state import SyncState

_SLACK: Final = timedelta(minutes=1)
"""How far a timestamp may be ahead of a clock before it is refused as a future one."""
_MIN_SKEW: Final = 3.0
"""Seconds of difference between the clocks from which it is worth a warning."""


class EarlierRun:
    """Finds the job that an earlier run of the same task started: succeeded, or still active."""

    def __init__(self, context: Context, state: SyncState) -> None:
        self._context = context
        self._policy = context.policy.trigger
        self._state = state
        self._has_warned = False

    def among(self, jobs: Sequence[Job]) -> Job | None:
        """Find it among a connection's jobs, newest first; None without `--since`.

        Raises UsageError for a timestamp in the future.
        """
        since, ahead = self._policy.since, self._context.airbyte.clock_ahead
        if since is None:
            return None
        now = self._context.clock.now()
        if since > now + _SLACK:
            _require_past(since, now + timedelta(seconds=ahead.most if ahead else 0.0))
        else:
            self._warn_of_skew(ahead)
            # Too early rather than too late: for a job that is missed, a second one is started.
            since += timedelta(seconds=ahead.least if ahead else 0.0)
        return find_since(jobs, since, self._policy)

    def _warn_of_skew(self, ahead: ClockAhead | None) -> None:
        """Warn once if the clocks surely differ by some seconds."""
        if ahead is None or self._has_warned:
            return
        # The least difference that is certain: 0 if the clocks may agree.
        seconds = max(ahead.least, 0.0) or min(ahead.most, 0.0)
        if abs(seconds) < _MIN_SKEW:
            return
        self._has_warned = True
        where = "ahead of" if seconds > 0 else "behind"
        self._context.warn(
            self._state,
            f"Airbyte's clock is {abs(seconds):.0f} s {where} this machine's: "
            "--since is compared with Airbyte's",
        )


def _require_past(since: datetime, airbytes_now: datetime) -> None:
    """Raise UsageError for a future timestamp: no job counts, so every retry starts one."""
    if since > airbytes_now + _SLACK:
        raise UsageError(
            f"--since: {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC is in the future, Airbyte's "
            f"clock shows {airbytes_now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            hint="use the task's start time; without an offset it is read as UTC",
        )


def find_since(jobs: Sequence[Job], since: datetime, policy: TriggerPolicy) -> Job | None:
    """Return the job that counts: one that has succeeded, else one that is still active.

    Compared in whole seconds, as Airbyte's dates are. Raises ProtocolError where it depends on a
    job whose date cannot be read.
    """
    earliest = since.replace(microsecond=0)
    # A success first: it ends the task at once, an active job would have to be waited for.
    done = [job for job in jobs if job.status == SUCCEEDED]
    candidates = [job for job in (*done, *active_among(jobs)) if policy.is_fulfilled_by(job)]
    undecided: Job | None = None
    for job in candidates:
        counts = _is_since(job, jobs, earliest)
        if counts:
            return job
        undecided = undecided or (job if counts is None else None)
    if undecided is None:
        return None
    raise ProtocolError(
        f"the creation time of job {undecided.id} ({undecided.status}) cannot be read, so it "
        "cannot be compared with --since",
        hint=f"see `airbyte-sync status {undecided.id}`; without --since, a new job is started",
    )


def _is_since(job: Job, jobs: Sequence[Job], earliest: datetime) -> bool | None:
    """Compare a job's creation; without a date, use its neighbours and its end. None: unknown."""
    if job.created_at is not None:
        return job.created_at >= earliest
    # Job ids grow with time, so the neighbours' dates are limits for this one's.
    before = [one.created_at for one in jobs if one.id < job.id and one.created_at]
    if before and max(before) >= earliest:
        return True
    after = [one.created_at for one in jobs if one.id > job.id and one.created_at]
    if min(after, default=earliest) < earliest or (job.ended_at or earliest) < earliest:
        return False
    return None
