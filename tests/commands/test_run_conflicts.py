"""`run` over a real socket: conflicts and odd trigger responses. Pauses are short."""

from typing import Any, Literal

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, SimConnection
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.relays import front, leaving
from tests.support.servers import Asked, Stage, response

QUICK = "running 3, succeeded"


def a_sandbox(speed: float = 50, **fields: Any) -> tuple[Sandbox, SimConnection]:  # noqa: ANN401  # handed on
    sandbox = Sandbox(SandboxConfig(speed=speed))
    script = JobScript(life=QUICK)
    return sandbox, sandbox.add_connection("orders", **{"script": script, **fields})


def run(url: str, *argv: str) -> CommandResult:
    return call("run", "--conn", "orders", "-o", "json", *argv, AIRBYTE_URL=url)


def the_sync(ending: CommandResult) -> Any:  # noqa: ANN401  # JSON
    [sync] = ending.report["syncs"]
    return sync


def is_trigger(asked: Asked) -> bool:
    return (asked.method, asked.target.endswith("/v1/jobs")) == ("POST", True)


# Causes of a 409


@pytest.mark.parametrize(
    ("how", "code", "jobs"), [("wait", 0, 2), ("attach", 0, 1), ("skip", 99, 1), ("fail", 8, 1)]
)
def test_sync_starting_just_before_trigger_meets_if_running(
    stage: Stage, how: str, code: int, jobs: int
) -> None:
    sandbox, orders = a_sandbox()

    def barge_in(asked: Asked) -> None:
        if is_trigger(asked) and not sandbox.jobs:
            sandbox.start_job(orders, script=JobScript(life="running 20, succeeded"))

    ending = run(front(stage, stage.sandbox(sandbox), barge_in).url, "--if-running", how)

    assert ending.code == code
    assert len(sandbox.jobs) == jobs
    assert sandbox.sent("cancel") == []


@pytest.mark.parametrize("status", ["inactive", "deprecated", "locked"])
def test_connection_disabled_before_trigger_exits_11(
    stage: Stage, status: Literal["inactive", "deprecated", "locked"]
) -> None:
    sandbox, orders = a_sandbox()

    def switch_off(asked: Asked) -> None:
        orders.status = status if is_trigger(asked) else orders.status

    ending = run(front(stage, stage.sandbox(sandbox), switch_off).url)

    assert_told_well(ending, 11)
    assert status in ending.report["error"]["message"]
    assert len(sandbox.sent("trigger")) == 1


@pytest.mark.parametrize("body", ["html", "empty"])
def test_409_from_proxy_is_verified_by_reading_jobs(stage: Stage, body: str) -> None:
    sandbox, _ = a_sandbox()
    sandbox.faults.add(Fault.model_validate(f"trigger:409:body={body}:times=1"))

    ending = run(stage.sandbox(sandbox))

    assert ending.code == 0, ending.stderr
    assert [job.id for job in sandbox.jobs] == [the_sync(ending)["job_id"]]


def test_deleted_workflow_exits_8_with_airbytes_message(
    stage: Stage,
) -> None:
    sandbox, _ = a_sandbox(workflow_deleted=True)

    ending = run(stage.sandbox(sandbox))

    assert_told_well(ending, 8)
    assert "deleted" in ending.report["error"]["message"]


# Odd trigger responses


def test_trigger_response_naming_older_job_adopts_it(stage: Stage) -> None:
    """Lists can be stale: they show the job as failed while Airbyte retries it."""
    sandbox, orders = a_sandbox(history=(JobScript(life="running 3, failed"),))
    job = {"jobId": 1, "jobType": "sync", "connectionId": orders.id}
    job |= {"startTime": "2026-01-01T00:00:00Z", "status": "running"}
    reads: list[Asked] = []

    def meddle(asked: Asked) -> bytes | None:
        if is_trigger(asked):
            return response(200, job)
        reads.extend([asked] * asked.target.endswith("/public/v1/jobs/1"))
        return response(200, job) if 0 < len(reads) < 3 else None

    ending = run(front(stage, stage.sandbox(sandbox), meddle).url)

    assert (ending.code, the_sync(ending)["job_id"]) == (3, 1)
    assert the_sync(ending)["adopted"] is True
    assert "which was already running: adopted" in ending.report["warnings"][0]


def test_trigger_response_after_130_seconds_starts_one_job(stage: Stage) -> None:
    sandbox, _ = a_sandbox(speed=300)
    sandbox.faults.add(Fault.model_validate("trigger:hold=130:times=1"))

    ending = run(stage.sandbox(sandbox))

    assert ending.code == 0
    assert [job.id for job in sandbox.jobs] == [the_sync(ending)["job_id"]]
    assert len(sandbox.sent("trigger")) == 1


