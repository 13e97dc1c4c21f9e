"""Invalid command lines exit with 2 before any request."""

import pytest

from airbyte_sync_cli.sandbox import Fault, Sandbox, SandboxConfig
from tests.support.program import assert_told_well, call
from tests.support.servers import Stage

NOBODY = "http://127.0.0.1:9"
HUGE = "9" * 5000

BAD = {
    "nothing at all": ("run", "no connection given"),
    "an empty connection": ("run -c ''", "an empty --conn or --tag"),
    "a blank tag": ("run --tag ' '", "an empty --conn or --tag"),
    "a malformed id": (
        "run -c 123e4567-e89b-12d3-a456-42661417400",
        "'123e4567-e89b-12d3-a456-42661417400' is not a connection id",
    ),
    "an id that is no number": ("wait seven", "'seven' is not a job id"),
    "an id below one": ("status 0", "'0' is not a job id"),
    "a number of another script": ("wait \u0667", "'\u0667' is not a job id"),
    "an id of 5000 digits": (f"cancel {HUGE}", f"'{HUGE}' is not a job id"),
    "ids and connections": ("status 7 -c orders", "job ids and --conn cannot be combined"),
    "no job": ("wait ''", "no job id given"),
    "a bad duration": ("run -c orders --timeout soon", "--timeout: 'soon' is not a duration"),
    "a duration of ages": (
        "run -c orders --max-outage 600w",
        "--max-outage: '600w' is longer than ten years",
    ),
    "a bad timestamp": (
        "run -c orders --since noon",
        "--since: 'noon' is neither a timestamp nor a duration",
    ),
    "a port of 5000 digits": (
        f"run -c orders --url http://h:{HUGE}",
        f"'http://h:{HUGE}' is not an address of Airbyte",
    ),
    "an unknown option": ("run --con orders", "no such option: --con"),
    "an unknown command": ("rum", "no such command 'rum'"),
    "a number below the least": (
        "run -c orders --max-parallel 0",
        "invalid value for '--max-parallel': it should be greater than or equal to 1",
    ),
    "an unknown choice": ("run -c orders --if-running retry", "invalid value for '--if-running'"),
}


@pytest.mark.parametrize("name", BAD)
def test_invalid_value_exits_2_before_any_request(name: str) -> None:
    line, words = BAD[name]
    argv = ["" if part == "''" else part for part in line.replace("' '", "''").split()]

    ending = call(*argv, AIRBYTE_URL=NOBODY)

    assert_told_well(ending, 2)
    assert ending.lines("error: ")[0].startswith(f"error: {words[:3000]}")
    assert ending.stdout == ""


def test_invalid_variable_is_named_in_error() -> None:
    ending = call("status", "7", AIRBYTE_OUTPUT="xml", AIRBYTE_URL=NOBODY)

    assert_told_well(ending, 2)
    assert ending.lines("error: ")[0].startswith("error: invalid value for AIRBYTE_OUTPUT: 'xml'")


def test_usage_error_has_same_json_keys_as_other_errors() -> None:
    bad = call("status", "seven", "-o", "json", AIRBYTE_URL=NOBODY)
    unreachable = call("status", "7", "-o", "json", AIRBYTE_URL=NOBODY)

    assert (bad.report["exit_code"], unreachable.report["exit_code"]) == (2, 9)
    assert bad.report.keys() == unreachable.report.keys()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("run", "select one with --conn, or several with --tag"),
        ("cancel", "pass a JOB_ID, or --conn with an id or name for a connection's active job"),
        ("jobs", "select one with --conn"),
        ("wait", "pass a JOB_ID, or --conn with an id or name for a connection's active job"),
        ("logs", "pass a JOB_ID, or --conn with an id or name for a connection's latest job"),
    ],
)
def test_missing_target_has_hint_with_its_options(line: str, hint: str) -> None:
    assert call(line, AIRBYTE_URL=NOBODY).lines("hint: ") == [f"hint: {hint}"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "--url http://x check",
            "options go after the command: `airbyte-sync check --url ...`",
        ),
        ("-c orders run", "options go after the command: `airbyte-sync run -c ...`"),
        ("--nonsense run", "`airbyte-sync --help` shows more"),
        ("run orders", "did you mean --conn orders?"),
        ("jobs orders sales", "did you mean --conn orders --conn sales?"),
        ("run 42", "`airbyte-sync run --help` shows its arguments"),
        ("connections orders", "`airbyte-sync connections --help` shows its arguments"),
        ("status orders", "did you mean --conn orders?"),
        ("cancel orders", "did you mean --conn orders?"),
        ("logs orders", "did you mean --conn orders?"),
        ("wait orders", "did you mean --conn orders?"),
        ("status 0", "a job id is a positive number, as `trigger` prints it"),
    ],
)
def test_misplaced_argument_has_hint_with_its_place(line: str, hint: str) -> None:
    ending = call(*line.split(), AIRBYTE_URL=NOBODY)

    assert_told_well(ending, 2)
    assert ending.lines("hint: ") == [f"hint: {hint}"]


