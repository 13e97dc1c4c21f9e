"""Files that others read: whole or not at all, and never a reason to fail."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.files import LONGEST_TERMINATION_MESSAGE, cut
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import FailureResult, SyncResult
from tests.output.scenes import Told, result, told

IN_KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A file system like a pod's, with Airflow's sidecar and a termination log."""
    (tmp_path / "airflow" / "xcom").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    yield tmp_path
    (tmp_path / "airflow" / "xcom").chmod(0o755)


def in_pod(root: Path, options: OutputOptions | None = None) -> Told:
    return told(options, environ=IN_KUBERNETES, root=root)


def failing(message: str) -> SyncResult:
    failure = FailureResult(
        origin="source", type=None, message=message, retryable=None, stream=None
    )
    return result(code=3, failure=failure)


def test_xcom_gets_the_same_report_as_stdout(root: Path) -> None:
    telling = in_pod(root, OutputOptions(format="json"))

    telling.output.conclude([result()])

    xcom = root / "airflow" / "xcom" / "return.json"
    assert json.loads(xcom.read_text("utf-8")) == json.loads(telling.stdout.getvalue())
    assert stat.S_IMODE(xcom.stat().st_mode) == 0o644  # the sidecar is another user
    assert list(xcom.parent.iterdir()) == [xcom]


def test_xcom_is_written_ahead_of_a_confirmation_that_may_never_come(root: Path) -> None:
    telling = in_pod(root)

    telling.output(ev.Provisional(results=(result(code=5),)))

    report = json.loads((root / "airflow" / "xcom" / "return.json").read_text("utf-8"))
    assert report["exit_code"] == ExitCode.TIMEOUT


def test_without_the_sidecar_nothing_is_written_and_nothing_is_said(tmp_path: Path) -> None:
    telling = in_pod(tmp_path)

    telling.output.conclude([result()])

    assert list(tmp_path.iterdir()) == []
    assert telling.stderr.getvalue() == ""


def test_an_xcom_folder_that_cannot_be_written_is_a_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)  # root may write anywhere: no chmod helps
    telling = in_pod(root)

    code = telling.output.conclude([result()])

    assert code is ExitCode.OK
    assert "XCom file" in telling.stderr.getvalue()
    assert "Permission denied" in telling.stderr.getvalue()


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_file_is_written_whole_or_not_at_all(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result.json"
    target.write_text("what was there", "utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, fail)
    telling = told(OutputOptions(result_file=target))

    code = telling.output.conclude([result()])

    assert code is ExitCode.OK
    assert target.read_text("utf-8") == "what was there"
    assert list(tmp_path.iterdir()) == [target]
    assert "No space left on device" in telling.stderr.getvalue()


def test_a_termination_message_says_why(root: Path) -> None:
    in_pod(root).output.conclude([failing("the API key was rejected")])

    text = (root / "dev" / "termination-log").read_text("utf-8")
    assert text.startswith("airbyte-sync run: failed (exit 3).")
    assert "the API key was rejected" in text
    assert "airbyte-sync logs 42" in text


def test_a_success_leaves_no_termination_message(root: Path) -> None:
    in_pod(root).output.conclude([result()])

    assert (root / "dev" / "termination-log").read_bytes() == b""


def test_a_success_takes_back_what_was_feared_at_a_signal(root: Path) -> None:
    telling = in_pod(root)
    telling.output(ev.Provisional(results=(result(code=5),)))
    feared = (root / "dev" / "termination-log").read_bytes()

    telling.output.conclude([result()])

    assert feared != b""
    assert (root / "dev" / "termination-log").read_bytes() == b""


def test_outside_of_kubernetes_there_is_no_termination_message(root: Path) -> None:
    told(root=root).output.conclude([failing("no")])

    assert (root / "dev" / "termination-log").read_bytes() == b""


@pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
def test_a_termination_message_fits_and_is_text(root: Path, letter: str) -> None:
    in_pod(root).output.conclude([failing(letter * 9000)])

    content = (root / "dev" / "termination-log").read_bytes()
    assert 3200 < len(content) <= LONGEST_TERMINATION_MESSAGE
    assert content.endswith(b"`airbyte-sync logs 42` shows what Airbyte logged\n")
    assert content.decode("utf-8").endswith("…")


@given(text=st.text(max_size=200), most=st.integers(3, 300))
def test_a_cut_keeps_whole_characters_and_its_limit(text: str, most: int) -> None:
    content = cut(text.encode(errors="ignore").decode(), most)

    assert len(content) <= most
    assert text.startswith(content.decode().removesuffix("…"))
