"""Repeats of a trigger: what each answer proves, and how long the next one waits."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, SimConnection
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import BlockedBy, Event, LookingForJob, Triggering
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy
from airbyte_sync_cli.sync.result import Start
from airbyte_sync_cli.sync.select import select_connections
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import START, Bench, bench, script

QUICK = "running 60, succeeded"


def policy(**changes: object) -> RunPolicy:
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("api", ["public", "config"])
def test_refused_connection_of_a_trigger_is_retried_without_a_search(api: str) -> None:
    given = bench(api=api)
    given.refused_triggers = 1
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted, state.start) == (ExitCode.OK, False, Start.STARTED)
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]
    assert len(given.told(Triggering)) == 2
    assert not given.told(LookingForJob)


def test_refused_connections_end_as_unavailable_after_the_last_attempt() -> None:
    given = bench()
    given.refused_triggers = 100
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.UNAVAILABLE, Start.NOT_SENT)
    assert state.error is not None
    assert state.error.message.startswith("nothing was started: cannot reach http://airbyte: ")
    assert state.error.hint is not None
    assert len(given.told(Triggering)) == TriggerPolicy().max_triggers
    assert not given.sandbox.jobs


def test_refused_connections_double_the_pause_before_each_retry() -> None:
    given = bench()
    given.refused_triggers = 3
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    times = []

    def listen(event: Event) -> None:
        if isinstance(event, Triggering):
            times.append(asyncio.get_running_loop().time())

    given.listener = listen
    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [round(after - before) for before, after in pairwise(times)] == [2, 4, 8]


# -- answers that name an old job ----------------------------------------------------------------


def test_answer_with_an_old_job_that_is_active_adopts_it() -> None:
    """The look cannot tell that it is active: its status is unknown, and it is not the newest."""
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 100, running 60, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert state.start is Start.REFUSED
    assert "Airbyte answered with job 1, which ran before: adopted" in given.warnings
    assert len(given.sandbox.jobs) == 2


def test_answer_with_an_old_job_that_has_ended_is_no_job_of_ours() -> None:
    """Servers that hold a trigger until an attempt runs can return a job that is over by then."""
    given = bench("1.0")
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 10, running 0, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 3, False)
    [looking] = given.told(LookingForJob)
    assert looking.reason == "Airbyte answered with job 1, which had ended before"


def test_stop_after_an_answer_with_an_old_job_leaves_open_what_was_started() -> None:
    given = bench("1.0")
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 10, running 0, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders, stop_after=20)

    assert (state.exit_code, state.start) == (ExitCode.SIGTERM, Start.POSSIBLE)
    assert state.job is None


# -- a lost trigger before a clear answer --------------------------------------------------------


@pytest.mark.parametrize("second", ["503", "429", "try-again-later", "403"])
def test_refusal_after_a_lost_trigger_leaves_open_what_was_started(second: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:lost-before:times=1"),
        Fault.model_validate(f"trigger:{second}"),
    )

    [state] = given.run(orders, stop_after=200)

    assert len(given.sandbox.sent("trigger")) > 1
    assert (state.result().job_id, state.start) == (None, Start.POSSIBLE)


def test_old_job_that_runs_after_a_lost_trigger_leaves_open_what_was_started() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 900, running 60, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert state.start is Start.POSSIBLE


def test_outage_before_the_retry_of_a_lost_trigger_is_borne() -> None:
    """The look before the retry, too, is worth more than a read's usual patience."""
    reads: list[int] = []

    def ended(*faults: Fault) -> SyncState:
        given = bench()
        orders = given.sandbox.add_connection("orders", script=script(QUICK))
        given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1), *faults)

        def listen(event: Event) -> None:
            if isinstance(event, Triggering):
                reads.append(len(given.sandbox.sent("jobs")))

        given.listener = listen
        [state] = given.run(orders)
        return state

    ended()
    _before_the_first, before_the_retry = reads
    state = ended(Fault.model_validate(f"jobs:502:after={before_the_retry - 1}:for=300"))

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)


# -- a reset instead of the sync -----------------------------------------------------------------


def test_old_reset_in_an_answer_is_waited_for_and_the_sync_started() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    reset = script("preparing 100, running 60, succeeded", job_type="reset_connection")
    given.sandbox.start_job(orders, script=reset)
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 3, False)
    assert [blocked.other.id for blocked in given.told(BlockedBy)] == [1]
    assert len(given.sandbox.sent("trigger")) == 2


@pytest.mark.parametrize("life", ["succeeded", QUICK])
@pytest.mark.parametrize(
    ("lost", "triggers", "start"), [(0, 4, Start.NOT_SENT), (1, 5, Start.POSSIBLE)]
)
def test_resets_without_end_leave_open_only_what_a_lost_trigger_started(
    life: str, lost: int, triggers: int, start: Start
) -> None:
    given = bench()
    reset = script(life, job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", script=reset)
    if lost:
        given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=lost))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.CONFLICT, start)
    assert (state.result().job_id, state.result().url) == (None, None)
    assert len(given.sandbox.sent("trigger")) == triggers


# -- looks again after waiting for a slot --------------------------------------------------------


def three_slow_triggers(given: Bench) -> list[SimConnection]:
    """Occupy every slot for 90 seconds."""
    slow = [given.sandbox.add_connection(f"slow {n}", script=script(QUICK)) for n in range(3)]
    given.sandbox.faults.add(
        *(Fault(when="trigger", action="hold", seconds=90, connection=one.name) for one in slow)
    )
    return slow


