"""`status` of all connections: what is shown, kept, counted, and what decides the exit code."""

import csv
import io

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from tests.support.program import assert_told_well, call
from tests.support.servers import Stage

SUCCESS = JobScript.model_validate("running 60, succeeded")
FAILURE = JobScript.model_validate(
    {
        "life": "running 60, failed",
        "failure": {"origin": "source", "message": "Invalid API key\nat line 1"},
    }
)
APIS = pytest.mark.parametrize("api", ["public", "config"])


def a_house() -> Sandbox:
    """Return a sandbox with a connection of each kind."""
    sandbox = Sandbox()
    sandbox.add_connection("orders", history=[SUCCESS] * 6, tags=("nightly",))
    sandbox.add_connection(
        "events",
        history=[FAILURE],
        tags=(
            "nightly",
            "eu",
        ),
    )
    sandbox.add_connection("new")
    sandbox.add_connection("old", status="inactive", tags=("eu",))
    running = sandbox.add_connection("billing", jobs=[JobScript.model_validate("running")])
    sandbox.start_job(running)
    return sandbox


@APIS
def test_status_without_arguments_shows_all_connections(stage: Stage, api: str) -> None:
    ending = call("status", "--api", api, AIRBYTE_URL=stage.sandbox(a_house()))
    assert ending.code == 0
    head, *rows, counts = ending.stdout.splitlines()
    assert head.split()[:3] == ["status", "connection", "job"]
    assert [row.split()[1:3] for row in rows] == [
        ["inactive", "old"],
        ["no", "job"],
        ["succeeded", "orders"],
        ["running", "billing"],
        ["failed", "events"],
    ]
    assert rows[-1].endswith("  source: Invalid API key")
    assert counts == "5 connections: 1 failed, 1 running, 1 succeeded, 1 no job, 1 inactive"


def test_json_has_one_sync_per_connection_by_name(stage: Stage) -> None:
    report = call("status", "-o", "json", AIRBYTE_URL=stage.sandbox(a_house())).report
    found = {sync["connection_name"]: (sync["job_id"], sync["status"]) for sync in report["syncs"]}
    assert list(found) == ["billing", "events", "new", "old", "orders"]
    assert found["events"] == (7, "failed")
    assert found["new"] == (None, None)
    [events] = [one for one in report["syncs"] if one["connection_name"] == "events"]
    assert events["failure"]["origin"] == "source"


def test_csv_and_ids_are_of_the_same_rows(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    rows = list(csv.DictReader(io.StringIO(call("status", "-o", "csv", AIRBYTE_URL=url).stdout)))
    assert [row["connection_name"] for row in rows] == [
        "billing",
        "events",
        "new",
        "old",
        "orders",
    ]
    assert call("status", "-o", "id", AIRBYTE_URL=url).stdout.split() == ["8", "7", "6"]


def test_tag_keeps_inactive_connections(stage: Stage) -> None:
    ending = call("status", "--tag", "eu", "-o", "json", AIRBYTE_URL=stage.sandbox(a_house()))
    names = [sync["connection_name"] for sync in ending.report["syncs"]]
    assert (names, ending.report["warnings"]) == (["events", "old"], [])


def test_unknown_tag_is_not_found(stage: Stage) -> None:
    ending = call("status", "--tag", "weekly", AIRBYTE_URL=stage.sandbox(a_house()))
    assert_told_well(ending, 7)
    assert ending.stderr.endswith("hint: tags in use: eu, nightly\n")


def test_workspace_narrows_by_name(stage: Stage) -> None:
    sandbox = a_house()
    sandbox.add_connection("there", workspace="Sales")
    ending = call(
        "status", "--workspace", "Sales", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)
    )
    assert [sync["connection_name"] for sync in ending.report["syncs"]] == ["there"]


