"""Real false successes, played from their figures: 13 with `--verify`, else a warning."""

from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.servers import Stage

RUNS = "pending 1, running 20, succeeded"
TEN = tuple(f"table_{number}" for number in range(10))
REAL: dict[str, tuple[str, dict[str, Any]]] = {
    # 24.3 million records read and 0 written, in the only attempt.
    "not-written": ("24,300,000 records were read", {"records": 24_300_000, "written": 0}),
    # Launch failures that were recorded as successes (airbyte #85355, #84961, #72448).
    "no-statistics": ("no statistics of the last attempt", {"records": 0, "statistics": False}),
    "rejected": ("3 of 100 records were rejected", {"records": 100, "rejected": 3}),
    "stream-incomplete": (
        "stream table_7 did not complete",
        {"streams": {"table_7": {"ends": "incomplete"}}},
    ),
}
ONE_STREAM = {"not-written", "rejected"}


def orders(
    stage: Stage, kind: str, *argv: str, version: str = "latest", command: str = "run"
) -> CommandResult:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, speed=50))
    streams = ("orders",) if kind in ONE_STREAM else TEN
    plot = JobScript.model_validate({"life": RUNS, **REAL[kind][1]})
    connection = sandbox.add_connection("orders", script=plot, streams=streams)
    if command != "run":
        sandbox.start_job(connection)
        return call(command, "1", *argv, AIRBYTE_URL=stage.sandbox(sandbox))
    return call("run", "--conn", "orders", *argv, AIRBYTE_URL=stage.sandbox(sandbox))


@pytest.mark.parametrize("version", ["0.63", "1.0", "1.8", "2.0", "latest"])
@pytest.mark.parametrize("kind", REAL)
def test_false_success_exits_13_with_verify_and_is_a_warning_without(
    stage: Stage, kind: str, version: str
) -> None:
    is_unknown = kind == "rejected" and version in {"0.63", "1.0"}  # not reported before 1.8
    lenient = orders(stage, kind, "-o", "json", version=version)
    strict = orders(stage, kind, "-o", "json", "--verify", version=version)

    assert lenient.code == 0
    assert strict.code == (0 if is_unknown else 13)
    for ending in (lenient, strict):
        [sync] = ending.report["syncs"]
        assert sync["status"] == "succeeded"
        found = [finding["kind"] for finding in sync["verification"]["findings"]]
        assert found == ([] if is_unknown else [kind])
        assert sync["verification"]["outcome"] == ("passed" if is_unknown else "failed")
        assert any(REAL[kind][0] in one for one in ending.report["warnings"]) is not is_unknown


@pytest.mark.parametrize("kind", REAL)
def test_error_and_termination_reason_name_the_finding(stage: Stage, kind: str) -> None:
    ending = orders(stage, kind, "-o", "json", "--verify")

    assert_told_well(ending, 13)
    message = ending.report["error"]["message"]
    assert message.startswith("job 1 (orders) succeeded, but did not pass verification: ")
    assert REAL[kind][0] in message


@pytest.mark.parametrize("kind", REAL)
def test_wait_verifies_as_run_does(stage: Stage, kind: str) -> None:
    assert orders(stage, kind, "--verify", command="wait").code == 13


def test_incomplete_stream_is_shown_in_text_and_the_others_with_v(stage: Stage) -> None:
    plain = orders(stage, "stream-incomplete", "--verify")
    verbose = orders(stage, "stream-incomplete", "--verify", "-v")

    assert [line.split()[:2] for line in plain.lines("  table_")] == [["table_7", "incomplete"]]
    assert len(verbose.lines("  table_")) == 10
    assert plain.stdout.splitlines()[-1].startswith("suspect  orders  job 1")


def test_status_shows_streams_that_differ(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    plot = JobScript.model_validate(
        {"life": "running 5, failed", "streams": {"table_7": {"ends": "complete"}}}
    )
    sandbox.add_connection("orders", streams=TEN[6:8], history=(plot,))

    ending = call("status", "1", AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    shown = [line.split()[:2] for line in ending.stdout.splitlines() if "  table_" in line]
    assert ["table_6", "incomplete"] in shown


def test_status_verifies_a_past_success(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    plot = JobScript.model_validate({"life": "running 5, succeeded", **REAL["not-written"][1]})
    sandbox.add_connection("orders", streams=("orders",), history=(plot,))

    ending = call("status", "1", AIRBYTE_URL=stage.sandbox(sandbox))
    report = call("status", "1", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox)).report

    assert ending.code == 0
    assert "24,300,000 records were read by the last attempt, but 0 were written" in ending.stdout
    assert report["syncs"][0]["verification"]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("--max-rejected", "3"), 0),
        (("--max-rejected", "2"), 13),
        (("--require-stream", "orders"), 0),
        (("--require-stream", "orders=97"), 0),
        (("--require-stream", "orders=98"), 13),
        (("--require-stream", "users"), 13),
    ],
)
def test_requirements_need_no_verify(stage: Stage, argv: tuple[str, ...], code: int) -> None:
    assert orders(stage, "rejected", *argv).code == code


@pytest.mark.parametrize(
    ("stream", "expected"),
    [("", "an empty --require-stream"), ("orders=many", "no number of records after '='")],
)
def test_bad_required_stream_exits_2(stage: Stage, stream: str, expected: str) -> None:
    ending = orders(stage, "rejected", "--require-stream", stream)

    assert ending.code == 2
    assert expected in ending.stderr
