"""`--since` compares by Airbyte's clock, whatever the launcher's clock shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.events import DryRun
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy
from airbyte_sync_cli.sync.since import find_since
from tests.support.core import START, bench, script

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = Job(id=1, connection_id="c", type="sync", status="running", created_at=NOON)
HOUR = timedelta(hours=1)
UNDATED = replace(JOB, id=5, created_at=None)
DONE = replace(UNDATED, status="succeeded")


@pytest.mark.parametrize(
    ("since", "is_ours"),
    [
        (NOON, True),
        (NOON + timedelta(microseconds=999_999), True),
        (NOON + timedelta(seconds=1), False),
    ],
)
def test_job_counts_from_the_second_of_its_creation(
    since: datetime,
    is_ours: bool,  # noqa: FBT001  # a row of the table
) -> None:
    assert (find_since([JOB], since, TriggerPolicy()) is JOB) is is_ours


@pytest.mark.parametrize("ahead", [-3600.0, -15.2, -3.0, -2.5, -0.4, 0.0, 0.9, 2.7, 20.0, 3600.0])
@pytest.mark.parametrize("killed_after", [0.0, 0.6, 5.0])
def test_retry_adopts_the_job_of_the_earlier_run_by_any_clock(
    ahead: float, killed_after: float
) -> None:
    """The first run noted its start, and was killed after its trigger."""
    given = bench(ahead=ahead)
    orders = given.sandbox.add_connection("orders", script=script("running 600, succeeded"))
    given.sandbox.start_job(orders, script=script("running 600, succeeded"))
    since = START - timedelta(seconds=killed_after)
    given.policy = RunPolicy(trigger=TriggerPolicy(since=since))
    given.sandbox.jobs[0].created_at += 0.7 - killed_after

    [state] = given.run(orders)

    assert (state.result().job_id, state.adopted) == (1, True)
    assert not given.sandbox.sent("trigger")


@pytest.mark.parametrize("ahead", [-3600.0, -3.0, 0.0, 2.7, 3600.0])
def test_job_of_some_seconds_before_is_not_adopted_by_any_clock(ahead: float) -> None:
    given = bench(ahead=ahead)
    orders = given.sandbox.add_connection("orders", script=script("running 5, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))
    given.policy = RunPolicy(trigger=TriggerPolicy(since=START))
    given.sandbox.jobs[0].created_at -= 4

    [state] = given.run(orders)

    assert (state.result().job_id, state.adopted) == (2, False)


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (0.0, []),
        (2.9, []),
        (-2.9, []),
        (30.0, ["30 s ahead of this machine's"]),
        (-30.0, ["29 s behind this machine's"]),
    ],
)
def test_clocks_that_surely_differ_are_one_warning(ahead: float, words: list[str]) -> None:
    given = bench(ahead=ahead, policy=RunPolicy(trigger=TriggerPolicy(since=START)))
    orders = given.sandbox.add_connection("orders", script=script("running 5, succeeded"))

    given.run(orders)

    warnings = [text for text in given.warnings if "--since is compared" in text]
    assert warnings == [
        f"Airbyte's clock is {one}: --since is compared with Airbyte's" for one in words
    ]


@pytest.mark.parametrize(
    ("life", "words"),
    [
        ("succeeded", "would adopt job 1 (succeeded), created since then"),
        ("running 600, succeeded", "would adopt job 1 (running), created since then"),
        ("failed", "would start a sync"),
    ],
)
def test_dry_run_reports_the_job_that_would_count(life: str, words: str) -> None:
    given = bench(policy=RunPolicy(dry_run=True, trigger=TriggerPolicy(since=START)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(life))

    given.run(orders)

    assert [event.message for event in given.emitted(DryRun)] == [words]
    assert not given.sandbox.sent("trigger")


def test_success_counts_before_an_active_job_and_a_failure_never() -> None:
    done, failed = replace(JOB, id=2, status="succeeded"), replace(JOB, id=3, status="failed")

    assert find_since([failed, JOB, done], NOON, TriggerPolicy()) is done
    assert find_since([failed], NOON, TriggerPolicy()) is None


@pytest.mark.parametrize("ahead", [-3600.0, -2.0, 0.0, 2.0])
@pytest.mark.parametrize(("seconds", "is_future"), [(59, False), (64, True), (86_400, True)])
def test_timestamp_in_the_future_by_both_clocks_is_refused(
    ahead: float,
    seconds: float,
    is_future: bool,  # noqa: FBT001  # a column of the table
) -> None:
    since = START + timedelta(seconds=seconds)
    given = bench(ahead=ahead, policy=RunPolicy(trigger=TriggerPolicy(since=since)))
    orders = given.sandbox.add_connection("orders", script=script("running 5, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is (ExitCode.USAGE if is_future else ExitCode.OK)
    assert len(given.sandbox.sent("trigger")) == (0 if is_future else 1)
    if is_future:
        assert state.error is not None
        assert "is in the future, Airbyte's clock shows" in state.error.message
        assert "the task's start time" in (state.error.hint or "")


def test_timestamp_in_the_future_by_our_slow_clock_alone_counts() -> None:
    """The scheduler's clock agrees with Airbyte's; ours is an hour behind both."""
    since = START + timedelta(minutes=50)
    given = bench(ahead=3600.0, policy=RunPolicy(trigger=TriggerPolicy(since=since)))
    orders = given.sandbox.add_connection("orders", script=script("running 5, succeeded"))
    given.sandbox.start_job(orders, script=script("running 5, succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (ExitCode.OK, 1)
    assert not given.sandbox.sent("trigger")


@pytest.mark.parametrize("job", [UNDATED, DONE], ids=["running", "succeeded"])
@pytest.mark.parametrize(
    ("neighbour", "is_ours"),
    [
        (replace(JOB, id=4, status="failed", created_at=NOON), True),
        (replace(JOB, id=4, status="failed", created_at=NOON + HOUR), True),
        (replace(JOB, id=6, status="failed", created_at=NOON - HOUR), False),
    ],
    ids=["older one is since", "older one is later", "newer one is before"],
)
def test_job_without_a_date_counts_by_its_neighbours(
    job: Job,
    neighbour: Job,
    is_ours: bool,  # noqa: FBT001  # a column of the table
) -> None:
    jobs = sorted([job, neighbour], key=lambda one: -one.id)

    assert (find_since(jobs, NOON, TriggerPolicy()) is job) is is_ours


def test_job_without_creation_date_that_ended_before_does_not_count() -> None:
    assert find_since([replace(DONE, ended_at=NOON - HOUR)], NOON, TriggerPolicy()) is None


@pytest.mark.parametrize(
    "neighbours",
    [
        [],
        [replace(JOB, id=4, status="failed", created_at=NOON - HOUR)],
        [replace(JOB, id=6, status="failed", created_at=NOON + HOUR)],
        [replace(JOB, id=4, status="failed", created_at=None)],
    ],
    ids=["alone", "older one before", "newer one since", "older one undated"],
)
@pytest.mark.parametrize(
    "job", [UNDATED, replace(DONE, ended_at=NOON + HOUR)], ids=["running", "succeeded"]
)
def test_job_without_a_date_is_an_error_where_nothing_else_decides(
    job: Job, neighbours: list[Job]
) -> None:
    jobs = sorted([job, *neighbours], key=lambda one: -one.id)

    with pytest.raises(ProtocolError, match=f"the creation time of job 5 .{job.status}.") as told:
        find_since(jobs, NOON, TriggerPolicy())

    assert "see `airbyte-sync status 5`" in (told.value.hint or "")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_failed_job_without_a_date_is_ignored(status: str) -> None:
    assert find_since([replace(UNDATED, status=status)], NOON, TriggerPolicy()) is None


def test_job_without_a_date_is_no_error_where_another_one_counts_anyway() -> None:
    running = replace(JOB, id=6, created_at=NOON)

    assert find_since([running, DONE], NOON, TriggerPolicy()) is running


def test_older_job_with_unknown_status_is_not_adopted() -> None:
    """A newer job proves that it has ended: Airbyte runs one job of a connection at a time."""
    paused, newer = replace(JOB, status="paused"), replace(JOB, id=2, status="failed")

    assert find_since([newer, paused], NOON, TriggerPolicy()) is None
    assert find_since([paused], NOON, TriggerPolicy()) is paused
