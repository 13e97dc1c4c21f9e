"""Errors and hints of whole commands at timeouts, signals and rejections: they name the job."""

import json
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import httpx
import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.children import Ended, running, until
from tests.support.program import CommandResult, Outside, assert_told_well, call, call_in, start
from tests.support.servers import Stage, always

LONG = "pending 1, running 90000, succeeded"
RUN = ("run", "--conn", "orders", "-o", "json", "--heartbeat", "0")


def a_sandbox(life: str = LONG, *faults: str, speed: float = 50) -> Sandbox:
    sandbox = Sandbox(SandboxConfig(speed=speed))
    sandbox.add_connection("orders", script=JobScript(life=life))
    for fault in faults:
        sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


def test_unreachable_default_url_has_hint_to_set_one() -> None:
    async def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    ending = call_in(Outside(transport=httpx.MockTransport(refuse)), "status")

    assert_told_well(ending, 9)
    assert "no URL is set, so the default was tried: `airbyte-sync config init`" in ending.stderr


def test_pauses_in_an_outage_have_jitter(stage: Stage) -> None:
    """Hundreds of waits must not retry at the same moment."""
    sandbox = a_sandbox(LONG, "job:503:after=1:times=9")
    sandbox.start_job(sandbox.connections[0], script=JobScript(life="running 10, succeeded"))
    argv = ("wait", "1", "--heartbeat", "0")

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert list(ending.pauses[:5]) != [2.0, 4.0, 8.0, 16.0, 30.0]


def test_timeout_of_run_includes_time_to_connect(stage: Stage) -> None:
    """The first request is retried after 14 of the 15 seconds."""
    sandbox = a_sandbox(LONG, "any:503:retry-after=14:times=1", speed=1)
    argv = (*RUN, "--timeout", "15s", "--poll-interval", "1s", "--on-timeout", "leave")

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert len([one for one in sandbox.sent("job") if one.method == "GET"]) < 5


@pytest.mark.parametrize("when", ["version", "connections"])
def test_timeout_before_connecting_names_requested_connection(stage: Stage, when: str) -> None:
    faults = ["any:never"] if when == "version" else ["connections:never"]
    url = stage.sandbox(a_sandbox(LONG, *faults, speed=1))

    ending = call(*RUN, "--timeout", "0.5s", AIRBYTE_URL=url)

    assert_told_well(ending, 5)
    assert ending.lines("error: ") == [
        "error: 'orders': --timeout passed before Airbyte could be read: nothing was started"
    ]


def test_timeout_includes_wait_for_statistics(stage: Stage) -> None:
    """The result may be that the statistics did not arrive in time."""
    argv = (*RUN, "--timeout", "20s", "--min-records", "5000")

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(a_sandbox("running 5, succeeded")))

    assert sum(ending.pauses) < 25


@pytest.mark.parametrize("what", ["html", "login", "401", "403", "404", "410"])
def test_unreadable_job_of_ours_exits_12_with_wait_hint(stage: Stage, what: str) -> None:
    """The job keeps running, so its outcome is unknown, and `wait` can resume."""
    sandbox = a_sandbox(LONG, f"job:{what}:after=2")

    ending = call(*RUN, AIRBYTE_URL=stage.sandbox(sandbox))

    assert [job.active for job in sandbox.jobs] == [True]
    assert "airbyte-sync wait 1" in ending.report["error"]["hint"]
    assert_told_well(ending, 12)


def test_wait_stopped_before_connecting_names_its_job(stage: Stage) -> None:
    server = stage.scripted(always(503, "down"))
    with running("wait", "7", "-o", "json", AIRBYTE_URL=server.url) as child:
        until(lambda: server.asked)
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert [sync["job_id"] for sync in ended.report["syncs"]] == [7]
    assert "airbyte-sync wait 7" in ended.report["error"]["hint"]


