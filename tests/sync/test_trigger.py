"""Triggers: what each response leads to, retries, stale reads, conflicts, --if-running."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.messages import error_result
from airbyte_sync_cli.sandbox import Fault, SimConnection
from airbyte_sync_cli.sync.events import (
    BlockedBy,
    Event,
    LookingForJob,
    Triggering,
)
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import Start
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import START, Bench, Gateway, LoopClock, bench, script, trigger_policy

QUICK = "running 60, succeeded"


def three_slow_triggers(given: Bench) -> list[SimConnection]:
    """Occupy every slot for 90 seconds."""
    slow = [given.sandbox.add_connection(f"slow {n}", script=script(QUICK)) for n in range(3)]
    given.sandbox.faults.add(
        *(Fault(when="trigger", action="hold", seconds=90, connection=one.name) for one in slow)
    )
    return slow


LONG = "running 6000, succeeded"


def policy(**changes: object) -> RunPolicy:
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


def starting(given: Bench, orders: SimConnection, life: str = LONG) -> Callable[[], object]:
    """Return a call by which another client starts a sync by hand."""
    return lambda: given.sandbox.start_job(orders, script=script(life))


PENDING_QUICK = "pending 2, running 60, succeeded"
BRIEF = "running 1, succeeded"


def once(given: Bench, kind: type[Event], do: Callable[[], object]) -> None:
    """Call `do` at the first event of a kind."""
    pending = [do]

    def listen(event: Event) -> None:
        given.events.append(event)
        if isinstance(event, kind) and pending:
            pending.pop()()

    given.listener = listen


PENDING_LONG = "pending 2, running 6000, succeeded"
CLEAR = RunPolicy(trigger=TriggerPolicy(job_type="clear"))
A_WHILE = "running 900, succeeded"


def limiting_gateway(most: int, *, is_on: Callable[[], bool] = lambda: True) -> Gateway:
    """Let `most` requests a second through to the Public API, while it is on."""
    times: list[float] = []

    def pass_on(request: httpx.Request) -> httpx.Response | None:
        now = asyncio.get_running_loop().time()
        if not is_on() or not request.url.path.startswith("/api/public/"):
            return None
        if sum(at > now - 1.0 for at in times) >= most:
            return httpx.Response(429, headers={"retry-after": "1"}, request=request)
        times.append(now)
        return None

    return pass_on


VERY_LONG = "running 9000, succeeded"


@pytest.mark.parametrize("api", ["public", "config"])
def test_refused_connection_is_retried_without_a_search(api: str) -> None:
    given = bench(api=api)
    given.refused_triggers = 1
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted, state.start) == (ExitCode.OK, False, Start.STARTED)
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]
    assert len(given.emitted(Triggering)) == 2
    assert not given.emitted(LookingForJob)


def test_refused_connections_end_as_unavailable_after_the_last_attempt() -> None:
    given = bench()
    given.refused_triggers = 100
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.UNAVAILABLE, Start.NOT_SENT)
    assert state.error is not None
    assert state.error.message.startswith("nothing was started: cannot reach http://airbyte: ")
    assert state.error.hint is not None
    assert len(given.emitted(Triggering)) == TriggerPolicy().max_triggers
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


def test_response_with_an_old_active_job_of_unknown_status_adopts_it() -> None:
    """The list hides that it is active: its status is unknown, and it is not the newest."""
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 100, running 60, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert state.start is Start.REFUSED
    assert "the response names job 1, which was already running: adopted" in given.warnings
    assert len(given.sandbox.jobs) == 2


def test_response_with_an_old_final_job_claims_nothing() -> None:
    """Servers that hold a trigger until an attempt runs can return a job that is over by then."""
    given = bench("1.0")
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 10, running 0, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 3, False)
    [looking] = given.emitted(LookingForJob)
    assert looking.reason == "the response names job 1, which had already ended"


def test_stop_after_a_response_with_an_old_job_leaves_the_start_possible() -> None:
    given = bench("1.0")
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 10, running 0, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders, stop_after=20)

    assert (state.exit_code, state.start) == (ExitCode.SIGTERM, Start.POSSIBLE)
    assert state.job is None


@pytest.mark.parametrize("second", ["503", "429", "try-again-later", "403"])
def test_refusal_after_a_lost_trigger_leaves_the_start_possible(second: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:lost-before:times=1"),
        Fault.model_validate(f"trigger:{second}"),
    )

    [state] = given.run(orders, stop_after=200)

    assert len(given.sandbox.sent("trigger")) > 1
    assert (state.result().job_id, state.start) == (None, Start.POSSIBLE)


def test_old_active_job_after_a_lost_trigger_leaves_the_start_possible() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("preparing 900, running 60, succeeded"))
    given.sandbox.start_job(orders, script=script("succeeded"))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert state.start is Start.POSSIBLE


def test_outage_before_the_retry_of_a_lost_trigger_is_tolerated() -> None:
    """The read before the retry is retried for --max-outage, too."""
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


def test_response_with_an_old_reset_waits_and_starts_the_sync() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    reset = script("preparing 100, running 60, succeeded", job_type="reset_connection")
    given.sandbox.start_job(orders, script=reset)
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 3, False)
    assert [blocked.other.id for blocked in given.emitted(BlockedBy)] == [1]
    assert len(given.sandbox.sent("trigger")) == 2


@pytest.mark.parametrize("life", ["succeeded", QUICK])
@pytest.mark.parametrize(
    ("lost", "triggers", "start"), [(0, 4, Start.NOT_SENT), (1, 5, Start.POSSIBLE)]
)
def test_endless_resets_leave_the_start_possible_only_after_a_lost_trigger(
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


def test_slot_is_released_where_another_job_is_found() -> None:
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


def test_job_of_an_earlier_run_that_ends_before_our_slot_is_adopted() -> None:
    given = bench(policy=trigger_policy(since=START + timedelta(seconds=10)))
    slow = three_slow_triggers(given)
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    earlier = script("running 5, succeeded")

    *_, state = given.run(
        *slow, orders, at=(30, lambda: given.sandbox.start_job(orders, script=earlier))
    )

    assert (state.exit_code, state.adopted, state.start) == (ExitCode.OK, True, Start.NOT_SENT)
    assert len(given.sandbox.jobs) == 4


def test_job_hidden_by_a_refusal_that_ends_before_our_slot_is_adopted() -> None:
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


def test_conflict_after_a_lost_trigger_claims_the_active_job() -> None:
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
    assert not given.emitted(BlockedBy)


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
def test_unreadable_connection_after_a_trigger_does_not_end_the_run(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault.model_validate(f"trigger:{fault}:times=1"),
        Fault.model_validate("connection:500:after=1"),
    )

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert len(given.sandbox.jobs) == 1


@pytest.mark.parametrize("api", ["public", "config"])
def test_since_finds_a_success_behind_more_than_twenty_failures(api: str) -> None:
    given = bench(api=api, policy=trigger_policy(since=START - timedelta(days=2)))
    failed = script("running 5, failed")
    orders = given.sandbox.add_connection(
        "orders", history=[script("running 5, succeeded"), *[failed] * 25]
    )

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 1, True)
    assert not given.sandbox.sent("trigger")


def test_active_job_is_named_as_adopted() -> None:
    given = bench(policy=trigger_policy(if_running="fail"))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [failed] = given.run(orders)
    given.policy = policy(if_running="skip")
    [skipped] = given.run(orders)

    assert failed.error is not None
    assert failed.error.message == "job 1 (sync) is running on connection 'orders'"
    assert (skipped.exit_code, skipped.result().job_id) == (ExitCode.SKIPPED, 1)
    assert (skipped.adopted, skipped.start) == (True, Start.NOT_SENT)


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_active_job_that_a_refused_trigger_may_have_started_is_reported(
    how: str, code: ExitCode
) -> None:
    given = bench(policy=trigger_policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (code, 1)
    assert (state.adopted, state.start) == (True, Start.POSSIBLE)
    if state.error is not None:
        assert "may have been started by this run's rejected trigger" in state.error.message


@pytest.mark.parametrize("how", ["skip", "fail"])
def test_job_of_our_lost_trigger_is_not_skipped(how: str) -> None:
    given = bench(policy=trigger_policy(if_running=how))
    first = script("running 200, succeeded", job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", scripts=(first, script(QUICK)))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_type == "sync"


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_job_of_a_delivered_503_is_named_by_skip_and_fail(how: str, code: ExitCode) -> None:
    given = bench(policy=trigger_policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders)

    assert state.exit_code is code
    assert (state.result().job_id, state.start) == (1, Start.POSSIBLE)
    assert len(given.sandbox.sent("trigger")) == 1
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize("at", [2, 5, 8])
def test_slow_read_of_the_jobs_is_stale_at_its_end(at: float) -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="jobs", action="hold", seconds=9, applied=True, times=2),
    )

    given.run(orders, at=(at, starting(given, orders, "running 600, succeeded")))

    theirs = next(job for job in given.sandbox.jobs if job.started_by == "other")
    assert (theirs.status, theirs.cancels) == ("succeeded", 0)


@pytest.mark.parametrize("slow", [1.5, 9.0])
def test_sync_is_started_where_every_read_is_slow(slow: float) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="jobs", action="hold", seconds=slow))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.5, 20.0])
def test_slow_connect_sends_no_stale_trigger(seconds: float) -> None:
    """It is connected again after a fresh read, and in the end after a stale one."""
    given = bench()
    given.trigger_connects_in = seconds
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.sent("trigger")) == 1


def test_job_that_begins_during_a_slow_connect_is_waited_for() -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    given.trigger_connects_in = 5
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    given.run(orders, at=(3, starting(given, orders, "running 600, succeeded")))

    theirs = next(job for job in given.sandbox.jobs if job.started_by == "other")
    assert (theirs.status, theirs.cancels) == ("succeeded", 0)


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("life", [LONG, "succeeded"])
@pytest.mark.parametrize("changes", [{}, {"since": START}, {"if_running": "skip"}], ids=str)
def test_unreadable_job_id_in_the_list_starts_nothing(
    api: str, life: str, changes: dict[str, object]
) -> None:
    given = bench(api=api, policy=trigger_policy(**changes))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.start_job(orders, script=script("failed"))
    given.sandbox.start_job(orders, script=script(life)).id = 0

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.PROTOCOL, Start.NOT_SENT)
    assert "1 of 2 rows cannot be parsed" in str(state.error)
    assert not given.sandbox.sent("trigger")


def test_connection_disabled_after_a_lost_response_leaves_the_start_possible() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate("trigger:lost-before:times=1"))

    [state] = given.run(orders, at=(5, lambda: setattr(orders, "status", "inactive")))

    assert (state.exit_code, state.start) == (ExitCode.REJECTED, Start.POSSIBLE)
    told = error_result(ExitCode.REJECTED, [state.result()], state.error)
    assert told is not None
    assert "is inactive" in told.message
    assert "a job may have been started, but none was found" in told.message
    assert f"airbyte-sync status --conn {orders.id}" in (told.hint or "")


def test_clear_that_waited_for_a_slot_reads_the_jobs_again() -> None:
    given = bench("1.8", policy=trigger_policy(job_type="clear"))
    slow = [
        given.sandbox.add_connection(f"slow {n}", script=script(PENDING_QUICK)) for n in range(3)
    ]
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
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


def test_refused_clear_reads_the_jobs_again_before_a_retry() -> None:
    given = bench(policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
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


def test_job_that_appears_during_retry_after_is_not_doubled() -> None:
    given = bench()
    lives = (script(PENDING_QUICK, born_after=70), script(PENDING_QUICK))
    orders = given.sandbox.add_connection("orders", scripts=lives)
    given.sandbox.faults.add(
        Fault(
            when="trigger", action="status", status=503, applied=True, retry_after="200", times=1
        )
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


def test_job_that_ended_before_the_trigger_was_sent_is_not_claimed() -> None:
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


def test_wait_for_another_job_resets_the_conflict_retries() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
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


def test_outage_between_conflict_and_check_is_tolerated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="state-conflict", applied=True, times=1),
        Fault(when="connection", action="status", status=502, after=1, for_seconds=300),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


def test_html_denial_of_a_trigger_is_a_clean_no() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=403, body="html"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.DENIED
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_hidden_job_is_not_new_after_an_unreadable_list(status: int) -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.start_job(orders, kind="clear", script=script("succeeded"))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=status, times=3),
        Fault(when="trigger", action="lost-after", times=1),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_id == 2


def test_read_of_the_jobs_is_as_old_as_its_first_response() -> None:
    given = bench("2.0", policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.faults.add(Fault(when="jobs", action="status", status=429, after=1, times=6))
    theirs = script("running 600, succeeded")

    given.run(orders, at=(0.2, lambda: given.sandbox.start_job(orders, script=theirs)))

    assert [job.cancels for job in given.sandbox.jobs] == [0, 0]


@pytest.mark.parametrize("at", range(4, 13))
def test_second_slow_read_of_the_jobs_is_stale_too(at: int) -> None:
    given = bench("2.0", policy=trigger_policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
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


@pytest.mark.parametrize("action", ["lost-before", "lost-after"])
def test_failed_list_of_hidden_jobs_makes_no_old_job_new(action: str) -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection("orders", script=script(PENDING_LONG))
    given.sandbox.start_job(orders, kind="refresh", script=script("succeeded"))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=500, nth=5),  # of the second read: refreshes
        Fault(when="jobs", action="hold", seconds=1.2, nth=1),  # a first read that gets stale
        Fault.model_validate(f"trigger:{action}:times=1"),
    )

    [state] = given.run(orders)

    assert state.result().job_id == 2


def test_failed_list_of_hidden_jobs_lets_no_clear_cancel_a_refresh() -> None:
    given = bench("1.8", policy=CLEAR)
    orders = given.sandbox.add_connection("orders", script=script(PENDING_LONG))
    given.sandbox.faults.add(
        Fault(when="jobs", action="status", status=500, nth=5),
        Fault(when="jobs", action="hold", seconds=1.2, nth=1),
    )
    theirs = script("running 600, succeeded")

    given.run(
        orders, at=(0.5, lambda: given.sandbox.start_job(orders, kind="refresh", script=theirs))
    )

    assert (given.sandbox.jobs[0].cancels, given.sandbox.jobs[0].status) == (0, "succeeded")


@pytest.mark.parametrize("odd", ["401", "html", "login", "409", "423", "404"])
def test_odd_response_after_a_state_conflict_loses_no_job(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault.model_validate("trigger:state-conflict:applied:times=1"),
        Fault.model_validate(f"connection:{odd}:after=1:times=1"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_job_that_failed_at_once_counts_on_a_disabled_connection() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("failed"))
    given.sandbox.faults.add(Fault.model_validate("trigger:state-conflict:applied:times=1"))

    def switch_off(_: httpx.Request) -> None:
        if given.sandbox.jobs:
            orders.status = "inactive"

    given.gateway = switch_off

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.FAILED


def test_start_that_airbyte_never_confirms_is_unknown() -> None:
    given = bench("latest")
    plot = script("running 60, succeeded", born_after=1000)
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("most", "code"),
    [(2, ExitCode.OK), (1, ExitCode.UNAVAILABLE)],  # a read leaves no request for a trigger
)
def test_rate_limiting_gateway_does_not_prevent_the_start(
    most: int, code: ExitCode, seed: int
) -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=600.0)))
    given.clock = LoopClock(seed)
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))
    given.gateway = limiting_gateway(most)

    [state] = given.run(orders)

    assert state.exit_code is code
    assert given.seconds < 300


def test_lost_response_behind_a_rate_limiting_gateway_claims_its_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))
    given.gateway = limiting_gateway(2, is_on=lambda: bool(given.sandbox.sent("trigger")))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (ExitCode.OK, 1)


def test_config_api_hiccup_prevents_no_refresh() -> None:
    policy = RunPolicy(trigger=TriggerPolicy(job_type="refresh"), max_parallel=3)
    given = bench("2.0", policy=policy)
    plot = script("running 60, succeeded")
    many = [given.sandbox.add_connection(f"c{number}", script=plot) for number in range(6)]
    given.sandbox.faults.add(
        Fault(when="job", api="config", action="login", from_seconds=20, for_seconds=3)
    )

    states = given.run(*many)

    assert {state.exit_code for state in states} == {ExitCode.OK}


@pytest.mark.parametrize("action", ["html", "login", "403", "404"])
def test_refresh_without_config_api_is_rejected_with_the_reason(action: str) -> None:
    given = bench(policy=replace(RunPolicy(), trigger=TriggerPolicy(job_type="refresh")))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault.model_validate(f"any:{action}:api=config"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.REJECTED
    assert state.error is not None
    assert "a refresh needs the Config API" in state.error.message
    assert not given.sandbox.sent("trigger")


def test_skipped_sync_links_to_the_active_job() -> None:
    given = bench(policy=RunPolicy(trigger=TriggerPolicy(if_running="skip")))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders, script=script(VERY_LONG))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SKIPPED
    assert state.result().url is not None
    assert f"jobId={other.id}" in (state.result().url or "")
