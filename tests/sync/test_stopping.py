"""Being stopped leaves no orphan, no nameless job, and no victim."""

import asyncio
from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Event, Provisional, Triggering
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import Start
from airbyte_sync_cli.sync.stop import INTERRUPT_GRACE
from tests.support.core import Bench, bench, script

LONG = "pending 1, running 6000, succeeded"
GRACE = 5.0


@pytest.mark.parametrize("version", ["0.63", "1.8", "latest"])
@pytest.mark.parametrize("after", [0.0, 0.3, 0.7, 1.0, 1.5, 2.5, 5.0, 60.0, 3000.0])
def test_sigterm_at_any_moment_leaves_no_job_active(version: str, after: float) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [state] = given.run(orders, stop_after=after)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.active_jobs()
    assert [job.id for job in given.sandbox.jobs] == ([state.job.id] if state.job else [])
    assert given.seconds - after <= GRACE


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("schedule", ["manual", "every 24 hours"])
@pytest.mark.parametrize("after", [0.2, 0.5, 1.0])
def test_a_trigger_that_has_not_left_when_we_are_stopped_never_leaves(
    api: str, schedule: str, after: float
) -> None:
    given = bench("1.8", api=api)
    given.trigger_connects_in = 2
    orders = given.sandbox.add_connection("orders", schedule=schedule, script=script(LONG))

    [state] = given.run(orders, stop_after=after)

    assert state.exit_code is ExitCode.SIGTERM
    assert given.sandbox.sent("trigger") == []
    assert given.warnings == []


def test_retry_that_has_not_left_when_we_are_stopped_never_leaves() -> None:
    """A lost trigger is looked for meanwhile, long enough for the retry's connection to stand."""
    moments: list[float] = []

    def stopped(after: float | None) -> Bench:
        given = bench()
        given.trigger_connects_in = 0.8
        orders = given.sandbox.add_connection("orders", script=script(LONG))
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


def test_a_timeout_says_that_a_job_may_exist_where_one_may() -> None:
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
def test_a_dry_run_is_stopped_like_any_other(
    stop_after: float | None, timeout: float | None, code: ExitCode
) -> None:
    given = bench(policy=RunPolicy(dry_run=True, wait=WaitPolicy(timeout=timeout)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="jobs", action="never"))

    [state] = given.run(orders, stop_after=stop_after)

    assert state.exit_code is code
    assert given.seconds <= GRACE + 1


def test_a_hundred_cancels_are_told_in_a_few_reports() -> None:
    given = bench()
    many = [given.sandbox.add_connection(f"{n}", script=script(LONG)) for n in range(100)]

    states = given.run(*many, stop_after=200)

    assert not given.sandbox.active_jobs()
    assert all(state.cancel is not None and state.cancel.confirmed for state in states)
    assert len(given.told(Provisional)) <= GRACE / 0.25
    last = given.told(Provisional)[-1]
    assert sum(one.cancel is not None for one in last.results) == len(many)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 3.4])
def test_a_cancel_is_sent_in_time_even_where_every_read_is_slow(seconds: float) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="job", action="hold", seconds=seconds, from_seconds=100))

    [state] = given.run(orders, stop_after=120)

    assert state.cancel is not None
    assert state.cancel.requested
    assert [job.cancels for job in given.sandbox.jobs] == [1]
    assert given.seconds - 120 <= GRACE


def test_the_cancel_is_sent_within_a_second_and_files_are_written_before_it_is_confirmed() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancel_takes=3))

    [state] = given.run(orders, stop_after=60)

    [first, *_] = given.sandbox.sent("cancel")
    assert first.time - 60 <= given.sandbox.clock.start + 1
    told = [event.results[0].cancel for event in given.events if isinstance(event, Provisional)]
    assert told[0] is None, "told at once, before anything is sent"
    assert told[1] is not None
    assert told[1].requested
    assert not told[1].confirmed
    assert state.cancel is not None
    assert state.cancel.confirmed


def test_a_cancel_that_blocks_for_ever_is_left_unconfirmed_in_time() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancel_takes=9999))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert state.cancel is not None
    assert state.cancel.requested
    assert not state.cancel.confirmed
    assert given.seconds <= 60 + GRACE


