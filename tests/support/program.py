"""The whole program before a server: in this process with hurried pauses, or as a process."""

import asyncio
import contextlib
import functools
import io
import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TextIO
from unittest import mock

from airbyte_sync_cli import redaction
from airbyte_sync_cli.cli.app import run
from airbyte_sync_cli.commands import session
from airbyte_sync_cli.commands.signals import HANDLED
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sandbox.clock import SimClock

_REPOSITORY = Path(__file__).resolve().parents[2]
_NOWHERE = Path("/nowhere")
_PASSED_ON = ("PATH", "SYSTEMROOT", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True)
class CommandResult:
    """What the program left."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Any:  # noqa: ANN401  # JSON
        return json.loads(self.stdout.splitlines()[-1])

    def lines(self, start: str) -> list[str]:
        """The lines on stderr that begin so."""
        return [line for line in self.stderr.splitlines() if line.startswith(start)]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if " warning: " in line]


class HurriedClock:
    """Real time, but pauses take milliseconds and count in full."""

    furthest: ClassVar[float] = 0.0
    """The most seconds that a clock of this process has skipped: `FollowingClock` follows it."""

    def __init__(self) -> None:
        self._skipped = HurriedClock.furthest
        self._random = random.Random(0)  # noqa: S311  # no secret

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self._skipped += max(seconds - 0.003, 0.0)
        HurriedClock.furthest = max(HurriedClock.furthest, self._skipped)
        await asyncio.sleep(min(seconds, 0.003))

    def jitter(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class FollowingClock(SimClock):
    """A sandbox's clock that skips what the program's pauses skip.

    So the program sees the same states of a job however slow the machine is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._skipped_before = HurriedClock.furthest

    def now(self) -> float:
        return super().now() + HurriedClock.furthest - self._skipped_before


def call(*argv: str, **environ: str) -> CommandResult:
    """Run the program in this process, with nothing else in its environment."""
    return call_below(_NOWHERE, *argv, **environ)


def call_below(root: Path, *argv: str, **environ: str) -> CommandResult:
    """Do the same where `root` is the folder that holds Airflow's own."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = _called(argv, environ, stdout, stderr, root=root)
    return CommandResult(code, stdout.getvalue(), stderr.getvalue())


def _called(
    argv: Sequence[str],
    environ: Mapping[str, str],
    stdout: TextIO,
    stderr: TextIO,
    *,
    root: Path = _NOWHERE,
) -> int:
    redaction.forget_all()
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(session, "SystemClock", HurriedClock),
        mock.patch.object(session, "Output", functools.partial(Output, root=root)),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        _signals_kept(),
    ):
        code = int(run(argv))
    redaction.forget_all()
    return code


def call_on_terminal(*argv: str, **environ: str) -> CommandResult:
    """Run the program in this process on a terminal; what it shows stands in `stdout`."""
    return _call_with_descriptors(argv, environ, *pty.openpty())


def call_in_pipe(*argv: str, **environ: str) -> CommandResult:
    """Run the program in this process with stdout and stderr in one pipe, read as `stdout`."""
    return _call_with_descriptors(argv, environ, *os.pipe())


def _call_with_descriptors(
    argv: Sequence[str], environ: Mapping[str, str], reader: int, writer: int
) -> CommandResult:
    shown: list[bytes] = []
    reading = threading.Thread(target=lambda: shown.extend(read_all(reader)))
    reading.start()
    try:
        with (
            open(writer, "w", encoding="utf-8", closefd=False) as stdout,
            open(writer, "w", encoding="utf-8") as stderr,
        ):
            code = _called(argv, environ, stdout, stderr)
    finally:
        reading.join(timeout=30)
        os.close(reader)
    return CommandResult(code, b"".join(shown).decode().replace("\r\n", "\n"), "")


def read_all(reader: int) -> Iterator[bytes]:
    """Read to the end, which Linux shows as an error on a terminal."""
    with contextlib.suppress(OSError):
        while content := os.read(reader, 65536):
            yield content


def start(*argv: str, **environ: str) -> CommandResult:
    """Run the program as a process, with nothing else in its environment."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *argv],
        env={**kept, **environ},
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def assert_told_well(ending: CommandResult, code: int) -> None:
    """Hold an ending to what every failure must look like."""
    assert ending.code == code, ending.stderr
    assert len(ending.lines("error: ")) == 1, ending.stderr
    assert len(ending.lines("hint: ")) == 1, ending.stderr
    assert "Traceback" not in ending.stderr
    assert ending.stderr.splitlines()[-2:] == ending.lines("error: ") + ending.lines("hint: ")