def test_hint_after_failed_cancel_has_cancel_command(stage: Stage) -> None:
    sandbox = a_sandbox(speed=10)
    with running("run", "-c", "orders", AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        sandbox.faults.add(Fault.model_validate("job:503"))
        child.send(SIGTERM)
        ended = child.end()

    assert sandbox.active_jobs()
    assert "airbyte-sync cancel 1" in ended.stderr.splitlines()[-1]


def test_interrupted_cancel_names_its_job(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0])
    sandbox.faults.add(Fault.model_validate("cancel:never"))
    with running("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent("cancel"))
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert [sync["job_id"] for sync in ended.report["syncs"]] == [1]


@pytest.mark.parametrize("what", ["html", "403", "404"])
def test_refresh_without_config_api_names_it_in_error(stage: Stage, what: str) -> None:
    sandbox = a_sandbox(LONG, f"any:{what}:api=config")

    ending = call(*RUN, "--job-type", "refresh", AIRBYTE_URL=stage.sandbox(sandbox))

    assert sandbox.jobs == []
    assert "Config API" in json.dumps(ending.report["error"])


def test_result_file_is_written_after_invalid_option(tmp_path: Path) -> None:
    file = tmp_path / "result.json"

    ending = start("run", "--no-such", "-o", "json", "--result-file", str(file))

    assert ending.code == 2
    assert json.loads(file.read_text("utf-8")) == ending.report


def test_unsent_cancel_is_reported_as_not_sent(stage: Stage) -> None:
    sandbox = a_sandbox()
    job = sandbox.start_job(sandbox.connections[0])
    sandbox.faults.add(Fault.model_validate("job:503:after=1:api=public"))

    ending = call("cancel", str(job.id), AIRBYTE_URL=stage.sandbox(sandbox))

    assert not sandbox.sent("cancel")
    assert_told_well(ending, 12)
    assert "no cancel was sent" in ending.stderr


@pytest.mark.parametrize("version", ["0.63", "1.0", "1.1", "1.2", "1.3", "1.8", "2.0", "latest"])
def test_unknown_connection_exits_7_in_every_version(stage: Stage, version: str) -> None:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version))
    sandbox.add_connection("orders")
    nobody = "e735894a-e773-4938-969f-45f53957b75b"
    url = stage.sandbox(sandbox)

    ending = call("run", "--conn", nobody, "--api", "public", AIRBYTE_URL=url)

    assert_told_well(ending, 7)


# Signals while a trigger may have started a job


def stopped_in_a_trigger(stage: Stage, tmp_path: Path, *argv: str) -> tuple[Ended, Any, str]:
    """Send SIGTERM during a held trigger; return its ending, provisional and final file."""
    sandbox = a_sandbox(LONG, "trigger:hold=15:times=1", speed=1)
    file = tmp_path / "result.json"
    argv = (*argv, "--result-file", str(file))
    with running(*argv, AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent("trigger"))
        child.send(SIGTERM)
        until(file.exists)
        early = json.loads(file.read_text("utf-8"))
        ended = child.end()
    return ended, early, file.read_text("utf-8")


