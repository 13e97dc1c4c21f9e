"""Stops by a signal, --timeout or --fail-fast: no orphan, no job without a name."""

import asyncio

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Cancelling, Event, Provisional, Triggering
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import Start, overall
from airbyte_sync_cli.sync.stop import INTERRUPT_GRACE
from tests.support.core import Bench, bench, script, wait_policy

LONG = "running 6000, succeeded"
VERY_LONG = "running 9000, succeeded"
PENDING_THEN_LONG = "pending 1, running 6000, succeeded"
GRACE = 5.0


def test_timeout_without_a_job_names_the_last_refusal() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=20)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault.model_validate("trigger:try-again-later"))

    [state] = given.run(orders)

    assert state.error is not None
    assert state.error.message.startswith(
        "'orders': the trigger was rejected when --timeout passed ("
    )
    assert "409" in state.error.message
    assert "A sync is already running" in state.error.message


def test_timeout_without_a_job_names_the_job_that_was_waited_for() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=20)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [state] = given.run(orders)

    assert state.error is not None
    assert "(waiting for job 1 (sync) to end)" in state.error.message
    assert state.start is Start.NOT_SENT


def test_stop_during_the_trigger_of_a_scheduled_connection_tolerates_a_failed_read() -> None:
    given = bench("1.8")
    plot = script("pending 40, running 900, succeeded")
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=plot)
    given.sandbox.faults.add(Fault(when="jobs", action="status", status=503, after=3, times=1))

    [state] = given.run(orders, stop_after=2)

    assert state.result().job_id == 1


def test_timeout_during_an_outage_reports_that_no_cancel_was_sent() -> None:
    given = bench(policy=wait_policy(timeout=60.0))
    orders = given.sandbox.add_connection("orders", script=script(VERY_LONG))
    given.cut_between = (20.0, 1000.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert state.error.message.endswith("; no cancel could be sent, it may still be running")


def test_fail_fast_after_a_lost_trigger_is_unknown_not_skipped() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    bad = given.sandbox.add_connection("bad", script=script("running 20, failed"))
    orders = given.sandbox.add_connection("orders", script=script(VERY_LONG, born_after=170))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", connection="orders"))

    _, state = given.run(bad, orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.error is not None
    assert "orders" in state.error.message


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (wait_policy(start_timeout=30.0), "--start-timeout"),
        (wait_policy(timeout=30.0), "--timeout"),
    ],
)
def test_cancel_names_the_limit_that_caused_it(policy: RunPolicy, words: str) -> None:
    given = bench(policy=policy)
    orders = given.sandbox.add_connection(
        "orders", script=script("queued 500, running 9, succeeded")
    )

    given.run(orders)

    [told] = given.emitted(Cancelling)
    assert told.because.startswith(words)


def test_cancel_of_fail_fast_is_not_called_an_interruption() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    bad = given.sandbox.add_connection("bad", script=script("running 20, failed"))
    orders = given.sandbox.add_connection("orders", script=script(VERY_LONG))

    given.run(bad, orders)

    [told] = given.emitted(Cancelling)
    assert "--fail-fast" in told.because


def test_timeout_during_the_trigger_names_the_job_that_is_found() -> None:
    given = bench("1.8", policy=wait_policy(timeout=30.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 50, running 600, succeeded")
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert f"job {state.result().job_id}" in state.error.message


def test_provisional_results_have_no_ok_for_an_undecided_sync() -> None:
    given = bench(policy=wait_policy(poll_interval=50.0))
    done = given.sandbox.add_connection("done", script=script("running 60, succeeded"))
    orders = given.sandbox.add_connection("orders", script=script(VERY_LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="hold", seconds=175, connection="orders", applied=False)
    )

    given.run(done, orders, stop_after=80)

    codes = [overall(event.results) for event in given.emitted(Provisional)]
    assert codes
    assert set(codes) == {ExitCode.SIGTERM}


@pytest.mark.parametrize("version", ["0.63", "1.8", "latest"])
@pytest.mark.parametrize("after", [0.0, 0.3, 0.7, 1.0, 1.5, 2.5, 5.0, 60.0, 3000.0])
def test_sigterm_at_any_moment_leaves_no_job_active(version: str, after: float) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))

    [state] = given.run(orders, stop_after=after)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.active_jobs()
    assert [job.id for job in given.sandbox.jobs] == ([state.job.id] if state.job else [])
    assert given.seconds - after <= GRACE


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("schedule", ["manual", "every 24 hours"])
@pytest.mark.parametrize("after", [0.2, 0.5, 1.0])
def test_unsent_trigger_is_not_sent_after_a_stop(api: str, schedule: str, after: float) -> None:
    given = bench("1.8", api=api)
    given.trigger_connects_in = 2
    orders = given.sandbox.add_connection(
        "orders", schedule=schedule, script=script(PENDING_THEN_LONG)
    )

    [state] = given.run(orders, stop_after=after)

    assert state.exit_code is ExitCode.SIGTERM
    assert given.sandbox.sent("trigger") == []
    assert given.warnings == []


def test_unsent_retry_of_a_trigger_is_not_sent_after_a_stop() -> None:
    """The stop searches for the lost trigger, long enough for the retry to be connected."""
    moments: list[float] = []

    def stopped(after: float | None) -> Bench:
        given = bench()
        given.trigger_connects_in = 0.8
        orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
        given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

        def listen(event: Event) -> None:
            if isinstance(event, Triggering):
                moments.append(asyncio.get_running_loop().time())

        given.listener = listen
        given.run(orders, stop_after=after)
        return given

    stopped(100)
    _first, second = moments
    given = stopped(second + 0.3)

    assert len(given.sandbox.sent("trigger")) == 1
    assert not given.sandbox.jobs


