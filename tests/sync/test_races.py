"""What happens between a look and what follows from it must not be somebody else's misfortune."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import Event, LookingForJob, Triggering
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from tests.support.core import Bench, bench, script

QUICK = "pending 2, running 60, succeeded"
BRIEF = "running 1, succeeded"


def policy(**changes: object) -> RunPolicy:
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


def once(given: Bench, kind: type[Event], do: Callable[[], object]) -> None:
    """Do something at the first event of a kind."""
    pending = [do]

    def listen(event: Event) -> None:
        given.events.append(event)
        if isinstance(event, kind) and pending:
            pending.pop()()

    given.listener = listen


def test_a_clear_that_waits_for_its_turn_looks_again_before_it_cancels_a_sync() -> None:
    given = bench("1.8", policy=policy(job_type="clear"))
    slow = [given.sandbox.add_connection(f"slow {n}", script=script(QUICK)) for n in range(3)]
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    for one in slow:
        given.sandbox.faults.add(
            Fault(when="trigger", action="hold", seconds=90, connection=one.name, times=1)
        )

    states = given.run(
        *slow,
        orders,
        at=(30, lambda: given.sandbox.start_job(orders, script=script("running 600, succeeded"))),
    )

    theirs = next(job for job in given.sandbox.jobs if job.started_by == "other")
    assert theirs.status == "succeeded"
    assert theirs.cancels == 0
    assert [state.exit_code for state in states] == [ExitCode.OK] * 4


def test_a_clear_that_was_refused_looks_again_before_it_is_repeated() -> None:
    given = bench(policy=policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="rate-limit", retry_after="100", times=1)
    )

    given.run(
        orders,
        at=(50, lambda: given.sandbox.start_job(orders, script=script("running 600, succeeded"))),
    )

    [theirs, _] = given.sandbox.jobs
    assert theirs.status == "succeeded"
    assert theirs.cancels == 0


def test_a_job_that_shows_up_during_a_long_retry_after_is_ours_and_not_doubled() -> None:
    given = bench()
    lives = (script(QUICK, born_after=70), script(QUICK))
    orders = given.sandbox.add_connection("orders", scripts=lives)
    given.sandbox.faults.add(
        Fault(
            when="trigger", action="status", status=503, applied=True, retry_after="200", times=1
        )
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


def test_a_job_that_ended_before_our_trigger_left_is_not_taken_for_ours() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", scripts=(script(BRIEF), script("running 30, failed"))
    )
    given.sandbox.faults.add(
        Fault(when="trigger", action="try-again-later", times=1),
        Fault(when="trigger", action="lost-after", times=1),
    )
    once(given, Triggering, lambda: given.sandbox.start_job(orders, script=script("succeeded")))

    [state] = given.run(orders)

    [theirs, ours] = given.sandbox.jobs
    assert theirs.started_by == "other"
    assert state.result().job_id == ours.id


def test_waiting_for_another_job_uses_up_none_of_the_patience_with_conflicts() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="try-again-later", times=1),
        Fault(when="trigger", action="try-again-later", from_seconds=1000, times=2),
    )

    [state] = given.run(
        orders,
        at=(
            1.0,
            lambda: given.sandbox.start_job(orders, script=script("running 1200, succeeded")),
        ),
    )

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 2


@pytest.mark.parametrize("action", ["html", "bad-json", "login"])
def test_an_odd_answer_while_a_lost_job_is_looked_for_is_borne(action: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault.model_validate({"when": "jobs", "action": action, "after": 3, "times": 3}),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


@pytest.mark.parametrize("fault", ["html", "401", "404"])
def test_a_lasting_no_while_a_lost_job_is_looked_for_is_unknown(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault.model_validate(f"jobs:{fault}:after=3"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.error is not None
    assert f"`airbyte-sync status --conn {orders.id}` shows" in (state.error.hint or "")


def test_an_outage_between_a_conflict_and_its_check_is_borne() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="state-conflict", applied=True, times=1),
        Fault(when="connection", action="status", status=502, after=1, for_seconds=300),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


def test_one_bad_look_is_no_outage_however_long_the_search_has_gone_on() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(max_outage=10.0)))
    orders = given.sandbox.add_connection("orders", script=script(QUICK, born_after=100))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=503, from_seconds=80, times=3),
    )

    [state] = given.run(orders)

    assert LookingForJob in {type(event) for event in given.events}
    assert state.exit_code is ExitCode.OK


def test_a_page_that_denies_a_trigger_is_a_clean_no() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=403, body="html"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.DENIED
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_hidden_job_is_no_new_one_because_its_list_could_not_be_read_before(status: int) -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, kind="clear", script=script("succeeded"))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=status, times=3),
        Fault(when="trigger", action="lost-after", times=1),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_id == 2


def test_a_look_is_as_old_as_its_first_answer() -> None:
    given = bench("2.0", policy=policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="jobs", action="status", status=429, after=1, times=6))
    theirs = script("running 600, succeeded")

    given.run(orders, at=(0.2, lambda: given.sandbox.start_job(orders, script=theirs)))

    assert [job.cancels for job in given.sandbox.jobs] == [0, 0]


@pytest.mark.parametrize("at", range(4, 13))
def test_a_second_look_that_is_slow_too_is_no_better_than_the_first(at: int) -> None:
    given = bench("2.0", policy=policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    busy = {"when": "jobs", "action": "status", "status": 503, "times": 2}
    given.sandbox.faults.add(
        Fault.model_validate({**busy, "retry_after": "4", "after": 1}),
        Fault.model_validate({**busy, "retry_after": "8", "after": 4}),
    )

    given.run(
        orders,
        at=(at, lambda: given.sandbox.start_job(orders, script=script("running 600, succeeded"))),
    )

    [theirs] = [job for job in given.sandbox.jobs if job.started_by == "other"]
    assert theirs.cancels == 0
