"""The whole program on a terminal: what it leaves there, however it ends."""

import json
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import Sandbox, SandboxConfig
from tests.support.core import script
from tests.support.sandboxes import serve_in_thread

pty = pytest.importorskip("pty", reason="terminals like this are POSIX's")
_LONGEST = 20.0
"""Seconds in which everything here happens by far."""


@dataclass
class Process:
    """The program with a terminal of its own."""

    pid: int
    terminal: int
    seen: str = ""
    ended: bool = False

    def read_until(self, text: str, *, after: int = 0) -> None:
        """Read what it writes until there is such a text, behind so many characters."""
        until = time.monotonic() + _LONGEST
        while text not in self.seen[after:]:
            assert time.monotonic() < until, self.seen
            if not self._read():
                raise AssertionError(f"it ended without {text!r}: {self.seen}")

    def end(self) -> int:
        """Read the rest and tell the exit code."""
        until = time.monotonic() + _LONGEST
        while self._read():
            assert time.monotonic() < until, self.seen
        _, status = os.waitpid(self.pid, 0)
        self.ended = True
        return os.waitstatus_to_exitcode(status)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        termios.tcsetwinsize(self.terminal, (lines, columns))

    def hang_up(self) -> int:
        """Close the terminal, and tell the exit code."""
        os.close(self.terminal)
        self.terminal = -1
        until = time.monotonic() + _LONGEST
        ended, status = 0, 0
        while not ended:
            assert time.monotonic() < until, "it outlives its terminal"
            time.sleep(0.01)
            ended, status = os.waitpid(self.pid, os.WNOHANG)
        self.ended = True
        return os.waitstatus_to_exitcode(status)

    def leave(self) -> None:
        """Close the terminal; a process that a failed test has left does not outlive it."""
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.terminal >= 0:
            os.close(self.terminal)

    def _read(self) -> bool:
        if not select.select([self.terminal], [], [], _LONGEST)[0]:
            return False
        try:
            content = os.read(self.terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.seen += content.decode(errors="replace")
        return bool(content)


def on_terminal(*argv: str, **environ: str) -> AbstractContextManager[Process]:
    """Start the program on a terminal of the usual size."""
    return on_terminal_of((80, 24), *argv, **environ)


@contextmanager
def on_terminal_of(size: tuple[int, int], *argv: str, **environ: str) -> Iterator[Process]:
    """Start the program on a terminal of so many columns and lines."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    pid, terminal = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (size[1], size[0]))
        command = [sys.executable, "-m", "airbyte_sync_cli", *argv]
        os.execve(sys.executable, command, {**kept, "TERM": "xterm-256color", **environ})  # noqa: S606  # our own program
    process = Process(pid, terminal)
    try:
        yield process
    finally:
        process.leave()


@pytest.fixture
def url() -> Iterator[str]:
    sandbox = Sandbox(SandboxConfig())
    sandbox.add_connection("endless", script=script("pending 0.1, running"))
    sandbox.add_connection("quick", script=script("running 1, succeeded"))
    sandbox.add_connection("bad", script=script("running 1, failed"))
    with serve_in_thread(sandbox) as address:
        yield address


def assert_left_in_order(seen: str) -> None:
    """No mode may stay changed: a cursor that was hidden is shown again, and so on."""
    for mode in ("?25", "?7", "?1049"):
        changed = [seen.rfind(f"\x1b[{mode}{letter}") for letter in "hl"]
        assert changed == [-1, -1] or (mode != "?1049" and changed[0] > changed[1])
    assert seen.rfind("\x1b[0m") >= seen.rfind("\x1b[3")


@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGTERM,), 143), ((signal.SIGINT,), 130), ((signal.SIGINT, signal.SIGINT), 130)],
)
def test_signal_during_the_live_view_leaves_the_terminal_intact(
    url: str, signals: tuple[signal.Signals, ...], code: int
) -> None:
    with on_terminal("run", "--conn", "endless", AIRBYTE_URL=url) as process:
        process.read_until("running")
        for number in signals:
            os.kill(process.pid, number)
        ended = process.end()

    assert ended == code
    assert_left_in_order(process.seen)


def test_summary_replaces_the_live_view(url: str) -> None:
    with on_terminal("run", "--conn", "quick", AIRBYTE_URL=url) as process:
        code = process.end()

    assert code == 0
    last = process.seen.replace("\r", "").splitlines()[-1]
    assert "succeeded" in last
    assert "quick" in last
    assert_left_in_order(process.seen)


def test_failure_is_written_after_the_live_view(url: str) -> None:
    argv = ("run", "--conn", "bad", "--conn", "quick")
    with on_terminal(*argv, AIRBYTE_URL=url, NO_COLOR="1") as process:
        code = process.end()

    assert code == 3
    lines = process.seen.replace("\r", "").splitlines()
    starts = [line.split(" ")[0].strip() for line in lines[-5:]]
    assert [start for start in starts if start in {"error:", "hint:"}] == ["error:", "hint:"]
    assert any(line.startswith("  why") for line in lines)
    assert lines[-1] == "1 of 2 ok  1,000 records  200.0 KiB"
    assert "\x1b[31m" not in process.seen


@pytest.mark.parametrize(
    ("argv", "environ"),
    [((), {"TERM": "dumb"}), ((), {"CI": "true"}), (("-q",), {}), (("--log-format", "json"), {})],
)
def test_log_lines_without_a_view_are_never_redrawn(
    url: str, argv: tuple[str, ...], environ: dict[str, str]
) -> None:
    with on_terminal("run", "--conn", "quick", *argv, AIRBYTE_URL=url, **environ) as process:
        code = process.end()

    assert code == 0
    assert "\x1b[K" not in process.seen


# terminals that are gone, narrow, or odd


def test_closed_terminal_cancels_the_job_and_writes_the_result(tmp_path: Path) -> None:
    """A closed window sends SIGHUP, and whatever is written then fails."""
    result = tmp_path / "result.json"
    sandbox = Sandbox(SandboxConfig())
    sandbox.add_connection("endless", script=script("pending 0.1, running"))
    argv = ("run", "--conn", "endless", "--result-file", str(result))
    with (
        serve_in_thread(sandbox) as address,
        on_terminal(*argv, AIRBYTE_URL=address) as process,
    ):
        process.read_until("running")
        closed_at = time.monotonic()
        code = process.hang_up()
        seconds = time.monotonic() - closed_at

    assert code == 129
    assert [job.status for job in sandbox.jobs] == ["cancelled"]
    assert seconds < 5
    report = json.loads(result.read_text("utf-8"))
    assert (report["exit_code"], report["outcome"]) == (129, "interrupted")
    assert report["syncs"][0]["cancel"] == {"requested": True, "confirmed": True}


@pytest.mark.parametrize("columns", [0, 1, 2, 7, 20])
@pytest.mark.parametrize("lines", [0, 1, 3])
def test_odd_size_of_a_terminal_changes_no_code(url: str, columns: int, lines: int) -> None:
    argv = ("run", "--conn", "quick", "--conn", "bad")
    with on_terminal_of((columns, lines), *argv, AIRBYTE_URL=url) as process:
        code = process.end()

    assert code == 3
    assert "Traceback" not in process.seen
    assert "live view failed" not in process.seen
    assert "1 of 2 ok" in process.seen


@pytest.mark.parametrize(
    "line", ["connections", "jobs -c quick", "status -c quick", "check -c quick", "config show"]
)
@pytest.mark.parametrize("columns", [0, 1, 7])
def test_odd_width_of_a_terminal_keeps_the_listing(url: str, line: str, columns: int) -> None:
    with on_terminal_of((columns, 24), *line.split(), AIRBYTE_URL=url) as process:
        code = process.end()

    assert code == 0
    assert "Traceback" not in process.seen


@pytest.mark.parametrize(
    "environ",
    [{"COLUMNS": "0"}, {"COLUMNS": "1"}, {"COLUMNS": "-1"}, {"COLUMNS": "x"}, {"TERM": ""},
     {"TERM": "none-such"}],
)  # fmt: skip
def test_odd_environment_of_a_terminal_changes_no_code(url: str, environ: dict[str, str]) -> None:
    with on_terminal("run", "--conn", "quick", AIRBYTE_URL=url, **environ) as process:
        code = process.end()

    assert code == 0
    assert "Traceback" not in process.seen
    assert "succeeded" in process.seen


def test_view_follows_a_resized_terminal(url: str) -> None:
    argv = ("run", "--conn", "endless", "--conn", "quick")
    with on_terminal(*argv, AIRBYTE_URL=url) as process:
        for size in ((80, 24), (1, 1), (0, 0), (200, 50), (12, 3)):
            process.resize(*size)
            before = len(process.seen)
            process.read_until("\x1b[", after=before)
        os.kill(process.pid, signal.SIGTERM)
        code = process.end()

    assert code == 143
    assert "live view failed" not in process.seen


@pytest.mark.parametrize(
    "line", ["connections", "jobs -c unused", "status -c unused", "cancel -c unused"]
)
def test_empty_table_exits_zero(line: str) -> None:
    sandbox = Sandbox(SandboxConfig())
    if line != "connections":
        sandbox.add_connection("unused")
    with (
        serve_in_thread(sandbox) as address,
        on_terminal(*line.split(), AIRBYTE_URL=address) as process,
    ):
        code = process.end()

    assert code == 0, process.seen
    assert "Traceback" not in process.seen
