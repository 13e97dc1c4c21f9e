"""Sequences in which an adversarial review saw the promises break: each is kept now."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from tests.support.core import Bench, LoopClock, bench, script

LONG = "pending 2, running 6000, succeeded"
A_WHILE = "running 900, succeeded"
CLEAR = RunPolicy(trigger=TriggerPolicy(job_type="clear"))


# -- the baseline ----------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["lost-before", "lost-after"])
def test_one_500_of_a_hidden_list_does_not_make_an_old_job_new(action: str) -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.start_job(orders, kind="refresh", script=script("succeeded"))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=500, nth=5),  # the second look's refreshes
        Fault(when="jobs", action="hold", seconds=1.2, nth=1),  # a first look that gets old
        Fault.model_validate(f"trigger:{action}:times=1"),
    )

    [state] = given.run(orders)

    assert state.result().job_id == 2


def test_one_500_of_a_hidden_list_does_not_let_a_clear_cancel_a_refresh() -> None:
    given = bench("1.8", policy=CLEAR)
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=500, nth=5),
        Fault(when="jobs", action="hold", seconds=1.2, nth=1),
    )
    theirs = script("running 600, succeeded")

    given.run(
        orders, at=(0.5, lambda: given.sandbox.start_job(orders, kind="refresh", script=theirs))
    )

    assert (given.sandbox.jobs[0].cancels, given.sandbox.jobs[0].status) == (0, "succeeded")


def test_a_clear_that_somebody_starts_is_never_taken_for_our_sync() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))
    theirs = script("running 5, succeeded")

    [state] = given.run(
        orders, at=(10, lambda: given.sandbox.start_job(orders, kind="clear", script=theirs))
    )

    assert (state.exit_code, state.result().job_type) == (ExitCode.OK, "sync")


# -- plain noes in the middle of an outage ----------------------------------------------------


@pytest.mark.parametrize("odd", ["job:html", "job:login", "job:401", "job:404", "job:bad-json"])
def test_one_plain_no_in_the_middle_of_an_outage_is_no_ending(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault(when="job", action="status", status=503, from_seconds=60, for_seconds=90),
        Fault.model_validate(f"{odd}:from=150:times=1:api=public"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("odd", ["jobs:html", "jobs:401"])
def test_nor_while_a_lost_job_is_looked_for(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=503, after=3, for_seconds=90),
        Fault.model_validate(f"{odd}:from=90:times=3"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("odd", ["401", "html", "login", "409", "423", "404"])
def test_one_odd_answer_right_after_a_state_conflict_loses_no_job(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:state-conflict:applied:times=1"),
        Fault.model_validate(f"connection:{odd}:after=1:times=1"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_a_job_that_failed_at_once_counts_although_the_connection_is_switched_off_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("failed"))
    given.sandbox.faults.add(Fault.model_validate("trigger:state-conflict:applied:times=1"))
    take = given.sandbox.faults.take

    def switch_off(*request: Any) -> Fault | None:  # noqa: ANN401  # handed on
        if given.sandbox.jobs:
            orders.status = "inactive"
        return take(*request)

    monkeypatch.setattr(given.sandbox.faults, "take", switch_off)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.FAILED


def test_a_start_that_airbyte_never_confirms_may_still_come_and_is_unknown() -> None:
    given = bench("latest")
    plot = script("running 60, succeeded", born_after=1000)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN


# -- gateways that count requests --------------------------------------------------------------


def limit(given: Bench, most: int, monkeypatch: pytest.MonkeyPatch, *, after: str = "") -> None:
    """Let so many requests a second through, from the first request of a kind on."""
    take = given.sandbox.faults.take
    times: list[float] = []

    def counting(*request: Any) -> Fault | None:  # noqa: ANN401  # handed on
        name, api, _ = request
        now = asyncio.get_running_loop().time()
        is_on = not after or (name != after and bool(given.sandbox.sent(after)))
        if api == "public" and is_on:
            if sum(at > now - 1.0 for at in times) >= most:
                return Fault(when="any", action="rate-limit", retry_after="1")
            times.append(now)
        return take(*request)

    monkeypatch.setattr(given.sandbox.faults, "take", counting)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("most", "code"),
    [(2, ExitCode.OK), (1, ExitCode.UNAVAILABLE)],  # what a look takes leaves none for a trigger
)
def test_a_gateway_that_lets_few_requests_through_keeps_nobody_in_suspense(
    most: int, code: ExitCode, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=600.0)))
    given.clock = LoopClock(seed)
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))
    limit(given, most, monkeypatch)

    [state] = given.run(orders)

    assert state.exit_code is code
    assert given.seconds < 300


def test_a_lost_answer_is_found_behind_such_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))
    limit(given, 2, monkeypatch, after="trigger")

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (ExitCode.OK, 1)


# -- being stopped -----------------------------------------------------------------------------


def test_a_stop_during_the_trigger_of_a_scheduled_connection_bears_one_bad_look() -> None:
    given = bench("1.8")
    plot = script("pending 40, running 900, succeeded")
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=plot)
    given.sandbox.faults.add(Fault(when="jobs", action="status", status=503, after=3, times=1))

    [state] = given.run(orders, stop_after=2)

    assert state.result().job_id == 1


def test_a_read_that_hangs_does_not_outlast_the_timeout() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=10.0)))
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(LONG))
    given.sandbox.faults.add(Fault(when="job", action="never"))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.TIMEOUT
    assert given.seconds < 20


# -- the Config API ------------------------------------------------------------------------------


def test_a_hiccup_of_the_config_api_stops_no_refresh() -> None:
    policy = RunPolicy(trigger=TriggerPolicy(job_type="refresh"), max_parallel=3)
    given = bench("2.0", policy=policy)
    plot = script("running 60, succeeded")
    many = [given.sandbox.add_connection(f"c{number}", script=plot) for number in range(6)]
    given.sandbox.faults.add(
        Fault(when="job", api="config", action="login", from_seconds=20, for_seconds=3)
    )

    states = given.run(*many)

    assert {state.exit_code for state in states} == {ExitCode.OK}


def test_nor_does_it_hide_why_the_syncs_failed() -> None:
    given = bench("2.0")
    plot = script("running 600, failed")
    many = [given.sandbox.add_connection(f"c{number}", script=plot) for number in range(3)]
    given.sandbox.faults.add(
        Fault(when="job", api="config", action="login", from_seconds=20, for_seconds=3)
    )

    states = given.run(*many)

    assert all(state.failure for state in states)


@pytest.mark.parametrize("action", ["html", "login", "403", "404"])
def test_a_refresh_without_a_config_api_is_refused_with_the_reason(action: str) -> None:
    given = bench(policy=replace(RunPolicy(), trigger=TriggerPolicy(job_type="refresh")))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault.model_validate(f"any:{action}:api=config"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.REJECTED
    assert state.error is not None
    assert "a refresh needs the Config API" in state.error.message
    assert not given.sandbox.sent("trigger")


def test_two_500s_do_not_make_a_running_job_unknown() -> None:
    given = bench("1.8", api="config")
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(A_WHILE))
    given.sandbox.faults.add(Fault(when="job", action="status", status=500, times=2))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.OK
