"""Cancels: in time, repeated, confirmed, and never of another job."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Provisional
from tests.support.core import bench, script

PENDING_THEN_LONG = "pending 1, running 6000, succeeded"
GRACE = 5.0


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 3.4])
def test_cancel_is_sent_in_time_where_every_read_is_slow(seconds: float) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="job", action="hold", seconds=seconds, from_seconds=100))

    [state] = given.run(orders, stop_after=120)

    assert state.cancel is not None
    assert state.cancel.requested
    assert [job.cancels for job in given.sandbox.jobs] == [1]
    assert given.seconds - 120 <= GRACE


def test_first_cancel_is_sent_within_a_second_and_reported_before_it_is_confirmed() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script(PENDING_THEN_LONG, cancel_takes=3)
    )

    [state] = given.run(orders, stop_after=60)

    [first, *_] = given.sandbox.sent("cancel")
    assert first.time - 60 <= given.sandbox.clock.start + 1
    reported = [
        event.results[0].cancel for event in given.events if isinstance(event, Provisional)
    ]
    assert reported[0] is None, "at once, before anything is sent"
    assert reported[1] is not None
    assert reported[1].requested
    assert not reported[1].confirmed
    assert state.cancel is not None
    assert state.cancel.confirmed


def test_hanging_cancel_ends_unconfirmed_within_the_grace_period() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script(PENDING_THEN_LONG, cancel_takes=9999)
    )

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert state.cancel is not None
    assert state.cancel.requested
    assert not state.cancel.confirmed
    assert given.seconds <= 60 + GRACE


def test_cancel_that_is_silently_lost_is_repeated() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script(PENDING_THEN_LONG, cancels_lost=1)
    )

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert len(given.sandbox.sent("cancel")) == 2


def test_no_cancel_is_sent_after_our_job_has_ended() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))

    given.policy = replace(given.policy, wait=replace(given.policy.wait, poll_interval=50.0))
    successor = script("running 900, succeeded")

    [state] = given.run(
        orders, stop_after=75, at=(70, lambda: given.sandbox.start_job(orders, script=successor))
    )

    assert len(given.sandbox.active_jobs()) == 1
    assert state.job is not None
    assert state.job.status == "succeeded"
    assert state.exit_code is ExitCode.OK
    assert not given.sandbox.sent("cancel")


def test_successor_of_a_cancelled_job_is_named_and_left_alone() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", starts_every=86400, starts_after=61.05,
        script=script(PENDING_THEN_LONG, cancel_takes=1),
    )  # fmt: skip

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert given.warnings == [
        "job 1 is cancelled, and Airbyte has since started job 2 (sync, pending): that job "
        "keeps running"
    ]
    assert [job.cancels for job in given.sandbox.jobs] == [1, 0]


def test_unreadable_successor_delays_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="jobs", action="never", from_seconds=50))

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert given.seconds <= 60 + GRACE


def test_refused_cancel_is_a_warning_with_airbytes_message() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="cancel", action="status", status=500))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert any("the cancel of job 1 failed: DELETE" in text for text in given.warnings)
    assert any("Internal Server Error" in text for text in given.warnings)