def test_name_with_spaces_is_quoted_in_hint() -> None:
    ending = call("run", "Orders to warehouse", AIRBYTE_URL=NOBODY)

    assert ending.lines("hint: ") == ["hint: did you mean --conn 'Orders to warehouse'?"]


def test_unknown_job_exits_7_at_once_without_retries(
    stage: Stage,
) -> None:
    ending = call("wait", "7", AIRBYTE_URL=stage.sandbox(Sandbox()))

    assert_told_well(ending, 7)
    assert ending.lines("error: ")[0].startswith("error: job 7 not found")
    assert ending.lines("hint: ")[0].startswith("hint: `airbyte-sync jobs --conn NAME` lists")
    assert ending.warnings == []


def test_connection_given_twice_is_one_sync(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=100))
    orders = sandbox.add_connection("orders").id

    ending = call(
        *("run", "-c", "orders", "-c", orders, "-c", orders.upper(), "-o", "json"),
        AIRBYTE_URL=stage.sandbox(sandbox),
    )

    assert ending.code == 0
    assert [sync["connection_id"] for sync in ending.report["syncs"]] == [orders]
    assert len(sandbox.jobs) == 1


@pytest.mark.parametrize(
    "text", ["Zk3Q9xT8W2mN5pR7sV1b", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"]
)
def test_random_text_is_not_printed_if_no_connection_has_it(stage: Stage, text: str) -> None:
    sandbox = Sandbox(SandboxConfig())
    sandbox.add_connection("orders")
    url = stage.sandbox(sandbox)

    for argv in (["run", "-c", text], ["run", "--tag", text], ["connections", "--search", text]):
        ending = call(*argv, AIRBYTE_URL=url)
        assert (ending.code, text in ending.stdout + ending.stderr) == (7, False)
    for argv in (["connections"], ["run", "--conn", "orders"]):
        ending = call(*argv, AIRBYTE_URL=url, AIRBYTE_WORKSPACE_ID=text)
        assert (ending.code, text in ending.stdout + ending.stderr) == (7, False)
    for argv in (["run", text], ["status", text], ["config", "show", "--workspace", text]):
        assert text not in str(call(*argv, AIRBYTE_URL=url))


def test_random_text_is_not_printed_if_airbyte_does_not_respond(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig())
    sandbox.faults.add(Fault.model_validate("connections:never"))
    text = "Zk3Q9xT8W2mN5pR7sV1b"
    argv = ("run", "-c", text, "--timeout", "0.5s", "-o", "json")

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert (ending.code, text in ending.stdout + ending.stderr) == (5, False)
    assert ending.report["syncs"][0]["connection_name"] is None


def test_random_text_is_printed_if_a_connection_has_it(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig())
    sandbox.add_connection("Zk3Q9xT8W2mN5pR7sV1b")
    url = stage.sandbox(sandbox)

    ending = call("trigger", "-c", "Zk3Q9xT8W2mN5pR7sV1b", "-o", "json", AIRBYTE_URL=url)
    near = call("trigger", "-c", "Zk3Q9xT8W2mN5pR7sV1", AIRBYTE_URL=url)

    assert ending.report["syncs"][0]["connection_name"] == "Zk3Q9xT8W2mN5pR7sV1b"
    assert "connection 'Zk3Q9xT8W2mN5pR7sV1' not found" in near.stderr
