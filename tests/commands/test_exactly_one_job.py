"""`run` over a real socket: exactly one job, whatever happens to the trigger response.

In this process, with short pauses: a grace period of a minute takes milliseconds.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, SimConnection
from tests.support.program import (
    CommandResult,
    HurriedClock,
    Outside,
    assert_told_well,
    call,
    call_in,
)
from tests.support.servers import Stage

QUICK = "running 3, succeeded"


def a_sandbox(**fields: Any) -> tuple[Sandbox, SimConnection]:  # noqa: ANN401  # handed on
    """Return a fast sandbox with a connection `orders` that has one past job."""
    sandbox = Sandbox(SandboxConfig.model_validate({"speed": 50, **fields}))
    past = (JobScript(life=QUICK),)
    return sandbox, sandbox.add_connection("orders", script=JobScript(life=QUICK), history=past)


def run(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    url = stage.sandbox(sandbox)
    return call("run", "--conn", "orders", "-o", "json", *argv, AIRBYTE_URL=url)


def new_jobs(sandbox: Sandbox) -> list[int]:
    """Return the ids of all jobs except the past one."""
    return [job.id for job in sandbox.jobs][1:]


def the_sync(ending: CommandResult) -> Any:  # noqa: ANN401  # JSON
    [sync] = ending.report["syncs"]
    return sync


LOST = {
    "reset before the job is created": ("trigger:lost-before:times=1", 2),
    "reset after the job is created": ("trigger:lost-after:times=1", 1),
    "502, not created": ("trigger:502:times=1", 2),
    "502, created": ("trigger:502:times=1:applied", 1),
    "503, not created": ("trigger:503:times=1", 2),
    "503, created": ("trigger:503:times=1:applied", 1),
    "504, not created": ("trigger:504:times=1", 2),
    "504, created": ("trigger:504:times=1:applied", 1),
    "504 as HTML, created": ("trigger:504:applied:body=html:times=1", 1),
    "408, created": ("trigger:408:times=1:applied", 1),
    "429": ("trigger:rate-limit=1:times=1", 2),
    "500, not created": ("trigger:500:times=1", 2),
    "no answer in time, not created": ("trigger:never:times=1", 2),
    "no answer in time, created": ("trigger:never:times=1:applied", 1),
    "half an answer, created": ("trigger:truncate:times=1:applied", 1),
    "invalid JSON, created": ("trigger:bad-json:times=1:applied", 1),
    "another program's JSON, created": ("trigger:wrong-shape:times=1:applied", 1),
    "the web page, created": ("trigger:200:body=html:times=1:applied", 1),
    "409 although created": ("trigger:state-conflict:times=1:applied", 1),
    "409 although nothing runs": ("trigger:try-again-later:times=1", 2),
}


@pytest.mark.parametrize(("fault", "triggers"), LOST.values(), ids=LOST)
@pytest.mark.parametrize("api", ["public", "config"])
def test_lost_trigger_response_leaves_exactly_one_job(
    stage: Stage, api: str, fault: str, triggers: int
) -> None:
    sandbox, _ = a_sandbox()
    sandbox.faults.add(Fault.model_validate(fault))

    ending = run(stage, sandbox, "--api", api, "--trigger-timeout", "0.3s")

    assert ending.code == 0, ending.stderr
    assert new_jobs(sandbox) == [the_sync(ending)["job_id"]]
    assert len(sandbox.sent("trigger")) == triggers
    is_refusal = ":503:" in fault and "applied" in fault
    assert the_sync(ending)["adopted"] is is_refusal, "a 503 delivers nothing"


def test_lost_response_on_scheduled_connection_adopts_job_with_warning(stage: Stage) -> None:
    """Servers before 2.0 do not report who started a job."""
    sandbox = Sandbox(SandboxConfig(speed=50, airbyte_version="1.8"))
    sandbox.add_connection("orders", script=JobScript(life=QUICK), schedule="every 24 hours")
    sandbox.faults.add(Fault.model_validate("trigger:lost-after:times=1"))

    ending = run(stage, sandbox)

    assert ending.code == 0
    assert the_sync(ending)["adopted"] is True
    assert "the connection's schedule could have started it" in ending.report["warnings"][0]


def test_undelivered_trigger_starts_nothing_and_exits_9(stage: Stage) -> None:
    sandbox, _ = a_sandbox()
    sandbox.faults.add(Fault.model_validate("trigger:503"))

    ending = run(stage, sandbox)

    assert ending.code == 9
    assert new_jobs(sandbox) == []
    assert the_sync(ending)["job_id"] is None


def test_lost_response_without_job_exits_12(stage: Stage) -> None:
    sandbox, _ = a_sandbox()
    sandbox.faults.add(Fault.model_validate("trigger:lost-before"))

    ending = run(stage, sandbox)

    assert ending.code == 12
    assert new_jobs(sandbox) == []
    assert "--since" in ending.report["error"]["hint"]


def test_job_created_a_minute_late_is_found(stage: Stage) -> None:
    sandbox, _ = a_sandbox(speed=200)
    sandbox.faults.add(Fault.model_validate("trigger:late-job=70:times=1"))

    ending = run(stage, sandbox)

    assert ending.code == 0, ending.stderr
    assert new_jobs(sandbox) == [the_sync(ending)["job_id"]]


@pytest.mark.parametrize(
    ("status", "cure"),
    [("inactive", "enable it"), ("deprecated", "it was deleted"), ("locked", "billing")],
)
def test_inactive_connection_exits_11_without_trigger(
    stage: Stage, status: Literal["inactive", "deprecated", "locked"], cure: str
) -> None:
    sandbox = Sandbox()
    orders = sandbox.add_connection("orders", status=status)

    ending = call("run", "--conn", orders.id, "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 11
    assert status in ending.report["error"]["message"]
    assert cure in ending.report["error"]["hint"]
    assert sandbox.sent("trigger") == []


@pytest.mark.parametrize("api", ["public", "config"])
def test_unknown_connection_id_exits_7_and_is_named(stage: Stage, api: str) -> None:
    sandbox, _ = a_sandbox()
    nobody = "e735894a-e773-4938-969f-45f53957b75b"

    ending = call("run", "-c", nobody, "--api", api, AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 7)
    assert ending.lines("error: ")[0].startswith(f"error: connection {nobody} not found")
    assert "airbyte-sync connections" in ending.lines("hint: ")[0]


def test_409_without_active_job_exits_8_after_two_minutes(stage: Stage) -> None:
    sandbox, _ = a_sandbox()
    sandbox.faults.add(Fault.model_validate("trigger:try-again-later"))

    ending = run(stage, sandbox)

    assert ending.code == 8
    assert "but Airbyte rejects the trigger" in ending.report["error"]["message"]
    assert new_jobs(sandbox) == []


# --if-running


def with_one_running(life: str = "running 20, succeeded") -> tuple[Sandbox, SimConnection]:
    sandbox, orders = a_sandbox()
    sandbox.start_job(orders, script=JobScript(life=life))
    return sandbox, orders


def test_if_running_wait_starts_job_after_other_has_ended(stage: Stage) -> None:
    sandbox, _ = with_one_running()

    ending = run(stage, sandbox)

    other, ours = sandbox.jobs[1:]
    assert ending.code == 0
    assert the_sync(ending)["job_id"] == ours.id != other.id
    assert the_sync(ending)["adopted"] is False


def test_if_running_attach_reports_outcome_of_active_job(stage: Stage) -> None:
    sandbox, _ = with_one_running("running 20, failed")

    ending = run(stage, sandbox, "--if-running", "attach")

    assert ending.code == 3
    assert [the_sync(ending)["job_id"]] == new_jobs(sandbox)
    assert the_sync(ending)["adopted"] is True
    assert sandbox.sent("trigger") == []


@pytest.mark.parametrize(("how", "code"), [("skip", 99), ("fail", 8)])
def test_if_running_skip_and_fail_start_nothing(stage: Stage, how: str, code: int) -> None:
    sandbox, _ = with_one_running("running 5000, succeeded")

    ending = run(stage, sandbox, "--if-running", how)

    assert ending.code == code
    assert sandbox.sent("trigger") == sandbox.sent("cancel") == []


# --since


def since_the_latest(sandbox: Sandbox) -> str:
    created = datetime.fromtimestamp(sandbox.jobs[-1].created_at, UTC)
    return created.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("life", "code"), [("running 40, succeeded", 0), ("running 40, failed", 3)]
)
def test_since_adopts_active_job_of_earlier_try(stage: Stage, life: str, code: int) -> None:
    sandbox, _ = with_one_running(life)

    ending = run(stage, sandbox, "--since", since_the_latest(sandbox))

    assert ending.code == code
    assert [the_sync(ending)["job_id"]] == new_jobs(sandbox)
    assert the_sync(ending)["adopted"] is True


@pytest.mark.parametrize(
    ("life", "triggers"), [(QUICK, 0), ("running 3, failed", 1)], ids=["succeeded", "failed"]
)
def test_since_accepts_success_and_starts_new_job_after_failure(
    stage: Stage, life: str, triggers: int
) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    past = (JobScript(life=life),)
    sandbox.add_connection("orders", script=JobScript(life=QUICK), history=past)

    ending = run(stage, sandbox, "--since", since_the_latest(sandbox))

    assert ending.code == 0
    assert len(sandbox.sent("trigger")) == triggers
    assert the_sync(ending)["adopted"] is (triggers == 0)


def test_attach_takes_newest_of_two_running_jobs(stage: Stage) -> None:
    """Airbyte runs one job per connection, but job lists have shown two."""
    sandbox, orders = with_one_running("running 5000, succeeded")
    newest = sandbox.start_job(orders, script=JobScript(life="running 20, succeeded"))

    ending = run(stage, sandbox, "--if-running", "attach")

    assert ending.code == 0
    assert the_sync(ending)["job_id"] == newest.id


@pytest.mark.parametrize(("minutes", "triggers"), [(-10, 0), (10, 1)])
def test_since_uses_airbytes_clock(stage: Stage, minutes: int, triggers: int) -> None:
    """With Airbyte's clock behind, a newer job can have an earlier time than --since."""
    sandbox = Sandbox(SandboxConfig(speed=50))
    past = (JobScript(life=QUICK),)
    sandbox.add_connection("orders", script=JobScript(life=QUICK), history=past)
    created = datetime.fromtimestamp(sandbox.jobs[-1].created_at, UTC)
    since = created - timedelta(minutes=minutes / 2)
    apart = timedelta(minutes=minutes)

    ending = call_in(
        Outside(clock=HurriedClock(ahead=lambda: -apart)),
        *("run", "--conn", "orders", "-o", "json", "--since", str(since)),
        AIRBYTE_URL=stage.sandbox(sandbox),
    )

    assert ending.code == 0
    assert len(sandbox.sent("trigger")) == triggers
    assert "--since is compared with Airbyte's" in ending.report["warnings"][0]
