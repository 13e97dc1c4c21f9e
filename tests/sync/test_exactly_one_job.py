"""Whatever happens to the trigger response, there is exactly one job, and it is named."""

from dataclasses import replace
from datetime import timedelta

import pytest

from airbyte_sync_cli.airbyte.models import Job, active_among
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import JobKnown, LookingForJob, Triggering
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy
from tests.support.core import START, Bench, bench, script, trigger_policy

QUICK = "pending 2, running 60, succeeded"
VERSIONS = ["0.63", "1.0", "1.8", "2.0", "latest"]
LOST = [
    Fault(when="trigger", action="lost-before", times=1),
    Fault(when="trigger", action="lost-after", times=1),
    Fault(when="trigger", action="never", times=1),
    Fault(when="trigger", action="html", times=1),
    Fault(when="trigger", action="truncate", times=1),
    Fault(when="trigger", action="bad-json", times=1),
    Fault(when="trigger", action="wrong-shape", times=1),
    Fault(when="trigger", action="state-conflict", times=1),
    Fault(when="trigger", action="late-job", seconds=70, times=1),
    Fault(when="trigger", action="rate-limit", retry_after="7", times=1),
    *(
        Fault(when="trigger", action="status", status=status, body=body, applied=applied, times=1)
        for status in (408, 429, 500, 502, 503, 504, 520, 561)
        for body in ("json", "html", "empty")
        for applied in (False, True)
    ),
]


def triggers(given: Bench) -> int:
    return sum(isinstance(event, Triggering) for event in given.events)


NOT_ACTIVE = [(v, s) for v in VERSIONS for s in ("inactive", "deprecated")] + [
    ("latest", "locked")  # came with 2.1
]


def policy(**changes: object) -> RunPolicy:
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("api", ["public", "config"])
def test_plain_run_starts_one_job_on_every_version(version: str, api: str) -> None:
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert not state.adopted
    assert [job.id for job in given.sandbox.jobs] == [state.job and state.job.id]


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize(
    "fault", LOST, ids=lambda f: f"{f.action}-{f.status}-{f.body}-{f.applied}"
)
def test_response_lost_in_any_way_leaves_exactly_one_job(fault: Fault, api: str) -> None:
    given = bench(api=api)
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(fault)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert [job.id for job in given.sandbox.jobs] == [state.job and state.job.id]
    is_refusal = fault.status in {429, 503} and fault.action == "status"
    assert state.adopted is (is_refusal and fault.applied), "a refusal delivers nothing"


def test_lost_response_on_a_scheduled_connection_adopts_with_a_warning() -> None:
    given = bench("1.8")  # servers before 2.0 do not record who started a job
    orders = given.sandbox.add_connection(
        "orders", schedule="every 24 hours", script=script(QUICK)
    )
    given.sandbox.faults.add(Fault(when="trigger", action="lost-after", times=1))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.adopted
    assert len(given.sandbox.jobs) == 1
    assert "adopted, so it is not cancelled" in given.warnings[0]


def test_trigger_is_repeated_only_after_a_search_longer_than_the_servers_minute() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))

    given.run(orders)

    first, second = given.sandbox.sent("trigger")
    assert second.time - first.time >= 75


def test_refused_trigger_needs_only_a_short_search() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503, times=1))

    given.run(orders)

    first, second = given.sandbox.sent("trigger")
    assert 5 <= second.time - first.time < 20


def test_retry_after_delays_the_next_trigger() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="rate-limit", retry_after="90", times=1))

    given.run(orders)

    first, second = given.sandbox.sent("trigger")
    assert second.time - first.time >= 90


def test_trigger_that_takes_130_seconds_is_one_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="hold", seconds=130, times=1))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 1
    assert triggers(given) == 1


def test_job_that_appears_ten_seconds_after_a_state_conflict_is_claimed() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK, born_after=70))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 1
    assert triggers(given) == 1
    assert any(isinstance(event, LookingForJob) for event in given.events)


def test_response_with_an_old_active_job_adopts_it() -> None:
    """The latest version answers a trigger during `queued` with the queued job."""
    given = bench(policy=trigger_policy(if_running="attach"))
    orders = given.sandbox.add_connection(
        "orders", script=script("queued 300, running 5, succeeded")
    )
    other = given.sandbox.start_job(orders)

    [state] = given.run(orders)

    assert state.adopted
    assert state.job is not None
    assert state.job.id == other.id
    assert len(given.sandbox.jobs) == 1


def test_triggers_that_never_reach_the_server_end_as_unavailable() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="status", status=503))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNAVAILABLE
    assert state.job is None
    assert not given.sandbox.jobs
    assert triggers(given) == TriggerPolicy().max_triggers