@APIS
def test_several_workspaces_are_named(stage: Stage, api: str) -> None:
    sandbox = Sandbox()
    for workspace in ("Sales", "Operations"):
        sandbox.add_connection("orders", workspace=workspace, history=[SUCCESS])
    shown = call("status", "--api", api, AIRBYTE_URL=stage.sandbox(sandbox)).stdout.splitlines()
    assert shown[0].split()[:3] == ["status", "connection", "workspace"]
    assert sorted(line.split()[3] for line in shown[1:-1]) == ["Operations", "Sales"]


def test_failing_keeps_failed_connections_only(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    shown = call("status", "--failing", AIRBYTE_URL=url).stdout.splitlines()
    assert [line.split()[2] for line in shown[1:-1]] == ["events"]
    assert call("status", "--failing", "-o", "id", AIRBYTE_URL=url).stdout == "7\n"


def test_failing_applies_to_named_connections(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    argv = ("status", "--failing", "-c", "orders", "-c", "events", "-o", "id")
    assert call(*argv, AIRBYTE_URL=url).stdout == "7\n"


def test_connection_that_airbyte_disabled_is_failing(stage: Stage) -> None:
    sandbox = Sandbox()
    off = "TOO_MANY_FAILED_JOBS_WITH_NO_RECENT_SUCCESS"
    sandbox.add_connection("orders", status="inactive", history=[SUCCESS], disabled_reason=off)
    sandbox.add_connection("events", status="inactive", history=[FAILURE], disabled_by="jane")
    url = stage.sandbox(sandbox)

    ending = call("status", "--failing", "--exit-status", AIRBYTE_URL=url)

    assert ending.code == 11
    [_, line, _] = ending.stdout.splitlines()
    assert "because of too many failed jobs in a row" in line
    assert "jane disabled it" in call("status", AIRBYTE_URL=url).stdout


def test_nothing_failing_is_said_with_exit_0(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("orders", history=[SUCCESS])
    url = stage.sandbox(sandbox)
    ending = call("status", "--failing", "--exit-status", AIRBYTE_URL=url)
    assert (ending.code, ending.stdout) == (0, "none of 1 connections is failing\n")
    assert call("status", "--failing", "-o", "csv", AIRBYTE_URL=url).stdout.count("\n") == 1


def test_failing_with_job_ids_is_usage_error() -> None:
    ending = call("status", "7", "--failing", AIRBYTE_URL="http://127.0.0.1:1")
    assert_told_well(ending, 2)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ((), 3),
        (("--failing",), 3),
        (("--tag", "nightly"), 3),
        (("--tag", "eu"), 3),
        (("--tag", "idle"), 0),
    ],
)
def test_exit_status_is_that_of_the_jobs(stage: Stage, argv: tuple[str, ...], code: int) -> None:
    sandbox = a_house()
    sandbox.add_connection("never", status="inactive", tags=("idle",))
    url = stage.sandbox(sandbox)
    assert call("status", "--exit-status", *argv, AIRBYTE_URL=url).code == code


def test_no_connections_is_a_clear_line(stage: Stage) -> None:
    ending = call("status", AIRBYTE_URL=stage.sandbox(Sandbox()))
    assert (ending.code, ending.stdout) == (0, "no connections\n")
    assert "no connections found that these credentials can read" in ending.stderr


def test_unreadable_connection_is_unknown_with_a_warning(stage: Stage) -> None:
    sandbox = a_house()
    sandbox.faults.add(Fault.model_validate("jobs:403:times=1"))  # the list of the workspace
    sandbox.faults.add(Fault.model_validate("jobs:403:connection=events"))
    ending = call("status", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert "unknown" in next(line for line in ending.stdout.splitlines() if "events" in line)
    assert len(ending.warnings) == 1


def test_job_ids_and_connections_are_still_shown_in_detail(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    for argv in (["7"], ["-c", "events"]):
        shown = call("status", *argv, AIRBYTE_URL=url).stdout
        assert "connections:" not in shown
        assert "why    Invalid API key" in shown
