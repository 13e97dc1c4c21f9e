"""Why each sync failed, the error and its hint, and what may exist of a start."""

import json
from pathlib import Path

import pytest

from airbyte_sync_cli.airbyte.models import Failure
from airbyte_sync_cli.errors import BugError, RejectedError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.messages import error_result, reason
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import (
    AttemptFailure,
    FindingResult,
    Start,
    StreamResult,
    SyncResult,
    VerificationResult,
)
from tests.output.scenes import WRONG_KEY, captured_output, failed, result, snapshot


def stderr_of(*syncs: SyncResult, verbosity: int = 0, command: str = "run") -> list[str]:
    captured = captured_output(OutputOptions(verbosity=verbosity), command=command)
    captured.output.conclude(syncs)
    return captured.stderr.getvalue().splitlines()


def test_failure_has_a_block_before_error_and_hint() -> None:
    assert stderr_of(failed()) == [
        "job 42 (orders) failed after 1m 01s, in 3 attempts",
        "  why    The API key was rejected.",
        "  where  source, config_error, stream orders",
        "  retry  no (per Airbyte)",
        "  job    http://airbyte/jobs/42",
        "error: job 42 (orders) failed: The API key was rejected. (source config_error)",
        "hint: correct the settings of the source first: a retry alone fails again; "
        "`airbyte-sync logs 42` shows the job's log",
    ]


def test_each_failure_of_several_has_a_block_with_its_log_command() -> None:
    lines = stderr_of(failed("a", 1), result("b", number=2), failed("c", 3))

    assert [line for line in lines if line.startswith("job ")] == [
        "job 1 (a) failed after 1m 01s, in 3 attempts",
        "job 3 (c) failed after 1m 01s, in 3 attempts",
    ]
    assert [line.split()[-1] for line in lines if line.startswith("  log")] == ["1", "3"]


def test_failure_message_is_written_twice_at_most() -> None:
    text = "\n".join(stderr_of(failed()))

    assert text.count("The API key was rejected.") == 2


def test_error_of_many_failures_names_ten_and_counts_the_rest() -> None:
    lines = stderr_of(*(failed(f"c{i}", i) for i in range(1, 31)))

    assert lines[-2].startswith("error: 30 of 30 syncs failed: job 1 (c1), job 2 (c2)")
    assert lines[-2].endswith("and 20 more")


def test_failure_without_a_reason_links_to_the_job() -> None:
    lines = stderr_of(failed(failure=None))

    assert "  why    no reason in the API response; see the job in Airbyte's web UI" in lines
    assert "  job    http://airbyte/jobs/42" in lines


@pytest.mark.parametrize(("verbosity", "seen"), [(0, False), (1, True)])
def test_stack_trace_needs_v(*, verbosity: int, seen: bool) -> None:
    captured = captured_output(OutputOptions(verbosity=verbosity))
    failure = Failure(message="short", internal_message="inner", stacktrace="Traceback:\n at x.y")
    captured.output(ev.Finished(sync=snapshot("orders"), result=failed(), failure=failure))

    captured.output.conclude([failed()])

    lines = captured.stderr.getvalue().splitlines()
    assert ("    at x.y" in lines) is seen


def test_internal_message_is_shown_unless_it_repeats_the_external_one() -> None:
    inner = WRONG_KEY.model_copy(update={"internal_message": "401 from api.example.com"})
    same = WRONG_KEY.model_copy(update={"internal_message": WRONG_KEY.message})

    assert "  inner  401 from api.example.com" in stderr_of(failed(failure=inner))
    assert not any("  inner" in line for line in stderr_of(failed(failure=same)))


def test_earlier_attempts_and_partial_success_are_named() -> None:
    earlier = [
        AttemptFailure(
            attempt=1, origin="source", type="transient_error", message="reset by peer"
        ),
        AttemptFailure(attempt=3, origin="source", type="config_error", message="wrong key"),
    ]

    lines = stderr_of(failed(attempt_failures=earlier, partial_success=True, records_synced=1200))

    assert "  before attempt 1: reset by peer (source transient_error)" in lines
    assert not any("attempt 3:" in line for line in lines)
    loaded = "1,200 records were written all the same (partial success, per Airbyte)"
    assert f"  partly {loaded}" in lines


