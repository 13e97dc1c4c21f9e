"""What the live view shows of each sync: the latest snapshot, and what was measured over time."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import IntEnum
from typing import Final

from airbyte_sync_cli.airbyte.models import NOT_STARTED_STATUSES, RUNNING, Job, StreamProgress
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.live.estimate import Estimate, estimate
from airbyte_sync_cli.output.messages import waiting_for
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.state import Snapshot

_SAMPLES: Final = 6
"""Changes of the numbers that a rate is computed from: Airbyte counts in steps."""
_STALE_AFTER: Final = 60.0
"""Seconds without a change after which a rate falls: polls are up to 30 s apart."""


class Kind(IntEnum):
    """The state of a row; the smaller the value, the more important it is to show."""

    FAILED = 0
    ACTIVE = 1
    WAITING = 2
    PLANNED = 3
    SKIPPED = 4
    SUCCEEDED = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers at a moment (monotonic seconds)."""

    at: float
    records: int
    size: int


@dataclass(slots=True, kw_only=True)
class LiveRow:
    """One sync, as it is drawn."""

    sync: Snapshot
    note: str | None = None
    """What happens besides the job's status, such as `cancelling`."""
    result: SyncResult | None = None
    blocked: str | None = None
    """Which job has to end first, and its page."""
    blocked_at: float | None = None
    """Monotonic."""
    blocked_url: str | None = None
    known_at: float | None = None
    """When the job began to exist (monotonic): for an adopted one, before this process."""
    worked_from: float | None = None
    """When it began to run."""
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    @property
    def name(self) -> str:
        """Return the connection's name, or the job where that is unknown."""
        return self.sync.connection.name if self.sync.connection else self.sync.key

    @property
    def kind(self) -> Kind:
        """Return the state that decides on colour and order."""
        if self.result is not None:
            match self.result.exit_code:
                case ExitCode.OK:
                    return Kind.SUCCEEDED
                case ExitCode.SKIPPED:
                    return Kind.SKIPPED
                case _:
                    return Kind.FAILED
        job = self.sync.job
        if job is None:
            return Kind.WAITING if self.note else Kind.PLANNED
        return Kind.WAITING if job.status in NOT_STARTED_STATUSES else Kind.ACTIVE

    @property
    def state(self) -> str:
        """Return Airbyte's word for the state, or ours where there is none."""
        if self.result is not None:
            return self.result.status or self.result.outcome or "ended"
        return self.note or (self.sync.job.status if self.sync.job else "not started")

    @property
    def attempt(self) -> int:
        """Return the number of the current attempt; 1 where it is unknown."""
        progress = self.sync.progress
        return max((progress and progress.attempts) or 1, 1)

    @property
    def records(self) -> int | None:
        """Return the records read so far, or committed once it has ended."""
        if self.result is not None and self.result.records_synced is not None:
            return self.result.records_synced
        progress, job = self.sync.progress, self.sync.job
        if progress is not None and progress.records_emitted is not None:
            return progress.records_emitted
        return job.records_synced if job else None

    @property
    def size(self) -> int | None:
        """Return the bytes so far."""
        if self.result is not None and self.result.bytes_synced is not None:
            return self.result.bytes_synced
        progress, job = self.sync.progress, self.sync.job
        if progress is not None and progress.bytes_emitted is not None:
            return progress.bytes_emitted
        return job.bytes_synced if job else None

    @property
    def streams(self) -> Sequence[StreamProgress]:
        """Return the progress of each stream, where the Config API can be read."""
        return self.sync.progress.streams if self.sync.progress else ()

    def seconds(self, now: float) -> float | None:
        """Return the job's age, or how long it took."""
        if self.result is not None:
            return self.result.duration_seconds
        since = self.blocked_at if self.blocked else self.known_at
        return None if since is None else max(0.0, now - since)

    def rates(self, now: float) -> tuple[float, float] | None:
        """Return the latest records and bytes a second; None while that is unknown."""
        if self.result is not None or len(self.samples) < 2:  # noqa: PLR2004  # between two
            return None
        first, last = self.samples[0], self.samples[-1]
        seconds = max(last.at, now - _STALE_AFTER) - first.at
        if seconds <= 0:
            return None
        return (last.records - first.records) / seconds, (last.size - first.size) / seconds

    def estimate(self, now: float) -> Estimate | None:
        """Estimate the end; not after a failed attempt, which no past success compares to."""
        if self.kind is not Kind.ACTIVE or self.worked_from is None or self.attempt > 1:
            return None
        if self.sync.job is None or self.sync.job.status != RUNNING:
            return None
        return estimate(self.sync.history, now - self.worked_from)

    def see_job(self, job: Job, now: float, wall: datetime) -> None:
        """Note since when the job exists and runs: since we started it, or by Airbyte's clock."""
        is_running = job.status not in NOT_STARTED_STATUSES
        if self.known_at is None:
            # Two clocks are compared only for an adopted job: ours began now.
            created = job.created_at if self.sync.adopted else None
            age = (wall - created).total_seconds() if created else 0.0
            self.known_at = now - max(0.0, age)
            if job.is_active and is_running:
                self.worked_from = self.known_at
        if self.worked_from is None and is_running:
            self.worked_from = now

    def add_sample(self, now: float) -> None:
        """Keep the numbers where they changed; start over where they fell (a new attempt)."""
        if self.records is None or self.size is None:
            return
        sample = Sample(now, self.records, self.size)
        last = self.samples[-1] if self.samples else None
        if last is not None and sample.records < last.records:
            self.samples.clear()
        if last is None or (sample.records, sample.size) != (last.records, last.size):
            self.samples.append(sample)


