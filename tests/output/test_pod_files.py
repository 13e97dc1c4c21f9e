"""XCom file and termination message of syncs over a real socket, for each outcome."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox, SandboxConfig
from tests.support.program import CommandResult, Outside, assert_told_well, call_in
from tests.support.relays import front
from tests.support.servers import Asked, Stage

LONGEST = 4096
LONG = "pending 1, running 90000, succeeded"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root like a pod's, with the folder of Airflow's sidecar and a termination log."""
    (tmp_path / "airflow/xcom").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/termination-log").touch()
    return tmp_path


def run(root: Path, url: str, *argv: str) -> CommandResult:
    return call_in(
        Outside(root=root), "run", "-c", "orders", "-o", "json", *argv,
        AIRBYTE_URL=url, KUBERNETES_SERVICE_HOST="10.0.0.1",
    )  # fmt: skip


def a_sandbox(life: str, message: str = "No such key.") -> Sandbox:
    sandbox = Sandbox(SandboxConfig(speed=50))
    script = JobScript(life=life, failure=JobFailure(message=message))
    sandbox.add_connection("orders", script=script)
    return sandbox


def xcom(root: Path) -> Any:  # noqa: ANN401  # JSON
    return json.loads((root / "airflow/xcom/return.json").read_text("utf-8"))


def termination(root: Path) -> bytes:
    return (root / "dev/termination-log").read_bytes()


def test_success_writes_xcom_and_no_termination_message(stage: Stage, root: Path) -> None:
    ending = run(root, stage.sandbox(a_sandbox("running 3, succeeded")))

    assert ending.code == 0
    assert xcom(root) == ending.report
    assert termination(root) == b""


@pytest.mark.parametrize("letter", ["a", "ä", "😀"])
def test_failure_writes_both_and_long_reason_is_cut(stage: Stage, root: Path, letter: str) -> None:
    ending = run(root, stage.sandbox(a_sandbox("running 3, failed", letter * 10_000)))

    assert_told_well(ending, 3)
    assert xcom(root) == ending.report
    assert 3200 < len(termination(root)) <= LONGEST
    assert termination(root).endswith(b"`airbyte-sync logs 1` shows the job's log\n")
    assert f"{letter}…" in termination(root).decode("utf-8")


@pytest.mark.parametrize(("argv", "code"), [(("--timeout", "5x"), 2), (("-c", "nobody"), 7)])
def test_usage_or_not_found_error_writes_both(
    stage: Stage, root: Path, argv: tuple[str, ...], code: int
) -> None:
    ending = run(root, stage.sandbox(a_sandbox("succeeded")), *argv)

    assert_told_well(ending, code)
    assert xcom(root) == ending.report
    assert f"(exit {code})" in termination(root).decode()


def test_skipped_sync_writes_termination_message(stage: Stage, root: Path) -> None:
    sandbox = a_sandbox(LONG)
    sandbox.start_job(sandbox.connections[0])

    ending = run(root, stage.sandbox(sandbox), "--if-running", "skip")

    assert ending.code == 99
    assert b"skipped (exit 99)" in termination(root)


def test_missing_xcom_folder_is_not_created_and_no_warning(stage: Stage, tmp_path: Path) -> None:
    ending = run(tmp_path, stage.sandbox(a_sandbox("running 3, succeeded")))

    assert (ending.code, ending.report["warnings"]) == (0, [])
    assert list(tmp_path.iterdir()) == []


def test_unwritable_xcom_file_is_a_warning(stage: Stage, root: Path) -> None:
    (root / "airflow/xcom/return.json").mkdir()

    ending = run(root, stage.sandbox(a_sandbox("running 3, succeeded")))

    assert ending.code == 0
    assert "XCom file" in ending.warnings[0]
    assert [path.name for path in (root / "airflow/xcom").iterdir()] == ["return.json"]


def test_signal_writes_both_before_cancel_is_confirmed(stage: Stage, root: Path) -> None:
    """The server reads them while it holds the cancel: SIGKILL can come at any time."""
    sandbox = a_sandbox(LONG)
    reads: list[Asked] = []
    seen: list[tuple[Any, bytes]] = []

    def meddle(asked: Asked) -> None:
        reads.extend([asked] * asked.target.endswith("/public/v1/jobs/1"))
        if len(reads) == 3 and asked is reads[-1]:
            os.kill(os.getpid(), signal.SIGTERM)
        if sandbox.sent("cancel") and not seen and asked.method == "GET":
            seen.append((xcom(root), termination(root)))

    ending = run(root, front(stage, stage.sandbox(sandbox), meddle).url)

    assert ending.code == 143
    [(report, reason)] = seen
    assert report["syncs"][0]["cancel"] == {"requested": True, "confirmed": False}
    assert b"(exit 143)" in reason
    assert xcom(root) == ending.report
