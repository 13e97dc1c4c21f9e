"""Waiting: odd statuses, outages, deadlines, and clocks that jump."""

from dataclasses import replace
from datetime import timedelta

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import (
    Event,
    OutageBegan,
    OutageEnded,
    Polled,
)
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from tests.support.core import Bench, bench, script, wait_policy


def polls(given: Bench) -> list[Polled]:
    return [event for event in given.events if isinstance(event, Polled)]


BETWEEN_ATTEMPTS = "pending 5, running 3000, incomplete 30, pending 60, running 60, succeeded"
A_WHILE = "running 900, succeeded"
PENDING_LONG = "pending 2, running 6000, succeeded"
DAY = 86_400.0
VERY_LONG = "running 9000, succeeded"


@pytest.mark.parametrize(
    ("life", "code"),
    [
        ("pending 5, queued 600, running 60, succeeded", ExitCode.OK),
        ("running 10, incomplete 1800, running 60, succeeded", ExitCode.OK),
        ("running 10, incomplete 0.2, failed", ExitCode.FAILED),
        ("running 10, failed", ExitCode.FAILED),
        ("running 10, cancelled", ExitCode.CANCELLED),
        ("pending 3, cancelled", ExitCode.CANCELLED),
        ("running 10000, succeeded", ExitCode.OK),
    ],
)
@pytest.mark.parametrize("api", ["public", "config"])
def test_outcome_is_the_final_status(life: str, code: ExitCode, api: str) -> None:
    given = bench(api=api)
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is code


def test_unknown_status_is_active_and_one_warning() -> None:
    given = bench()
    life = "pending 1, hibernating 300, running 60, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [text for text in given.warnings if "hibernating" in text] == [
        "job 1 has the unknown status 'hibernating': treated as active"
    ]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 561, 429, 408])
def test_ten_minutes_of_bad_responses_are_tolerated(status: int) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 3000, succeeded"))
    given.sandbox.faults.add(
        Fault(when="job", action="status", status=status, after=5, for_seconds=600)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [type(e) for e in given.events if isinstance(e, OutageBegan | OutageEnded)] == [
        OutageBegan,
        OutageEnded,
    ]


def test_ten_minutes_without_network_are_tolerated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 3000, succeeded"))

    given.cut_between = (60, 660)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_outage_longer_than_max_outage_is_unknown_and_names_the_job() -> None:
    given = bench(policy=wait_policy(max_outage=1800.0))
    orders = given.sandbox.add_connection("orders", script=script("running 9000, succeeded"))
    given.sandbox.faults.add(Fault(when="job", action="status", status=503, after=3))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.result().job_id == 1
    assert 1800 <= given.seconds < 1900
    assert state.error is not None
    assert state.error.hint is not None
    assert "airbyte-sync wait 1" in state.error.hint


@pytest.mark.parametrize("status", [401, 403, 404])
def test_denial_during_the_wait_is_retried_for_a_minute(
    status: int,
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 9000, succeeded"))
    given.sandbox.faults.add(Fault(when="job", action="status", status=status, after=3))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN, "the job goes on, and nobody knows how it ends"
    assert state.result().job_id == 1
    assert state.error is not None
    assert "job 1 (orders) may still be running" in state.error.message
    assert "airbyte-sync wait 1" in (state.error.hint or "")
    assert given.seconds < 180


def test_denial_that_passes_leaves_the_wait_running() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))
    given.sandbox.faults.add(Fault(when="job", action="status", status=403, after=3, times=2))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("action", ["html", "truncate", "bad-json", "wrong-shape", "login"])
def test_odd_response_during_the_wait_is_tolerated(action: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))
    given.sandbox.faults.add(
        Fault.model_validate({"when": "job", "action": action, "after": 3, "times": 2})
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("120", 120, 200),
        ("Thu, 01 Jan 2026 00:03:00 GMT", 100, 250),
        ("999999999", 300, 400),
        ("soon", 0, 30),
        ("-5", 0, 30),
    ],
)
def test_retry_after_is_honoured_up_to_five_minutes(
    retry_after: str, least: float, most: float
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))
    given.sandbox.faults.add(
        Fault(
            when="job",
            action="rate-limit",
            api="public",
            retry_after=retry_after,
            after=3,
            times=1,
        )
    )

    [state] = given.run(orders)

    looks = [r.time for r in given.sandbox.sent("job") if r.path.startswith("/api/public")]
    assert state.exit_code is ExitCode.OK
    assert least <= looks[4] - looks[3] <= most


