"""Blocked output (Ctrl-S, a stuck log collector) does not delay a signal."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from time import monotonic

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.support.children import until
from tests.support.servers import Stage

REPOSITORY = Path(__file__).resolve().parents[2]
GRACE = 5.0
LONG = "pending 1, running 90000, succeeded"
RUN = ("run", "--conn", "orders", "--heartbeat", "1s")


@pytest.fixture
def sandbox() -> Sandbox:
    it = Sandbox(SandboxConfig(speed=10))
    it.add_connection("orders", script=JobScript(life=LONG))
    return it


@contextmanager
def stopped(kind: str) -> Iterator[int]:
    """Open a pipe or a terminal that nobody reads; yield its writable descriptor."""
    reader, writer = os.pipe() if kind == "pipe" else pty.openpty()
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


def fill(writer: int) -> None:
    """Write until the buffer is full, through a separate non-blocking descriptor."""
    path = os.ttyname(writer) if os.isatty(writer) else f"/proc/self/fd/{writer}"
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with suppress(BlockingIOError):
        while True:
            os.write(handle, b"x" * 1000)
    with suppress(BlockingIOError):
        while True:
            os.write(handle, b"x")
    os.close(handle)


@contextmanager
def run_with(url: str, *argv: str, stdout: int, stderr: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *argv],
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "AIRBYTE_URL": url},
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


def stop(process: subprocess.Popen[bytes], number: Signals) -> tuple[int, float]:
    """Send a signal; return the exit code, and the seconds until the exit."""
    sent = monotonic()
    process.send_signal(number)
    return process.wait(timeout=30), monotonic() - sent


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("number", [SIGTERM, SIGINT, SIGHUP])
def test_signal_stops_run_in_time_while_output_is_blocked(
    stage: Stage, sandbox: Sandbox, *, kind: str, form: str, number: Signals
) -> None:
    with (
        stopped(kind) as writer,
        run_with(
            stage.sandbox(sandbox), *RUN, "-o", form, stdout=writer, stderr=writer
        ) as process,
    ):
        until(lambda: len(sandbox.sent("job")) > 1)
        fill(writer)
        got, seconds = stop(process, number)

    assert got == 128 + number
    assert seconds < GRACE
    assert sandbox.active_jobs() == []


def test_signal_stops_run_whose_output_was_always_blocked(stage: Stage, sandbox: Sandbox) -> None:
    """The first log line blocks, so nothing is started."""
    with stopped("pipe") as writer:
        fill(writer)
        with run_with(stage.sandbox(sandbox), *RUN, stdout=writer, stderr=writer) as process:
            until(lambda: sandbox.requests)
            got, seconds = stop(process, SIGTERM)

    assert got == 143
    assert seconds < GRACE
    assert sandbox.active_jobs() == []


def test_result_is_in_file_if_stdout_is_blocked(
    stage: Stage, sandbox: Sandbox, tmp_path: Path
) -> None:
    file, log = tmp_path / "result.json", tmp_path / "log"
    argv = (*RUN, "-o", "json", "--result-file", str(file))
    with (
        stopped("pipe") as writer,
        log.open("w") as stderr,
        run_with(stage.sandbox(sandbox), *argv, stdout=writer, stderr=stderr.fileno()) as process,
    ):
        until(lambda: len(sandbox.sent("job")) > 1)
        fill(writer)
        stop(process, SIGTERM)

    assert json.loads(file.read_text("utf-8"))["exit_code"] == 143
    last = log.read_text("utf-8").splitlines()[-1]
    assert "could not write the result to stdout: timed out, its reader is blocked (job 1" in last


def test_second_ctrl_c_exits_while_terminal_is_blocked(stage: Stage, sandbox: Sandbox) -> None:
    with (
        stopped("terminal") as writer,
        run_with(stage.sandbox(sandbox), *RUN, stdout=writer, stderr=writer) as process,
    ):
        until(lambda: len(sandbox.sent("job")) > 1)
        fill(writer)
        process.send_signal(signal.SIGINT)
        got, seconds = stop(process, SIGINT)

    assert got == 130
    assert seconds < GRACE