_NOTES: Final[Mapping[type[ev.SyncEvent], str]] = {
    ev.Triggering: "starting",
    ev.Refused: "rejected",
    ev.LookingForJob: "looking",
    ev.OutageBegan: "unreachable",
    ev.AwaitingNumbers: "counting",
    ev.Cancelling: "cancelling",
}


class LiveState:
    """All rows, in the order in which they were planned."""

    def __init__(self) -> None:
        self.rows: dict[str, LiveRow] = {}
        self.began: float | None = None
        self.interrupted: str | None = None

    def take(self, event: ev.Event, now: float, wall: datetime) -> None:
        """Take an event at a moment: monotonic seconds, and by the wall clock."""
        self.began = now if self.began is None else self.began
        match event:
            case ev.Planned(syncs=syncs):
                self.rows = {sync.key: self._row(sync) for sync in syncs}
            case ev.Interrupted(signal=signal):
                self.interrupted = signal
            case ev.Provisional():
                return
            case _:
                row = self._row(event.sync)
                row.sync = event.sync
                _update(row, event, now, wall)

    def _row(self, sync: Snapshot) -> LiveRow:
        return self.rows.setdefault(sync.key, LiveRow(sync=sync))


def _update(row: LiveRow, event: ev.SyncEvent, now: float, wall: datetime) -> None:
    if isinstance(event, ev.Unblocked | ev.JobKnown | ev.Finished):
        row.blocked = row.blocked_url = row.blocked_at = None
    match event:
        case ev.JobKnown() | ev.Polled():
            if isinstance(event, ev.JobKnown):
                row.note = None
            if event.sync.job is not None:
                row.see_job(event.sync.job, now, wall)
            if isinstance(event, ev.Polled):
                row.add_sample(now)
        case ev.Finished(result=result):
            row.result, row.note = result, None
        case ev.BlockedBy(other=job, url=url):
            row.note, row.blocked_at, row.blocked_url = f"after {job.id}", now, url
            row.blocked = waiting_for(event.sync, job, wall)
        case ev.Warned() | ev.DryRun() | ev.AttemptFailed() | ev.AirbyteLogged():
            pass  # log lines, not a change of state
        case _:
            row.note = _NOTES.get(type(event))  # none: an outage has ended
