"""Signals in Airflow's order, twice, to process 1, and during calls that block."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from tests.support.children import Child, running, until
from tests.support.servers import Stage

LONG = "pending 1, running 9000, succeeded"
RUN = ("run", "--conn", "orders", "-o", "json")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def sandbox() -> Sandbox:
    it = Sandbox(SandboxConfig(speed=10))
    it.add_connection("orders", script=JobScript(life=LONG))
    return it


@pytest.fixture
def url(stage: Stage, sandbox: Sandbox) -> str:
    return stage.sandbox(sandbox)


def test_sigterm_after_sigint_changes_nothing(url: str, sandbox: Sandbox) -> None:
    """Airflow 3 sends SIGTERM 5 s after SIGINT."""
    sandbox.faults.add(Fault.model_validate("cancel:hold=10"))
    with running(*RUN, AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        sent = child.send(SIGINT)
        until(lambda: sandbox.sent("cancel"))
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 130
    assert ended.sync["cancel"] == {"requested": True, "confirmed": True}
    assert not sandbox.active_jobs()
    assert ended.at - sent < 5


def test_second_ctrl_c_exits_at_once_and_names_active_job(
    url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add(Fault.model_validate("cancel:never"))
    file = tmp_path / "result.json"
    with running(*RUN, "--result-file", str(file), AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(SIGINT)
        until(lambda: file.exists() and '"requested":true' in file.read_text("utf-8"))
        sent = child.send(SIGINT)
        ended = child.end()

    assert ended.code == 130
    assert ended.at - sent < 1
    assert ended.sync["cancel"] == {"requested": True, "confirmed": False}
    assert "cancel not confirmed" in ended.report["error"]["message"]
    assert "airbyte-sync cancel 1" in ended.report["error"]["hint"]


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_signal_to_attached_run_only_stops_watching(
    url: str, sandbox: Sandbox, number: Signals
) -> None:
    job = sandbox.start_job(sandbox.connections[0])
    with running(*RUN, "--if-running", "attach", AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        sent = child.send(number)
        ended = child.end()

    assert ended.code == {SIGINT: 130, SIGTERM: 143}[number]
    assert ended.at - sent < 1
    assert sandbox.sent("cancel") == []
    assert job.active


def test_signal_during_outage_ends_in_time_and_names_job(url: str, sandbox: Sandbox) -> None:
    with running(*RUN, AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        sandbox.faults.add(Fault.model_validate("any:never"))
        until(lambda: sandbox.requests[-1].fault == "never")
        sent = child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert ended.sync["job_id"] == sandbox.jobs[0].id
    assert ended.at - sent < 5


@contextmanager
def as_process_1(url: str) -> Iterator[Child]:
    """Run the program as process 1 of a new PID namespace."""
    launcher = ["unshare", "--fork", "--pid", "--kill-child"]
    if shutil.which("unshare") is None:
        pytest.skip("this machine has no unshare")
    if subprocess.run([*launcher, "true"], capture_output=True, check=False).returncode:  # noqa: S603  # tries it
        pytest.skip("this machine does not allow new namespaces")
    with subprocess.Popen(  # noqa: S603  # our own program
        [*launcher, sys.executable, "-m", "airbyte_sync_cli", *RUN],
        env={"AIRBYTE_URL": url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Child(process, 0.0)
        finally:
            process.send_signal(SIGKILL)


def test_sigterm_as_process_1_cancels_job(url: str, sandbox: Sandbox) -> None:
    """The kernel ignores it for process 1 unless a handler is installed."""
    with as_process_1(url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        outside = child.process.pid
        inside = Path(f"/proc/{outside}/task/{outside}/children").read_text("ascii").split()[0]
        subprocess.run(["kill", "-TERM", inside], check=True)  # noqa: S603, S607  # the one child
        ended = child.end()

    assert ended.code == 143
    assert [job.status for job in sandbox.jobs] == ["cancelled"]


HANGING = """
import pathlib, socket, time
real = socket.getaddrinfo
def look_up(host, *args, **more):
    if host in ("airbyte.test", b"airbyte.test"):
        pathlib.Path({mark!r}).touch()
        time.sleep(20)
    return real(host, *args, **more)
socket.getaddrinfo = look_up
"""


def test_signal_during_hanging_dns_lookup_ends_in_time(tmp_path: Path) -> None:
    mark = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(HANGING.format(mark=str(mark)), encoding="utf-8")
    url = "http://airbyte.test:8000"
    with running(*RUN, PYTHONPATH=str(tmp_path), AIRBYTE_URL=url) as child:
        until(mark.exists)
        sent = child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert ended.at - sent < 2
    assert ended.report["outcome"] == "interrupted"
