"""Syncs that run at the same time: outcomes, limits, --fail-fast, dry runs, bugs."""

from dataclasses import replace

import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.http import RETRY_FOR
from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.errors import BugError
from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.output.messages import error_result
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import (
    Cancelling,
    DryRun,
    Event,
    Finished,
    JobKnown,
    LookingForJob,
    Polled,
    Provisional,
    SyncEvent,
    Triggering,
)
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.result import Start
from tests.support.core import Bench, bench, script


def connections(given: Bench, *lives: str) -> list[object]:
    return [
        given.sandbox.add_connection(f"c{number}", script=script(life))
        for number, life in enumerate(lives)
    ]


LONG = "running 6000, succeeded"


def breaking(given: Bench, kind: type[Event], *, key: str, times: int = 1) -> None:
    """Let the listener raise at events of this kind."""
    left = [kind] * times

    def listen(event: Event) -> None:
        given.events.append(event)
        if isinstance(event, kind) and left and _is_about(event, key):
            left.pop()
            raise ValueError("ours")

    given.listener = listen


def _is_about(event: Event, key: str) -> bool:
    return not isinstance(event, SyncEvent) or event.sync.key == key


VERY_LONG = "running 9000, succeeded"


def test_each_sync_has_its_outcome_and_the_lowest_exit_code_wins() -> None:
    given = bench()
    three = connections(
        given, "running 50, succeeded", "running 9, failed", "running 5, cancelled"
    )

    states = given.run(*three)  # type: ignore[arg-type]

    codes = [state.exit_code for state in states]
    assert codes == [ExitCode.OK, ExitCode.FAILED, ExitCode.CANCELLED]
    assert verdict(code for code in codes if code is not None) is ExitCode.FAILED


def test_syncs_run_at_the_same_time() -> None:
    given = bench()
    many = connections(given, *["running 600, succeeded"] * 10)

    given.run(*many)  # type: ignore[arg-type]

    assert given.seconds < 700


def test_sync_that_cannot_start_spares_the_others() -> None:
    given = bench()
    good = given.sandbox.add_connection("good", script=script("running 60, succeeded"))
    off = given.sandbox.add_connection("off", status="inactive")

    first, second = given.run(good, off)

    assert first.exit_code is ExitCode.OK
    assert second.exit_code is ExitCode.REJECTED


def test_fail_fast_cancels_the_other_jobs_that_we_started() -> None:
    given = bench(policy=RunPolicy(fail_fast=True))
    many = connections(given, "running 9000, succeeded", "running 60, failed")

    first, second = given.run(*many)  # type: ignore[arg-type]

    assert second.exit_code is ExitCode.FAILED
    assert first.result().status == "cancelled"
    assert first.exit_code is ExitCode.SIGTERM
    assert verdict([ExitCode.SIGTERM, ExitCode.FAILED]) is ExitCode.FAILED
    assert given.seconds < 120
    assert sum("stopping the others" in text for text in given.warnings) == 1


def test_without_fail_fast_the_other_syncs_continue() -> None:
    given = bench()
    many = connections(given, "running 900, succeeded", "running 60, failed")

    first, second = given.run(*many)  # type: ignore[arg-type]

    assert first.exit_code is ExitCode.OK
    assert second.exit_code is ExitCode.FAILED


def test_fail_fast_skips_syncs_that_waited_for_max_parallel() -> None:
    given = bench(policy=RunPolicy(fail_fast=True, max_parallel=1))
    many = connections(given, "running 60, failed", "running 60, succeeded")

    _, second = given.run(*many)  # type: ignore[arg-type]

    assert second.exit_code is ExitCode.SKIPPED
    assert len(given.sandbox.jobs) == 1


@pytest.mark.parametrize("most", [1, 2, 5])
def test_max_parallel_limits_the_syncs_at_a_time(most: int) -> None:
    given = bench(policy=RunPolicy(max_parallel=most))
    many = connections(given, *["running 100, succeeded"] * 10)

    states = given.run(*many)  # type: ignore[arg-type]

    jobs = given.sandbox.jobs
    starts = [job.created_at for job in jobs]
    at_a_time = max(sum(job.created_at <= at < job.ends_at for job in jobs) for at in starts)
    assert at_a_time <= most
    assert all(state.exit_code is ExitCode.OK for state in states)