def test_responses_lost_repeatedly_end_as_unknown() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN
    assert state.error is not None
    assert "may have been started" in state.error.message
    assert triggers(given) == TriggerPolicy().max_triggers


def test_outage_after_a_lost_response_is_tolerated() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=502, after=3, for_seconds=600),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 1


def test_outage_longer_than_max_outage_after_a_lost_response_is_unknown() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=502, after=3),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize(("version", "status"), NOT_ACTIVE)
def test_inactive_connection_is_rejected_before_any_trigger(
    version: str, api: str, status: str
) -> None:
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", status=status)  # type: ignore[arg-type]

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.REJECTED
    assert state.error is not None
    assert status in state.error.message
    assert not given.sandbox.sent("trigger")


def test_connection_disabled_meanwhile_is_rejected_after_the_409() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="state-conflict", times=1))
    off = given.sandbox.state.connections[orders.id]
    given.policy = policy()

    def switch_off(event: object) -> None:
        given.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Triggering):
            off.status = "inactive"

    given.listener = switch_off
    [state] = given.run(orders)

    assert state.exit_code is ExitCode.REJECTED
    assert not given.sandbox.jobs


def test_phantom_409_is_a_conflict_after_two_minutes_of_retries() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="trigger", action="try-again-later"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.CONFLICT
    assert state.error is not None
    assert "already running" in state.error.message  # Airbyte's message
    assert 120 <= given.seconds < 180


def test_phantom_409_that_passes_ends_in_one_job() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="try-again-later", times=5))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 1


@pytest.mark.parametrize("body", ["html", "empty"])
def test_proxy_409_without_json_is_checked(body: str) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(
        Fault.model_validate(
            {"when": "trigger", "action": "status", "status": 409, "body": body, "times": 1}
        )
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert len(given.sandbox.jobs) == 1


def test_deleted_workflow_409_is_a_conflict_with_airbytes_message() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", workflow_deleted=True)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.CONFLICT
    assert state.error is not None
    assert "deleted" in state.error.message


def test_if_running_wait_starts_a_job_after_the_other_has_ended() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    other = given.sandbox.start_job(orders, script=script("running 500, failed"))

    [state] = given.run(orders)

    first, second = given.sandbox.jobs
    assert first.id == other.id
    assert state.exit_code is ExitCode.OK
    assert state.job is not None
    assert state.job.id == second.id
    assert not state.adopted


@pytest.mark.parametrize(
    ("life", "code"),
    [
        ("running 500, succeeded", ExitCode.OK),
        ("running 500, failed", ExitCode.FAILED),
        ("running 500, cancelled", ExitCode.CANCELLED),
    ],
)
def test_if_running_attach_reports_the_outcome_of_the_active_job(
    life: str, code: ExitCode
) -> None:
    given = bench(policy=trigger_policy(if_running="attach"))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders, script=script(life))

    [state] = given.run(orders)

    assert state.exit_code is code
    assert state.adopted
    assert state.job is not None
    assert state.job.id == other.id
    assert not given.sandbox.sent("trigger")


def test_if_running_skip_starts_nothing() -> None:
    given = bench(policy=trigger_policy(if_running="skip"))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SKIPPED
    assert not given.sandbox.sent("trigger")
    assert not given.sandbox.sent("cancel")


def test_if_running_fail_names_the_active_job() -> None:
    given = bench(policy=trigger_policy(if_running="fail"))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.CONFLICT
    assert state.error is not None
    assert f"job {other.id}" in state.error.message
    assert not given.sandbox.sent("trigger")


@pytest.mark.parametrize("mode", ["wait", "attach", "skip", "fail"])
def test_sync_that_begins_just_before_the_trigger_meets_if_running(
    mode: str,
) -> None:
    given = bench(policy=trigger_policy(if_running=mode))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    def barge_in(event: object) -> None:
        given.events.append(event)  # type: ignore[arg-type]
        if isinstance(event, Triggering) and event.number == 1 and not given.sandbox.jobs:
            given.sandbox.start_job(orders, script=script("running 30, succeeded"))

    given.listener = barge_in
    [state] = given.run(orders)

    expected = {"skip": ExitCode.SKIPPED, "fail": ExitCode.CONFLICT}.get(mode, ExitCode.OK)
    assert state.exit_code is expected
    assert len(given.sandbox.jobs) == (2 if mode == "wait" else 1)


def test_clear_does_not_cancel_a_running_sync() -> None:
    given = bench(policy=trigger_policy(job_type="clear", if_running="fail"))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.CONFLICT
    assert other.active


