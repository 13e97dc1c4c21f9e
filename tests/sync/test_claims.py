"""What may be ours: nothing is claimed where nothing of ours can exist; theirs is left alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, SimConnection
from airbyte_sync_cli.sync.events import JobKnown
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import Start
from tests.support.core import START, Bench, bench, script

LONG = "running 6000, succeeded"
QUICK = "running 60, succeeded"


def policy(**changes: object) -> RunPolicy:
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


def starting(given: Bench, orders: SimConnection, life: str = LONG) -> Callable[[], object]:
    """Let somebody start a sync by hand."""
    return lambda: given.sandbox.start_job(orders, script=script(life))


# -- nothing of ours can exist ---------------------------------------------------------------


@pytest.mark.parametrize("api", ["public", "config"])
def test_a_job_of_somebody_is_left_alone_while_our_trigger_has_not_left(api: str) -> None:
    given = bench("1.8", api=api)
    given.trigger_connects_in = 4
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [state] = given.run(orders, stop_after=0.8, at=(0.5, starting(given, orders)))

    assert state.exit_code is ExitCode.SIGTERM
    assert (state.result().job_id, state.start) == (None, Start.NOT_SENT)
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", [None, "60"])
def test_a_job_of_somebody_is_left_alone_after_a_refusal(
    status: int, retry_after: str | None
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="status", status=status, retry_after=retry_after)
    )

    [state] = given.run(orders, stop_after=3.0, at=(2.5, starting(given, orders)))

    assert state.exit_code is ExitCode.SIGTERM
    assert state.adopted
    assert not given.sandbox.sent("cancel")


def test_a_job_of_somebody_after_a_refusal_is_adopted_and_said_to_be() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, times=1))

    [state] = given.run(orders, at=(2.0, starting(given, orders, QUICK)))

    assert state.exit_code is ExitCode.OK
    assert state.adopted
    assert given.warnings[0].endswith("that was refused: adopted, never cancelled by us")


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_a_job_of_somebody_after_a_refusal_meets_the_policy(how: str, code: ExitCode) -> None:
    given = bench(policy=policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, times=1))

    [state] = given.run(orders, at=(2.0, starting(given, orders)))

    assert state.exit_code is code
    assert len(given.sandbox.sent("trigger")) == 1


def test_job_that_is_in_the_way_is_named_as_theirs_with_a_hint() -> None:
    given = bench(policy=policy(if_running="fail"))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [failed] = given.run(orders)
    given.policy = policy(if_running="skip")
    [skipped] = given.run(orders)

    assert failed.error is not None
    assert failed.error.message == "job 1 (sync) is running on connection 'orders'"
    assert "--if-running wait starts a job afterwards" in (failed.error.hint or "")
    assert (skipped.exit_code, skipped.result().job_id) == (ExitCode.SKIPPED, 1)
    assert (skipped.adopted, skipped.start) == (True, Start.NOT_SENT)


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_job_in_the_way_that_a_refused_trigger_may_have_made_is_said_to_be(
    how: str, code: ExitCode
) -> None:
    given = bench(policy=policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id) == (code, 1)
    assert (state.adopted, state.start) == (True, Start.POSSIBLE)
    if state.error is not None:
        assert "may come from our trigger, which was refused" in state.error.message


@pytest.mark.parametrize("how", ["skip", "fail"])
def test_what_our_own_lost_trigger_brought_about_is_no_reason_to_skip(how: str) -> None:
    given = bench(policy=policy(if_running=how))
    first = script("running 200, succeeded", job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", scripts=(first, script(QUICK)))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_type == "sync"


@pytest.mark.parametrize("how", ["skip", "fail", "wait"])
def test_a_stop_names_a_job_that_a_gateway_delivered_in_spite_of_its_refusal(how: str) -> None:
    given = bench(policy=policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders, stop_after=0.8)

    assert state.exit_code is ExitCode.SIGTERM
    assert (state.result().job_id, state.adopted) == (1, True)


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_job_behind_a_delivered_503_is_named_where_it_is_in_the_way(
    how: str, code: ExitCode
) -> None:
    given = bench(policy=policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders)

    assert state.exit_code is code
    assert (state.result().job_id, state.start) == (1, Start.POSSIBLE)
    assert len(given.sandbox.sent("trigger")) == 1
    assert not given.sandbox.sent("cancel")


def test_an_adopted_job_is_told_with_what_may_still_appear() -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", starts_every=86400, starts_after=10,
        script=script(QUICK),
    )  # fmt: skip
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.OK, Start.POSSIBLE)
    assert "a job of ours may still appear" in given.warnings[0]


def test_a_stop_during_refusals_says_that_nothing_was_started() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="try-again-later"))

    [state] = given.run(orders, stop_after=20)

    assert state.start is Start.REFUSED
    assert not given.sandbox.jobs


# -- the window ------------------------------------------------------------------------------


def an_outage_after_a_lost_trigger(given: Bench, action: str) -> SimConnection:
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault.model_validate({"when": "trigger", "action": action, "times": 1}),
        Fault(when="jobs", action="status", status=502, after=3, for_seconds=1200),
    )
    return orders


def test_a_job_that_appears_long_after_a_lost_trigger_is_adopted_at_most() -> None:
    given = bench()
    orders = an_outage_after_a_lost_trigger(given, "lost-before")

    [state] = given.run(orders, stop_after=1300, at=(900, starting(given, orders)))

    assert (state.exit_code, state.adopted) == (ExitCode.SIGTERM, True)
    assert not given.sandbox.sent("cancel")
    assert any("appeared too long after it" in text for text in given.warnings)


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_a_job_that_appeared_in_time_is_ours_however_late_it_is_seen(ahead: float) -> None:
    given = bench(ahead=ahead)
    orders = an_outage_after_a_lost_trigger(given, "lost-after")

    [state] = given.run(orders, stop_after=1300)

    assert (state.exit_code, state.adopted) == (ExitCode.SIGTERM, False)
    assert not given.sandbox.active_jobs()


# -- who started it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "adopted"), [("1.8", True), ("2.0", False), ("latest", False)]
)
def test_an_event_of_a_manual_start_makes_a_found_job_ours_despite_a_schedule(
    version: str,
    adopted: bool,  # noqa: FBT001  # a row of the table
) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = given.run(orders, stop_after=60)

    assert state.adopted is adopted
    assert bool(given.sandbox.active_jobs()) is adopted


def test_a_scheduled_job_without_such_an_event_is_adopted() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", starts_every=86400, starts_after=10,
        script=script(LONG),
    )  # fmt: skip
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    [state] = given.run(orders, stop_after=60)

    assert state.adopted
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize("action", ["never", "status", "html", "bad-json"])
def test_events_that_cannot_be_read_leave_a_scheduled_job_adopted(action: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", script=script(QUICK)
    )
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault.model_validate({"when": "events", "action": action, "status": 500}),
    )

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted) == (ExitCode.OK, True)


def test_events_that_take_some_seconds_still_make_a_scheduled_job_ours() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="events", action="hold", seconds=3, applied=True),
    )

    [state] = given.run(orders, stop_after=60)

    assert not state.adopted
    assert not given.sandbox.active_jobs()


def test_events_that_never_come_leave_a_stop_time_to_name_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1), Fault(when="events", action="never")
    )

    [state] = given.run(orders, stop_after=0.5)

    assert (state.result().job_id, state.adopted) == (1, True)
    assert given.seconds <= 0.5 + 1.5


def test_a_refresh_that_is_only_found_is_adopted() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))
    theirs = script(LONG)

    [state] = given.run(
        orders,
        stop_after=60,
        at=(5, lambda: given.sandbox.start_job(orders, kind="refresh", script=theirs)),
    )

    assert state.adopted
    assert not given.sandbox.sent("cancel")


# -- the look before a trigger ---------------------------------------------------------------


@pytest.mark.parametrize("at", [2, 5, 8])
def test_a_slow_look_that_succeeds_is_as_old_as_its_beginning(at: float) -> None:
    given = bench(policy=policy(job_type="clear"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="jobs", action="hold", seconds=9, applied=True, times=2),
    )

    given.run(orders, at=(at, starting(given, orders, "running 600, succeeded")))

    theirs = next(job for job in given.sandbox.jobs if job.started_by == "other")
    assert (theirs.status, theirs.cancels) == ("succeeded", 0)


@pytest.mark.parametrize("slow", [1.5, 9.0])
def test_where_every_look_is_slow_the_sync_is_started_all_the_same(slow: float) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="jobs", action="hold", seconds=slow))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("seconds", [0.5, 1.5, 20.0])
def test_a_connection_that_takes_long_to_be_made_leaves_no_stale_trigger(seconds: float) -> None:
    """It is made again while the look is fresh, and in the end without."""
    given = bench()
    given.trigger_connects_in = seconds
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.sent("trigger")) == 1


def test_a_job_that_begins_while_the_triggers_connection_is_made_is_waited_for() -> None:
    given = bench(policy=policy(job_type="clear"))
    given.trigger_connects_in = 5
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    given.run(orders, at=(3, starting(given, orders, "running 600, succeeded")))

    theirs = next(job for job in given.sandbox.jobs if job.started_by == "other")
    assert (theirs.status, theirs.cancels) == ("succeeded", 0)


# -- the facts about a start -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "start"),
    [
        ("trigger:hold=100", Start.POSSIBLE),
        ("trigger:lost-before", Start.POSSIBLE),
        ("trigger:502", Start.POSSIBLE),
        ("trigger:state-conflict", Start.POSSIBLE),
        ("trigger:503", Start.REFUSED),
        ("trigger:429", Start.REFUSED),
        ("trigger:try-again-later", Start.REFUSED),
    ],
)
@pytest.mark.parametrize(("stop_after", "timeout"), [(6, None), (None, 6.0)])
def test_an_ending_without_a_job_carries_what_may_exist(
    fault: str, start: Start, stop_after: float | None, timeout: float | None
) -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=timeout)))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate(fault))

    [state] = given.run(orders, stop_after=stop_after)

    assert state.exit_code is (ExitCode.SIGTERM if stop_after else ExitCode.TIMEOUT)
    assert (state.result().job_id, state.result().start) == (None, start)
    if state.error is not None:
        assert ("may have been started" in state.error.message) is (start is Start.POSSIBLE)


def test_a_timeout_names_the_last_refusal() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=20)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault.model_validate("trigger:try-again-later"))

    [state] = given.run(orders)

    assert state.error is not None
    assert state.error.message.startswith(
        "'orders': the start was refused when --timeout passed ("
    )
    assert "409" in state.error.message
    assert "A sync is already running" in state.error.message


def test_a_timeout_names_the_job_that_was_in_the_way() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=20)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script(LONG))

    [state] = given.run(orders)

    assert state.error is not None
    assert "(job 1 (sync) is in the way)" in state.error.message
    assert state.start is Start.NOT_SENT


def test_a_clean_no_is_a_refusal() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=403))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.DENIED, Start.REFUSED)


def test_a_job_of_ours_is_started_and_one_that_is_adopted_is_not() -> None:
    given = bench(policy=policy(if_running="attach"))
    ours = given.sandbox.add_connection("ours", script=script(QUICK))
    theirs = given.sandbox.add_connection("theirs", script=script(QUICK))
    given.sandbox.start_job(theirs)

    first, second = given.run(ours, theirs)

    assert (first.start, second.start) == (Start.STARTED, Start.NOT_SENT)


@pytest.mark.parametrize(("since", "job_id"), [(None, 2), (START, 1)])
def test_a_job_is_told_with_its_address_and_whether_since_made_it_count(
    since: datetime | None, job_id: int
) -> None:
    given = bench(policy=policy(since=since))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    [known] = given.told(JobKnown)
    assert known.sync.job is not None
    assert (known.sync.job.id, known.since) == (job_id, since is not None)
    assert known.sync.url == state.url
    assert f"/connections/{orders.id}/" in (known.sync.url or "")
    assert f"jobId={job_id}" in (known.sync.url or "")


# -- a list with a job that names itself in no way ---------------------------------------------


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("life", [LONG, "succeeded"])
@pytest.mark.parametrize("changes", [{}, {"since": START}, {"if_running": "skip"}], ids=str)
def test_nothing_starts_while_a_job_of_the_list_has_no_readable_id(
    api: str, life: str, changes: dict[str, object]
) -> None:
    given = bench(api=api, policy=policy(**changes))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.start_job(orders, script=script("failed"))
    given.sandbox.start_job(orders, script=script(life)).id = 0

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.PROTOCOL, Start.NOT_SENT)
    assert "1 of 2 rows cannot be parsed" in str(state.error)
    assert not given.sandbox.sent("trigger")


def test_lost_answer_is_unknown_while_a_job_of_the_list_has_no_readable_id() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.start_job(orders, script=script("failed"))
    given.sandbox.faults.add(Fault.model_validate("trigger:hold=200:applied:times=1"))

    def hide() -> None:
        given.sandbox.jobs[-1].id = 0

    [state] = given.run(orders, at=(100, hide))

    assert (state.exit_code, state.start) == (ExitCode.UNKNOWN, Start.POSSIBLE)
    assert len(given.sandbox.sent("trigger")) == 1
