"""After the end: why it failed, numbers that come late, successes that are none."""

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, JobFailure
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.support.core import bench, script

FAILS = script(
    "running 20, failed",
    failure=JobFailure(
        origin="source", type="config_error", message="Invalid API key", retryable=False
    ),
)


@pytest.mark.parametrize("version", ["0.63", "1.0", "1.8", "2.0", "latest"])
@pytest.mark.parametrize("api", ["public", "config"])
def test_the_reason_of_a_failure_is_told(version: str, api: str) -> None:
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


def test_failed_job_is_asked_for_its_details_once() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=FAILS)

    [state] = given.run(orders)

    assert state.failure is not None
    paths = [request.path for request in given.sandbox.requests]
    assert paths[-2:] == ["/api/public/v1/jobs/1", "/api/v1/jobs/get_without_logs"]


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
def test_the_verdict_does_not_hang_on_the_config_api(
    fault: Fault, life: str, code: ExitCode
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(life))
    given.sandbox.faults.add(fault)

    [state] = given.run(orders)

    assert state.exit_code is code
    assert state.result().failure is None
    assert given.seconds < 120


def test_a_failure_of_an_earlier_attempt_does_not_mark_a_success() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 20, incomplete 10, running 20, succeeded")
    )

    [state] = given.run(orders)

    result = state.result()
    assert result.exit_code == ExitCode.OK
    assert result.attempts == 2
    assert result.failure is None


def test_statistics_that_arrive_late_are_waited_for_where_the_verdict_hangs_on_them() -> None:
    given = bench(policy=RunPolicy(min_records=500))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=1000, statistics_late=45)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().records_synced == 1000


def test_fewer_records_than_wanted_are_suspect() -> None:
    given = bench(policy=RunPolicy(min_records=500))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=499)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SUSPECT
    assert "499 records" in given.warnings[0]


def test_min_records_zero_asks_for_nothing() -> None:
    given = bench(policy=RunPolicy(min_records=0))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


FALSE_SUCCESS = script("pending 5, succeeded", records=0, statistics=False)


def test_a_success_without_any_trace_of_work_is_warned_of() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=FALSE_SUCCESS)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert any("no trace of work" in text for text in given.warnings)


def test_verify_makes_it_suspect() -> None:
    given = bench(policy=RunPolicy(verify=True))
    orders = given.sandbox.add_connection("orders", script=FALSE_SUCCESS)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SUSPECT


def test_verify_is_content_with_a_sync_that_worked_and_found_nothing_new() -> None:
    given = bench(policy=RunPolicy(verify=True))
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0, byte_count=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_verify_without_any_proof_is_suspect() -> None:
    given = bench(policy=RunPolicy(verify=True))
    given.with_config = False
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SUSPECT


def test_a_plain_success_costs_no_long_wait_for_numbers() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 5, succeeded", records=0)
    )

    given.run(orders)

    assert given.seconds < 15


ODD_ONCE = [
    Fault(api="config", action="status", status=401, times=1),
    Fault(api="config", action="html", times=1),
    Fault(api="config", action="bad-json", times=1),
]


@pytest.mark.parametrize("fault", ODD_ONCE, ids=lambda f: f"{f.action}-{f.status}")
@pytest.mark.parametrize("life", ["running 600, succeeded", "running 600, failed"])
def test_one_odd_answer_of_the_config_api_does_not_make_us_blind(fault: Fault, life: str) -> None:
    given = bench(policy=RunPolicy(verify=True))
    plot = script(life, records=0, byte_count=0)
    orders = given.sandbox.add_connection("orders", script=plot)
    given.sandbox.faults.add(fault)

    [state] = given.run(orders)

    is_failed = life.endswith("failed")
    assert state.exit_code is (ExitCode.FAILED if is_failed else ExitCode.OK)
    assert (state.failure is not None) is is_failed


def test_a_config_api_that_always_says_no_is_asked_every_five_minutes_only() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 3000, succeeded"))
    given.sandbox.faults.add(Fault(api="config", action="status", status=403))

    given.run(orders)

    asked = sum(one.path.startswith("/api/v1") for one in given.sandbox.requests)
    assert 3 <= asked <= 3 + 3000 / 300 + 1


def test_numbers_that_cannot_be_read_are_warned_of_once() -> None:
    wait = WaitPolicy(poll_interval=30.5)
    given = bench(policy=RunPolicy(min_records=1, wait=wait))
    plot = script("running 60, succeeded", records=0, byte_count=0)
    orders = given.sandbox.add_connection("orders", script=plot)
    given.cut_between = (62.5, 1000)

    given.run(orders)

    assert sum("the final numbers are unknown" in text for text in given.warnings) == 1
