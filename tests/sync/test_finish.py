"""After the end: the reason of a failure, late numbers, suspect successes."""

import functools
from dataclasses import replace

import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.http import RETRY_FOR
from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, JobFailure
from airbyte_sync_cli.sync.events import Polled, Provisional
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.support.core import bench, script, wait_policy

FAILS = script(
    "running 20, failed",
    failure=JobFailure(
        origin="source", type="config_error", message="Invalid API key", retryable=False
    ),
)
FALSE_SUCCESS = script("pending 5, succeeded", records=0, statistics=False)
ODD_ONCE = [
    Fault(api="config", action="status", status=401, times=1),
    Fault(api="config", action="html", times=1),
    Fault(api="config", action="bad-json", times=1),
]
VERY_LONG = "running 9000, succeeded"


@pytest.mark.parametrize("version", ["0.63", "1.0", "1.8", "2.0", "latest"])
@pytest.mark.parametrize("api", ["public", "config"])
def test_failed_job_has_airbytes_reason_in_its_result(version: str, api: str) -> None:
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", script=FAILS)

    [state] = given.run(orders)

    result = state.result()
    assert result.exit_code == ExitCode.FAILED
    assert result.failure is not None
    assert (result.failure.origin, result.failure.type) == ("source", "config_error")
    assert result.failure.message == "Invalid API key"
    assert result.retryable is False
    assert result.attempts == 1


def test_failed_job_is_asked_for_its_details_and_log_once() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=FAILS)

    [state] = given.run(orders)

    assert state.failure is not None
    paths = [request.path for request in given.sandbox.requests]
    assert paths[-4:] == [
        "/api/public/v1/jobs/1",
        "/api/v1/jobs/get_without_logs",
        "/api/v1/stream_statuses/list",
        "/api/v1/attempt/get_for_job",
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(api="config", action="status", status=403),
        Fault(api="config", action="status", status=500),
        Fault(api="config", action="never"),
        Fault(api="config", action="html"),
        Fault(api="config", action="bad-json"),
        Fault(api="config", action="wrong-shape"),
    ],
    ids=lambda f: f"{f.action}-{f.status}",
)
@pytest.mark.parametrize(
    ("life", "code"),
    [("running 20, failed", ExitCode.FAILED), ("running 20, succeeded", ExitCode.OK)],
)
def test_outcome_does_not_depend_on_the_config_api(
    fault: Fault, life: str, code: ExitCode
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(life))
    given.sandbox.faults.add(fault)

    [state] = given.run(orders)

    assert state.exit_code is code
    assert state.result().failure is None
    assert given.seconds < 120


def test_silent_config_api_delays_a_failure_by_ten_seconds_at_most() -> None:
    seconds = []
    for action in (None, "never"):
        given = bench()
        orders = given.sandbox.add_connection("orders", script=script("running 20, failed"))
        if action:
            # After the end of the job, and before the details of its failure are read.
            silence = Fault(api="config", action=action)
            at = (20.5, functools.partial(given.sandbox.faults.add, silence))
        [state] = given.run(orders, at=at if action else None)
        assert state.exit_code is ExitCode.FAILED
        seconds.append(given.seconds)

    assert 0 < seconds[1] - seconds[0] <= 10


def test_failure_of_an_earlier_attempt_leaves_the_success_ok() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 20, incomplete 10, running 20, succeeded")
    )

    [state] = given.run(orders)

    result = state.result()
    assert result.exit_code == ExitCode.OK
    assert result.attempts == 2
    assert result.failure is None


def test_late_statistics_are_waited_for_where_the_outcome_depends_on_them() -> None:
    given = bench(policy=RunPolicy(min_records=500))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=1000, statistics_late=45)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().records_synced == 1000


def test_success_with_fewer_than_min_records_is_suspect() -> None:
    given = bench(policy=RunPolicy(min_records=500))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=499)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SUSPECT
    assert "499 records" in given.warnings[0]


def test_min_records_zero_requires_nothing() -> None:
    given = bench(policy=RunPolicy(min_records=0))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_success_without_trace_of_work_is_a_warning() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=FALSE_SUCCESS)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert any("the job had no attempt" in text for text in given.warnings)


def test_verify_makes_a_success_without_trace_suspect() -> None:
    given = bench(policy=RunPolicy(verify=True))
    orders = given.sandbox.add_connection("orders", script=FALSE_SUCCESS)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SUSPECT


