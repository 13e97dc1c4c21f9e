"""What the live view knows: one row for each connection, filled by events."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from airbyte_sync_cli.airbyte.models import (
    NOT_STARTED_STATUSES,
    Connection,
    Job,
    Progress,
    StreamProgress,
)
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.live.estimate import Estimate, estimate
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.result import SyncResult

_SAMPLES: Final = 6
"""Changes of the numbers that a rate looks back on: Airbyte counts in steps."""
_STALE_AFTER: Final = 60.0
"""Seconds without a change after which a rate falls: a look may be 30 s apart."""


class Kind(IntEnum):
    """Where a row stands; the smaller the value, the more it is worth a look."""

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
class Row:
    """One connection, as it is drawn."""

    key: str
    connection: Connection | None = None
    job: Job | None = None
    adopted: bool = False
    history: History = field(default_factory=History)
    progress: Progress | None = None
    note: str | None = None
    """What goes on besides the job's status, such as `cancelling`."""
    result: SyncResult | None = None
    known_at: float | None = None
    """When there was a job (monotonic); earlier than we were there, for an adopted one."""
    worked_from: float | None = None
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    @property
    def name(self) -> str:
        """Name the connection, or what stands for it."""
        return self.connection.name if self.connection else self.key

    @property
    def kind(self) -> Kind:
        """Tell where it stands."""
        if self.result is not None:
            match self.result.exit_code:
                case ExitCode.OK:
                    return Kind.SUCCEEDED
                case ExitCode.SKIPPED:
                    return Kind.SKIPPED
                case _:
                    return Kind.FAILED
        if self.job is None:
            return Kind.WAITING if self.note else Kind.PLANNED
        return Kind.WAITING if self.job.status in NOT_STARTED_STATUSES else Kind.ACTIVE

    @property
    def state(self) -> str:
        """Say it in Airbyte's word, or in ours where there is none."""
        if self.result is not None:
            return self.result.status or self.result.outcome or "ended"
        return self.note or (self.job.status if self.job else "not begun")

    @property
    def attempt(self) -> int:
        """Number the attempt that works now; 1 where Airbyte does not tell."""
        return max((self.progress and self.progress.attempts) or 1, 1)

    @property
    def records(self) -> int | None:
        """Records so far: read from the source, or in the end committed."""
        if self.result is not None and self.result.records_synced is not None:
            return self.result.records_synced
        if self.progress is not None and self.progress.records_emitted is not None:
            return self.progress.records_emitted
        return self.job.records_synced if self.job else None

    @property
    def size(self) -> int | None:
        """Bytes so far."""
        if self.result is not None and self.result.bytes_synced is not None:
            return self.result.bytes_synced
        if self.progress is not None and self.progress.bytes_emitted is not None:
            return self.progress.bytes_emitted
        return self.job.bytes_synced if self.job else None

    @property
    def streams(self) -> Sequence[StreamProgress]:
        """Tell how far each stream is, where Airbyte does."""
        return self.progress.streams if self.progress else ()

    def seconds(self, now: float) -> float | None:
        """Tell the job's age, or how long it took."""
        if self.result is not None:
            return self.result.duration_seconds
        return None if self.known_at is None else max(0.0, now - self.known_at)

    def rates(self, now: float) -> tuple[float, float] | None:
        """Tell records and bytes a second of late; None while that is not known."""
        if self.result is not None or len(self.samples) < 2:  # noqa: PLR2004  # between two
            return None
        first, last = self.samples[0], self.samples[-1]
        seconds = max(last.at, now - _STALE_AFTER) - first.at
        if seconds <= 0:
            return None
        return (last.records - first.records) / seconds, (last.size - first.size) / seconds

    def estimate(self, now: float) -> Estimate | None:
        """Guess the end; not once an attempt failed, for the past says nothing of that."""
        if self.kind is not Kind.ACTIVE or self.worked_from is None or self.attempt > 1:
            return None
        if self.job is None or self.job.status != "running":
            return None
        return estimate(self.history, now - self.worked_from)


class LiveState:
    """All rows, in the order in which they were planned."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.began: float | None = None
        self.interrupted: str | None = None

    def take(self, event: ev.Event, now: float, wall: datetime) -> None:
        """Take note of an event at a moment: monotonic seconds, and by the wall clock."""
        self.began = now if self.began is None else self.began
        match event:
            case ev.Planned(keys=keys):
                self.rows = {key: self._row(key) for key in keys}
            case ev.Interrupted(signal=signal):
                self.interrupted = signal
            case ev.Provisional() | ev.Warned() | ev.DryRun():
                return
            case _:
                _fill(self._row(event.key), event, now, wall)

    def _row(self, key: str) -> Row:
        return self.rows.setdefault(key, Row(key=key))


_RowEvent = (
    ev.Resolved
    | ev.BlockedBy
    | ev.Triggering
    | ev.Refused
    | ev.LookingForJob
    | ev.JobKnown
    | ev.Polled
    | ev.OutageBegan
    | ev.OutageEnded
    | ev.AwaitingNumbers
    | ev.Cancelling
    | ev.Finished
)


def _fill(row: Row, event: _RowEvent, now: float, wall: datetime) -> None:
    match event:
        case ev.Resolved(connection=connection):
            row.connection = connection
        case ev.JobKnown(job=job, adopted=adopted, history=history):
            row.adopted, row.history, row.note = adopted, history, None
            _see(row, job, now, wall)
        case ev.Polled(job=job, progress=progress):
            row.progress = progress
            _see(row, job, now, wall)
            _sample(row, now)
        case ev.Finished(result=result):
            row.result, row.note = result, None
        case _:
            row.note = _note(event)


_NOTES: Final[Mapping[type[ev.Event], str]] = {
    ev.Triggering: "starting",
    ev.Refused: "refused",
    ev.LookingForJob: "looking",
    ev.OutageBegan: "unreachable",
    ev.AwaitingNumbers: "counting",
    ev.Cancelling: "cancelling",
}


def _note(event: ev.Event) -> str | None:
    """Tell what goes on besides the job's status; None where that has just ended."""
    return f"after {event.job.id}" if isinstance(event, ev.BlockedBy) else _NOTES.get(type(event))


def _see(row: Row, job: Job, now: float, wall: datetime) -> None:
    """Note a job's state. Its age is counted from when it was ours, or by Airbyte's clock."""
    row.job = job
    if row.known_at is None:
        created = job.created_at if row.adopted else None
        age = (wall - created).total_seconds() if created else 0.0
        row.known_at = now - max(0.0, age)
        if job.is_active and job.status not in NOT_STARTED_STATUSES:
            row.worked_from = row.known_at
    if row.worked_from is None and job.status not in NOT_STARTED_STATUSES:
        row.worked_from = now


def _sample(row: Row, now: float) -> None:
    """Keep the numbers where they changed; begin anew where they fell (a new attempt)."""
    if row.records is None or row.size is None:
        return
    sample = Sample(now, row.records, row.size)
    last = row.samples[-1] if row.samples else None
    if last is not None and sample.records < last.records:
        row.samples.clear()
    if last is None or (sample.records, sample.size) != (last.records, last.size):
        row.samples.append(sample)
