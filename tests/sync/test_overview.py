"""The overview of all connections: which jobs count as stuck, and what is read how often."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.overview import OverviewRow, stuck
from airbyte_sync_cli.sync.overview_reader import OverviewReader
from airbyte_sync_cli.sync.state import SyncState
from tests.airbyte.responses import APIS
from tests.support.core import Bench, bench, script

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUCCESS = script("running 60, succeeded")
FAILURE = script("running 60, failed")


def job(status: str, minutes: float) -> Job:
    """Return a job that was created so many minutes before noon."""
    created = NOON - timedelta(minutes=minutes)
    return Job(id=1, connection_id="c", type="sync", status=status, created_at=created)


def read(given: Bench, *, looks: int = 1, pause: float = 10) -> Sequence[OverviewRow]:
    """Read the overview so many times; return the last one."""
    found: list[OverviewRow] = []

    async def work(context: Context) -> list[SyncState]:
        connections = await context.airbyte.connections()
        reader = OverviewReader(context.airbyte, context.clock)
        for number in range(looks):
            if number:
                await context.clock.sleep(pause)
            found[:] = await reader.read(connections)
        return []

    given.play(work)
    return found


def requests(given: Bench, name: str = "jobs") -> int:
    return sum(record.name == name for record in given.sandbox.requests)


@pytest.mark.parametrize(
    ("status", "minutes", "usual", "is_stuck"),
    [
        ("pending", 14, None, False),
        ("pending", 16, None, True),
        ("queued", 16, 3600.0, True),
        ("running", 600, None, False),
        ("running", 2, 10.0, False),
        ("running", 16, 10.0, True),
        ("running", 119, 3600.0, False),
        ("running", 181, 3600.0, True),
        ("incomplete", 181, 3600.0, True),
        ("failed", 181, 3600.0, False),
    ],
)
def test_stuck_is_far_beyond_the_usual_or_not_started(
    status: str, minutes: float, usual: float | None, *, is_stuck: bool
) -> None:
    assert (stuck(job(status, minutes), usual, now=NOON) is not None) == is_stuck


def test_job_without_date_is_never_stuck() -> None:
    undated = Job(id=1, connection_id="c", type="sync", status="pending", created_at=None)
    assert stuck(undated, None, now=NOON) is None


@APIS
def test_300_connections_take_few_requests(api: str) -> None:
    given = bench(api=api)
    for number in range(300):
        given.sandbox.add_connection(f"c{number}", history=[SUCCESS] * 6)

    rows = read(given)

    assert len(rows) == 300
    assert all(row.usual_seconds == 60 for row in rows[:100])
    assert requests(given) <= 22


@APIS
def test_reasons_are_read_of_the_newest_failures_only(api: str) -> None:
    given = bench(api=api)
    for number in range(30):
        given.sandbox.add_connection(f"c{number}", history=[FAILURE])

    rows = read(given)

    with_reason = [row.connection.name for row in rows if row.progress and row.progress.failure]
    expected = range(30) if api == "config" else range(10, 30)  # its list has all reasons
    assert with_reason == [f"c{number}" for number in expected]


@APIS
def test_usual_needs_five_successes(api: str) -> None:
    given = bench(api=api)
    given.sandbox.add_connection("four", history=[*[SUCCESS] * 4, FAILURE])
    given.sandbox.add_connection("five", history=[*[SUCCESS] * 5, FAILURE])

    assert [row.usual_seconds for row in read(given)] == [None, 60]


@APIS
def test_forbidden_lists_are_replaced_by_single_reads(api: str) -> None:
    given = bench(api=api)
    for name in ("orders", "events"):
        given.sandbox.add_connection(name, history=[SUCCESS])
    # The list of a workspace comes first; the next ones are those of single connections.
    given.sandbox.faults.add(Fault.model_validate("jobs:403:times=1"))

    assert [row.job and row.job.id for row in read(given)] == [1, 2]


def test_unreadable_connection_has_an_error_in_its_row() -> None:
    given = bench()
    for name in ("orders", "events"):
        given.sandbox.add_connection(name, history=[SUCCESS])
    given.sandbox.faults.add(Fault.model_validate("jobs:403:times=1"))
    given.sandbox.faults.add(Fault.model_validate("jobs:403:connection=events"))

    orders, events = read(given)

    assert (orders.error, events.job) == (None, None)
    assert events.error is not None
    assert events.is_failing


@APIS
def test_second_look_reads_only_what_may_have_changed(api: str) -> None:
    given = bench(api=api)
    for number in range(15):
        given.sandbox.add_connection(f"c{number}", history=[*[SUCCESS] * 5, FAILURE])
    read(given)
    before, reasons = requests(given), requests(given, "job")

    read(given, looks=3)

    # A new reader, of which only the first look reads reasons and past jobs.
    assert requests(given, "job") == 2 * reasons
    assert requests(given) - before <= before + 2 * 4


@APIS
def test_second_look_sees_a_job_that_ended(api: str) -> None:
    given = bench(api=api)
    orders = given.sandbox.add_connection("orders", jobs=[script("running 15, failed")])
    given.sandbox.start_job(orders)

    assert [row.job and row.job.status for row in read(given)] == ["running"]
    assert [row.job and row.job.status for row in read(given, looks=3)] == ["failed"]