def test_slots_are_given_back_by_those_that_find_another_job_running() -> None:
    given = bench()
    slow = three_slow_triggers(given)
    late = [given.sandbox.add_connection(f"late {n}", script=script(QUICK)) for n in range(4)]
    given.sandbox.faults.add(Fault(when="trigger", action="hold", seconds=20))

    def start_others() -> None:
        for one in late[:3]:
            given.sandbox.start_job(one, script=script("running 600, succeeded"))

    states = given.run(*slow, *late, at=(30, start_others))

    assert [state.exit_code for state in states] == [ExitCode.OK] * 7
    assert not any(state.adopted for state in states)
    times = [request.time for request in given.sandbox.sent("trigger")]
    assert len(times) == 7
    assert all(fourth - first >= 20 for first, fourth in zip(times, times[3:], strict=False)), (
        "more than three at a time"
    )


def test_job_of_an_earlier_try_that_ends_before_our_turn_is_adopted() -> None:
    given = bench(policy=policy(since=START + timedelta(seconds=10)))
    slow = three_slow_triggers(given)
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    earlier = script("running 5, succeeded")

    *_, state = given.run(
        *slow, orders, at=(30, lambda: given.sandbox.start_job(orders, script=earlier))
    )

    assert (state.exit_code, state.adopted, state.start) == (ExitCode.OK, True, Start.NOT_SENT)
    assert len(given.sandbox.jobs) == 4


def test_job_that_a_refusal_hid_and_that_ends_before_our_turn_is_adopted() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="status", connection="orders", status=503, times=1)
    )
    hidden = script("running 5, succeeded")

    state, *_ = given.run(
        orders,
        *three_slow_triggers(given),
        at=(30, lambda: given.sandbox.start_job(orders, script=hidden)),
    )

    assert (state.exit_code, state.adopted) == (ExitCode.OK, True)
    assert len(given.sandbox.jobs) == 4


# -- conflicts, and a connection that cannot be read ---------------------------------------------


def test_conflict_after_a_lost_trigger_takes_the_job_that_runs() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    def listen(event: Event) -> None:
        given.events.append(event)
        if isinstance(event, Triggering) and event.number == 2:
            given.sandbox.start_job(orders, script=script(QUICK))

    given.listener = listen
    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (ExitCode.OK, 1)
    assert len(given.sandbox.jobs) == 1
    assert not given.told(BlockedBy)


def test_conflict_without_a_job_is_retried_after_2_to_20_seconds() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("running 300, succeeded"))
    given.sandbox.faults.add(Fault(when="trigger", action="try-again-later"))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.CONFLICT, Start.REFUSED)
    times = [request.time for request in given.sandbox.sent("trigger")]
    gaps = [round(after - before) for before, after in pairwise(times)]
    assert gaps == [2, 2, 4, 8, 16, 20, 20, 20, 20, 20]


@pytest.mark.parametrize("fault", ["lost-before", "try-again-later", "state-conflict"])
def test_connection_that_cannot_be_read_after_a_trigger_does_not_end_the_run(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault.model_validate(f"trigger:{fault}:times=1"),
        Fault.model_validate("connection:500:after=1"),
    )

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert len(given.sandbox.jobs) == 1


# -- --since -------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["public", "config"])
def test_since_finds_a_success_behind_more_than_twenty_failures(api: str) -> None:
    given = bench(api=api, policy=policy(since=START - timedelta(days=2)))
    failed = script("running 5, failed")
    orders = given.sandbox.add_connection(
        "orders", history=[script("running 5, succeeded"), *[failed] * 25]
    )

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert not given.sandbox.sent("trigger")


# -- a baseline, and a job that may be ours ------------------------------------------------------


@pytest.mark.parametrize("fault", ["trigger:lost-before", "trigger:503"])
def test_baseline_stays_once_a_trigger_may_have_made_a_job(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("succeeded"))
    given.sandbox.faults.add(Fault.model_validate(fault))

    async def work(context: Context) -> list[SyncState]:
        [connection] = await select_connections(context.airbyte, [orders.id])
        state = SyncState.to_start(connection, "sync")
        async with asyncio.TaskGroup() as tasks:
            our_job = OurJob(context, state, connection, tasks=tasks)
            our_job.update_baseline(await context.airbyte.jobs(orders.id))
            await context.slots.acquire()
            await our_job.trigger(1, send_before=None, is_repeat=False)
            given.sandbox.start_job(orders)
            newer, older = jobs = await context.airbyte.jobs(orders.id)
            our_job.update_baseline(jobs)

        assert (our_job.is_new(newer), our_job.is_new(older)) == (True, False)
        assert our_job.may_be_among(jobs)
        return [state]

    given.play(work)


# -- answers without a date ----------------------------------------------------------------------


@pytest.mark.parametrize(("action", "found_after"), [("lost-after", 60), ("lost-before", 1200)])
def test_job_found_by_undated_answers_is_ours_only_soon_after_the_trigger(
    action: str, found_after: float
) -> None:
    """Without a `Date` nothing tells when it was created, so the look that finds it counts."""
    given = bench()
    given.is_dated = False
    orders = given.sandbox.add_connection("orders", script=script("running 6000, succeeded"))
    given.sandbox.faults.add(
        Fault.model_validate(f"trigger:{action}:times=1"),
        Fault.model_validate(f"jobs:502:after=3:for={found_after}"),
    )
    at = (900, lambda: given.sandbox.start_job(orders, script=script("running 6000, succeeded")))

    [state] = given.run(orders, stop_after=1300, at=at if action == "lost-before" else None)

    is_ours = action == "lost-after"
    assert state.adopted is not is_ours
    assert bool(given.sandbox.sent("cancel")) is is_ours
    assert any("appeared too long after it" in text for text in given.warnings) is not is_ours
