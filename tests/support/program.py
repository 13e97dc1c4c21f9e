"""The whole program before a server: in this process with hurried pauses, or as a process."""

import asyncio
import contextlib
import io
import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TextIO
from unittest import mock

from airbyte_sync_cli import redaction
from airbyte_sync_cli.airbyte.http import Transport
from airbyte_sync_cli.cli.app import run
from airbyte_sync_cli.commands.signals import HANDLED, Signals
from airbyte_sync_cli.commands.wiring import Ask, Wiring
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sandbox.clock import SimClock

_REPOSITORY = Path(__file__).resolve().parents[2]
_NOWHERE = Path("/nowhere")
_READ_BY_LIBRARIES = frozenset(
    {
        "COLUMNS",
        "GCE_METADATA_IP",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "HOME",
        "SSL_CERT_FILE",
        "XDG_CONFIG_HOME",
    }
)
"""Variables that Typer, google-auth, OpenSSL and platformdirs read from the process itself."""
_PASSED_ON = ("PATH", "SYSTEMROOT", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True)
class CommandResult:
    """What the program left."""

    code: int
    stdout: str
    stderr: str
    pauses: Sequence[float] = ()
    """In this process: every pause that it took, in the seconds that it asked for."""

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

    def __init__(
        self, *, ahead: Callable[[], timedelta] = timedelta, is_followed: bool = True
    ) -> None:
        self.pauses: list[float] = []
        """Every pause that the program took, in the seconds that it asked for."""
        self._ahead = ahead
        self._is_followed = is_followed
        self._skipped = HurriedClock.furthest
        self._random = random.Random(0)  # noqa: S311  # no secret

    def another(self) -> "HurriedClock":
        """Make a clock whose pauses skip nothing of this one, and that no sandbox follows."""
        return type(self)(ahead=self._ahead, is_followed=False)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._skipped += max(seconds - 0.003, 0.0)
        if self._is_followed:
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


class HurriedWiring(Wiring):
    """Has heartbeats on a clock of their own: on that of the waits each would skip a minute."""

    def output(self, command: str | None, options: OutputOptions) -> Output:
        assert isinstance(self.clock, HurriedClock)
        return Wiring.output(replace(self, clock=self.clock.another()), command, options)


@dataclass(frozen=True)
class Outside:
    """What the program is handed besides its environment and its streams."""

    clock: HurriedClock = field(default_factory=HurriedClock)
    transport: Transport | None = None
    root: Path = _NOWHERE
    """The folder that holds Airflow's and those of Kubernetes."""
    ask: Ask | None = None
    open_browser: Callable[[str], object] | None = None


def call(*argv: str, **environ: str) -> CommandResult:
    """Run the program in this process, with nothing else in its environment."""
    return call_in(Outside(), *argv, **environ)


def call_in(outside: Outside, *argv: str, **environ: str) -> CommandResult:
    """Do the same with another clock, wire, or file system."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = _called(outside, argv, environ, (stdout, stderr))
    return CommandResult(code, stdout.getvalue(), stderr.getvalue(), outside.clock.pauses)


def _called(
    outside: Outside,
    argv: Sequence[str],
    environ: Mapping[str, str],
    streams: tuple[TextIO, TextIO],
) -> int:
    redaction.forget_all()
    wiring = HurriedWiring(
        environ=environ,
        clock=outside.clock,
        stdout=streams[0],
        stderr=streams[1],
        signals=Signals(),
        root=outside.root,
        transport=outside.transport,
        ask=outside.ask,
        open_browser=outside.open_browser,
    )
    read_by_libraries = {name: environ[name] for name in environ.keys() & _READ_BY_LIBRARIES}
    with mock.patch.dict(os.environ, read_by_libraries, clear=True), _signals_kept():
        code = int(run(argv, wiring))
    redaction.forget_all()
    return code


def call_on_terminal(outside: Outside, *argv: str, **environ: str) -> CommandResult:
    """Run the program in this process on a terminal; what it shows stands in `stdout`."""
    return _call_with_descriptors(outside, argv, environ, pty.openpty())


def call_in_pipe(outside: Outside, *argv: str, **environ: str) -> CommandResult:
    """Run the program in this process with stdout and stderr in one pipe, read as `stdout`."""
    return _call_with_descriptors(outside, argv, environ, os.pipe())


def _call_with_descriptors(
    outside: Outside, argv: Sequence[str], environ: Mapping[str, str], ends: tuple[int, int]
) -> CommandResult:
    reader, writer = ends
    shown: list[bytes] = []
    reading = threading.Thread(target=lambda: shown.extend(read_all(reader)))
    reading.start()
    try:
        with (
            open(writer, "w", encoding="utf-8", closefd=False) as stdout,
            open(writer, "w", encoding="utf-8") as stderr,  # noqa: PTH123  # a descriptor
        ):
            code = _called(outside, argv, environ, (stdout, stderr))
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