def test_at_most_three_triggers_are_under_way_at_once() -> None:
    given = bench("1.8")
    life = "pending 20, running 100, succeeded"  # this version answers when the job runs
    many = connections(given, *[life] * 9)

    given.run(*many)  # type: ignore[arg-type]

    times = sorted(request.time for request in given.sandbox.sent("trigger"))
    assert len(times) == 9
    assert all(later - earlier >= 19 for earlier, later in zip(times, times[3:], strict=False))


def test_signal_cancels_all_our_jobs_in_time() -> None:
    given = bench()
    many = connections(given, *["running 9000, succeeded"] * 20)

    states = given.run(*many, stop_after=60)  # type: ignore[arg-type]

    assert {state.exit_code for state in states} == {ExitCode.SIGTERM}
    assert not given.sandbox.active_jobs()
    assert given.seconds <= 65


def test_outage_is_tolerated_by_every_sync() -> None:
    given = bench()
    many = connections(given, *["running 900, succeeded"] * 5)
    given.sandbox.faults.add(
        Fault(when="any", action="status", status=502, from_seconds=60, for_seconds=300)
    )

    states = given.run(*many)  # type: ignore[arg-type]

    assert {state.exit_code for state in states} == {ExitCode.OK}


def test_wait_for_several_jobs_returns_each_outcome() -> None:
    given = bench()
    one, two = connections(given, "running 60, succeeded", "running 60, failed")
    first = given.sandbox.start_job(one)  # type: ignore[arg-type]
    second = given.sandbox.start_job(two)  # type: ignore[arg-type]

    states = given.wait(first.id, second.id)

    assert [state.exit_code for state in states] == [ExitCode.OK, ExitCode.FAILED]
    assert all(state.adopted for state in states)
    assert [state.result().connection_name for state in states] == ["c0", "c1"]


def test_trigger_only_returns_while_the_job_is_active() -> None:
    given = bench(policy=RunPolicy(trigger_only=True))
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_id == 1
    assert given.sandbox.active_jobs()
    assert given.seconds < 10


def test_dry_run_starts_nothing_and_reports_what_it_would_do() -> None:
    given = bench(policy=RunPolicy(dry_run=True))
    orders = given.sandbox.add_connection("orders")

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert not given.sandbox.jobs
    assert [said.message for said in given.emitted(DryRun)] == ["would start a sync"]


def test_dry_run_reports_the_active_job() -> None:
    given = bench(policy=replace(RunPolicy(), dry_run=True))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script("running 900, succeeded"))

    given.run(orders)

    assert [said.message for said in given.emitted(DryRun)] == ["job 1 is running: would wait"]


def test_finished_event_carries_error_and_full_failure() -> None:
    given = bench()
    bad = given.sandbox.add_connection("bad", script=script("running 60, failed"))
    off = given.sandbox.add_connection("off", status="inactive")

    given.run(bad, off)

    finished = {event.sync.key: event for event in given.events if isinstance(event, Finished)}
    assert finished[bad.id].failure is not None
    assert finished[bad.id].error is None
    assert "inactive" in str(finished[off.id].error)


@pytest.mark.parametrize("kind", [JobKnown, Polled])
def test_bug_with_an_active_job_names_it_with_a_hint(kind: type[Event]) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    breaking(given, kind, key=orders.id)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.BUG
    error = error_result(ExitCode.BUG, [state.result()], state.error)
    assert error is not None
    assert error.message == (
        "internal error: ValueError: ours; job 1 (orders): still active in Airbyte"
    )
    assert error.hint is not None
    assert "airbyte-sync wait 1" in error.hint
    assert "report it" in error.hint


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("trigger:hold=20:applied:times=1", Triggering),
        ("trigger:lost-after:times=1", LookingForJob),
    ],
)
def test_bug_during_a_trigger_names_its_job(fault: str, kind: type[Event]) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(Fault.model_validate(fault))
    breaking(given, kind, key=orders.id)

    [state] = given.run(orders)

    active = [job.id for job in given.sandbox.active_jobs()]
    assert state.exit_code is ExitCode.BUG
    assert active == ([] if state.result().job_id is None else [1])


