"""A found job: claimed where nothing else can have started it, else adopted."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, SimConnection
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from airbyte_sync_cli.sync.result import Start
from airbyte_sync_cli.sync.select import select_connections
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import START, Bench, bench, script, trigger_policy

QUICK = "running 60, succeeded"
LONG = "running 6000, succeeded"


def starting(given: Bench, orders: SimConnection, life: str = LONG) -> Callable[[], object]:
    """Return a call by which another client starts a sync by hand."""
    return lambda: given.sandbox.start_job(orders, script=script(life))


def an_outage_after_a_lost_trigger(given: Bench, action: str) -> SimConnection:
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault.model_validate({"when": "trigger", "action": action, "times": 1}),
        Fault(when="jobs", action="status", status=502, after=3, for_seconds=1200),
    )
    return orders


PENDING_QUICK = "pending 2, running 60, succeeded"
A_WHILE = "running 900, succeeded"


@pytest.mark.parametrize("fault", ["trigger:lost-before", "trigger:503"])
def test_baseline_is_fixed_once_a_trigger_may_have_started_a_job(fault: str) -> None:
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


@pytest.mark.parametrize(("action", "found_after"), [("lost-after", 60), ("lost-before", 1200)])
def test_job_found_by_undated_responses_is_claimed_only_soon_after_the_trigger(
    action: str, found_after: float
) -> None:
    """Without a `Date` its creation cannot be compared: what counts is when it is read."""
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
    assert any("it appeared too long afterwards" in text for text in given.warnings) is not is_ours


@pytest.mark.parametrize("api", ["public", "config"])
def test_other_job_is_left_alone_before_our_trigger_is_sent(api: str) -> None:
    given = bench("1.8", api=api)
    given.trigger_connects_in = 4
    orders = given.sandbox.add_connection("orders", script=script(LONG))

    [state] = given.run(orders, stop_after=0.8, at=(0.5, starting(given, orders)))

    assert state.exit_code is ExitCode.SIGTERM
    assert (state.result().job_id, state.start) == (None, Start.NOT_SENT)
    assert not given.sandbox.sent("cancel")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", [None, "60"])
def test_other_job_after_a_refused_trigger_is_not_cancelled(
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


def test_other_job_after_a_refused_trigger_is_adopted_with_a_warning() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, times=1))

    [state] = given.run(orders, at=(2.0, starting(given, orders, QUICK)))

    assert state.exit_code is ExitCode.OK
    assert state.adopted
    assert given.warnings[0].endswith("the trigger was rejected: adopted, so it is not cancelled")


@pytest.mark.parametrize(
    ("how", "code"), [("skip", ExitCode.SKIPPED), ("fail", ExitCode.CONFLICT)]
)
def test_other_job_after_a_refused_trigger_meets_if_running(how: str, code: ExitCode) -> None:
    given = bench(policy=trigger_policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, times=1))

    [state] = given.run(orders, at=(2.0, starting(given, orders)))

    assert state.exit_code is code
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("how", ["skip", "fail", "wait"])
def test_stop_names_the_job_of_a_delivered_503(how: str) -> None:
    given = bench(policy=trigger_policy(if_running=how))
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, applied=True))

    [state] = given.run(orders, stop_after=0.8)

    assert state.exit_code is ExitCode.SIGTERM
    assert (state.result().job_id, state.adopted) == (1, True)


def test_adopted_job_is_reported_with_the_one_that_may_still_appear() -> None:
    given = bench("1.8")
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", starts_every=86400, starts_after=10,
        script=script(QUICK),
    )  # fmt: skip
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.OK, Start.POSSIBLE)
    assert "a job of this run may still appear" in given.warnings[0]


def test_stop_during_refusals_reports_that_nothing_was_started() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="try-again-later"))

    [state] = given.run(orders, stop_after=20)

    assert state.start is Start.REFUSED
    assert not given.sandbox.jobs


def test_job_created_long_after_a_lost_trigger_is_adopted() -> None:
    given = bench()
    orders = an_outage_after_a_lost_trigger(given, "lost-before")

    [state] = given.run(orders, stop_after=1300, at=(900, starting(given, orders)))

    assert (state.exit_code, state.adopted) == (ExitCode.SIGTERM, True)
    assert not given.sandbox.sent("cancel")
    assert any("it appeared too long afterwards" in text for text in given.warnings)


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_job_created_in_time_is_claimed_however_late_it_is_read(ahead: float) -> None:
    given = bench(ahead=ahead)
    orders = an_outage_after_a_lost_trigger(given, "lost-after")

    [state] = given.run(orders, stop_after=1300)

    assert (state.exit_code, state.adopted) == (ExitCode.SIGTERM, False)
    assert not given.sandbox.active_jobs()


@pytest.mark.parametrize(
    ("version", "adopted"), [("1.8", True), ("2.0", False), ("latest", False)]
)
def test_manual_start_event_claims_a_found_job_despite_a_schedule(
    version: str,
    adopted: bool,  # noqa: FBT001  # a row of the table
) -> None:
    given = bench(version)
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = given.run(orders, stop_after=60)

    assert state.adopted is adopted
    assert bool(given.sandbox.active_jobs()) is adopted


def test_scheduled_job_without_manual_start_event_is_adopted() -> None:
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
def test_unreadable_events_leave_a_scheduled_job_adopted(action: str) -> None:
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


def test_slow_manual_start_event_still_claims_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="events", action="hold", seconds=3, applied=True),
    )

    [state] = given.run(orders, stop_after=60)

    assert not state.adopted
    assert not given.sandbox.active_jobs()


def test_hanging_events_leave_a_stop_time_to_name_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1), Fault(when="events", action="never")
    )

    [state] = given.run(orders, stop_after=0.5)

    assert (state.result().job_id, state.adopted) == (1, True)
    assert given.seconds <= 0.5 + 1.5


def test_found_refresh_is_adopted() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))
    other = script(LONG)

    [state] = given.run(
        orders,
        stop_after=60,
        at=(5, lambda: given.sandbox.start_job(orders, kind="refresh", script=other)),
    )

    assert state.adopted
    assert not given.sandbox.sent("cancel")


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
def test_ending_without_a_job_has_the_known_start(
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


def test_clean_no_has_the_start_refused() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=403))

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.DENIED, Start.REFUSED)


def test_start_is_started_only_for_our_job() -> None:
    given = bench(policy=trigger_policy(if_running="attach"))
    ours = given.sandbox.add_connection("ours", script=script(QUICK))
    other = given.sandbox.add_connection("other", script=script(QUICK))
    given.sandbox.start_job(other)

    first, second = given.run(ours, other)

    assert (first.start, second.start) == (Start.STARTED, Start.NOT_SENT)


@pytest.mark.parametrize(("since", "job_id"), [(None, 2), (START, 1)])
def test_job_known_event_has_the_url_and_since(since: datetime | None, job_id: int) -> None:
    given = bench(policy=trigger_policy(since=since))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("succeeded"))

    [state] = given.run(orders)

    [known] = given.emitted(JobKnown)
    assert known.sync.job is not None
    assert (known.sync.job.id, known.since) == (job_id, since is not None)
    assert known.sync.url == state.url
    assert f"/connections/{orders.id}/" in (known.sync.url or "")
    assert f"jobId={job_id}" in (known.sync.url or "")


def test_lost_response_with_an_unreadable_job_id_in_the_list_is_unknown() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.start_job(orders, script=script("failed"))
    given.sandbox.faults.add(Fault.model_validate("trigger:hold=200:applied:times=1"))

    def hide() -> None:
        given.sandbox.jobs[-1].id = 0

    [state] = given.run(orders, at=(100, hide))

    assert (state.exit_code, state.start) == (ExitCode.UNKNOWN, Start.POSSIBLE)
    assert len(given.sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("action", ["html", "bad-json", "login"])
def test_search_tolerates_an_odd_response(action: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault.model_validate({"when": "jobs", "action": action, "after": 3, "times": 3}),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.result().job_id]


@pytest.mark.parametrize("fault", ["html", "401", "404"])
def test_search_denied_for_a_minute_ends_as_unknown(fault: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault.model_validate(f"jobs:{fault}:after=3"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.error is not None
    assert f"`airbyte-sync status --conn {orders.id}` shows" in (state.error.hint or "")


def test_long_search_tolerates_one_failed_read() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(max_outage=10.0)))
    orders = given.sandbox.add_connection("orders", script=script(PENDING_QUICK, born_after=100))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=503, from_seconds=80, times=3),
    )

    [state] = given.run(orders)

    assert LookingForJob in {type(event) for event in given.events}
    assert state.exit_code is ExitCode.OK


def test_clear_of_another_client_is_never_claimed_as_a_sync() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 60, succeeded"))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))
    other = script("running 5, succeeded")

    [state] = given.run(
        orders, at=(10, lambda: given.sandbox.start_job(orders, kind="clear", script=other))
    )

    assert (state.exit_code, state.result().job_type) == (ExitCode.OK, "sync")


@pytest.mark.parametrize("odd", ["jobs:html", "jobs:401"])
def test_one_denial_during_an_outage_of_a_search_is_tolerated(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=503, after=3, for_seconds=90),
        Fault.model_validate(f"{odd}:from=90:times=3"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
