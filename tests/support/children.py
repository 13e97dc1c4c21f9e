"""The program as a real process before a sandbox on a real socket: to be watched and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_PASSED_ON: Final = ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")
_KEYS: Final = (signal.SIGINT, signal.SIGQUIT)
"""What Ctrl-C and Ctrl-backslash send."""
_LONGEST: Final = 30.0
"""Seconds that any test here waits for anything."""


@dataclass(frozen=True)
class Child:
    """A running program."""

    process: subprocess.Popen[str]
    began: float

    def send(self, number: signal.Signals) -> float:
        """Send a signal; the moment when it was sent."""
        self.process.send_signal(number)
        return time.monotonic()

    def end(self) -> "Ended":
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=_LONGEST)
        return Ended(self.process.returncode, stdout, stderr, time.monotonic())


@dataclass(frozen=True)
class Ended:
    """What a process left, and when (monotonic seconds)."""

    code: int
    stdout: str
    stderr: str
    at: float

    @property
    def report(self) -> Any:  # noqa: ANN401  # JSON
        return json.loads(self.stdout.splitlines()[-1])

    @property
    def sync(self) -> Any:  # noqa: ANN401  # JSON
        [sync] = self.report["syncs"]
        return sync


@contextmanager
def running(
    *argv: str, merged: bool = False, ignored: int | None = None, **environ: str
) -> Iterator[Child]:
    """Start the program with nothing else in its environment; kill it if a test leaves it.

    `ignored` is a signal that it inherits as ignored, as from a shell or nohup.
    """
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with _inherited(ignored):
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", "airbyte_sync_cli", *argv],
            env={**kept, **environ},
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
        )
    try:
        yield Child(process, time.monotonic())
    finally:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait(timeout=_LONGEST)


@contextmanager
def _inherited(ignored: int | None) -> Iterator[None]:
    """Start children with the default action of SIGINT and SIGQUIT, and ignore one signal.

    A shell without job control ignores both for what it runs in the background, and a child
    inherits that. A handler is not inherited, and needs no code between fork and exec.
    """
    wanted = {one: _do_nothing for one in _KEYS if signal.getsignal(one) is signal.SIG_IGN}
    before = {one: signal.signal(one, act) for one, act in wanted.items()}
    if ignored is not None:
        own = signal.signal(ignored, signal.SIG_IGN)
        before.setdefault(signal.Signals(ignored), own)
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _do_nothing(_number: int, _frame: object) -> None:
    """Stand for the default action: exec resets handlers."""


def until(is_so: Callable[[], object], what: str = "it", *, limit: float = 60) -> None:
    """Wait until something is true of another process. Raises AssertionError after `limit`."""
    deadline = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < deadline, f"waited {limit:.0f} s for {what}"
        time.sleep(0.005)
