"""While a job runs: failed attempts are reported, and numbers that stall."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, JobFailure, JobScript
from airbyte_sync_cli.sync.events import AttemptFailed
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.support.core import bench, script, wait_policy

LONG = "running 9000, succeeded"
RESET = JobFailure(origin="source", type="transient_error", message="Connection reset by peer")
versions = pytest.mark.parametrize("version", ["0.63", "1.0", "1.8", "2.0", "latest"])


@versions
def test_failed_attempt_is_reported_once_when_it_happens(version: str) -> None:
    given = bench(version)
    life = "running 120, incomplete 60, running 120, incomplete 60, running 120, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life, retry_failure=RESET))

    given.run(orders)

    reported = given.emitted(AttemptFailed)
    assert [event.attempt.number for event in reported] == [1, 2]
    assert reported[0].attempt.failure is not None
    assert reported[0].attempt.failure.message == "Connection reset by peer"


def test_retry_is_only_claimed_once_it_has_begun() -> None:
    given = bench(policy=wait_policy(poll_interval=10.0))
    life = "running 60, incomplete 100, running 60, failed"
    orders = given.sandbox.add_connection("orders", script=script(life))

    given.run(orders)

    assert [event.is_retried for event in given.emitted(AttemptFailed)] == [False]


def test_retry_that_has_begun_when_it_is_noticed_is_claimed() -> None:
    given = bench(policy=wait_policy(poll_interval=50.0))
    life = "running 60, incomplete 5, running 600, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    given.run(orders)

    assert [event.is_retried for event in given.emitted(AttemptFailed)] == [True]


@versions
@pytest.mark.parametrize("api", ["public", "config"])
def test_stalled_numbers_are_warned_of_once_with_the_rate_limit(version: str, api: str) -> None:
    given = bench(version, api=api)
    plot = script(LONG, stalls_after=600, stalls_for=6000, rate_limited=True)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    [warning] = given.warnings
    assert "has moved no records for 30 minutes: the source is rate-limited until 2026-01-01" in (
        warning
    )
    assert "(stream users)" in warning
    assert state.exit_code is ExitCode.OK


def test_stall_without_reason_points_to_the_log() -> None:
    given = bench()
    plot = script(LONG, stalls_after=600, stalls_for=6000)
    orders = given.sandbox.add_connection("orders", script=plot)

    given.run(orders)

    assert given.warnings == [
        "job 1 has moved no records for 30 minutes: `airbyte-sync logs 1` may show why"
    ]


@pytest.mark.parametrize(
    ("plot", "policy"),
    [
        (script(LONG), WaitPolicy()),  # moves all the time
        (script(LONG, stalls_after=600, stalls_for=1500), WaitPolicy()),
        (script(LONG, stalls_after=600, stalls_for=6000), WaitPolicy(stall_warning=None)),
        # Between two attempts nothing can move; each attempt is shorter than the limit.
        (
            script(
                "running 1500, incomplete 1500, running 1500, succeeded",
                stalls_after=100,
                stalls_for=9000,
            ),
            WaitPolicy(),
        ),
        (script("pending 800, running 60, succeeded"), WaitPolicy()),
    ],
    ids=["moving", "short stall", "switched off", "between attempts", "pending"],
)
def test_healthy_job_is_not_warned_of(plot: JobScript, policy: WaitPolicy) -> None:
    given = bench(policy=RunPolicy(wait=policy))
    orders = given.sandbox.add_connection("orders", script=plot)

    given.run(orders)

    assert given.warnings == []


def test_numbers_that_cannot_be_read_do_not_stall() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, stalls_after=60))
    given.sandbox.faults.add(Fault(api="config", action="status", status=403, from_seconds=120))

    given.run(orders)

    assert given.warnings == []


def test_stall_costs_one_request() -> None:
    counts = []
    for limit in (None, 1800.0):
        given = bench(policy=RunPolicy(wait=replace(WaitPolicy(), stall_warning=limit)))
        plot = script(LONG, stalls_after=600, stalls_for=6000)
        orders = given.sandbox.add_connection("orders", script=plot)
        given.run(orders)
        counts.append(len(given.sandbox.requests))

    assert counts[1] == counts[0] + 1