@pytest.mark.parametrize("version", VERSIONS)
def test_running_clear_is_seen_on_versions_that_hide_it_from_lists(version: str) -> None:
    given = bench(version, policy=trigger_policy(if_running="skip"))
    orders = given.sandbox.add_connection("orders")
    given.sandbox.start_job(orders, kind="clear", script=script("running 100, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.SKIPPED


@pytest.mark.parametrize("api", ["public", "config"])
def test_refresh_whose_response_names_no_job_is_searched_for(api: str) -> None:
    given = bench("1.1", api=api, policy=trigger_policy(job_type="refresh"))
    orders = given.sandbox.add_connection("orders")

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.job is not None
    assert state.job.type == "refresh"
    assert not state.adopted
    assert len(given.sandbox.jobs) == 1


def test_refresh_is_started_through_the_config_api() -> None:
    given = bench(api="config", policy=trigger_policy(job_type="refresh"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.job is not None
    assert state.job.type == "refresh"


@pytest.mark.parametrize("api", ["public", "config"])
def test_pending_reset_is_waited_for_before_the_sync_is_triggered(
    api: str,
) -> None:
    given = bench(api=api)
    orders = given.sandbox.add_connection(
        "orders", scripts=(script(QUICK, job_type="reset_connection"), script(QUICK))
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert (state.result().job_id, state.result().job_type) == (2, "sync")
    assert "job 1 is a reset, although a sync was requested" in given.warnings


def test_pending_reset_that_fails_ends_the_run() -> None:
    given = bench()
    plot = script("running 5, failed", job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.FAILED
    assert (state.result().job_id, state.result().job_type) == (1, "reset")


def test_endless_resets_are_a_conflict() -> None:
    given = bench()
    plot = script(QUICK, job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.CONFLICT
    assert state.result().job_id is None


def test_pending_reset_is_cancelled_by_a_stop() -> None:
    given = bench()
    plot = script("running 600, succeeded", job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", script=plot)

    [state] = given.run(orders, stop_after=60)

    assert state.exit_code is ExitCode.SIGTERM
    assert [job.status for job in given.sandbox.jobs] == ["cancelled"]


def test_stop_right_after_a_pending_reset_is_no_success() -> None:
    given = bench()
    plot = script("running 60, succeeded", job_type="reset_connection")
    orders = given.sandbox.add_connection("orders", script=plot)
    given.policy = replace(given.policy, wait=replace(given.policy.wait, poll_interval=50.0))

    [state] = given.run(orders, stop_after=75)

    assert state.exit_code is ExitCode.SIGTERM


def test_sync_that_comes_back_as_a_refresh_is_a_success_with_a_warning() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK, job_type="refresh"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.result().job_type == "refresh"
    assert "job 1 is a refresh, although a sync was requested" in given.warnings


@pytest.mark.parametrize("kind", ["clear", "reset_connection"])
def test_attach_waits_for_a_job_of_another_type(kind: str) -> None:
    given = bench(policy=trigger_policy(if_running="attach"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, kind=kind, script=script("running 90, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert (state.result().job_type, state.adopted) == ("sync", False)


def test_other_reset_after_a_lost_trigger_is_never_a_success() -> None:
    given = bench(policy=trigger_policy(if_running="attach"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.faults.add(Fault(when="trigger", action="lost-before", times=1))
    other = script("running 100, succeeded")

    [state] = given.run(
        orders,
        at=(5, lambda: given.sandbox.start_job(orders, kind="reset_connection", script=other)),
    )

    assert state.exit_code is ExitCode.OK
    assert state.result().job_type == "sync"
    assert [job.type for job in given.sandbox.jobs] == ["reset_connection", "sync"]


def test_since_returns_a_success_at_once() -> None:
    given = bench(policy=trigger_policy(since=START - timedelta(hours=1)))
    orders = given.sandbox.add_connection("orders", history=[script("running 60, succeeded")])

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.adopted
    assert not given.sandbox.sent("trigger")


def test_since_adopts_an_active_job_whatever_if_running_is() -> None:
    given = bench(policy=trigger_policy(since=START, if_running="fail"))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders, script=script("running 90, succeeded"))

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert state.adopted
    assert state.job is not None
    assert state.job.id == other.id


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_since_starts_a_new_job_after_a_failure(end: str) -> None:
    given = bench(policy=trigger_policy(since=START - timedelta(hours=2)))
    orders = given.sandbox.add_connection(
        "orders", script=script(QUICK), history=[script(f"running 60, {end}")]
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.OK
    assert not state.adopted
    assert len(given.sandbox.jobs) == 2


def test_since_ignores_older_jobs() -> None:
    given = bench(policy=trigger_policy(since=START))
    orders = given.sandbox.add_connection(
        "orders", script=script(QUICK), history=[script("running 60, succeeded")]
    )

    [state] = given.run(orders)

    assert not state.adopted
    assert len(given.sandbox.jobs) == 2


def test_since_compares_whole_seconds() -> None:
    given = bench(policy=trigger_policy(since=START + timedelta(seconds=0.7)))
    orders = given.sandbox.add_connection("orders")
    other = given.sandbox.start_job(orders, script=script("running 90, succeeded"))

    [state] = given.run(orders)

    assert state.job is not None
    assert state.job.id == other.id


def test_since_does_not_count_a_reset_as_a_sync() -> None:
    given = bench(policy=trigger_policy(since=START - timedelta(hours=2)))
    orders = given.sandbox.add_connection(
        "orders",
        script=script(QUICK),
        history=[script("running 60, succeeded", job_type="reset_connection")],
    )

    [state] = given.run(orders)

    assert not state.adopted


def test_job_known_event_has_the_history() -> None:
    given = bench()
    orders = given.sandbox.add_connection(
        "orders",
        script=script(QUICK),
        history=[script("running 100, succeeded"), script("running 300, succeeded")],
    )

    given.run(orders)

    [known] = [event for event in given.events if isinstance(event, JobKnown)]
    assert sorted(known.sync.history.durations) == [100, 300]


@pytest.mark.parametrize("status", [400, 422, 423])
def test_reads_refused_after_a_lost_response_are_unknown(
    status: int,
) -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 6000, succeeded"))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=status, after=3),
    )

    [state] = given.run(orders)

    assert state.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize("version", ["1.8", "latest"])
@pytest.mark.parametrize("api", ["public", "config"])
def test_connection_disabled_during_the_wait_is_rejected_at_the_first_trigger(
    version: str, api: str
) -> None:
    """The Config API answers such a trigger with a 500."""
    given = bench(version, api=api)
    orders = given.sandbox.add_connection("orders", script=script("running 10, succeeded"))
    given.sandbox.start_job(orders, script=script("running 100, succeeded"))

    [state] = given.run(orders, at=(50, lambda: setattr(orders, "status", "inactive")))

    assert state.exit_code is ExitCode.REJECTED
    assert len(given.sandbox.sent("trigger")) == 1


def test_first_of_two_new_jobs_after_a_lost_response_is_claimed() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("running 1, succeeded"))
    given.sandbox.faults.add(
        Fault(when="trigger", action="lost-after", times=1),
        Fault(when="jobs", action="status", status=502, after=3, for_seconds=60),
    )

    [state] = given.run(orders, at=(30.0, lambda: given.sandbox.start_job(orders)))

    assert len(given.sandbox.jobs) == 2
    assert state.job is not None
    assert state.job.id == 1


def test_response_with_a_new_job_that_has_ended_claims_it() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script("succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.adopted) == (ExitCode.OK, False)
    assert len(given.sandbox.sent("trigger")) == 1


def test_late_job_after_a_conflict_is_claimed_once() -> None:
    given = bench()
    orders = given.sandbox.add_connection("orders", script=script(QUICK, born_after=70))

    given.run(orders)

    assert len(given.emitted(JobKnown)) == 1


@pytest.mark.parametrize("status", ["paused", "unknown"])
@pytest.mark.parametrize("ended", ["succeeded", "failed", "cancelled"])
def test_unknown_status_counts_as_active_only_in_the_newest_job(status: str, ended: str) -> None:
    """Airbyte creates no job beside one that has not ended: a newer one proves the end."""
    odd = Job(id=7, connection_id="c", type="sync", status=status, created_at=START)
    newer = replace(odd, id=8, status=ended)
    running = replace(odd, id=9, status="running")

    assert active_among([odd]) == [odd]
    assert active_among([newer, odd]) == []
    assert active_among([odd, newer]) == []
    assert active_among([running, newer, odd]) == [running]


@pytest.mark.parametrize("status", ["pending", "queued", "running", "incomplete"])
def test_known_active_status_counts_in_every_job(status: str) -> None:
    """A pending clear is newer than the sync that it cancels."""
    older = Job(id=7, connection_id="c", type="sync", status=status, created_at=START)

    assert active_among([replace(older, id=8, status="failed"), older]) == [older]


@pytest.mark.parametrize("api", ["public", "config"])
def test_newest_job_of_an_unknown_status_is_adopted(api: str) -> None:
    given = bench(api=api, policy=trigger_policy(if_running="attach"))
    orders = given.sandbox.add_connection("orders", script=script(QUICK))
    given.sandbox.start_job(orders, script=script("failed"))
    given.sandbox.start_job(orders, script=script("paused 90, succeeded"))

    [state] = given.run(orders)

    assert (state.exit_code, state.result().job_id, state.adopted) == (ExitCode.OK, 2, True)
    assert triggers(given) == 0
