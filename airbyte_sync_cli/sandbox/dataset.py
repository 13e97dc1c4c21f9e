"""Records and bytes that a job of the sandbox moves, stream by stream."""

import math
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.sandbox.config import ConnectionConfig
from airbyte_sync_cli.sandbox.job import JobAttempt, JobFailure, JobScript, SimJob


def _smooth(life: str, records: int, **more: object) -> JobScript:
    # Numbers that move at every look: nicer to watch than the real steps of ten seconds.
    fields = {"life": life, "records": records, "byte_count": records * 210, "flush_every": 1}
    return JobScript.model_validate({**fields, "commit_lag": 2, **more})


_ORDERS: Final = _smooth("pending 1, running 12, succeeded", 48_200)
_CUSTOMERS: Final = _smooth("pending 1, running 6, incomplete 3, running 8, succeeded", 9_150)
_EVENTS: Final = _smooth(
    "pending 1, queued 3, running 25, succeeded", 1_250_000, estimate=True, statistics_late=3
)
_BILLING: Final = _smooth(
    "pending 1, running 5, failed",
    640,
    failure=JobFailure(
        type="config_error",
        message="Invalid API key: the key was revoked. Please check the source's settings.",
        internal_message="401 Client Error: Unauthorized for url: https://billing.example.com",
        retryable=False,
    ),
)

DEMO_CONNECTIONS: Final[tuple[ConnectionConfig, ...]] = (
    ConnectionConfig(
        name="orders",
        workspace="Sales",
        tags=("nightly",),
        streams=("orders", "order_lines"),
        jobs=(_ORDERS,),
        history=(_ORDERS, _ORDERS, _ORDERS),
    ),
    ConnectionConfig(
        name="customers",
        workspace="Sales",
        tags=("nightly",),
        streams=("customers", "addresses"),
        source="Salesforce",
        jobs=(_CUSTOMERS,),
        history=(_ORDERS, _CUSTOMERS),
    ),
    ConnectionConfig(
        name="events",
        workspace="Sales",
        schedule="every 24 hours",
        streams=("page_views", "clicks", "sessions"),
        source="Kafka",
        jobs=(_EVENTS,),
        history=(_EVENTS, _EVENTS),
    ),
    ConnectionConfig(
        name="billing",
        workspace="Operations",
        schedule="cron 0 0 3 * * ?",
        tags=("finance",),
        streams=("invoices",),
        source="Stripe",
        jobs=(_BILLING,),
    ),
    ConnectionConfig(
        name="inventory",
        workspace="Operations",
        status="inactive",
        streams=("stock",),
        source="MySQL",
    ),
)
"""Their ids follow from their names, so that they are the same in every run."""


ENDLESS: Final = 3600.0
"""Seconds over which a job that never ends would have moved its records."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Emitted is read from the source, committed is confirmed by the destination."""

    records_emitted: int = 0
    bytes_emitted: int = 0
    records_committed: int = 0
    bytes_committed: int = 0

    def __add__(self, other: "Numbers") -> "Numbers":
        return Numbers(
            self.records_emitted + other.records_emitted,
            self.bytes_emitted + other.bytes_emitted,
            self.records_committed + other.records_committed,
            self.bytes_committed + other.bytes_committed,
        )

    def share(self, index: int, count: int) -> "Numbers":
        """One stream's part; the parts of all streams add up to the whole."""

        def part(number: int) -> int:
            return number * (index + 1) // count - number * index // count

        return Numbers(
            part(self.records_emitted),
            part(self.bytes_emitted),
            part(self.records_committed),
            part(self.bytes_committed),
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads a job's numbers at one moment. `flush` is the version's own writing period."""

    job: SimJob
    when: float
    flush: float

    def attempts(self) -> list[tuple[JobAttempt, Numbers | None]]:
        """Every attempt with its numbers; None where nothing was written yet."""
        rows: list[tuple[JobAttempt, Numbers | None]] = []
        before = 0.0
        attempts = self.job.attempts_at(self.when)
        for attempt in attempts:
            last = attempt is attempts[-1]
            rows.append((attempt, self._numbers(attempt, before, last=last)))
            before += attempt.overlap(self.when)
        return rows

    def total(self) -> Numbers | None:
        """All attempts together; None where nothing is known."""
        known = [numbers for _, numbers in self.attempts() if numbers is not None]
        return sum(known, Numbers()) if known else None

    def _numbers(self, attempt: JobAttempt, before: float, *, last: bool) -> Numbers | None:
        if not self.job.script.statistics:
            return None
        seen = self._seen(attempt)
        if seen <= 0 and math.isinf(attempt.end):
            return None
        # The next attempt goes on from what was committed, so nothing of this one is missing.
        lag = 0.0 if not last or self._confirmed(attempt) else self.job.script.commit_lag
        committed = max(seen - lag, 0.0)
        script = self.job.script
        return Numbers(
            self._moved(script.records, before, before + seen),
            self._moved(script.byte_count, before, before + seen),
            self._moved(script.records, before, before + committed),
            self._moved(script.byte_count, before, before + committed),
        )

    def _seen(self, attempt: JobAttempt) -> float:
        # Running seconds that the last write covers; the one at the end may come late.
        if self.when >= attempt.end + self.job.script.statistics_late:
            return attempt.end - attempt.start
        own = self.job.script.flush_every
        step = self.flush if own is None else own
        ran = attempt.overlap(self.when)
        return ran // step * step if step else ran

    def _confirmed(self, attempt: JobAttempt) -> bool:
        arrived = self.when >= attempt.end + self.job.script.statistics_late
        # A job may succeed out of `incomplete`: then its last attempt is a failed one.
        return arrived and "succeeded" in {attempt.status, self.job.status_at(self.when)}

    def _moved(self, whole: int, start: float, end: float) -> int:
        planned = self._planned()
        return int(whole * min(end / planned, 1.0)) - int(whole * min(start / planned, 1.0))

    def _planned(self) -> float:
        phases = self.job.script.phases
        seconds = sum(phase.seconds for phase in phases if phase.status == "running")
        return ENDLESS if math.isinf(seconds) else max(seconds, 1e-9)
