"""`--since` counts by Airbyte's clock, wherever the launcher's stands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.sync.since import left_behind, skew

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = Job(id=1, connection_id="c", type="sync", status="running", created_at=NOON)


@pytest.mark.parametrize(
    ("ahead", "seconds"), [(None, 0), (0.4, 0), (-2.9, 0), (-15.2, -15), (3600.4, 3600)]
)
def test_clocks_that_agree_are_left_alone(ahead: float | None, seconds: float) -> None:
    assert skew(ahead).total_seconds() == seconds


@pytest.mark.parametrize(
    ("since", "is_ours"),
    [
        (NOON, True),
        (NOON + timedelta(microseconds=999_999), True),
        (NOON + timedelta(seconds=1), False),
    ],
)
def test_a_job_counts_from_the_second_on_in_which_it_was_created(
    since: datetime,
    is_ours: bool,  # noqa: FBT001  # a row of the table
) -> None:
    assert (left_behind([JOB], since, "sync") is JOB) is is_ours


def test_a_slow_airbyte_does_not_hide_the_job_of_an_earlier_try() -> None:
    made_by_a_clock_that_is_slow = replace(JOB, created_at=NOON - timedelta(seconds=15))

    found = left_behind([made_by_a_clock_that_is_slow], NOON + skew(-15.0), "sync")

    assert found is made_by_a_clock_that_is_slow


def test_a_success_is_better_than_one_that_still_runs_and_a_failure_is_none() -> None:
    done, failed = replace(JOB, id=2, status="succeeded"), replace(JOB, id=3, status="failed")

    assert left_behind([failed, JOB, done], NOON, "sync") is done
    assert left_behind([failed], NOON, "sync") is None
