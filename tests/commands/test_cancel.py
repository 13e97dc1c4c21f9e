"""Cancels over a real socket: only started jobs, only while active, until confirmed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.children import running, until
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.relays import front
from tests.support.servers import Asked, Stage, response

LONG = "pending 1, running 90000, succeeded"
ATTACH = ("--if-running", "attach")
LATER = ("--timeout", "1m")


def a_sandbox(speed: float = 50, **fields: Any) -> Sandbox:  # noqa: ANN401  # handed on
    """Return a sandbox whose connection `orders` runs for a day."""
    sandbox = Sandbox(SandboxConfig(speed=speed))
    sandbox.add_connection("orders", **{"script": JobScript(life=LONG), **fields})
    return sandbox


def busy(life: str = LONG, speed: float = 50) -> Sandbox:
    """Return the same sandbox with a job of someone else running."""
    sandbox = a_sandbox(speed)
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=life))
    return sandbox


def run(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    url = stage.sandbox(sandbox)
    return call("run", "--conn", "orders", "-o", "json", *argv, AIRBYTE_URL=url)


def assert_left_alone(sandbox: Sandbox) -> None:
    assert sandbox.sent("cancel") == []
    assert all(job.active and not job.cancels for job in sandbox.jobs)


# Jobs of others


def test_timeout_of_wait_leaves_job_running(stage: Stage) -> None:
    sandbox = busy()

    ending = call("wait", "1", *LATER, AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert_left_alone(sandbox)


def test_timeout_while_waiting_for_other_job_starts_and_cancels_nothing(
    stage: Stage,
) -> None:
    sandbox = busy()

    ending = run(stage, sandbox, "--timeout", "1s")  # in real time: no pause is shortened

    assert_told_well(ending, 5)
    assert sandbox.sent("trigger") == []
    assert_left_alone(sandbox)


def test_signal_while_waiting_for_other_job_starts_and_cancels_nothing(
    stage: Stage,
) -> None:
    sandbox = busy(speed=1)
    with running("run", "-c", "orders", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.process.terminate()
        ended = child.end()

    assert ended.code == 143
    assert sandbox.sent("trigger") == []
    assert_left_alone(sandbox)


def test_since_names_succeeded_job_and_its_creation_time(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(start=datetime(2026, 1, 1, 6, 0, 12, tzinfo=UTC)))
    sandbox.add_connection("orders", history=[JobScript(life="running 1, succeeded")])
    url = stage.sandbox(sandbox)
    [job] = sandbox.jobs
    created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")

    ending = call("run", "-c", "orders", "--since", "2025-12-01", AIRBYTE_URL=url)

    assert ending.code == 0
    said = f"not started: job {job.id}, created {created} UTC, has already succeeded"
    assert ending.stderr.count(said) == 1, ending.stderr


def test_since_names_running_job_and_its_creation_time(stage: Stage) -> None:
    ending = run(stage, busy(), "--since", "2026-01-01", *LATER)

    assert "not started: job 1, created " in ending.stderr
    assert " UTC, is already " in ending.stderr


def test_job_adopted_by_since_is_not_cancelled(stage: Stage) -> None:
    sandbox = busy()

    ending = run(stage, sandbox, "--since", "2026-01-01", *LATER)

    assert_told_well(ending, 5)
    assert sandbox.sent("trigger") == []
    assert_left_alone(sandbox)


def test_job_a_schedule_may_have_started_is_not_cancelled(stage: Stage) -> None:
    sandbox = a_sandbox(schedule="every 24 hours")
    sandbox.faults.add(
        Fault.model_validate("trigger:lost-after:times=1"),
        Fault.model_validate("events:503"),  # they would name a user as its origin
    )

    ending = run(stage, sandbox, *LATER)

    assert_told_well(ending, 5)
    assert_left_alone(sandbox)


def test_fail_fast_does_not_cancel_adopted_job(stage: Stage) -> None:
    sandbox = busy()
    sandbox.add_connection("bad", script=JobScript(life="running 3, failed"))

    ending = run(stage, sandbox, "-c", "bad", "--fail-fast", *ATTACH)

    assert ending.code == 3
    assert sandbox.sent("cancel") == []
    assert [job.status for job in sandbox.jobs] == ["running", "failed"]


@pytest.mark.parametrize(("how", "code"), [("fail", 8), ("skip", 99), ("wait", 0)])
def test_clear_applies_if_running_instead_of_cancelling_running_sync(
    stage: Stage, how: str, code: int
) -> None:
    sandbox = busy("running 20, succeeded" if how == "wait" else LONG)

    ending = run(stage, sandbox, "--job-type", "clear", "--if-running", how)

    assert ending.code == code
    assert sandbox.jobs[0].cancels == 0
    assert len(sandbox.sent("trigger")) == (how == "wait")


# Jobs that this run started


@pytest.mark.parametrize("fault", ["trigger:hold=100:applied:times=1", "trigger:never:applied"])
def test_timeout_during_trigger_cancels_started_job(stage: Stage, fault: str) -> None:
    sandbox = a_sandbox()
    sandbox.faults.add(Fault.model_validate(fault))

    ending = run(stage, sandbox, "--timeout", "0.5s")

    assert_told_well(ending, 5)
    assert [job.status for job in sandbox.jobs] == ["cancelled"]
    assert ending.report["syncs"][0]["job_id"] == sandbox.jobs[0].id


def test_cancel_without_effect_is_repeated(stage: Stage) -> None:
    sandbox = a_sandbox(script=JobScript(life=LONG, cancels_lost=1))

    ending = run(stage, sandbox, *LATER)

    assert_told_well(ending, 5)
    [sync] = ending.report["syncs"]
    assert sync["cancel"] == {"requested": True, "confirmed": True}
    assert len(sandbox.sent("cancel")) == 2


def test_job_failing_during_cancel_is_reported_as_failed(stage: Stage) -> None:
    sandbox = a_sandbox()
    failed = {"jobId": 1, "status": "failed", "jobType": "sync"}
    failed |= {"connectionId": sandbox.connections[0].id, "startTime": "2026-01-01T00:00:00Z"}
    cancels: list[Asked] = []

    def meddle(asked: Asked) -> bytes | None:
        cancels.extend([asked] * (asked.method == "DELETE"))
        ended = cancels and asked.target.endswith("/public/v1/jobs/1")
        return response(200, failed) if ended else None

    server = front(stage, stage.sandbox(sandbox), meddle)
    argv = ("run", "--conn", "orders", "-o", "json", *LATER)

    ending = call(*argv, AIRBYTE_URL=server.url)

    assert_told_well(ending, 3)
    assert ending.report["syncs"][0]["status"] == "failed"
    assert len(cancels) == 1


def test_cancel_of_finished_job_leaves_successor_running(stage: Stage) -> None:
    sandbox = a_sandbox(history=(JobScript(life="running 3, succeeded"),))
    successor = sandbox.start_job(sandbox.connections[0])

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert ending.report["syncs"][0]["status"] == "succeeded"
    assert ending.report["syncs"][0]["cancel"] is None
    assert sandbox.sent("cancel") == []
    assert successor.active


def test_cancel_is_confirmed_by_reading_the_job(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=LONG, cancels_lost=1))

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0, ending.stderr
    assert len(sandbox.sent("cancel")) == 2
    assert ending.report["syncs"][0]["cancel"] == {"requested": True, "confirmed": True}


def test_unconfirmed_cancel_exits_12(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=LONG, cancels_lost=9999))

    ending = call("cancel", "1", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 12)
    assert "airbyte-sync status" in ending.lines("hint: ")[0]