def test_timeout_after_a_lost_trigger_reports_that_a_job_may_exist() -> None:
    given = bench("2.0", policy=RunPolicy(wait=WaitPolicy(timeout=39)))
    plot = script("pending 1, running 6000, succeeded", born_after=30)
    orders = given.sandbox.add_connection("orders", script=plot)
    given.sandbox.faults.add(
        Fault(when="trigger", action="status", status=502, applied=True, times=1),
        Fault(action="status", status=502, from_seconds=20, for_seconds=60),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert state.error.message.startswith("'orders': a job may have been started")
    assert state.result().start is Start.POSSIBLE
    assert "airbyte-sync status" in (state.error.hint or "")


@pytest.mark.parametrize(
    ("stop_after", "timeout", "code"),
    [(1.0, None, ExitCode.SIGTERM), (None, 5.0, ExitCode.TIMEOUT)],
)
def test_dry_run_can_be_stopped(
    stop_after: float | None, timeout: float | None, code: ExitCode
) -> None:
    given = bench(policy=RunPolicy(dry_run=True, wait=WaitPolicy(timeout=timeout)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="jobs", action="never"))

    [state] = given.run(orders, stop_after=stop_after)

    assert state.exit_code is code
    assert given.seconds <= GRACE + 1


def test_hundred_cancels_are_reported_in_a_few_provisional_results() -> None:
    given = bench()
    many = [
        given.sandbox.add_connection(f"{n}", script=script(PENDING_THEN_LONG)) for n in range(100)
    ]

    states = given.run(*many, stop_after=200)

    assert not given.sandbox.active_jobs()
    assert all(state.cancel is not None and state.cancel.confirmed for state in states)
    assert len(given.emitted(Provisional)) <= GRACE / 0.25
    last = given.emitted(Provisional)[-1]
    assert sum(one.cancel is not None for one in last.results) == len(many)


def test_on_interrupt_leave_leaves_the_job_running() -> None:
    given = bench(policy=RunPolicy(on_interrupt="leave"))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert len(given.sandbox.active_jobs()) == 1


def test_adopted_job_is_left_running() -> None:
    given = bench(policy=RunPolicy(trigger=TriggerPolicy(if_running="attach")))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(PENDING_THEN_LONG))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")


def test_stopped_wait_leaves_the_job_running() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(PENDING_THEN_LONG))

    [state] = given.wait(job.id, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert state.result().job_id == job.id


def test_stop_while_another_job_is_waited_for_starts_and_cancels_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(PENDING_THEN_LONG))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("trigger")
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(when="trigger", action="hold", seconds=100, applied=True),
        Fault(when="trigger", action="never", applied=True),
        Fault(when="trigger", action="lost-after"),
        Fault(when="trigger", action="status", status=502, applied=True),
        Fault(when="trigger", action="html", applied=True),
    ],
    ids=lambda f: f"{f.action}-{f.status}",
)
@pytest.mark.parametrize("after", [0.1, 0.5, 1.0, 2.0])
def test_stop_after_a_lost_response_finds_and_cancels_the_job(fault: Fault, after: float) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 6000, succeeded"))
    given.sandbox.faults.add(fault)

    [state] = given.run(orders, stop_after=after)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.active_jobs()
    assert given.seconds - after <= GRACE


@pytest.mark.parametrize(
    ("schedule", "fault"),
    [("manual", "trigger:never:applied"), ("every 24 hours", "trigger:lost-after")],
)
def test_job_of_a_lost_response_is_cancelled_within_a_second_of_the_stop(
    schedule: str, fault: str
) -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", schedule=schedule, script=script(PENDING_THEN_LONG)
    )
    given.sandbox.faults.add(Fault.model_validate(fault))

    given.run(orders, stop_after=2.0)

    [first, *_] = given.sandbox.sent("cancel")
    assert first.time - given.sandbox.clock.start - 2.0 <= 1


def test_stop_ends_in_time_where_the_jobs_cannot_be_read() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:lost-after"), Fault.model_validate("jobs:never:after=3")
    )

    [state] = given.run(orders, stop_after=3.0)

    assert (state.result().job_id, state.start) == (None, Start.POSSIBLE)
    assert given.seconds - 3.0 <= INTERRUPT_GRACE


def test_stop_during_an_outage_ends_in_time_and_names_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="any", action="never", from_seconds=50))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert state.result().job_id == 1
    assert given.seconds <= 60 + GRACE


def test_signal_before_the_first_request_starts_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))

    [state] = given.run(orders, stop_after=0)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("trigger")


@pytest.mark.parametrize("timeout", [60.0, None])
def test_message_of_every_ending_names_the_connection(timeout: float | None) -> None:
    wait = WaitPolicy(timeout=timeout, max_outage=30)
    given = bench(policy=RunPolicy(wait=wait, on_timeout="leave"))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    if timeout is None:
        given.sandbox.faults.add(Fault(when="job", action="status", status=503, from_seconds=20))

    [state] = given.run(orders)

    assert state.exit_code is (ExitCode.UNKNOWN if timeout is None else ExitCode.TIMEOUT)
    assert state.error is not None
    assert state.error.message.startswith("job 1 (orders) ")


def test_provisional_results_are_reported_at_once_after_a_signal() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="hold", seconds=100))

    given.run(orders, stop_after=5)

    first = given.emitted(Provisional)[0].results[0]
    assert (first.exit_code, first.start) == (ExitCode.SIGTERM, Start.POSSIBLE)


def test_last_poll_after_the_timeout_is_part_of_the_grace_period() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=60)))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_THEN_LONG))
    given.sandbox.faults.add(Fault(when="any", action="never", from_seconds=50))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert given.seconds == pytest.approx(90, abs=1), "60 s, and 30 s for cancelling"