STREAMS = [
    StreamResult(
        name="orders",
        namespace="public",
        status="complete",
        records_read=24_300_000,
        records_written=24_299_997,
        records_rejected=3,
    ),
    StreamResult(
        name="users",
        namespace=None,
        status="incomplete",
        records_read=0,
        records_written=0,
        records_rejected=0,
    ),
    StreamResult(
        name="fine",
        namespace=None,
        status="complete",
        records_read=7,
        records_written=7,
        records_rejected=None,
    ),
]


def test_failure_report_has_the_streams_that_differ() -> None:
    lines = stderr_of(failed(streams=STREAMS))

    start = lines.index("  job    http://airbyte/jobs/42") + 1
    assert lines[start : start + 3] == [
        "  stream         status            read     written  rejected",
        "  public.orders  complete    24,300,000  24,299,997         3",
        "  users          incomplete           0           0",
    ]


def test_long_list_of_streams_is_cut_without_v() -> None:
    many = [STREAMS[1].model_copy(update={"name": f"s{number}"}) for number in range(23)]

    assert "  and 3 more, -v shows all" in stderr_of(failed(streams=many))
    assert any("s22" in line for line in stderr_of(failed(streams=many), verbosity=1))


def test_v_shows_all_streams_of_a_success() -> None:
    fine = result("orders", streams=STREAMS, status="succeeded")

    assert any(line.startswith("  fine ") for line in stderr_of(fine, verbosity=1))
    assert stderr_of(fine) == []


def test_findings_are_the_reason_of_a_suspect_success() -> None:
    findings = [
        FindingResult(kind="rejected", stream=None, message=f"finding {number}")
        for number in range(2)
    ]
    suspect = result(
        "orders", 13, verification=VerificationResult(outcome="failed", findings=tuple(findings))
    )

    lines = stderr_of(suspect)

    assert "  why    finding 0" in lines
    assert "  why    finding 1" in lines
    assert any("verification: finding 0 (and 1 more)" in line for line in lines)


def test_error_of_one_sync_of_several_is_written() -> None:
    captured = captured_output()
    off = result("off", 11, number=None)
    error = RejectedError("the connection is inactive", hint="enable it in Airbyte")
    captured.output(ev.Finished(sync=snapshot("off"), result=off, error=error))

    captured.output.conclude([failed("a", 1), off])

    lines = captured.stderr.getvalue().splitlines()
    assert "  why    the connection is inactive" in lines
    assert "  hint   enable it in Airbyte" in lines


def test_error_of_a_single_sync_is_written_once() -> None:
    captured = captured_output()
    off = result("off", 11, number=None)
    error = RejectedError("the connection is inactive")
    captured.output(ev.Finished(sync=snapshot("off"), result=off, error=error))
    before = len(captured.stderr.getvalue())

    captured.output.conclude([off], error=error, exit_code=ExitCode.REJECTED)

    assert captured.stderr.getvalue()[before:].count("inactive") == 1


def test_success_writes_only_its_line() -> None:
    captured = captured_output()

    code = captured.output.conclude([result(records_synced=10, duration_seconds=61)])

    assert code is ExitCode.OK
    assert captured.stderr.getvalue() == ""
    assert captured.stdout.getvalue() == "succeeded  orders  job 42  1m 01s  10 records\n"


NOTHING = "nothing was started"


MAY_EXIST = "a job may have been started, but none was found"


FINE = {ExitCode.OK, ExitCode.SKIPPED}


REJECTED = RejectedError("connection 'orders' is inactive", hint="switch it on")


def ended(start: Start | None, code: ExitCode) -> SyncResult:
    return SyncResult(
        connection_id="c", connection_name="orders", start=start, exit_code=code,
        outcome=code.outcome,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("code", [it for it in ExitCode if it not in FINE])
def test_possible_start_is_in_every_output(tmp_path: Path, form: str, code: ExitCode) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    (tmp_path / "airflow" / "xcom").mkdir(parents=True)
    captured = captured_output(
        OutputOptions(format=form),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )

    captured.output.conclude([ended(Start.POSSIBLE, code)])

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    xcom = (tmp_path / "airflow" / "xcom" / "return.json").read_text("utf-8")
    error, hint = captured.stderr.getvalue().splitlines()[-2:]
    for text in (error, captured.stdout.getvalue(), pod, xcom):
        assert MAY_EXIST in text
        assert NOTHING not in text
    assert "airbyte-sync status --conn c" in hint
    assert "airbyte-sync status --conn c" in pod
    assert json.loads(xcom)["syncs"][0]["start"] == "possible"


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (Start.NOT_SENT, NOTHING),
        (Start.REFUSED, "the trigger was rejected"),
        (Start.POSSIBLE, MAY_EXIST),
        (Start.STARTED, MAY_EXIST),
        (None, None),
    ],
)
def test_interrupted_sync_has_the_state_of_its_start(
    start: Start | None, said: str | None
) -> None:
    sync = ended(start, ExitCode.SIGINT)

    error = error_result(ExitCode.SIGINT, [sync], None)

    assert error is not None
    assert error.message == ": ".join(filter(None, ["'orders' was interrupted", said]))
    assert reason(sync) == error.message


