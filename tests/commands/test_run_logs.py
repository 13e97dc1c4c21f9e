"""Airbyte's log in ours: `run` and `wait` with `--logs`, and the last lines of a failure."""

import json

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.program import (
    FollowingClock,
    Outside,
    assert_told_well,
    call,
    call_on_terminal,
)
from tests.support.servers import Stage

TWICE = "running 60, incomplete 10, running 60, failed"
BOTH_SHAPES = ("1.0", "latest")


def a_sandbox(life: str = TWICE, *, version: str = "latest", **more: object) -> Sandbox:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version), clock=FollowingClock())
    script = JobScript.model_validate({"life": life, **more})
    sandbox.add_connection("orders", script=script)
    return sandbox


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_lines_are_marked_as_airbytes(stage: Stage, version: str) -> None:
    url = stage.sandbox(a_sandbox(version=version, life="running 60, succeeded"))
    ending = call("run", "-c", "orders", "--logs", AIRBYTE_URL=url)

    told = [line for line in ending.stderr.splitlines() if "airbyte| " in line]
    assert (ending.code, len(told)) == (0, 12)
    assert told[-1].endswith(
        "Z [orders job=1] airbyte| platform INFO > Attempt 0 ended: succeeded"
    )
    assert ending.stdout.startswith("succeeded  orders  job 1")


def test_lines_of_later_attempts_have_their_number(stage: Stage) -> None:
    ending = call("run", "-c", "orders", "--logs", "info", AIRBYTE_URL=stage.sandbox(a_sandbox()))

    assert ending.stderr.count("[orders job=1 attempt=2] airbyte| ") == 15
    assert "the last warnings and errors" not in ending.stderr  # they stand above already


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_json_log_has_an_object_for_each_line(stage: Stage, version: str) -> None:
    url = stage.sandbox(a_sandbox(version=version))
    argv = ("run", "-c", "orders", "--logs", "error", "--log-format", "json")
    ending = call(*argv, AIRBYTE_URL=url)

    entries = [json.loads(line) for line in ending.stderr.splitlines()]
    [first, *others] = [entry for entry in entries if entry["event"] == "airbyte-log"]
    assert (first["attempt"], first["level"], first["job_id"]) == (1, "error", 1)
    assert first["connection_name"] == "orders"
    assert first["at"].endswith("Z")
    assert first["message"].endswith("The source closed the connection.")
    assert first["source"] == ("source" if version == "latest" else None)
    assert {entry["attempt"] for entry in others} == {1, 2}


def test_json_log_has_the_last_lines_of_a_failure(stage: Stage) -> None:
    url = stage.sandbox(a_sandbox())
    ending = call("run", "-c", "orders", "--log-format", "json", AIRBYTE_URL=url)

    entries = [json.loads(line) for line in ending.stderr.splitlines()]
    assert [entry["event"] for entry in entries][-4:] == [
        *("airbyte-log", "airbyte-log", "error", "hint"),
    ]
    assert entries[-4]["message"] == "Something went wrong in the connector."


def test_failure_shows_the_last_warnings_and_errors(stage: Stage) -> None:
    logs = [{"message": f"slow {number}", "level": "warn"} for number in range(30)]
    ending = call(
        "run", "-c", "orders", "--log-tail", "3", AIRBYTE_URL=stage.sandbox(a_sandbox(logs=logs))
    )

    assert_told_well(ending, 3)
    at = ending.stderr.index("  log    the last warnings and errors of attempt 2:")
    told = ending.stderr[at:].splitlines()[1:4]
    assert [line[:11] for line in told] == ["  airbyte| "] * 3
    assert told[0].endswith("replication-orchestrator WARN > slow 29")
    assert told[1].endswith("source ERROR > Something went wrong in the connector.")


def test_log_tail_0_shows_none_and_reads_none(stage: Stage) -> None:
    sandbox = a_sandbox()
    ending = call("run", "-c", "orders", "--log-tail", "0", AIRBYTE_URL=stage.sandbox(sandbox))

    assert_told_well(ending, 3)
    assert "airbyte| " not in ending.stderr
    assert sandbox.sent("logs") == []


@pytest.mark.parametrize("argv", [("--logs", "1"), ("1", "--logs"), ("1", "--logs", "trace")])
def test_bare_logs_shows_every_level(stage: Stage, argv: tuple[str, ...]) -> None:
    sandbox = a_sandbox("running 60, succeeded")
    sandbox.start_job(sandbox.connections[0])
    ending = call("wait", *argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert (ending.code, ending.stderr.count("airbyte| ")) == (0, 12)


@pytest.mark.parametrize("argv", [("--logs", "loud"), ("--logs=",), ("--log-tail", "-1")])
def test_invalid_values_exit_2_before_any_request(stage: Stage, argv: tuple[str, ...]) -> None:
    sandbox = a_sandbox()
    assert_told_well(call("run", "-c", "orders", *argv, AIRBYTE_URL=stage.sandbox(sandbox)), 2)
    assert sandbox.requests == []


def test_lines_stand_above_the_live_view_in_colours(stage: Stage) -> None:
    logs = [{"message": "slow down", "level": "warn"}]
    url = stage.sandbox(a_sandbox("running 60, failed", logs=logs))
    environ = {"AIRBYTE_URL": url, "TERM": "xterm"}
    ending = call_on_terminal(Outside(), "run", "-c", "orders", "--logs", **environ)

    assert ending.code == 3
    assert "replication-orchestrator WARN > slow down\x1b[0m" in ending.stdout
    assert "source ERROR > Something went wrong in the connector." in ending.stdout
    assert "\x1b[33mairbyte| " in ending.stdout
    assert "\x1b[31mairbyte| " in ending.stdout


def test_controls_and_secrets_in_lines_are_removed(stage: Stage) -> None:
    evil = "a\x1b[2Jb\x07 token=tokentokentoken"
    sandbox = a_sandbox("running 60, succeeded", logs=(evil,))
    environ = {"AIRBYTE_URL": stage.sandbox(sandbox), "AIRBYTE_TOKEN": "tokentokentoken"}
    ending = call("run", "-c", "orders", "--logs", **environ)

    assert "airbyte| replication-orchestrator INFO > ab token=" in ending.stderr
    assert not set(ending.stderr) & set("\x1b\x07")
    assert "tokentokentoken" not in ending.stderr


def test_log_that_cannot_be_read_changes_no_outcome(stage: Stage) -> None:
    sandbox = a_sandbox("running 60, succeeded")
    sandbox.faults.add(Fault.model_validate("any:html:api=config"))
    ending = call("run", "-c", "orders", "--logs", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert "only the Config API has logs" in ending.warnings[0]
