"""No job id is not "nothing was started": every output says what is known of a start."""

import json
from pathlib import Path

import pytest

from airbyte_sync_cli.errors import BugError, RejectedError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.messages import error_result, reason
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync.result import Start, SyncResult
from tests.output.scenes import told

NOTHING = "nothing was started"
MAY_EXIST = "a job may have been started, but none has shown up"


FINE = {ExitCode.OK, ExitCode.SKIPPED}
REJECTED = RejectedError("connection 'orders' is inactive", hint="switch it on")


def ended(start: Start | None, code: ExitCode) -> SyncResult:
    return SyncResult(
        connection_id="c", connection_name="orders", start=start, exit_code=code,
        outcome=code.outcome,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("code", [it for it in ExitCode if it not in FINE])
def test_a_start_that_may_have_worked_is_told_everywhere(
    tmp_path: Path, form: str, code: ExitCode
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    (tmp_path / "airflow" / "xcom").mkdir(parents=True)
    telling = told(
        OutputOptions(format=form),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )

    telling.output.conclude([ended(Start.POSSIBLE, code)])

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    xcom = (tmp_path / "airflow" / "xcom" / "return.json").read_text("utf-8")
    error, hint = telling.stderr.getvalue().splitlines()[-2:]
    for text in (error, telling.stdout.getvalue(), pod, xcom):
        assert MAY_EXIST in text
        assert NOTHING not in text
    assert "airbyte-sync status --conn c" in hint
    assert "airbyte-sync status --conn c" in pod
    assert json.loads(xcom)["syncs"][0]["start"] == "possible"


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (Start.NOT_SENT, NOTHING),
        (Start.REFUSED, "the start was refused"),
        (Start.POSSIBLE, MAY_EXIST),
        (Start.STARTED, MAY_EXIST),
        (None, None),
    ],
)
def test_one_fact_makes_every_sentence(start: Start | None, said: str | None) -> None:
    sync = ended(start, ExitCode.SIGINT)

    error = error_result(ExitCode.SIGINT, [sync], None)

    assert error is not None
    assert error.message == ": ".join(filter(None, ["'orders' was interrupted", said]))
    assert reason(sync) == error.message


def test_several_interrupted_syncs_are_told_by_what_became_of_them() -> None:
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
    telling = told(
        OutputOptions(format=form, result_file=file),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )
    code = error.exit_code if error else ExitCode.REJECTED

    telling.output.conclude([ended(start, code)], error=error)

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    stderr = telling.stderr.getvalue()
    for text in (stderr, telling.stdout.getvalue(), pod, file.read_text("utf-8")):
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


def test_syncs_of_one_code_are_told_apart_by_what_may_exist() -> None:
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
    telling = told(
        OutputOptions(format=form, result_file=file),  # type: ignore[arg-type]  # one of its words
        environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        root=tmp_path,
    )
    alive = ended(Start.STARTED, ExitCode.BUG).model_copy(
        update={"job_id": 7, "status": "running"}
    )

    telling.output.conclude([alive], error=BugError("internal error"))

    pod = (tmp_path / "dev" / "termination-log").read_text("utf-8")
    outputs = [telling.stderr.getvalue(), pod, file.read_text("utf-8")]
    for text in [*outputs, telling.stdout.getvalue()] if form == "json" else outputs:
        assert "still active in Airbyte" in text
        assert "airbyte-sync wait 7" in text
    assert "job 7" in telling.stdout.getvalue() or form == "json"