def test_verify_accepts_a_sync_that_ran_and_moved_nothing() -> None:
    given = bench(policy=RunPolicy(verify=True))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0, byte_count=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_verify_without_config_api_is_a_named_warning() -> None:
    given = bench(policy=RunPolicy(verify=True))
    given.with_config = False
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.verification.outcome == "unknown"
    assert given.warnings == [
        "--verify: the success could not be checked: the Config API cannot be read"
    ]


def test_plain_success_has_no_long_wait_for_numbers() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    given.run(orders)

    assert given.seconds < 15


@pytest.mark.parametrize("fault", ODD_ONCE, ids=lambda f: f"{f.action}-{f.status}")
@pytest.mark.parametrize("life", ["running 600, succeeded", "running 600, failed"])
def test_one_odd_config_api_response_hides_no_details(fault: Fault, life: str) -> None:
    given = bench(policy=RunPolicy(verify=True))
    plot = script(life, records=0, byte_count=0)
    orders = given.sandbox.add_connection("orders", script=plot)
    given.sandbox.faults.add(fault)

    [state] = given.run(orders)

    is_failed = life.endswith("failed")
    assert state.exit_code is (ExitCode.FAILED if is_failed else ExitCode.OK)
    assert (state.failure is not None) is is_failed


def test_refusing_config_api_is_asked_every_five_minutes() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 3000, succeeded"))
    given.sandbox.faults.add(Fault(api="config", action="status", status=403))

    given.run(orders)

    asked = sum(one.path.startswith("/api/v1") for one in given.sandbox.requests)
    assert 3 <= asked <= 3 + 3000 / 300 + 1


def test_unreadable_final_numbers_are_one_warning() -> None:
    wait = WaitPolicy(poll_interval=30.5)
    given = bench(policy=RunPolicy(min_records=1, wait=wait))
    plot = script("running 60, succeeded", records=0, byte_count=0)
    orders = given.sandbox.add_connection("orders", script=plot)
    given.cut_between = (62.5, 1000)

    given.run(orders)

    assert sum("the final statistics could not be read" in text for text in given.warnings) == 1


def test_config_api_hiccup_hides_no_failure_reason() -> None:
    given = bench("2.0")
    plot = script("running 600, failed")
    many = [given.sandbox.add_connection(f"c{number}", script=plot) for number in range(3)]
    given.sandbox.faults.add(
        Fault(when="any", api="config", action="login", from_seconds=20, for_seconds=60)
    )

    states = given.run(*many)

    assert all(state.failure for state in states)


def test_signal_during_the_wait_for_numbers_leaves_the_success_suspect() -> None:
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=50)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders, stop_after=90)

    assert state.result().status == "succeeded"
    assert state.exit_code is ExitCode.SUSPECT


def test_provisional_result_of_an_unproven_success_is_suspect() -> None:
    """Another sync is being cancelled, and a SIGKILL may come before that is over."""
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=50)
    orders = given.sandbox.add_connection("orders", script=plot)
    other = given.sandbox.add_connection("other", script=script(VERY_LONG))
    given.sandbox.faults.add(Fault(when="cancel", action="hold", seconds=60))

    states = given.run(orders, other, stop_after=90)

    assert [state.exit_code for state in states] == [ExitCode.SUSPECT, ExitCode.SIGTERM]
    reported = [event.results[0].exit_code for event in given.emitted(Provisional)]
    assert reported
    assert set(reported) == {ExitCode.SUSPECT}


def test_success_that_is_proven_late_is_ok() -> None:
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=30)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_min_records_applies_to_a_job_that_ended_just_before_a_signal() -> None:
    given = bench(policy=replace(wait_policy(poll_interval=50.0), min_records=5000))
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))

    [state] = given.run(orders, stop_after=80)

    assert state.result().status == "succeeded"
    assert state.exit_code is ExitCode.SUSPECT


def test_stale_read_does_not_undo_a_final_status() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))

    class Lagging(Airbyte):
        async def job(self, job_id: int, *, retry_for: float = RETRY_FOR) -> Job:
            job = await super().job(job_id, retry_for=retry_for)
            ended = [e for e in given.emitted(Polled) if e.sync.job and e.sync.job.is_final]
            return replace(job, status="running", ended_at=None) if ended else job

    given.client = Lagging

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().status == "succeeded"


def test_number_that_airbyte_does_not_report_is_null() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 60, succeeded", statistics=False)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().records_synced is None
    assert state.result().bytes_synced is None
