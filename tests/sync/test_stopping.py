"""Being stopped leaves no orphan, no nameless job, and no victim."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Provisional
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy
from tests.support.core import bench, script

LONG = "pending 1, running 6000, succeeded"
GRACE = 5.0


@pytest.mark.parametrize("version", ["0.63", "1.8", "latest"])
@pytest.mark.parametrize("after", [0.0, 0.3, 0.7, 1.0, 1.5, 2.5, 5.0, 60.0, 3000.0])
def test_sigterm_at_any_moment_leaves_no_job_active(version: str, after: float) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [case] = given.run(orders, stop_after=after)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.active_jobs()
    assert [job.id for job in given.sandbox.jobs] == ([case.job.id] if case.job else [])
    assert given.seconds - after <= GRACE


def test_the_cancel_is_sent_within_a_second_and_files_are_written_before_it_is_confirmed() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancel_takes=3))

    [case] = given.run(orders, stop_after=60)

    [first, *_] = given.sandbox.sent("cancel")
    assert first.time - 60 <= given.sandbox.clock.start + 1
    told = [event.results[0].cancel for event in given.events if isinstance(event, Provisional)]
    assert told[0] is not None
    assert told[0].requested
    assert not told[0].confirmed
    assert case.cancel is not None
    assert case.cancel.confirmed


def test_a_cancel_that_blocks_for_ever_is_left_unconfirmed_in_time() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancel_takes=9999))

    [case] = given.run(orders, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert case.cancel is not None
    assert case.cancel.requested
    assert not case.cancel.confirmed
    assert given.seconds <= 60 + GRACE


def test_a_cancel_that_is_silently_lost_is_repeated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancels_lost=1))

    [case] = given.run(orders, stop_after=60)

    assert case.cancel is not None
    assert case.cancel.confirmed
    assert len(given.sandbox.sent("cancel")) == 2


def test_no_cancel_is_sent_when_our_job_has_ended_and_a_newer_one_runs() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))

    given.policy = replace(given.policy, wait=replace(given.policy.wait, poll_interval=50.0))
    successor = script("running 900, succeeded")

    [case] = given.run(
        orders, stop_after=75, at=(70, lambda: given.sandbox.start_job(orders, script=successor))
    )

    assert len(given.sandbox.active_jobs()) == 1
    assert case.job is not None
    assert case.job.status == "succeeded"
    assert case.exit_code is ExitCode.OK
    assert not given.sandbox.sent("cancel")


def test_on_interrupt_leave_leaves_it() -> None:
    given = bench(policy=RunPolicy(on_interrupt="leave"))
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [case] = given.run(orders, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert len(given.sandbox.active_jobs()) == 1


def test_an_adopted_job_is_left_running() -> None:
    given = bench(policy=RunPolicy(trigger=TriggerPolicy(if_running="attach")))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [case] = given.run(orders, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")


def test_stopping_a_wait_only_stops_watching() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(LONG))

    [case] = given.wait(job.id, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert case.result().job_id == job.id


def test_stopping_while_another_job_is_in_the_way_starts_and_cancels_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [case] = given.run(orders, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("trigger")
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(when="trigger", action="hold", seconds=100, applied=True),
        Fault(when="trigger", action="never", applied=True),
        Fault(when="trigger", action="lost-after"),
        Fault(when="trigger", action="status", status=502, applied=True),
        Fault(when="trigger", action="status", status=503, applied=True),
        Fault(when="trigger", action="html", applied=True),
    ],
    ids=lambda f: f"{f.action}-{f.status}",
)
@pytest.mark.parametrize("after", [0.1, 0.5, 1.0, 2.0])
def test_stopping_with_a_lost_answer_finds_the_job_and_cancels_it(
    fault: Fault, after: float
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 6000, succeeded"))
    given.sandbox.faults.add(fault)

    [case] = given.run(orders, stop_after=after)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.active_jobs()
    assert given.seconds - after <= GRACE


def test_stopping_while_the_server_is_away_ends_in_time_and_names_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="any", action="never", from_seconds=50))

    [case] = given.run(orders, stop_after=60)

    assert case.exit_code is ExitCode.SIGTERM
    assert case.result().job_id == 1
    assert given.seconds <= 60 + GRACE


def test_a_signal_before_anything_was_done_does_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [case] = given.run(orders, stop_after=0)

    assert case.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("trigger")