def test_bug_in_the_trigger_names_the_job_that_it_started() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.trigger_breaks = True

    [state] = given.run(orders)

    error = error_result(ExitCode.BUG, [state.result()], state.error)
    assert error is not None
    assert (state.exit_code, state.start) == (ExitCode.BUG, Start.STARTED)
    assert "ValueError: ours; job 1 (orders): still active in Airbyte" in error.message
    assert "airbyte-sync wait 1" in (error.hint or "")


def test_bug_in_the_trigger_during_a_stop_loses_no_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", schedule="every 24 hours", script=script(LONG))
    given.trigger_breaks = True

    [state] = given.run(orders, stop_after=0.1)

    assert (state.exit_code, state.start) == (ExitCode.SIGTERM, Start.STARTED)
    assert not given.sandbox.active_jobs()
    assert "internal error: ValueError: ours" in given.warnings


def test_bug_that_also_breaks_the_search_reports_that_a_job_may_exist() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=502, after=3),
    )
    breaking(given, LookingForJob, key=orders.id)

    [state] = given.run(orders)

    assert (state.exit_code, state.start) == (ExitCode.BUG, Start.POSSIBLE)
    error = error_result(ExitCode.BUG, [state.result()], state.error)
    assert error is not None
    assert "a job may have been started" in error.message
    assert f"airbyte-sync status --conn {orders.id}" in (error.hint or "")


@pytest.mark.parametrize("kind", [Finished, Provisional])
def test_bug_of_a_listener_at_the_end_leaves_every_result(kind: type[Event]) -> None:
    given = bench()
    one = given.sandbox.add_connection("one", script=script("running 30, failed"))
    two = given.sandbox.add_connection("two", script=script(LONG))
    breaking(given, kind, key=one.id, times=99)

    first, second = given.run(one, two, stop_after=60)

    assert first.exit_code is ExitCode.FAILED
    assert second.result().job_id == 2
    assert not given.sandbox.active_jobs()
    assert second.exit_code in {ExitCode.SIGTERM, ExitCode.BUG}


def test_bug_without_a_job_is_exit_code_1() -> None:
    error = error_result(ExitCode.BUG, [], BugError("internal error"))

    assert error is not None
    assert error.message == "internal error"


def test_bug_in_the_wind_down_names_the_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(LONG))
    breaking(given, Cancelling, key=orders.id)

    [state] = given.run(orders, stop_after=60)

    error = error_result(ExitCode.BUG, [state.result()], state.error)
    assert state.exit_code is ExitCode.BUG
    assert error is not None
    assert "job 1 (orders): still active in Airbyte" in error.message
    assert "airbyte-sync wait 1" in (error.hint or "")


def test_bugs_in_several_syncs_name_every_job() -> None:
    given = bench()
    both = [given.sandbox.add_connection(name, script=script(LONG)) for name in ("one", "two")]

    def listen(event: Event) -> None:
        if isinstance(event, Polled):
            raise ValueError("ours")  # noqa: TRY004  # any bug

    given.listener = listen

    states = given.run(*both)

    error = error_result(ExitCode.BUG, [state.result() for state in states], states[0].error)
    assert error is not None
    assert "job 1 (one): still active in Airbyte" in error.message
    assert "job 2 (two): still active in Airbyte" in error.message
    assert "airbyte-sync wait 1 2" in (error.hint or "")


class BrokenForJob1(Airbyte):
    """Has a bug when it reads job 1."""

    async def job(self, job_id: int, *, retry_for: float = RETRY_FOR) -> Job:
        if job_id == 1:
            raise ValueError("ours")
        return await super().job(job_id, retry_for=retry_for)


def test_bug_in_one_sync_names_its_job_and_spares_the_others() -> None:
    given = bench()
    first = given.sandbox.add_connection("first", script=script(VERY_LONG))
    second = given.sandbox.add_connection("second", script=script("running 60, succeeded"))
    given.client = BrokenForJob1

    bug, fine = given.run(first, second)

    assert bug.exit_code is ExitCode.BUG
    assert bug.result().job_id == 1
    assert fine.exit_code is ExitCode.OK
    assert verdict([ExitCode.BUG, ExitCode.OK]) is ExitCode.BUG