@pytest.mark.parametrize("command", ["run", "trigger"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_signal_during_trigger_reports_possible_job_in_every_output(
    stage: Stage, tmp_path: Path, command: str, form: str
) -> None:
    argv = (command, "--conn", "orders", "-o", form)
    ended, early, late = stopped_in_a_trigger(stage, tmp_path, *argv)

    assert ended.code == 143
    for report in (early, json.loads(late)):
        assert report["syncs"][0]["start"] == "possible"
        assert "a job may have been started" in report["error"]["message"]
        assert "airbyte-sync status --conn" in report["error"]["hint"]
    assert "nothing was started" not in ended.stdout + ended.stderr + late
    assert "a job may have been started" in ended.stdout
    assert "a job may have been started" in ended.stderr.splitlines()[-2]


def test_second_ctrl_c_during_trigger_reports_possible_job(stage: Stage) -> None:
    sandbox = a_sandbox(LONG, "trigger:hold=15:times=1", speed=1)
    with running(*RUN, AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent("trigger"))
        before = len(sandbox.sent("jobs"))  # on a slow machine the jobs were read twice
        child.send(SIGINT)
        until(lambda: len(sandbox.sent("jobs")) > before)
        child.send(SIGINT)
        ended = child.end()

    assert ended.code == 130
    assert ended.sync["start"] == "possible"
    assert "a job may have been started" in ended.report["error"]["message"]


def test_signal_before_lookup_reports_nothing_was_started(
    stage: Stage,
) -> None:
    sandbox = a_sandbox(LONG, "connections:never")
    with running(*RUN, AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent("connections"))
        child.send(SIGTERM)
        ended = child.end()

    assert (ended.code, ended.sync["connection_name"]) == (143, "orders")
    assert (ended.sync["exit_code"], ended.sync["start"]) == (143, "not-sent")
    assert ended.report["error"]["message"] == "'orders' was interrupted: nothing was started"


@pytest.mark.parametrize("argv", [("logs", "1", "--follow"), ("status", "1"), ("cancel", "1")])
def test_read_only_command_does_not_mention_starting(stage: Stage, argv: tuple[str, ...]) -> None:
    sandbox = a_sandbox(speed=1)
    sandbox.start_job(sandbox.connections[0])
    watched = {"logs": "logs", "status": "job", "cancel": "cancel"}[argv[0]]
    sandbox.faults.add(Fault.model_validate(f"{watched}:never:after=1"))
    if argv[0] == "cancel":
        sandbox.faults.add(Fault.model_validate("cancel:never"))
    with running(*argv, "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent(watched))
        until(lambda: any(one.fault for one in sandbox.requests))
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert [sync["job_id"] for sync in ended.report["syncs"]] == [1]
    assert "nothing was started" not in ended.stderr + ended.stdout
    assert "no job of this run is active" not in ended.stderr + ended.stdout
    assert "airbyte-sync" in ended.report["error"]["hint"]


def test_rejected_cancel_has_airbytes_message(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life="running 90000, succeeded"))
    sandbox.faults.add(Fault.model_validate("cancel:500"))

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 12)
    assert "Internal Server Error" in ending.report["error"]["message"]
    assert "(orders)" in ending.report["error"]["message"]


def test_timeout_with_rejected_cancel_has_airbytes_message(stage: Stage) -> None:
    sandbox = a_sandbox(LONG, "cancel:500")

    ending = call(*RUN, "--timeout", "1m", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert "Internal Server Error" in ending.report["error"]["message"]
    assert "(orders)" in ending.report["error"]["message"]


def test_cancel_of_pending_job_is_retried_and_has_a_hint(stage: Stage) -> None:
    sandbox = a_sandbox(speed=1)
    sandbox.start_job(sandbox.connections[0], script=JobScript(life="pending 90000, succeeded"))

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 12)
    assert len(sandbox.sent("cancel")) > 5
    assert "job 1 (orders) (pending)" in ending.report["error"]["message"]
    assert "Airbyte cancels only running jobs" in ending.report["error"]["message"]
    assert "run `airbyte-sync cancel 1` once it is running" in ending.report["error"]["hint"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_cancel_of_finished_job_is_ok_in_every_output(stage: Stage, status: str) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=status))
    url = stage.sandbox(sandbox)

    ending = call("cancel", "1", "-o", "json", AIRBYTE_URL=url)
    text = call("cancel", "1", AIRBYTE_URL=url)

    assert (ending.code, text.code) == (0, 0)
    [sync] = ending.report["syncs"]
    assert (sync["exit_code"], sync["outcome"], sync["status"]) == (0, "ok", status)
    assert text.stdout.startswith(f"{status}  orders  job 1")
    assert text.stdout.endswith("already finished, no cancel sent\n")


def test_rejected_triggers_are_logged_once_and_error_names_last(stage: Stage) -> None:
    sandbox = a_sandbox(LONG, "trigger:try-again-later")

    argv = ("run", "--conn", "orders", "--timeout", "2s", "--heartbeat", "0")
    with running(*argv, AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        left = child.end()
    ending = CommandResult(left.code, left.stdout, left.stderr)

    assert_told_well(ending, 5)
    assert ending.stderr.count("starting a job") == 1
    assert ending.stderr.count("nothing is running, retrying for up to 2m 00s") == 1
    assert "409" in ending.lines("error: ")[0]
    assert "the trigger was rejected" in ending.lines("error: ")[0]


@pytest.mark.parametrize("fault", ["any:never", "connections:never"])
def test_timeout_applies_before_first_response(stage: Stage, fault: str) -> None:
    sandbox = a_sandbox(LONG, fault)

    ending = call(*RUN, "--timeout", "1s", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert "nothing was started" in ending.report["error"]["message"]
    [sync] = ending.report["syncs"]
    assert (sync["connection_name"], sync["exit_code"], sync["start"]) == ("orders", 5, "not-sent")


def test_timeout_of_wait_applies_before_first_response(stage: Stage) -> None:
    sandbox = a_sandbox(LONG, "any:never")

    ending = call("wait", "7", "--timeout", "1s", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 5)
    assert "before job 7 could be read" in ending.lines("error: ")[0]
    assert "airbyte-sync wait 7" in ending.lines("hint: ")[0]


@pytest.mark.parametrize("command", ["wait", "status"])
def test_signal_before_job_is_read_reports_not_checked(stage: Stage, command: str) -> None:
    sandbox = a_sandbox("running 1, succeeded", "job:never", speed=1)
    sandbox.start_job(sandbox.connections[0], script=JobScript(life="succeeded"))

    with running(command, "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: sandbox.sent("job"))
        child.send(SIGTERM)
        ended = child.end()

    assert ended.report["error"]["message"] == "job 1 was interrupted: its status was not read"
