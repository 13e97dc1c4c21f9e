"""Records and bytes that a job has moved, per attempt, at one moment."""

import math
from dataclasses import dataclass
from typing import Final

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

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.records_emitted + other.records_emitted,
            self.bytes_emitted + other.bytes_emitted,
            self.records_committed + other.records_committed,
            self.bytes_committed + other.bytes_committed,
        )

    def share(self, index: int, count: int) -> "Counts":
        """Return one stream's part; the parts of all streams add up to the whole."""

        def part(number: int) -> int:
            # The difference of two rounded sums, so that no record is lost by rounding.
            return number * (index + 1) // count - number * index // count

        return Counts(
            part(self.records_emitted),
            part(self.bytes_emitted),
            part(self.records_committed),
            part(self.bytes_committed),
        )


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Reads a job's counts at one moment. `flush` is the version's period of updates."""

    job: SimJob
    when: float
    flush: float

    def attempts(self) -> list[tuple[JobAttempt, Counts | None]]:
        """Return every attempt with its counts; None where nothing was written yet."""
        rows: list[tuple[JobAttempt, Counts | None]] = []
        before = 0.0
        attempts = self.job.attempts_at(self.when)
        for attempt in attempts:
            last = attempt is attempts[-1]
            rows.append((attempt, self._counts(attempt, before, last=last)))
            before += attempt.seconds_until(self.when)
        return rows

    def total(self) -> Counts | None:
        """Return the sum over all attempts; None where nothing is known."""
        known = [counts for _, counts in self.attempts() if counts is not None]
        return sum(known, Counts()) if known else None

    def _counts(self, attempt: JobAttempt, before: float, *, last: bool) -> Counts | None:
        if not self.job.script.statistics:
            return None
        seen = self._seconds_seen(attempt)
        if seen <= 0 and math.isinf(attempt.end):  # before the first write there are no statistics
            return None
        # The next attempt resumes at what was committed, so nothing of an earlier one is missing.
        lag = 0.0 if not last or self._is_confirmed(attempt) else self.job.script.commit_lag
        committed = max(seen - lag, 0.0)
        script = self.job.script
        return Counts(
            self._moved(script.records, before, before + seen),
            self._moved(script.byte_count, before, before + seen),
            self._moved(script.records, before, before + committed),
            self._moved(script.byte_count, before, before + committed),
        )

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

    def _moved(self, whole: int, start: float, end: float) -> int:
        planned = self._planned_seconds()
        return int(whole * min(end / planned, 1.0)) - int(whole * min(start / planned, 1.0))

    def _planned_seconds(self) -> float:
        phases = self.job.script.phases
        seconds = sum(phase.seconds for phase in phases if phase.status == "running")
        # Not 0: a job that never runs moves nothing, and nothing may be divided by 0.
        return ENDLESS if math.isinf(seconds) else max(seconds, 1e-9)
