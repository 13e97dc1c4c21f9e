"""`run` over a real socket: its exit codes and options. Pauses are short."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import Fault, JobFailure, JobScript, Sandbox, SandboxConfig
from tests.support.children import running, until
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.servers import Stage

QUICK = "running 3, succeeded"
LONG = "pending 1, running 90000, succeeded"
KEYS = {
    "schema_version", "command", "exit_code", "outcome", "syncs", "warnings", "error",
}  # fmt: skip


def a_sandbox(life: str = QUICK, **fields: Any) -> Sandbox:  # noqa: ANN401  # handed on
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("orders", script=JobScript(life=life), **fields)
    return sandbox


def run(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    return call("run", "-o", "json", *argv, AIRBYTE_URL=stage.sandbox(sandbox))


def orders(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    return run(stage, sandbox, "--conn", "orders", *argv)


def the_sync(ending: CommandResult) -> Any:  # noqa: ANN401  # JSON
    [sync] = ending.report["syncs"]
    return sync


# Exit codes: 2, 6, 7, 9, 10 and 11 are also tested in tests/network and tests/cli


def test_succeeded_sync_exits_0(stage: Stage) -> None:
    sandbox = a_sandbox("pending 1, queued 2, running 3, incomplete 2, running 3, succeeded")

    ending = orders(stage, sandbox)

    assert (ending.code, the_sync(ending)["status"]) == (0, "succeeded")
    assert ending.report["error"] is None


def test_unknown_status_is_one_warning_and_the_wait_continues(stage: Stage) -> None:
    ending = orders(stage, a_sandbox("hibernating 60, running 3, succeeded"))

    assert ending.code == 0
    [warning] = ending.report["warnings"]
    assert "unknown status 'hibernating'" in warning


def test_failed_job_exits_3_with_reason(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    why = JobFailure(origin="source", type="config_error", message="No such key.", retryable=False)
    sandbox.add_connection("orders", script=JobScript(life="running 3, failed", failure=why))

    ending = orders(stage, sandbox)

    assert_told_well(ending, 3)
    failure = the_sync(ending)["failure"]
    assert (failure["origin"], failure["message"]) == ("source", "No such key.")
    assert the_sync(ending)["retryable"] is False
    assert "airbyte-sync logs" in ending.report["error"]["hint"]


def test_job_cancelled_by_someone_else_exits_4(stage: Stage) -> None:
    ending = orders(stage, a_sandbox("running 3, cancelled"))

    assert_told_well(ending, 4)
    assert the_sync(ending)["cancel"] is None


def test_timeout_exits_5_and_cancels_job(stage: Stage) -> None:
    sandbox = a_sandbox(LONG)

    ending = orders(stage, sandbox, "--timeout", "1m")

    assert_told_well(ending, 5)
    assert the_sync(ending)["cancel"] == {"requested": True, "confirmed": True}
    assert [job.status for job in sandbox.jobs] == ["cancelled"]
    assert ending.report["error"]["message"].endswith(
        "is still running after --timeout: cancelled"
    )
    assert "airbyte-sync wait" not in ending.report["error"]["hint"]


def test_on_timeout_leave_exits_5_without_cancel(stage: Stage) -> None:
    sandbox = a_sandbox(LONG)

    ending = orders(stage, sandbox, "--timeout", "1m", "--on-timeout", "leave")

    assert_told_well(ending, 5)
    assert sandbox.sent("cancel") == []
    assert the_sync(ending)["job_id"] == sandbox.jobs[0].id


def test_start_timeout_exits_5_with_unconfirmed_cancel(stage: Stage) -> None:
    sandbox = a_sandbox("pending 90000, running 5, succeeded")

    ending = orders(stage, sandbox, "--start-timeout", "1m")

    assert_told_well(ending, 5)
    unconfirmed = {"requested": True, "confirmed": False}
    assert the_sync(ending)["cancel"] == unconfirmed, "Airbyte cancels only what has begun"
    assert "cancel not confirmed" in ending.report["error"]["message"]
    assert f"airbyte-sync cancel {sandbox.jobs[0].id}" in ending.report["error"]["hint"]


def test_timeout_does_not_cancel_adopted_job(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.start_job(sandbox.connections[0], script=JobScript(life=LONG))

    ending = orders(stage, sandbox, "--if-running", "attach", "--timeout", "1m")

    assert_told_well(ending, 5)
    assert sandbox.sent("cancel") == []


def test_failing_api_exits_9_with_nothing_started(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.faults.add(Fault.model_validate("any:503"))

    ending = orders(stage, sandbox)

    assert_told_well(ending, 9)
    assert sandbox.jobs == []


def test_failed_first_request_is_logged_and_retried(stage: Stage) -> None:
    sandbox = a_sandbox()
    sandbox.faults.add(Fault.model_validate("any:503:times=3"))

    ending = orders(stage, sandbox)

    assert (ending.code, ending.report["warnings"]) == (0, [])
    [warning] = ending.warnings
    assert warning.endswith("retrying for up to 15s")


def test_outage_longer_than_max_outage_exits_12_and_names_job(stage: Stage) -> None:
    sandbox = a_sandbox(LONG)
    sandbox.faults.add(Fault.model_validate("job:503:after=2"))

    ending = orders(stage, sandbox, "--max-outage", "5m")

    assert_told_well(ending, 12)
    assert the_sync(ending)["job_id"] == sandbox.jobs[0].id
    assert f"airbyte-sync wait {sandbox.jobs[0].id}" in ending.report["error"]["hint"]
    assert sandbox.sent("cancel") == []


def test_outage_shorter_than_max_outage_changes_nothing(stage: Stage) -> None:
    sandbox = a_sandbox("running 30, succeeded")
    sandbox.faults.add(Fault.model_validate("job:502:after=1:times=20"))

    assert orders(stage, sandbox).code == 0


def a_job_in_an_outage(fault: str) -> Sandbox:
    sandbox = a_sandbox(history=(JobScript(life=QUICK),))
    sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


def wait_for_job_1(stage: Stage, sandbox: Sandbox, *argv: str) -> CommandResult:
    return call("wait", "1", "-o", "json", *argv, AIRBYTE_URL=stage.sandbox(sandbox))


def test_wait_tolerates_outage_that_began_before_it(stage: Stage) -> None:
    ending = wait_for_job_1(stage, a_job_in_an_outage("any:503:times=20"))

    assert (ending.code, the_sync(ending)["status"]) == (0, "succeeded")
    [warning] = ending.warnings
    assert "503" in warning
    assert "retrying for up to 30m" in warning
    assert ending.report["warnings"] == []


def test_wait_without_connection_within_max_outage_exits_12_and_names_job(stage: Stage) -> None:
    ending = wait_for_job_1(stage, a_job_in_an_outage("any:503"), "--max-outage", "5m")

    assert_told_well(ending, 12)
    assert (the_sync(ending)["job_id"], the_sync(ending)["status"]) == (1, None)
    assert "airbyte-sync wait 1" in ending.report["error"]["hint"]


def test_wait_without_connection_within_timeout_exits_5_and_names_job(stage: Stage) -> None:
    ending = wait_for_job_1(stage, a_job_in_an_outage("any:503"), "--timeout", "5m")

    assert_told_well(ending, 5)
    assert the_sync(ending)["job_id"] == 1
    assert "--timeout passed" in ending.report["error"]["message"]


def test_timeout_of_wait_includes_time_to_connect(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=1))
    connection = sandbox.add_connection("orders", script=JobScript(life=LONG))
    sandbox.start_job(connection)
    sandbox.faults.add(Fault.model_validate("any:503:retry-after=100:times=1"))

    ending = wait_for_job_1(stage, sandbox, "--timeout", "2m", "--poll-interval", "5s")

    assert_told_well(ending, 5)
    assert 4 <= len(sandbox.sent("job")) <= 7  # in the remaining 20 s


@pytest.mark.parametrize(
    ("argv", "code"),
    [((), 0), (("--verify",), 13), (("--min-records", "1"), 13)],
    ids=["a warning", "--verify", "--min-records 1"],
)
def test_success_without_evidence_exits_13_only_if_checked(
    stage: Stage, argv: tuple[str, ...], code: int
) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    script = JobScript(life="pending 2, succeeded", records=0, byte_count=0, statistics=False)
    sandbox.add_connection("orders", script=script)

    ending = orders(stage, sandbox, *argv)

    assert ending.code == code
    assert the_sync(ending)["status"] == "succeeded"
    assert code or "the job had no attempt" in " ".join(ending.report["warnings"])


def test_fewer_than_min_records_exits_13(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("orders", script=JobScript(life=QUICK, records=10))
    url = stage.sandbox(sandbox)

    codes = [
        call("run", "--conn", "orders", "--min-records", number, AIRBYTE_URL=url).code
        for number in ("10", "11")
    ]

    assert codes == [0, 13]


def test_wait_for_statistics_is_logged(stage: Stage) -> None:
    ending = orders(stage, a_sandbox(), "--min-records", "5000")

    assert ending.code == 13
    assert "succeeded, waiting up to 1m 00s for its final statistics" in ending.stderr


def test_report_has_same_keys_for_every_exit_code(stage: Stage) -> None:
    endings = [
        orders(stage, a_sandbox()),
        orders(stage, a_sandbox("running 3, failed")),
        orders(stage, a_sandbox(), "--timeout", "5x"),
        run(stage, a_sandbox()),
        run(stage, a_sandbox(), "--conn", "nobody"),
        call("run", "--conn", "orders", "-o", "json", AIRBYTE_URL="http://127.0.0.1:9"),
        call("run", "--no-such-option", "-o", "json"),
    ]

    assert [ending.code for ending in endings] == [0, 3, 2, 2, 7, 9, 2]
    assert [set(ending.report) for ending in endings] == [KEYS] * len(endings)
    assert [ending.report["exit_code"] for ending in endings] == [one.code for one in endings]


# Options


def test_clear_is_reported_with_job_type_from_airbyte(stage: Stage) -> None:
    ending = orders(stage, a_sandbox(), "--job-type", "clear")

    assert ending.code == 0
    assert the_sync(ending)["job_type"] in {"reset", "clear"}


def test_refresh_uses_config_api(stage: Stage) -> None:
    sandbox = a_sandbox()

    ending = orders(stage, sandbox, "--job-type", "refresh")

    assert ending.code == 0
    assert the_sync(ending)["job_type"] == "refresh"
    assert [request.path for request in sandbox.sent("trigger")] == ["/api/v1/connections/refresh"]


@pytest.mark.parametrize("job_type", ["clear", "refresh"])
def test_stream_is_cleared_or_refreshed_alone(stage: Stage, job_type: str) -> None:
    sandbox = a_sandbox(streams=("users", "orders"))

    ending = orders(stage, sandbox, "--job-type", job_type, "--stream", "orders")

    assert ending.code == 0
    assert [[each.key for each in job.streams] for job in sandbox.jobs] == [["orders"]]


def test_unknown_stream_exits_7_with_similar_names(stage: Stage) -> None:
    sandbox = a_sandbox(streams=("users", "orders"))

    ending = orders(stage, sandbox, "--job-type", "clear", "--stream", "user")

    assert_told_well(ending, 7)
    assert ending.report["error"]["hint"] == "did you mean 'users'?"
    assert sandbox.jobs == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--stream", "users"], "--stream cannot be combined with --job-type sync"),
        (["--job-type", "clear", "--stream", " "], "an empty --stream"),
    ],
)
def test_stream_of_a_sync_or_empty_one_exits_2_before_any_request(
    stage: Stage, options: list[str], reason: str
) -> None:
    sandbox = a_sandbox()

    ending = orders(stage, sandbox, *options)

    assert_told_well(ending, 2)
    assert ending.report["error"]["message"].startswith(reason)
    assert sandbox.requests == []


def test_dry_run_names_streams(stage: Stage) -> None:
    sandbox = a_sandbox(streams=("users", "orders"))

    ending = orders(
        stage,
        sandbox,
        "--job-type",
        "clear",
        "--stream",
        "users",
        "--stream",
        "orders",
        "--dry-run",
    )

    assert ending.report["warnings"] == ["dry run: 'orders': would start a clear of orders, users"]
    assert sandbox.jobs == []


def test_dry_run_starts_nothing_and_prints_plan(stage: Stage) -> None:
    sandbox = a_sandbox()

    url = stage.sandbox(sandbox)

    for_people = call("run", "-c", "orders", "--dry-run", AIRBYTE_URL=url)
    for_programs = call("run", "-c", "orders", "--dry-run", "-o", "json", AIRBYTE_URL=url)

    assert (for_people.code, for_programs.code) == (0, 0)
    assert sandbox.sent("trigger") == []
    assert for_people.stdout == "'orders': would start a sync\n"
    assert for_programs.report["warnings"] == ["dry run: 'orders': would start a sync"]


def test_sync_that_could_not_start_has_its_reason_in_json(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("bad", script=JobScript(life="running 3, failed"))
    sandbox.add_connection("off", status="inactive")

    ending = run(stage, sandbox, "-c", "bad", "-c", "off")

    assert ending.code == 3
    assert any("'off': connection 'off'" in warning for warning in ending.report["warnings"])


def test_several_connections_exit_with_lowest_nonzero_code(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    for name, life in {"a": QUICK, "b": "running 3, failed", "c": "running 3, cancelled"}.items():
        sandbox.add_connection(name, script=JobScript(life=life))

    ending = run(stage, sandbox, "-c", "a", "-c", "b", "-c", "c", "-c", "a")

    assert ending.code == 3, "the lowest code other than 0"
    assert [sync["exit_code"] for sync in ending.report["syncs"]] == [0, 3, 4]


def test_fail_fast_cancels_other_started_jobs(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("bad", script=JobScript(life="running 30, failed"))
    sandbox.add_connection("long", script=JobScript(life=LONG))

    ending = run(stage, sandbox, "-c", "bad", "-c", "long", "--fail-fast")

    assert ending.code == 3
    assert {job.status for job in sandbox.jobs} == {"failed", "cancelled"}


def test_max_parallel_limits_concurrent_syncs(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    names = ["a", "b", "c", "d"]
    for name in names:
        sandbox.add_connection(name, script=JobScript(life="running 10, succeeded"), tags=("all",))

    ending = run(stage, sandbox, "--tag", "all", "--max-parallel", "1")

    jobs = sandbox.jobs
    assert ending.code == 0
    assert len(jobs) == len(names)
    assert all(after.created_at >= before.ends_at for before, after in pairwise(jobs))


def test_skip_exits_99_only_if_all_were_skipped(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    busy = sandbox.add_connection("busy", script=JobScript(life=LONG))
    sandbox.add_connection("free", script=JobScript(life=QUICK))
    sandbox.start_job(busy)
    url = stage.sandbox(sandbox)

    alone = call("run", "-c", "busy", "--if-running", "skip", AIRBYTE_URL=url)
    both = call("run", "-c", "busy", "-c", "free", "--if-running", "skip", AIRBYTE_URL=url)

    assert (alone.code, both.code) == (99, 0)


def test_trigger_prints_id_that_wait_accepts(stage: Stage) -> None:
    sandbox = a_sandbox("running 30, failed")
    url = stage.sandbox(sandbox)

    started = call("trigger", "--conn", "orders", "-o", "id", AIRBYTE_URL=url)
    waited = call("wait", started.stdout, AIRBYTE_URL=url)

    assert started.code == 0
    assert started.stdout == f"{sandbox.jobs[0].id}\n"
    assert started.stderr.count(" job=") == 1  # logged once
    assert waited.code == 3


def test_second_cancel_of_job_sends_nothing(stage: Stage) -> None:
    sandbox = a_sandbox("running 90000, succeeded")
    sandbox.start_job(sandbox.connections[0])
    url = stage.sandbox(sandbox)

    first = call("cancel", "--conn", "orders", AIRBYTE_URL=url)
    second = call("cancel", str(sandbox.jobs[0].id), AIRBYTE_URL=url)

    assert (first.code, second.code) == (0, 0)
    assert len(sandbox.sent("cancel")) == 1, "what has ended is sent nothing"


def test_status_exits_0_for_failed_job_and_3_with_exit_status(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("orders", history=(JobScript(life="running 3, failed"),))
    url = stage.sandbox(sandbox)

    plain = call("status", "--conn", "orders", AIRBYTE_URL=url)
    speaking = call("status", "--conn", "orders", "--exit-status", AIRBYTE_URL=url)

    assert (plain.code, speaking.code) == (0, 3)


def test_exit_status_of_active_or_missing_job_is_not_0(stage: Stage) -> None:
    sandbox = a_sandbox(LONG)
    sandbox.add_connection("never")
    sandbox.start_job(sandbox.connections[0])
    url = stage.sandbox(sandbox)

    going_on = call("status", "--conn", "orders", "--exit-status", AIRBYTE_URL=url)
    never = call("status", "--conn", "never", "--exit-status", AIRBYTE_URL=url)

    assert_told_well(going_on, 12)
    assert "airbyte-sync wait 1" in going_on.stderr
    assert_told_well(never, 7)
    assert "'never' has no job yet" in never.stderr


# Streams


def test_last_line_of_merged_streams_is_the_result(stage: Stage, tmp_path: Path) -> None:
    """Airflow's BashOperator merges the streams. The result file has the same report."""
    sandbox, file = a_sandbox("running 3, failed"), tmp_path / "result.json"
    argv = ("run", "-c", "orders", "-o", "json", "-vv", "--result-file", str(file))

    with running(*argv, merged=True, AIRBYTE_URL=stage.sandbox(sandbox)) as child:
        until(lambda: child.process.poll() is not None)
        ended = child.end()

    assert ended.code == 3
    assert ended.sync["status"] == "failed"
    assert json.loads(file.read_text(encoding="utf-8")) == ended.report


def test_unwritable_result_file_is_a_usage_error_before_any_request(
    stage: Stage,
) -> None:
    sandbox = a_sandbox()

    ending = orders(stage, sandbox, "--result-file", "/nowhere/at/all.json")

    assert_told_well(ending, 2)
    assert sandbox.requests == []


def test_unknown_job_is_named_in_result_and_logged_once(
    stage: Stage,
) -> None:
    ending = call("wait", "77", AIRBYTE_URL=stage.sandbox(a_sandbox()))

    assert_told_well(ending, 7)
    assert ending.stdout == "not-found  job 77\n"
    assert " error: [job=77] not-found" in ending.stderr


# Several connections


def test_tag_skips_inactive_connections_with_warning(stage: Stage) -> None:
    sandbox = a_sandbox(tags=("nightly",))
    sandbox.add_connection("budget", status="inactive", tags=("nightly",))

    ending = run(stage, sandbox, "--tag", "nightly")

    assert ending.code == 0
    assert ending.report["warnings"] == [
        "--tag nightly skips connections that are not active: budget"
    ]
