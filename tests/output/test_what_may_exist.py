"""No job id is not "nothing was started": every output says what is known of a start."""

import json
from pathlib import Path

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.verdicts import error_result, reason
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.start import Start
from tests.output.scenes import told

NOTHING = "nothing was started"
MAY_EXIST = "a job may have been started, but none has shown up"


def ended(start: Start | None, code: ExitCode) -> SyncResult:
    return SyncResult(
        connection_id="c", connection_name="orders", start=start, exit_code=code,
        outcome=code.outcome,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("code", [ExitCode.SIGTERM, ExitCode.TIMEOUT, ExitCode.UNKNOWN])
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
