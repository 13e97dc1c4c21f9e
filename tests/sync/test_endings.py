"""Endings that are easily told wrong: at the edge of a limit, after long, by our own fault."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Cancelling, Polled, Provisional
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import overall
from tests.support.core import bench, script

DAY = 86_400.0
LONG = "running 9000, succeeded"


def waiting(**changes: object) -> RunPolicy:
    return RunPolicy(wait=replace(WaitPolicy(), **changes))  # type: ignore[arg-type]


def test_an_outage_of_half_a_day_is_borne_where_that_is_allowed() -> None:
    given = bench(policy=waiting(max_outage=DAY))
    orders = given.sandbox.add_connection("orders", script=script("running 60000, succeeded"))
    given.cut_between = (100.0, 50_000.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_a_job_seen_to_work_by_the_last_look_meets_no_start_timeout() -> None:
    given = bench(policy=waiting(start_timeout=60.0, poll_interval=50.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 55, running 60, succeeded")
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_a_job_that_cannot_be_read_is_not_said_to_have_missed_its_start() -> None:
    given = bench(policy=waiting(start_timeout=60.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 30, running 600, succeeded")
    )
    given.cut_between = (20.0, 200.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.events) < 1000


def test_ten_minutes_of_crashes_of_the_config_api_are_borne() -> None:
    given = bench("2.0", api="config")
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="job", action="status", status=500, after=3, for_seconds=600)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_a_signal_during_the_wait_for_late_numbers_does_not_pass_unproven_numbers() -> None:
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=50)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders, stop_after=90)

    assert state.result().status == "succeeded"
    assert state.exit_code is ExitCode.SUSPECT


def test_files_do_not_say_ok_while_a_success_is_unproven() -> None:
    """Another sync is being cancelled, and somebody may kill us before that is over."""
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=50)
    orders = given.sandbox.add_connection("orders", script=plot)
    other = given.sandbox.add_connection("other", script=script(LONG))
    given.sandbox.faults.add(Fault(when="cancel", action="hold", seconds=60))

    states = given.run(orders, other, stop_after=90)

    assert [state.exit_code for state in states] == [ExitCode.SUSPECT, ExitCode.SIGTERM]
    told = [event.results[0].exit_code for event in given.told(Provisional)]
    assert told
    assert set(told) == {ExitCode.SUSPECT}


def test_a_success_that_is_proven_late_is_no_suspect() -> None:
    given = bench(policy=RunPolicy(min_records=1000))
    plot = script("running 60, succeeded", records=1000, statistics_late=30)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_a_timeout_in_an_outage_says_that_no_cancel_could_be_sent() -> None:
    given = bench(policy=waiting(timeout=60.0))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.cut_between = (20.0, 1000.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert state.error.message.endswith("; no cancel could be sent, it may still be running")


def test_min_records_holds_for_a_job_that_ended_just_before_the_signal() -> None:
    given = bench(policy=replace(waiting(poll_interval=50.0), min_records=5000))
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))

    [state] = given.run(orders, stop_after=80)

    assert state.result().status == "succeeded"
    assert state.exit_code is ExitCode.SUSPECT


def test_what_may_have_been_started_is_not_called_skipped() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    bad = given.sandbox.add_connection("bad", script=script("running 20, failed"))
    orders = given.sandbox.add_connection("orders", script=script(LONG, born_after=170))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", connection="orders"))

    _, state = given.run(bad, orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.error is not None
    assert "orders" in state.error.message


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (waiting(start_timeout=30.0), "--start-timeout"),
        (waiting(timeout=30.0), "--timeout"),
    ],
)
def test_a_cancel_says_which_limit_it_comes_from(policy: RunPolicy, words: str) -> None:
    given = bench(policy=policy)
    orders = given.sandbox.add_connection(
        "orders", script=script("queued 500, running 9, succeeded")
    )

    given.run(orders)

    [told] = given.told(Cancelling)
    assert told.because.startswith(words)


def test_fail_fast_is_not_called_an_interruption() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    bad = given.sandbox.add_connection("bad", script=script("running 20, failed"))
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    given.run(bad, orders)

    [told] = given.told(Cancelling)
    assert "--fail-fast" in told.because


def test_a_timeout_during_the_trigger_names_the_job_that_it_finds() -> None:
    given = bench("1.8", policy=waiting(timeout=30.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 50, running 600, succeeded")
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert f"job {state.result().job_id}" in state.error.message


def test_files_do_not_say_ok_while_another_sync_is_still_undecided() -> None:
    given = bench(policy=waiting(poll_interval=50.0))
    done = given.sandbox.add_connection("done", script=script("running 60, succeeded"))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="hold", seconds=175, connection="orders", applied=False)
    )

    given.run(done, orders, stop_after=80)

    codes = [overall(event.results) for event in given.told(Provisional)]
    assert codes
    assert set(codes) == {ExitCode.SIGTERM}


def test_a_bug_in_one_sync_leaves_the_others_alone_and_its_job_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = bench()
    first = given.sandbox.add_connection("first", script=script(LONG))
    second = given.sandbox.add_connection("second", script=script("running 60, succeeded"))
    read = Airbyte.job

    async def broken(self: Airbyte, job_id: int, *, retry_for: float = 15.0) -> object:
        if job_id == 1:
            raise ValueError("ours")
        return await read(self, job_id, retry_for=retry_for)

    monkeypatch.setattr(Airbyte, "job", broken)
    bug, fine = given.run(first, second)

    assert bug.exit_code is ExitCode.BUG
    assert bug.result().job_id == 1
    assert fine.exit_code is ExitCode.OK
    assert verdict([ExitCode.BUG, ExitCode.OK]) is ExitCode.BUG


def test_a_late_copy_of_the_database_does_not_undo_an_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))
    read = Airbyte.job

    async def lagging(self: Airbyte, job_id: int, *, retry_for: float = 15.0) -> object:
        job = await read(self, job_id, retry_for=retry_for)
        ended = [e for e in given.told(Polled) if e.sync.job and e.sync.job.is_final]
        return replace(job, status="running", ended_at=None) if ended else job

    monkeypatch.setattr(Airbyte, "job", lagging)
    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().status == "succeeded"


def test_what_nobody_counted_is_null_not_0() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 60, succeeded", statistics=False)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().records_synced is None
    assert state.result().bytes_synced is None


def test_a_skipped_sync_links_to_the_job_in_its_way() -> None:
    given = bench(policy=RunPolicy(trigger=TriggerPolicy(if_running="skip")))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders, script=script(LONG))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SKIPPED
    assert state.result().url is not None
    assert f"jobId={other.id}" in (state.result().url or "")