def test_job_still_running_at_the_timeout_is_cancelled() -> None:
    given = bench(policy=wait_policy(timeout=300.0))
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.result().status == "cancelled"
    assert state.cancel is not None
    assert state.cancel.confirmed
    assert 300 <= given.seconds < 310


def test_job_that_fails_during_its_cancel_is_failed_with_the_reason() -> None:
    given = bench(policy=wait_policy(timeout=300.0))
    why = {"origin": "source", "message": "No such key."}
    orders = given.sandbox.add_connection(
        "orders", script=script("running 305, failed", failure=why)
    )
    given.sandbox.faults.add(Fault(when="cancel", action="lost-before"))

    [state] = given.run(orders)

    assert given.sandbox.sent("cancel")
    assert state.exit_code is ExitCode.FAILED
    assert state.error is None
    assert state.failure is not None
    assert state.failure.message == "No such key."


def test_on_timeout_leave_leaves_the_job_running() -> None:
    given = bench(policy=replace(wait_policy(timeout=300.0), on_timeout="leave"))
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert not given.sandbox.sent("cancel")
    assert state.result().status == "running"


def test_job_that_ends_just_in_time_is_no_timeout() -> None:
    given = bench(policy=wait_policy(timeout=300.0, poll_interval=200.0))
    orders = given.sandbox.add_connection("orders", script=script("running 299, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_adopted_job_is_not_cancelled_at_the_timeout() -> None:
    given = bench(policy=wait_policy(timeout=300.0))
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script("running 900, succeeded"))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.TIMEOUT
    assert not given.sandbox.sent("cancel")


def test_timeout_includes_the_wait_for_another_job() -> None:
    given = bench(policy=wait_policy(timeout=300.0))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script("running 900, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert not given.sandbox.sent("trigger")
    assert not given.sandbox.sent("cancel")
    assert 300 <= given.seconds < 302


def test_timeout_during_a_slow_trigger_leaves_no_orphan() -> None:
    given = bench("1.8", policy=wait_policy(timeout=20.0))
    life = "pending 600, running 600, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.result().job_id == 1


def test_pending_job_meets_the_start_timeout() -> None:
    given = bench(policy=wait_policy(start_timeout=120.0))
    life = "pending 60, queued 5000, running 60, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.TIMEOUT
    assert state.error is not None
    assert "--start-timeout" in state.error.message
    assert 120 <= given.seconds < 160


def test_running_job_meets_no_start_timeout() -> None:
    given = bench(policy=wait_policy(start_timeout=120.0))
    life = "pending 60, running 5000, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_fifteen_minutes_without_a_start_are_one_warning() -> None:
    given = bench()
    life = "queued 3000, running 60, succeeded"
    orders = given.sandbox.add_connection("orders", script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len([text for text in given.warnings if "for 15 minutes" in text]) == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_wall_clock_that_jumps_an_hour_moves_no_deadline(hours: int) -> None:
    given = bench(policy=wait_policy(timeout=600.0))
    orders = given.sandbox.add_connection("orders", script=script("running 500, succeeded"))

    def jump(event: Event) -> None:
        given.events.append(event)
        given.clock.skew = timedelta(hours=hours)

    given.listener = jump
    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("hours", [-5, 5])
def test_clock_that_differs_from_airbytes_changes_no_pause(hours: int) -> None:
    given = bench()
    given.clock.skew = timedelta(hours=hours)
    orders = given.sandbox.add_connection("orders", script=script("running 20, succeeded"))

    given.run(orders)

    assert len(polls(given)) > 10
    assert given.seconds < 30


def test_sync_without_timeout_may_take_days() -> None:
    given = bench(policy=wait_policy(timeout=None))
    orders = given.sandbox.add_connection("orders", script=script("running 300000, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("action", ["never", "drip"])
def test_endless_response_meets_the_request_timeout(action: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))
    given.sandbox.faults.add(
        Fault.model_validate(
            {"when": "job", "action": action, "seconds": 5, "after": 3, "times": 2}
        )
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("version", ["0.63", "1.0", "1.8", "2.0", "latest"])
@pytest.mark.parametrize("api", ["public", "config"])
def test_unknown_job_is_not_found(version: str, api: str) -> None:
    given = bench(version, api=api)
    given.sandbox.add_connection("orders")

    [state] = given.wait(4711)

    expected = {ExitCode.NOT_FOUND} | ({ExitCode.DENIED} if version == "1.8" else set())
    assert state.exit_code in expected  # 1.7 and 1.8 answer 403, even to admins
    assert given.seconds < 60


def test_outage_from_the_first_request_on_is_tolerated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script("running 900, succeeded"))
    given.sandbox.faults.add(Fault(when="any", action="status", status=502, for_seconds=300))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.OK
    assert state.adopted


def test_polled_events_carry_growing_numbers() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders", script=script("running 600, succeeded", records=60_000)
    )

    given.run(orders)

    seen = [poll.sync.progress.records_emitted or 0 for poll in polls(given) if poll.sync.progress]
    assert seen == sorted(seen)
    assert 0 < seen[len(seen) // 2] < 60_000


@pytest.mark.parametrize("api", ["public", "config"])
def test_pending_between_two_attempts_is_no_late_start(api: str) -> None:
    given = bench(api=api, policy=RunPolicy(wait=WaitPolicy(start_timeout=600)))
    orders = given.sandbox.add_connection("orders", script=script(BETWEEN_ATTEMPTS))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert given.warnings == []


def test_wait_begun_between_two_attempts_has_no_late_start() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(start_timeout=40)))
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script("running 60, pending 60, succeeded"))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.OK


@pytest.mark.parametrize("how", ["attach", "wait", "lost"])
def test_job_known_from_a_list_exists_although_reading_it_is_a_500(how: str) -> None:
    """The Config API answers the same for a job that does not exist."""
    trigger = TriggerPolicy(if_running="attach" if how == "attach" else "wait")
    given = bench(api="config", policy=RunPolicy(trigger=trigger))
    orders = given.sandbox.add_connection("orders", script=script("running 900, succeeded"))
    if how == "lost":
        given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))
    else:
        given.sandbox.start_job(orders, script=script("running 900, succeeded"))
    given.sandbox.faults.add(Fault(when="job", action="status", status=500, for_seconds=300))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_job_that_ends_while_names_are_read_is_no_timeout() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=20)))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, script=script("running 15, succeeded"))
    given.sandbox.faults.add(Fault(when="connection", action="never"))

    [state] = given.wait(1)

    assert state.exit_code is ExitCode.OK
    assert given.seconds <= 22


