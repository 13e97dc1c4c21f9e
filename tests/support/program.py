"""The whole program before a server: in this process with hurried pauses, or as a process."""

import asyncio
import contextlib
import functools
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from airbyte_sync_cli import redaction
from airbyte_sync_cli.cli import session
from airbyte_sync_cli.cli.app import run
from airbyte_sync_cli.output.output import Output

_REPOSITORY = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "SYSTEMROOT", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True)
class Ending:
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

    def __init__(self) -> None:
        self._skipped = 0.0
        self._random = random.Random(0)  # noqa: S311  # no secret

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self._skipped += max(seconds - 0.003, 0.0)
        await asyncio.sleep(min(seconds, 0.003))

    def jitter(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


def call(*argv: str, **environ: str) -> Ending:
    """Run the program in this process, with nothing else in its environment."""
    return call_below(Path("/nowhere"), *argv, **environ)


def call_below(root: Path, *argv: str, **environ: str) -> Ending:
    """Do the same where `root` is the folder that holds Airflow's own."""
    stdout, stderr = io.StringIO(), io.StringIO()
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
    return Ending(code, stdout.getvalue(), stderr.getvalue())


def start(*argv: str, **environ: str) -> Ending:
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
    return Ending(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def assert_told_well(ending: Ending, code: int) -> None:
    """Hold an ending to what every failure must look like."""
    assert ending.code == code, ending.stderr
    assert len(ending.lines("error: ")) == 1, ending.stderr
    assert len(ending.lines("hint: ")) == 1, ending.stderr
    assert "Traceback" not in ending.stderr
    assert ending.stderr.splitlines()[-2:] == ending.lines("error: ") + ending.lines("hint: ")
