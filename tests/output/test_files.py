"""Files that others read: whole or not at all, and never a reason to fail."""

import errno
import json
import os
import pty
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.cli.options import output_options
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.files import LONGEST_TERMINATION_MESSAGE, cut
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import FailureResult, SyncResult
from tests.output.scenes import CapturedOutput, captured_output, result

IN_KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A file system like a pod's, with Airflow's sidecar and a termination log."""
    (tmp_path / "airflow" / "xcom").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    yield tmp_path
    (tmp_path / "airflow" / "xcom").chmod(0o755)


def in_pod(root: Path, options: OutputOptions | None = None) -> CapturedOutput:
    return captured_output(options, environ=IN_KUBERNETES, root=root)


def failing(message: str) -> SyncResult:
    failure = FailureResult(
        origin="source", type=None, message=message, retryable=None, stream=None
    )
    return result(code=3, failure=failure)


def test_xcom_file_equals_stdout(root: Path) -> None:
    captured = in_pod(root, OutputOptions(format="json"))

    captured.output.conclude([result()])

    xcom = root / "airflow" / "xcom" / "return.json"
    assert json.loads(xcom.read_text("utf-8")) == json.loads(captured.stdout.getvalue())
    assert stat.S_IMODE(xcom.stat().st_mode) == 0o644  # the sidecar is another user
    assert list(xcom.parent.iterdir()) == [xcom]


def test_xcom_file_is_written_before_the_cancel_is_confirmed(root: Path) -> None:
    captured = in_pod(root)

    captured.output(ev.Provisional(results=(result(code=5),)))

    report = json.loads((root / "airflow" / "xcom" / "return.json").read_text("utf-8"))
    assert report["exit_code"] == ExitCode.TIMEOUT


def test_xcom_file_needs_the_sidecar_folder(tmp_path: Path) -> None:
    captured = in_pod(tmp_path)

    captured.output.conclude([result()])

    assert list(tmp_path.iterdir()) == []
    assert captured.stderr.getvalue() == ""


def test_unwritable_xcom_file_is_a_warning(root: Path) -> None:
    (root / "airflow" / "xcom" / "return.json").mkdir()  # root may write anywhere: no chmod helps
    captured = in_pod(root, OutputOptions(format="json"))

    code = captured.output.conclude([result()])

    assert code is ExitCode.OK
    assert "XCom file" in captured.stderr.getvalue()
    [warning] = json.loads(captured.stdout.getvalue())["warnings"]
    assert warning.endswith("return.json: Is a directory")


def refuse(*_: object, number: int = errno.EPERM, **__: object) -> NoReturn:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("tempfile.mkstemp", errno.EROFS),  # the folder of a mounted file
        ("pathlib.Path.replace", errno.EBUSY),  # a mounted file
        ("pathlib.Path.replace", errno.EPERM),  # a file system without it
    ],
)
def test_file_that_cannot_be_replaced_is_overwritten(
    place: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result.json"
    target.write_text("what was there, and much longer than the new one" * 100, "utf-8")
    monkeypatch.setattr(place, partial(refuse, number=number))
    captured = captured_output(OutputOptions(result_file=target))

    captured.output.conclude([result()])

    assert json.loads(target.read_text("utf-8"))["exit_code"] == 0
    assert list(tmp_path.iterdir()) == [target]
    assert captured.stderr.getvalue() == ""


@pytest.mark.parametrize("place", ["os.fsync", "os.fchmod"])
def test_file_is_written_where_fsync_or_chmod_is_unsupported(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result.json"
    monkeypatch.setattr(place, refuse)
    captured = captured_output(OutputOptions(result_file=target))

    captured.output.conclude([result()])

    assert json.loads(target.read_text("utf-8"))["exit_code"] == 0
    assert captured.stderr.getvalue() == ""


def test_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.touch(mode=0o600)

    captured_output(OutputOptions(result_file=target)).output.conclude([result()])

    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("exists", [True, False])
def test_symbolic_link_is_followed(exists: object, tmp_path: Path) -> None:
    target, link = tmp_path / "elsewhere.json", tmp_path / "result.json"
    link.symlink_to(target)
    if exists:
        target.touch()

    captured_output(OutputOptions(result_file=link)).output.conclude([result()])

    assert link.is_symlink()
    assert not target.is_symlink()
    assert json.loads(target.read_text("utf-8"))["exit_code"] == 0


def test_device_is_written_in_place(tmp_path: Path) -> None:
    reader, device = pty.openpty()
    link = tmp_path / "result.json"
    link.symlink_to(os.ttyname(device))
    try:
        captured_output(OutputOptions(result_file=link)).output.conclude([result()])
        shown = os.read(reader, 65536)
        is_still_one = link.is_char_device()
    finally:
        os.close(device)
        os.close(reader)

    assert json.loads(shown)["exit_code"] == 0
    assert is_still_one


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_pipe_gets_only_the_final_report(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    captured = captured_output(OutputOptions(result_file=pipe))
    try:
        captured.output(ev.Provisional(results=(result(code=5),)))
        captured.output.conclude([result()])
        content = os.read(reader, 65536)
    finally:
        os.close(reader)

    assert json.loads(content)["exit_code"] == 0
    assert pipe.is_fifo()


def test_pipe_without_a_reader_is_a_warning(pipe: Path) -> None:
    captured = captured_output(OutputOptions(result_file=pipe))

    code = captured.output.conclude([result()])

    assert code is ExitCode.OK
    assert ": nothing reads from it" in captured.stderr.getvalue()
    assert pipe.is_fifo()


def test_pipe_whose_reader_stopped_is_a_warning(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    captured = captured_output(OutputOptions(result_file=pipe))
    try:
        code = captured.output.conclude([failing("x" * 3000)] * 100)  # more than a pipe holds
    finally:
        os.close(reader)

    assert code is ExitCode.FAILED
    assert ": timed out, its reader is blocked" in captured.stderr.getvalue()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "it is a directory"),
        ("missing/result.json", "does not exist"),
        ("loop", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("file/result.json", "Not a directory"),
    ],
)
def test_unwritable_result_file_is_a_usage_error(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(UsageError, match=why):
        output_options("run", {}, result_file=tmp_path / name)


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_failed_write_leaves_the_old_file(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result.json"
    target.write_text("what was there", "utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, fail)
    captured = captured_output(OutputOptions(result_file=target))

    code = captured.output.conclude([result()])

    assert code is ExitCode.OK
    assert target.read_text("utf-8") == "what was there"
    assert list(tmp_path.iterdir()) == [target]
    assert "No space left on device" in captured.stderr.getvalue()


def test_termination_message_has_the_reason(root: Path) -> None:
    in_pod(root).output.conclude([failing("the API key was rejected")])

    text = (root / "dev" / "termination-log").read_text("utf-8")
    assert text.startswith("airbyte-sync run: failed (exit 3).")
    assert "the API key was rejected" in text
    assert "airbyte-sync logs 42" in text


def test_success_writes_no_termination_message(root: Path) -> None:
    in_pod(root).output.conclude([result()])

    assert (root / "dev" / "termination-log").read_bytes() == b""


def test_success_empties_a_provisional_termination_message(root: Path) -> None:
    captured = in_pod(root)
    captured.output(ev.Provisional(results=(result(code=5),)))
    feared = (root / "dev" / "termination-log").read_bytes()

    captured.output.conclude([result()])

    assert feared != b""
    assert (root / "dev" / "termination-log").read_bytes() == b""


def test_termination_message_needs_kubernetes(root: Path) -> None:
    captured_output(root=root).output.conclude([failing("no")])

    assert (root / "dev" / "termination-log").read_bytes() == b""


@pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
def test_long_termination_message_is_cut_to_4096_bytes(root: Path, letter: str) -> None:
    in_pod(root).output.conclude([failing(letter * 9000)])

    content = (root / "dev" / "termination-log").read_bytes()
    assert 3200 < len(content) <= LONGEST_TERMINATION_MESSAGE
    assert content.endswith(b"`airbyte-sync logs 42` shows the job's log\n")
    assert re.search("…( \\(cut\\).{100})?[.] `airbyte", content.decode("utf-8"))


@given(text=st.text(max_size=200), most=st.integers(3, 300))
def test_cut_keeps_whole_characters_within_its_limit(text: str, most: int) -> None:
    content = cut(text.encode(errors="ignore").decode(), most)

    assert len(content) <= most
    assert text.startswith(content.decode().removesuffix("…"))
