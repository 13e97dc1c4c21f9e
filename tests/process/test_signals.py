"""Signals to a process: it ends within 5 s, cancels only its own job, and names it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, SimConnection
from tests.support.children import Ended, running, until
from tests.support.servers import Stage

GRACE = 5.0
"""Seconds between SIGINT, SIGTERM and SIGKILL in Airflow 3."""
LONG = "pending 1, running 9000, succeeded"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(SandboxConfig(speed=10))


@pytest.fixture(autouse=True)
def orders(sandbox: Sandbox) -> SimConnection:
    return sandbox.add_connection("orders", script=JobScript(life=LONG))


@pytest.fixture
def url(stage: Stage, sandbox: Sandbox) -> str:
    return stage.sandbox(sandbox)


def run_until_stopped(
    url: str, sandbox: Sandbox, *argv: str, number: Signals = SIGTERM
) -> tuple[Ended, float]:
    """Send a signal while the job runs; return the ending and its seconds."""
    with running("run", "--conn", "orders", "-o", "json", *argv, AIRBYTE_URL=url) as child:
        until(lambda: [job.status for job in sandbox.active_jobs()] == ["running"])
        until(lambda: len(sandbox.sent("job")) > 1)
        sent = child.send(number)
        ended = child.end()
    return ended, ended.at - sent


ENDINGS = {
    SIGTERM: 143,
    SIGINT: 130,
    signal.SIGQUIT: 130,
    signal.SIGHUP: 129,
    signal.SIGALRM: 143,
    signal.SIGUSR1: 143,
    signal.SIGUSR2: 143,
    signal.SIGXCPU: 143,
}


@pytest.mark.parametrize(("number", "code"), ENDINGS.items())
def test_signal_during_wait_cancels_job_and_reports_it(
    url: str, sandbox: Sandbox, number: Signals, code: int
) -> None:
    ended, seconds = run_until_stopped(url, sandbox, number=number)

    assert ended.code == code
    assert [job.status for job in sandbox.jobs] == ["cancelled"]
    assert ended.sync["job_id"] == sandbox.jobs[0].id
    assert ended.sync["cancel"] == {"requested": True, "confirmed": True}
    assert ended.report["outcome"] == "interrupted"
    assert f"warning: {number.name}: stopping" in ended.stderr
    assert seconds < GRACE


def test_on_interrupt_leave_leaves_job_running_and_names_it(url: str, sandbox: Sandbox) -> None:
    ended, seconds = run_until_stopped(url, sandbox, "--on-interrupt", "leave")

    assert ended.code == 143
    assert sandbox.sent("cancel") == []
    assert ended.sync["job_id"] == sandbox.jobs[0].id
    assert ended.sync["cancel"] is None
    assert seconds < GRACE


def test_repeated_sigterm_changes_nothing(url: str, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault.model_validate("cancel:hold=10"))
    with running("run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url) as child:
        until(sandbox.active_jobs)
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(SIGTERM)
        until(lambda: sandbox.sent("cancel"))
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert ended.sync["cancel"] == {"requested": True, "confirmed": True}
    assert not sandbox.active_jobs()


@pytest.mark.parametrize("second", [SIGINT, signal.SIGQUIT])
def test_second_ctrl_c_or_sigquit_exits_at_once(
    url: str, sandbox: Sandbox, second: Signals
) -> None:
    sandbox.faults.add(Fault.model_validate("cancel:never"))
    with running("run", "--conn", "orders", AIRBYTE_URL=url) as child:
        until(sandbox.active_jobs)
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(SIGINT)
        until(lambda: sandbox.sent("cancel"))
        sent = child.send(second)
        ended = child.end()

    assert ended.code == 130
    assert ended.at - sent < 1


def test_hanging_cancel_ends_unconfirmed_in_time(
    url: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The result file is written before the cancel is confirmed: SIGKILL can come at any time."""
    sandbox.faults.add(Fault.model_validate("cancel:never"))
    result = tmp_path / "result.json"
    argv = ("run", "--conn", "orders", "-o", "json", "--result-file", str(result))
    with running(*argv, AIRBYTE_URL=url) as child:
        until(sandbox.active_jobs)
        until(lambda: len(sandbox.sent("job")) > 1)
        sent = child.send(SIGTERM)
        until(lambda: sandbox.sent("cancel"))
        cancel_after = time.monotonic() - sent
        until(lambda: result.exists() and '"requested":true' in result.read_text("utf-8"))
        early = json.loads(result.read_text(encoding="utf-8"))
        ended = child.end()

    assert cancel_after < 1
    assert early["syncs"][0]["cancel"] == {"requested": True, "confirmed": False}
    assert ended.code == 143
    assert ended.sync["cancel"] == {"requested": True, "confirmed": False}
    assert ended.at - sent < GRACE


