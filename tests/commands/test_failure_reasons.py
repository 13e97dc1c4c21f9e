"""Failure reasons, unknown numbers and bugs of `run` over a real socket. Pauses are short."""

from typing import Any

import pytest

from airbyte_sync_cli.sandbox import Fault, JobFailure, JobScript, Sandbox, SandboxConfig
from tests.support.program import CommandResult, Outside, assert_told_well, call, call_in
from tests.support.servers import Stage
from tests.support.transport import BrokenTransport

WHY = JobFailure(
    message="No such key.", internal_message="KeyError: 'k'", stacktrace="at x.y(Z:1)"
)
FAILED = JobScript(life="running 3, failed", failure=WHY)


def a_sandbox(script: JobScript, *faults: str) -> Sandbox:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("orders", script=script)
    for fault in faults:
        sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


def run(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    return call("run", "--conn", "orders", *argv, AIRBYTE_URL=stage.sandbox(sandbox))


def the_sync(ending: CommandResult) -> Any:  # noqa: ANN401  # JSON
    [sync] = ending.report["syncs"]
    return sync


@pytest.mark.parametrize("what", ["403", "404", "500", "html", "bad-json", "wrong-shape"])
@pytest.mark.parametrize(("life", "code"), [("failed", 3), ("succeeded", 0)])
def test_outcome_does_not_depend_on_config_api(
    stage: Stage, what: str, life: str, code: int
) -> None:
    script = FAILED.model_copy(update={"life": f"running 3, {life}"})
    sandbox = a_sandbox(script, f"any:{what}:api=config")

    ending = run(stage, sandbox, "-o", "json")

    assert ending.code == code, ending.stderr
    assert the_sync(ending)["failure"] is None


def test_failure_without_config_api_links_to_web_ui(stage: Stage) -> None:
    ending = run(stage, a_sandbox(FAILED, "any:html:api=config"))

    assert_told_well(ending, 3)
    assert "see the job in Airbyte's web UI" in ending.lines("  why")[0]
    assert ending.lines("  job")[0].endswith("/timeline?openLogs=true&jobId=1")


@pytest.mark.parametrize(("argv", "shown"), [((), 0), (("-v",), 1)], ids=["plain", "-v"])
def test_stack_trace_needs_v(stage: Stage, argv: tuple[str, ...], shown: int) -> None:
    ending = run(stage, a_sandbox(FAILED), "--log-tail", "0", *argv)

    assert_told_well(ending, 3)
    assert "No such key." in ending.lines("  why")[0]
    assert ending.stderr.count("at x.y(Z:1)") == shown


def test_unknown_counts_are_null(stage: Stage) -> None:
    script = JobScript(life="running 3, succeeded", statistics=False)

    ending = run(stage, a_sandbox(script), "-o", "json")

    assert ending.code == 0
    assert (the_sync(ending)["records_synced"], the_sync(ending)["bytes_synced"]) == (None, None)


def test_bug_names_its_job_and_shows_its_traceback(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox(FAILED))
    broken = BrokenTransport(
        ZeroDivisionError("ours"), when=lambda request: request.url.path.endswith("/v1/jobs/1")
    )

    argv = ("run", "-c", "orders", "-o", "json")
    ending = call_in(Outside(transport=broken), *argv, AIRBYTE_URL=url)

    assert (ending.code, the_sync(ending)["job_id"]) == (1, 1)
    assert "Traceback" in ending.stderr
    assert len(ending.lines("error: ")) == len(ending.lines("hint: ")) == 1
