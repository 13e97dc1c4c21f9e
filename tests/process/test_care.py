"""Cancelling over a real socket: what is ours, while it runs, until it is seen to end."""

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
    """A sandbox whose connection `orders` would run for a day."""
    sandbox = Sandbox(SandboxConfig(speed=speed))
    sandbox.add_connection("orders", **{"script": JobScript(life=LONG), **fields})
    return sandbox


def busy(life: str = LONG, speed: float = 50) -> Sandbox:
    """The same, where somebody else's job runs already."""
    sandbox = a_sandbox(speed)
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=life))
    return sandbox


def run(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    url = stage.sandbox(sandbox)
    return call("run", "--conn", "orders", "-o", "json", *argv, AIRBYTE_URL=url)


def assert_left_alone(sandbox: Sandbox) -> None:
    assert sandbox.sent("cancel") == []
    assert all(job.active and not job.cancels for job in sandbox.jobs)


# Theirs


def test_the_timeout_of_a_wait_leaves_the_job(stage: Stage) -> None:
    sandbox = busy()

    ending = call("wait", "1", *LATER, AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert_left_alone(sandbox)


def test_a_timeout_while_another_job_is_in_the_way_starts_and_cancels_nothing(
    stage: Stage,
) -> None:
    sandbox = busy()

    ending = run(stage, sandbox, "--timeout", "1s")  # a real one: nothing hurries it

    assert_told_well(ending, 5)
    assert sandbox.sent("trigger") == []
    assert_left_alone(sandbox)


def test_a_signal_while_another_job_is_in_the_way_starts_and_cancels_nothing(
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


def test_since_says_which_job_counts_and_when_it_was_created(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(start=datetime(2026, 1, 1, 6, 0, 12, tzinfo=UTC)))
    sandbox.add_connection("orders", history=[JobScript(life="running 1, succeeded")])
    url = stage.sandbox(sandbox)
    [job] = sandbox.jobs
    created = datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")

    ending = call("run", "-c", "orders", "--since", "2025-12-01", AIRBYTE_URL=url)

    assert ending.code == 0
    said = f"not started: job {job.id}, created {created} UTC, has already succeeded"
    assert ending.stderr.count(said) == 1, ending.stderr


def test_since_says_that_a_job_is_already_running(stage: Stage) -> None:
    ending = run(stage, busy(), "--since", "2026-01-01", *LATER)

    assert "not started: job 1, created " in ending.stderr
    assert " UTC, is already " in ending.stderr


def test_what_since_adopts_is_never_cancelled(stage: Stage) -> None:
    sandbox = busy()

    ending = run(stage, sandbox, "--since", "2026-01-01", *LATER)

    assert_told_well(ending, 5)
    assert sandbox.sent("trigger") == []
    assert_left_alone(sandbox)


def test_a_job_that_a_schedule_could_have_started_is_never_cancelled(stage: Stage) -> None:
    sandbox = a_sandbox(schedule="every 24 hours")
    sandbox.faults.add(
        Fault.model_validate("trigger:lost-after:times=1"),
        Fault.model_validate("events:503"),  # they would say that it was started by hand
    )

    ending = run(stage, sandbox, *LATER)

    assert_told_well(ending, 5)
    assert_left_alone(sandbox)


def test_fail_fast_leaves_what_was_adopted(stage: Stage) -> None:
    sandbox = busy()
    sandbox.add_connection("bad", script=JobScript(life="running 3, failed"))

    ending = run(stage, sandbox, "-c", "bad", "--fail-fast", *ATTACH)

    assert ending.code == 3
    assert sandbox.sent("cancel") == []
    assert [job.status for job in sandbox.jobs] == ["running", "failed"]


@pytest.mark.parametrize(("how", "code"), [("fail", 8), ("skip", 99), ("wait", 0)])
def test_a_clear_looks_first_instead_of_cancelling_a_sync(
    stage: Stage, how: str, code: int
) -> None:
    sandbox = busy("running 20, succeeded" if how == "wait" else LONG)

    ending = run(stage, sandbox, "--job-type", "clear", "--if-running", how)

    assert ending.code == code
    assert sandbox.jobs[0].cancels == 0
    assert len(sandbox.sent("trigger")) == (how == "wait")


# Ours


@pytest.mark.parametrize("fault", ["trigger:hold=100:applied:times=1", "trigger:never:applied"])
def test_a_timeout_during_the_trigger_leaves_no_orphan(stage: Stage, fault: str) -> None:
    sandbox = a_sandbox()
    sandbox.faults.add(Fault.model_validate(fault))

    ending = run(stage, sandbox, "--timeout", "0.5s")

    assert_told_well(ending, 5)
    assert [job.status for job in sandbox.jobs] == ["cancelled"]
    assert ending.report["syncs"][0]["job_id"] == sandbox.jobs[0].id


def test_a_cancel_that_was_answered_and_did_nothing_is_repeated(stage: Stage) -> None:
    sandbox = a_sandbox(script=JobScript(life=LONG, cancels_lost=1))

    ending = run(stage, sandbox, *LATER)

    assert_told_well(ending, 5)
    [sync] = ending.report["syncs"]
    assert sync["cancel"] == {"requested": True, "confirmed": True}
    assert len(sandbox.sent("cancel")) == 2


def test_a_job_that_fails_while_it_is_cancelled_is_told_as_failed(stage: Stage) -> None:
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


def test_cancelling_a_job_that_has_ended_does_not_touch_its_successor(stage: Stage) -> None:
    sandbox = a_sandbox(history=(JobScript(life="running 3, succeeded"),))
    successor = sandbox.start_job(sandbox.connections[0])

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert ending.report["syncs"][0]["status"] == "succeeded"
    assert ending.report["syncs"][0]["cancel"] is None
    assert sandbox.sent("cancel") == []
    assert successor.active


def test_cancel_reads_until_it_has_seen_the_end(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=LONG, cancels_lost=1))

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0, ending.stderr
    assert len(sandbox.sent("cancel")) == 2
    assert ending.report["syncs"][0]["cancel"] == {"requested": True, "confirmed": True}


def test_a_cancel_that_is_not_to_be_seen_is_unknown(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=LONG, cancels_lost=9999))

    ending = call("cancel", "1", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 12)
    assert "airbyte-sync status" in ending.lines("hint: ")[0]