@pytest.mark.parametrize(
    "fault",
    [
        "trigger:hold=10:applied:times=1",
        "trigger:hold=10:times=1",
        "trigger:never:applied:times=1",
        "trigger:lost-after:times=1",
    ],
)
def test_signal_during_trigger_leaves_no_job_running(
    url: str, sandbox: Sandbox, fault: str
) -> None:
    sandbox.faults.add(Fault.model_validate(fault))
    with running("run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url) as child:
        until(lambda: sandbox.sent("trigger"))
        sent = child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert ended.at - sent < GRACE
    assert not sandbox.active_jobs()
    assert [job.id for job in sandbox.jobs] == [ended.sync["job_id"]]


def test_signal_during_sign_in_starts_nothing(stage: Stage) -> None:
    sandbox = Sandbox(SandboxConfig(auth="client-credentials"))
    sandbox.add_connection("orders")
    sandbox.faults.add(Fault.model_validate("token:never"))
    url = stage.sandbox(sandbox)
    with running(
        "run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url,
        AIRBYTE_CLIENT_ID="sandbox-client-id", AIRBYTE_CLIENT_SECRET="sandbox-client-secret",
    ) as child:  # fmt: skip
        until(lambda: sandbox.sent("token"))
        sent = child.send(SIGTERM)
        ended = child.end()

    assert (ended.code, ended.report["exit_code"]) == (143, 143)
    assert ended.at - sent < 1
    assert sandbox.sent("trigger") == []


@pytest.mark.parametrize("seconds", [0.08, 0.15, 0.25])
def test_signal_during_start_up_ends_the_process(
    url: str, sandbox: Sandbox, seconds: float
) -> None:
    with running("run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url) as child:
        time.sleep(seconds)  # the other process has no visible effect yet
        sent = child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143 or (ended.code == -SIGTERM and not ended.stdout)
    assert ended.at - sent < GRACE
    assert not sandbox.active_jobs()


@pytest.mark.parametrize(("number", "code"), [(SIGTERM, 143), (SIGINT, 130)])
def test_signal_to_wait_only_stops_watching(
    url: str, sandbox: Sandbox, number: Signals, code: int
) -> None:
    job = sandbox.start_job(sandbox.connections[0])
    with running("wait", str(job.id), "-o", "json", AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(number)
        ended = child.end()

    assert ended.code == code
    assert sandbox.sent("cancel") == []
    assert job.active
    assert ended.sync["job_id"] == job.id


def test_signal_while_attached_leaves_job_running(
    url: str, sandbox: Sandbox, orders: SimConnection
) -> None:
    job = sandbox.start_job(orders)
    argv = ("run", "--conn", "orders", "--if-running", "attach", "-o", "json")
    with running(*argv, AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(SIGTERM)
        ended = child.end()

    assert ended.code == 143
    assert sandbox.sent("cancel") == []
    assert job.active
    assert ended.sync["adopted"] is True


def test_signal_after_job_ended_does_not_cancel_its_successor(
    stage: Stage,
) -> None:
    sandbox = Sandbox(SandboxConfig(speed=10))
    orders = sandbox.add_connection("orders", script=JobScript(life="running 15, succeeded"))
    url = stage.sandbox(sandbox)
    argv = ("run", "--conn", "orders", "-o", "json", "--poll-interval", "20s")
    with running(*argv, AIRBYTE_URL=url) as child:
        until(lambda: sandbox.jobs)
        until(lambda: not sandbox.active_jobs())
        successor = sandbox.start_job(orders, script=JobScript(life=LONG))
        child.send(SIGTERM)
        ended = child.end()

    assert sandbox.sent("cancel") == []
    assert successor.active
    assert ended.sync["status"] == "succeeded"
    assert ended.code == 0, "a final status that was seen wins over the signal"


def test_job_of_killed_run_is_adopted_by_retry_with_since(url: str, sandbox: Sandbox) -> None:
    """SIGKILL cannot be handled: `--since` makes the retry safe."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(sandbox.clock.now()))
    argv = ("run", "--conn", "orders", "--since", since, "-o", "json")
    with running(*argv, AIRBYTE_URL=url) as child:
        until(sandbox.active_jobs)
        child.send(SIGKILL)
        child.end()
    with running(*argv, AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(SIGTERM)
        ended = child.end()

    assert len(sandbox.sent("trigger")) == 1
    assert ended.sync["adopted"] is True
    assert ended.sync["job_id"] == sandbox.jobs[0].id


@pytest.mark.parametrize("number", [SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signal_ignored_at_start_stays_ignored(
    url: str, sandbox: Sandbox, number: Signals
) -> None:
    """A shell ignores SIGINT for its background jobs, and nohup ignores SIGHUP."""
    argv = ("run", "--conn", "orders", "-o", "json")
    with running(*argv, ignored=number, AIRBYTE_URL=url) as child:
        until(lambda: len(sandbox.sent("job")) > 1)
        child.send(number)
        seen = len(sandbox.sent("job"))
        until(lambda: len(sandbox.sent("job")) > seen)
        still = child.process.poll()
        child.send(SIGTERM)
        ended = child.end()

    assert still is None
    assert ended.code == 143


def test_closed_stdout_pipe_changes_no_exit_code_of_signal(url: str, sandbox: Sandbox) -> None:
    """A closed pipe must neither leave a job running nor change the exit code."""
    with running("run", "--conn", "orders", "-o", "json", AIRBYTE_URL=url) as child:
        until(sandbox.active_jobs)
        assert child.process.stdout is not None
        os.close(os.dup(child.process.stdout.fileno()))
        child.process.stdout.close()
        child.process.send_signal(SIGTERM)
        assert child.process.stderr is not None
        child.process.stderr.read()
        code = child.process.wait(timeout=10)

    assert code == 143
    assert not sandbox.active_jobs()


CTRL_C_AT_AN_IMPORT = """
import os, sys

def press(event, args):
    if event == "import" and "airbyte_sync_cli.__main__" in sys.modules:
        wanted.append(args[0])
        if {moment}:
            os.kill(os.getpid(), 2)

wanted = []
sys.addaudithook(press)
sys.argv = ["airbyte-sync", {argv}]
from airbyte_sync_cli.__main__ import main
main()
"""
"""Send SIGINT at a certain import of `airbyte_sync_cli.__main__`."""


def press_ctrl_c(moment: str, *argv: str, url: str) -> subprocess.CompletedProcess[str]:
    line = ", ".join(map(repr, argv))
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", CTRL_C_AT_AN_IMPORT.format(moment=moment, argv=line)],
        env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_ctrl_c_during_sandbox_start_exits_0(url: str) -> None:
    done = press_ctrl_c("args[0] == 'uvicorn'", "sandbox", "--port", "0", url=url)

    assert done.returncode == 0, "as at any other time"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [2, 3, 4, 8, 16, 32, 64, 128, 256, 400])
def test_ctrl_c_during_imports_exits_130_without_traceback(url: str, number: int) -> None:
    moment = f"len(wanted) == {number}"

    done = press_ctrl_c(moment, "status", "-c", "orders", "-o", "json", url=url)

    assert done.returncode in {130, -SIGINT}, "which a shell shows as 130, too"
    assert "Traceback" not in done.stderr
