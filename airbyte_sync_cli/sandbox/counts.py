"""Records and bytes that a job has moved, per attempt and stream, at one moment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final

from airbyte_sync_cli.sandbox.connection import SimStream
from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob

ENDLESS: Final = 3600.0
"""Seconds over which a job without an end would have moved its records."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Emitted is read from the source, committed is confirmed by the destination."""

    records_emitted: int = 0
    bytes_emitted: int = 0
    records_committed: int = 0
    bytes_committed: int = 0
    records_rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def share(self, index: int, count: int) -> "Counts":
        """Return one stream's part; the parts of all streams add up to the whole."""

        def part(number: int) -> int:
            # The difference of two rounded sums, so that no record is lost by rounding.
            return number * (index + 1) // count - number * index // count

        return Counts(*map(part, astuple(self)))


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """Counts by stream: some streams have their own, the others share the rest."""

    shared: Counts = field(default_factory=Counts)
    own: Mapping[str, Counts] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    """Streams of which the source sends nothing: no statistics, not even zeros."""

    def __add__(self, other: "StreamCounts") -> "StreamCounts":
        keys = {**self.own, **other.own}
        own = {key: self.own.get(key, Counts()) + other.own.get(key, Counts()) for key in keys}
        return StreamCounts(self.shared + other.shared, own, self.silent | other.silent)

    @property
    def total(self) -> Counts:
        """The sum over all streams."""
        return sum(self.own.values(), self.shared)

    def of(self, streams: Sequence[SimStream]) -> list[tuple[SimStream, Counts]]:
        """Return the counts of these streams, all of the job, but for the silent ones."""
        streams = [each for each in streams if each.key not in self.silent]
        sharing = [each for each in streams if each.key not in self.own]
        shares = {
            each: self.shared.share(index, len(sharing)) for index, each in enumerate(sharing)
        }
        return [(each, shares[each] if each in shares else self.own[each.key]) for each in streams]


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Reads a job's counts at one moment. `flush` is the version's period of updates."""

    job: SimJob
    when: float
    flush: float

    def attempts(self) -> list[tuple[JobAttempt, StreamCounts | None]]:
        """Return every attempt with its counts; None where nothing was written yet."""
        rows: list[tuple[JobAttempt, StreamCounts | None]] = []
        before = 0.0
        attempts = self.job.attempts_at(self.when)
        for attempt in attempts:
            last = attempt is attempts[-1]
            rows.append((attempt, self._counts(attempt, before, last=last)))
            if not self.job.script.full_refresh:
                before += attempt.seconds_until(self.when)
        return rows

    def by_stream(self) -> StreamCounts | None:
        """Return the sum over all attempts; None where nothing is known.

        Of a full refresh, the last attempt's (StatsAggregationHelper.getAggregatedStats).
        """
        known = [counts for _, counts in self.attempts() if counts is not None]
        if self.job.script.full_refresh:
            known = known[-1:]
        return sum(known, StreamCounts()) if known else None

    def total(self) -> Counts | None:
        """Return the sum over all attempts and streams; None where nothing is known."""
        counts = self.by_stream()
        return None if counts is None else counts.total

    def _counts(self, attempt: JobAttempt, before: float, *, last: bool) -> StreamCounts | None:
        script = self.job.script
        if not script.statistics:
            return None
        seen = self._seconds_seen(attempt)
        if seen <= 0 and math.isinf(attempt.end):  # before the first write there are no statistics
            return None
        # The next attempt resumes at what was committed, so nothing of an earlier one is missing.
        lag = 0.0 if not last or self._is_confirmed(attempt) else script.commit_lag
        moved = _Moved(
            start=self._progress(before),
            emitted=self._progress(before + seen),
            committed=self._progress(before + max(seen - lag, 0.0)),
            planned=self._planned_seconds(),
        )
        own = {
            key: moved.counts(each.records, each.written, each.rejected, self._bytes(each.records))
            for key, each in script.streams.items()
            if each.records is not None
        }
        shared = moved.counts(script.records, script.written, script.rejected, script.byte_count)
        silent = {
            key
            for key, each in script.streams.items()
            if each.records == 0 and each.ends == "none"
        }
        return StreamCounts(shared, own, frozenset(silent))

    def _bytes(self, records: int) -> int:
        script = self.job.script
        return records * script.byte_count // max(script.records, 1)

    def _seconds_seen(self, attempt: JobAttempt) -> float:
        """Return the seconds of an attempt that the latest update of the counts covers."""
        if self.when >= attempt.end + self.job.script.statistics_late:
            return attempt.end - attempt.start
        own = self.job.script.flush_every
        step = self.flush if own is None else own
        ran = attempt.seconds_until(self.when)
        return ran // step * step if step else ran  # 0 means continuous

    def _is_confirmed(self, attempt: JobAttempt) -> bool:
        arrived = self.when >= attempt.end + self.job.script.statistics_late
        # A job can succeed right after `incomplete`; then its last attempt is a failed one.
        return arrived and "succeeded" in {attempt.status, self.job.status_at(self.when)}

    def _progress(self, seconds: float) -> float:
        """Return for how many of these seconds of running the counts moved."""
        script = self.job.script
        if script.stalls_after is None:
            return seconds
        return seconds - min(max(seconds - script.stalls_after, 0.0), script.stalls_for)

    def _planned_seconds(self) -> float:
        phases = self.job.script.phases
        runs = [phase.seconds for phase in phases if phase.status == "running"]
        seconds = sum(runs[-1:] if self.job.script.full_refresh else runs)
        if math.isinf(seconds):
            return ENDLESS
        # Not 0: a job that never runs moves nothing, and nothing may be divided by 0.
        return max(self._progress(seconds), 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """How far an attempt has come, in seconds of running: from `start` to the other two."""

    start: float
    emitted: float
    committed: float
    planned: float

    def counts(self, records: int, written: int | None, rejected: int, size: int) -> Counts:
        """Return the counts of an attempt whose job reads these records, of `size` bytes."""
        kept = max(records - rejected, 0) if written is None else written
        return Counts(
            self._between(records, self.emitted),
            self._between(size, self.emitted),
            self._between(kept, self.committed),
            self._between(size * kept // records if records else size, self.committed),
            self._between(rejected, self.committed),
        )

    def _between(self, whole: int, end: float) -> int:
        return int(whole * min(end / self.planned, 1.0)) - int(
            whole * min(self.start / self.planned, 1.0)
        )