def test_a_cancel_that_is_silently_lost_is_repeated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG, cancels_lost=1))

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert len(given.sandbox.sent("cancel")) == 2


def test_no_cancel_is_sent_when_our_job_has_ended_and_a_newer_one_runs() -> None:
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


def test_on_interrupt_leave_leaves_it() -> None:
    given = bench(policy=RunPolicy(on_interrupt="leave"))
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert len(given.sandbox.active_jobs()) == 1


def test_an_adopted_job_is_left_running() -> None:
    given = bench(policy=RunPolicy(trigger=TriggerPolicy(if_running="attach")))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")


def test_stopping_a_wait_only_stops_watching() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(LONG))

    [state] = given.wait(job.id, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("cancel")
    assert state.result().job_id == job.id


def test_stopping_while_another_job_is_in_the_way_starts_and_cancels_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

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
def test_stopping_with_a_lost_answer_finds_the_job_and_cancels_it(
    fault: Fault, after: float
) -> None:
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
def test_job_of_a_lost_answer_is_cancelled_within_a_second_of_the_stop(
    schedule: str, fault: str
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule=schedule, script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate(fault))

    given.run(orders, stop_after=2.0)

    [first, *_] = given.sandbox.sent("cancel")
    assert first.time - given.sandbox.clock.start - 2.0 <= 1


def test_stop_ends_in_time_where_the_job_of_a_lost_answer_cannot_be_looked_for() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:lost-after"), Fault.model_validate("jobs:never:after=3")
    )

    [state] = given.run(orders, stop_after=3.0)

    assert (state.result().job_id, state.start) == (None, Start.POSSIBLE)
    assert given.seconds - 3.0 <= INTERRUPT_GRACE


def test_stopping_while_the_server_is_away_ends_in_time_and_names_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="any", action="never", from_seconds=50))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert state.result().job_id == 1
    assert given.seconds <= 60 + GRACE


def test_a_signal_before_anything_was_done_does_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [state] = given.run(orders, stop_after=0)

    assert state.exit_code is ExitCode.SIGTERM
    assert not given.sandbox.sent("trigger")


# -- after the cancel ------------------------------------------------------------------------


def test_a_successor_that_airbyte_begins_after_our_cancel_is_named_and_left_alone() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", starts_every=86400, starts_after=61.05,
        script=script(LONG, cancel_takes=1),
    )  # fmt: skip

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert given.warnings == [
        "job 1 is cancelled, and Airbyte has started job 2 (sync, pending) since: not ours, so it "
        "is left alone"
    ]
    assert [job.cancels for job in given.sandbox.jobs] == [1, 0]


def test_a_successor_that_cannot_be_looked_for_delays_nothing() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="jobs", action="never", from_seconds=50))

    [state] = given.run(orders, stop_after=60)

    assert state.cancel is not None
    assert state.cancel.confirmed
    assert given.seconds <= 60 + GRACE


def test_a_refused_cancel_is_warned_of_with_airbytes_words() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="cancel", action="status", status=500))

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert any("the cancel of job 1 failed: DELETE" in text for text in given.warnings)
    assert any("Internal Server Error" in text for text in given.warnings)


@pytest.mark.parametrize("timeout", [60.0, None])
def test_messages_of_endings_name_the_connection(timeout: float | None) -> None:
    wait = WaitPolicy(timeout=timeout, max_outage=30)
    given = bench(policy=RunPolicy(wait=wait, on_timeout="leave"))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    if timeout is None:
        given.sandbox.faults.add(Fault(when="job", action="status", status=503, from_seconds=20))

    [state] = given.run(orders)

    assert state.exit_code is (ExitCode.UNKNOWN if timeout is None else ExitCode.TIMEOUT)
    assert state.error is not None
    assert state.error.message.startswith("job 1 (orders) ")


def test_the_state_is_told_as_soon_as_a_signal_comes() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="hold", seconds=100))

    given.run(orders, stop_after=5)

    first = given.told(Provisional)[0].results[0]
    assert (first.exit_code, first.start) == (ExitCode.SIGTERM, Start.POSSIBLE)


def test_last_look_after_the_timeout_is_part_of_the_grace() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=60)))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="any", action="never", from_seconds=50))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert given.seconds == pytest.approx(90, abs=1), "60 s, and 30 s for cancelling"