@pytest.mark.parametrize("odd", ["job:html", "job:login", "job:401", "job:404", "job:bad-json"])
def test_one_denial_during_an_outage_is_tolerated(odd: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(A_WHILE))
    given.sandbox.faults.add(
        Fault(when="job", action="status", status=503, from_seconds=60, for_seconds=90),
        Fault.model_validate(f"{odd}:from=150:times=1:api=public"),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_hanging_read_ends_at_the_timeout() -> None:
    given = bench(policy=RunPolicy(wait=WaitPolicy(timeout=10.0)))
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(PENDING_LONG))
    given.sandbox.faults.add(Fault(when="job", action="never"))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.TIMEOUT
    assert given.seconds < 20


def test_two_500s_leave_the_wait_running() -> None:
    given = bench("1.8", api="config")
    orders = given.sandbox.add_connection("orders")
    job = given.sandbox.start_job(orders, script=script(A_WHILE))
    given.sandbox.faults.add(Fault(when="job", action="status", status=500, times=2))

    [state] = given.wait(job.id)

    assert state.exit_code is ExitCode.OK


def test_outage_of_half_a_day_is_tolerated_within_max_outage() -> None:
    given = bench(policy=wait_policy(max_outage=DAY))
    orders = given.sandbox.add_connection("orders", script=script("running 60000, succeeded"))
    given.cut_between = (100.0, 50_000.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_job_that_runs_at_the_last_poll_meets_no_start_timeout() -> None:
    given = bench(policy=wait_policy(start_timeout=60.0, poll_interval=50.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 55, running 60, succeeded")
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK


def test_unreadable_job_meets_no_start_timeout() -> None:
    given = bench(policy=wait_policy(start_timeout=60.0))
    orders = given.sandbox.add_connection(
        "orders", script=script("pending 30, running 600, succeeded")
    )
    given.cut_between = (20.0, 200.0)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.events) < 1000


def test_ten_minutes_of_config_api_crashes_are_tolerated() -> None:
    given = bench("2.0", api="config")
    orders = given.sandbox.add_connection("orders", script=script(VERY_LONG))
    given.sandbox.faults.add(
        Fault(when="job", action="status", status=500, after=3, for_seconds=600)
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