@pytest.mark.parametrize(
    ("given", "told", "job_id"), [("refresh", "refresh", 1), ("reset_connection", "sync", 2)]
)
def test_returned_refresh_is_reported_and_returned_reset_is_followed_by_sync(
    stage: Stage, given: str, told: str, job_id: int
) -> None:
    first = JobScript(life=QUICK, job_type=given)
    sandbox, _ = a_sandbox(script=None, scripts=(first, JobScript(life=QUICK)))

    ending = run(stage.sandbox(sandbox))

    assert (ending.code, the_sync(ending)["job_type"]) == (0, told)
    assert the_sync(ending)["job_id"] == job_id
    about = [text for text in ending.report["warnings"] if "although a sync was requested" in text]
    assert len(about) == 1


@pytest.mark.parametrize("api", ["public", "config"])
def test_baseline_is_newest_of_many_jobs(stage: Stage, api: str) -> None:
    """A page limit and the API's default order, oldest first, would both hide it."""
    sandbox, _ = a_sandbox(history=(JobScript(life=QUICK),) * 120)
    sandbox.faults.add(Fault.model_validate("trigger:lost-after:times=1"))

    ending = run(stage.sandbox(sandbox), "--api", api)

    assert (ending.code, the_sync(ending)["job_id"]) == (0, 121)
    assert len(sandbox.sent("trigger")) == 1


def test_running_clear_hidden_from_lists_is_found(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50, airbyte_version="1.8"))
    orders = sandbox.add_connection("orders")
    sandbox.start_job(orders, kind="clear", script=JobScript(life="running 9000, succeeded"))

    ending = run(stage.sandbox(sandbox), "--if-running", "skip")

    assert ending.code == 99
    assert sandbox.sent("trigger") == []


def test_since_adopts_job_of_same_second_and_ignores_older_one(
    stage: Stage,
) -> None:
    """A `Date` header has whole seconds, so --since cannot be more precise."""
    sandbox, _ = a_sandbox(history=(JobScript(life=QUICK),))
    url, created = stage.sandbox(sandbox), int(sandbox.jobs[0].created_at)

    same = run(url, "--since", f"@{created}")
    later = run(url, "--since", f"@{created + 30}")

    assert (same.code, the_sync(same)["job_id"], the_sync(same)["adopted"]) == (0, 1, True)
    assert (later.code, the_sync(later)["job_id"], the_sync(later)["adopted"]) == (0, 2, False)


def test_since_starts_new_job_after_cancelled_one(stage: Stage) -> None:
    sandbox, _ = a_sandbox(history=(JobScript(life="running 3, cancelled"),))

    ending = run(stage.sandbox(sandbox), "--since", f"@{int(sandbox.jobs[0].created_at)}")

    assert (ending.code, the_sync(ending)["job_id"]) == (0, 2)


def test_trigger_with_connection_refused_exits_9(stage: Stage) -> None:
    """The server stops between reading the jobs and the trigger, so nothing was started."""
    sandbox, _ = a_sandbox()
    url = stage.sandbox(sandbox)
    gone = stage.enter(leaving(url, lambda asked: asked.target.endswith("/jobs/list")))

    ending = run(gone, "--api", "config")

    assert_told_well(ending, 9)
    assert "connection refused" in ending.report["error"]["message"]
    assert sandbox.jobs == []


# Several connections


def test_slow_server_gets_at_most_three_triggers_at_once(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=15))  # slow is more than a second of real time
    for number in range(7):
        sandbox.add_connection(f"c{number}", script=JobScript(life=QUICK), tags=("all",))
    sandbox.faults.add(Fault.model_validate("trigger:hold=20"))

    ending = call("run", "--tag", "all", AIRBYTE_URL=stage.sandbox(sandbox))

    times = sorted(request.time for request in sandbox.sent("trigger"))
    assert ending.code == 0
    assert len(times) == 7
    assert all(later - earlier >= 20 for earlier, later in zip(times, times[3:], strict=False))


def test_inactive_connection_does_not_stop_the_other_sync(stage: Stage) -> None:
    sandbox, _ = a_sandbox()
    sandbox.add_connection("off", status="inactive")

    ending = run(stage.sandbox(sandbox), "--conn", "off")

    assert ending.code == 11
    assert [sync["exit_code"] for sync in ending.report["syncs"]] == [0, 11]