def test_interrupted_syncs_are_grouped_by_the_state_of_their_start() -> None:
    syncs = [
        ended(Start.POSSIBLE, ExitCode.SIGTERM),
        ended(Start.NOT_SENT, ExitCode.SIGTERM).model_copy(update={"connection_name": "users"}),
    ]

    error = error_result(ExitCode.SIGTERM, syncs, None)

    assert error is not None
    assert error.message == (
        f"2 syncs were interrupted: 'orders': {MAY_EXIST}; 'users': {NOTHING}"
    )
    assert "airbyte-sync status --conn c" in (error.hint or "")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("error", [REJECTED, BugError("internal error"), None], ids=str)
@pytest.mark.parametrize("start", [Start.POSSIBLE, Start.STARTED])
def test_error_of_its_own_does_not_hide_what_may_exist(
    tmp_path: Path, form: str, error: RejectedError | BugError | None, start: Start
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    file = tmp_path / "result.json"
    captured = captured_output(
        OutputOptions(format=form, result_file=file),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )
    code = error.exit_code if error else ExitCode.REJECTED

    captured.output.conclude([ended(start, code)], error=error)

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    stderr = captured.stderr.getvalue()
    for text in (stderr, captured.stdout.getvalue(), pod, file.read_text("utf-8")):
        assert MAY_EXIST in text
    assert "airbyte-sync status --conn c" in stderr
    assert "airbyte-sync status --conn c" in json.loads(file.read_text("utf-8"))["error"]["hint"]
    if error is REJECTED:
        assert "is inactive" in stderr
        assert "switch it on" in stderr


def test_error_of_one_sync_does_not_hide_what_may_exist_of_another() -> None:
    refused = ended(Start.REFUSED, ExitCode.REJECTED)
    open_ = ended(Start.POSSIBLE, ExitCode.UNKNOWN).model_copy(
        update={"connection_name": "users", "connection_id": "u"}
    )

    told_of = error_result(ExitCode.REJECTED, [refused, open_], REJECTED)

    assert told_of is not None
    assert told_of.message == f"{REJECTED.message}; 'users': {MAY_EXIST}"
    assert "airbyte-sync status --conn u" in (told_of.hint or "")


def test_syncs_of_one_code_are_grouped_by_what_may_exist() -> None:
    syncs = [
        ended(Start.NOT_SENT, ExitCode.TIMEOUT),
        ended(Start.POSSIBLE, ExitCode.TIMEOUT).model_copy(update={"connection_name": "users"}),
    ]

    told_of = error_result(ExitCode.TIMEOUT, syncs, None)

    assert told_of is not None
    assert f"{NOTHING}: 'orders'" in told_of.message
    assert f"{MAY_EXIST}: 'users'" in told_of.message


@pytest.mark.parametrize("form", ["text", "json"])
def test_bug_with_an_active_job_names_it_in_every_output(tmp_path: Path, form: str) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    file = tmp_path / "result.json"
    captured = captured_output(
        OutputOptions(format=form, result_file=file),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )
    alive = ended(Start.STARTED, ExitCode.BUG).model_copy(
        update={"job_id": 7, "status": "running"}
    )

    captured.output.conclude([alive], error=BugError("internal error"))

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    outputs = [captured.stderr.getvalue(), pod, file.read_text("utf-8")]
    for text in [*outputs, captured.stdout.getvalue()] if form == "json" else outputs:
        assert "still active in Airbyte" in text
        assert "airbyte-sync wait 7" in text
    assert "job 7" in captured.stdout.getvalue() or form == "json"
