"""Several connections at the same time: each its own outcome, one verdict."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import DryRun, Finished
from airbyte_sync_cli.sync.policy import RunPolicy
from tests.support.core import Bench, bench, script


def connections(given: Bench, *lives: str) -> list[object]:
    return [
        given.sandbox.add_connection(f"c{number}", script=script(life))
        for number, life in enumerate(lives)
    ]


def test_each_has_its_own_outcome_and_the_lowest_code_is_the_verdict() -> None:
    given = bench()
    three = connections(
        given, "running 50, succeeded", "running 9, failed", "running 5, cancelled"
    )

    states = given.run(*three)  # type: ignore[arg-type]

    codes = [state.exit_code for state in states]
    assert codes == [ExitCode.OK, ExitCode.FAILED, ExitCode.CANCELLED]
    assert verdict(code for code in codes if code is not None) is ExitCode.FAILED


def test_they_run_at_the_same_time() -> None:
    given = bench()
    many = connections(given, *["running 600, succeeded"] * 10)

    given.run(*many)  # type: ignore[arg-type]

    assert given.seconds < 700


def test_one_that_cannot_start_does_not_keep_the_others_from_ending() -> None:
    given = bench()
    good = given.sandbox.add_connection("good", script=script("running 60, succeeded"))
    off = given.sandbox.add_connection("off", status="inactive")

    first, second = given.run(good, off)

    assert first.exit_code is ExitCode.OK
    assert second.exit_code is ExitCode.REJECTED


def test_fail_fast_cancels_the_others_that_we_started() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    many = connections(given, "running 9000, succeeded", "running 60, failed")

    first, second = given.run(*many)  # type: ignore[arg-type]

    assert second.exit_code is ExitCode.FAILED
    assert first.result().status == "cancelled"
    assert first.exit_code is ExitCode.SIGTERM
    assert verdict([ExitCode.SIGTERM, ExitCode.FAILED]) is ExitCode.FAILED
    assert given.seconds < 120
    assert sum("stopping the others" in text for text in given.warnings) == 1


def test_without_fail_fast_the_others_go_on() -> None:
    given = bench()
    many = connections(given, "running 900, succeeded", "running 60, failed")

    first, second = given.run(*many)  # type: ignore[arg-type]

    assert first.exit_code is ExitCode.OK
    assert second.exit_code is ExitCode.FAILED


def test_fail_fast_does_not_start_what_had_no_turn_yet() -> None:
    given = bench(policy=RunPolicy(fail_fast=True, max_parallel=1))
    many = connections(given, "running 60, failed", "running 60, succeeded")

    _, second = given.run(*many)  # type: ignore[arg-type]

    assert second.exit_code is ExitCode.SKIPPED
    assert len(given.sandbox.jobs) == 1


@pytest.mark.parametrize("most", [1, 2, 5])
def test_max_parallel_bounds_the_syncs_at_a_time(most: int) -> None:
    given = bench(policy=RunPolicy(max_parallel=most))
    many = connections(given, *["running 100, succeeded"] * 10)

    states = given.run(*many)  # type: ignore[arg-type]

    jobs = given.sandbox.jobs
    starts = [job.created_at for job in jobs]
    at_a_time = max(sum(job.created_at <= at < job.ends_at for job in jobs) for at in starts)
    assert at_a_time <= most
    assert all(state.exit_code is ExitCode.OK for state in states)


def test_at_most_three_triggers_are_under_way_at_once() -> None:
    given = bench("1.8")
    life = "pending 20, running 100, succeeded"  # this version answers when the job runs
    many = connections(given, *[life] * 9)

    given.run(*many)  # type: ignore[arg-type]

    times = sorted(request.time for request in given.sandbox.sent("trigger"))
    assert len(times) == 9
    assert all(later - earlier >= 19 for earlier, later in zip(times, times[3:], strict=False))


def test_a_signal_cancels_all_of_ours_in_time() -> None:
    given = bench()
    many = connections(given, *["running 9000, succeeded"] * 20)

    states = given.run(*many, stop_after=60)  # type: ignore[arg-type]

    assert {state.exit_code for state in states} == {ExitCode.SIGTERM}
    assert not given.sandbox.active_jobs()
    assert given.seconds <= 65


def test_an_outage_meets_all_and_is_borne_by_all() -> None:
    given = bench()
    many = connections(given, *["running 900, succeeded"] * 5)
    given.sandbox.faults.add(
        Fault(when="any", action="status", status=502, from_seconds=60, for_seconds=300)
    )

    states = given.run(*many)  # type: ignore[arg-type]

    assert {state.exit_code for state in states} == {ExitCode.OK}


def test_wait_takes_several_jobs() -> None:
    given = bench()
    one, two = connections(given, "running 60, succeeded", "running 60, failed")
    first = given.sandbox.start_job(one)  # type: ignore[arg-type]
    second = given.sandbox.start_job(two)  # type: ignore[arg-type]

    states = given.wait(first.id, second.id)

    assert [state.exit_code for state in states] == [ExitCode.OK, ExitCode.FAILED]
    assert all(state.adopted for state in states)
    assert [state.result().connection_name for state in states] == ["c0", "c1"]


def test_trigger_only_returns_with_the_job_active() -> None:
    given = bench(policy=RunPolicy(trigger_only=True))
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_id == 1
    assert given.sandbox.active_jobs()
    assert given.seconds < 10


def test_a_dry_run_starts_nothing_and_says_what_it_would_do() -> None:
    given = bench(policy=RunPolicy(dry_run=True))
    orders = given.sandbox.add_connection("orders")

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert not given.sandbox.jobs
    assert [said.message for said in given.told(DryRun)] == ["would start a sync"]


def test_a_dry_run_says_what_stands_in_the_way() -> None:
    given = bench(policy=replace(RunPolicy(), dry_run=True))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script("running 900, succeeded"))

    given.run(orders)

    assert [said.message for said in given.told(DryRun)] == ["job 1 is running: would wait"]


def test_each_ending_is_told_with_its_own_error_and_the_whole_failure() -> None:
    given = bench()
    bad = given.sandbox.add_connection("bad", script=script("running 60, failed"))
    off = given.sandbox.add_connection("off", status="inactive")

    given.run(bad, off)

    told = {event.sync.key: event for event in given.events if isinstance(event, Finished)}
    assert told[bad.id].failure is not None
    assert told[bad.id].error is None
    assert "inactive" in str(told[off.id].error)
