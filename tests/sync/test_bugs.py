"""A bug of ours never abandons a job: it is named, and the others go on."""

import pytest

from airbyte_sync_cli.errors import BugError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.messages import error_result
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import (
    Cancelling,
    Event,
    Finished,
    JobKnown,
    LookingForJob,
    Polled,
    Provisional,
    SyncEvent,
    Triggering,
)
from airbyte_sync_cli.sync.result import Start
from tests.support.core import Bench, bench, script

LONG = "running 6000, succeeded"


def breaking(given: Bench, kind: type[Event], *, key: str, times: int = 1) -> None:
    """Let whoever listens to this kind of event have a bug."""
    left = [kind] * times

    def listen(event: Event) -> None:
        given.events.append(event)
        if isinstance(event, kind) and left and _is_about(event, key):
            left.pop()
            raise ValueError("ours")

    given.listener = listen


def _is_about(event: Event, key: str) -> bool:
    return not isinstance(event, SyncEvent) or event.sync.key == key


@pytest.mark.parametrize("kind", [JobKnown, Polled])
def test_a_bug_with_an_active_job_names_it_and_how_to_go_on(kind: type[Event]) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    breaking(given, kind, key=orders.id)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.BUG
    told = error_result(ExitCode.BUG, [state.result()], state.error)
    assert told is not None
    assert told.message == (
        "internal error: ValueError: ours; job 1 (orders): still active in Airbyte"
    )
    assert told.hint is not None
    assert "airbyte-sync wait 1" in told.hint
    assert "report it" in told.hint


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("trigger:hold=20:applied:times=1", Triggering),
        ("trigger:lost-after:times=1", LookingForJob),
    ],
)
def test_a_bug_while_a_trigger_is_open_names_its_job(fault: str, kind: type[Event]) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate(fault))
    breaking(given, kind, key=orders.id)

    [state] = given.run(orders)

    active = [job.id for job in given.sandbox.active_jobs()]
    assert state.exit_code is ExitCode.BUG
    assert active == ([] if state.result().job_id is None else [1])


def test_a_bug_in_the_trigger_names_the_job_that_it_may_have_made() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.trigger_breaks = True

    [state] = given.run(orders)

    told = error_result(ExitCode.BUG, [state.result()], state.error)
    assert told is not None
    assert (state.exit_code, state.start) == (ExitCode.BUG, Start.STARTED)
    assert "ValueError: ours; job 1 (orders): still active in Airbyte" in told.message
    assert "airbyte-sync wait 1" in (told.hint or "")


def test_a_bug_in_the_trigger_while_we_are_stopped_loses_no_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.trigger_breaks = True

    [state] = given.run(orders, stop_after=0.1)

    assert (state.exit_code, state.start) == (ExitCode.SIGTERM, Start.STARTED)
    assert not given.sandbox.active_jobs()
    assert "internal error: ValueError: ours" in given.warnings


def test_a_bug_that_stays_while_the_job_is_looked_for_says_that_one_may_exist() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=502, after=3),
    )
    breaking(given, LookingForJob, key=orders.id)

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.BUG, Start.POSSIBLE)
    told = error_result(ExitCode.BUG, [state.result()], state.error)
    assert told is not None
    assert "a job may have been started" in told.message
    assert f"airbyte-sync status --conn {orders.id}" in (told.hint or "")


@pytest.mark.parametrize("kind", [Finished, Provisional])
def test_a_bug_in_telling_an_ending_leaves_every_sync_its_own(kind: type[Event]) -> None:
    given = bench()
    one = given.sandbox.add_connection("one", script=script("running 30, failed"))
    two = given.sandbox.add_connection("two", script=script(LONG))
    breaking(given, kind, key=one.id, times=99)

    first, second = given.run(one, two, stop_after=60)

    assert first.exit_code is ExitCode.FAILED
    assert second.result().job_id == 2
    assert not given.sandbox.active_jobs()
    assert second.exit_code in {ExitCode.SIGTERM, ExitCode.BUG}


def test_a_bug_without_a_job_is_only_a_bug() -> None:
    told = error_result(ExitCode.BUG, [], BugError("internal error"))

    assert told is not None
    assert told.message == "internal error"


def test_connection_switched_off_after_a_lost_answer_still_says_that_a_job_may_exist() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate("trigger:lost-before:times=1"))

    [state] = given.run(orders, at=(5, lambda: setattr(orders, "status", "inactive")))

    assert (state.exit_code, state.start) == (ExitCode.REJECTED, Start.POSSIBLE)
    told = error_result(ExitCode.REJECTED, [state.result()], state.error)
    assert told is not None
    assert "is inactive" in told.message
    assert "a job may have been started, but none has shown up" in told.message
    assert f"airbyte-sync status --conn {orders.id}" in (told.hint or "")


def test_bug_in_the_stop_itself_names_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    breaking(given, Cancelling, key=orders.id)

    [state] = given.run(orders, stop_after=60)

    told = error_result(ExitCode.BUG, [state.result()], state.error)
    assert state.exit_code is ExitCode.BUG
    assert told is not None
    assert "job 1 (orders): still active in Airbyte" in told.message
    assert "airbyte-sync wait 1" in (told.hint or "")


def test_bugs_in_several_syncs_at_once_name_every_job() -> None:
    given = bench()
    both = [given.sandbox.add_connection(name, script=script(LONG)) for name in ("one", "two")]

    def listen(event: Event) -> None:
        if isinstance(event, Polled):
            raise ValueError("ours")  # noqa: TRY004  # any bug

    given.listener = listen

    states = given.run(*both)

    told = error_result(ExitCode.BUG, [state.result() for state in states], states[0].error)
    assert told is not None
    assert "job 1 (one): still active in Airbyte" in told.message
    assert "job 2 (two): still active in Airbyte" in told.message
    assert "airbyte-sync wait 1 2" in (told.hint or "")
