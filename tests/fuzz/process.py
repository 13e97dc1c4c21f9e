"""One process of ours in virtual time: the real client, the real core, the real output.

What it does is what `cli/session.py` does for a command, but on a loop that it shares with
others, with signals and the wire handed in.
"""

import asyncio
import contextlib
import io
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import SecretStr

from airbyte_sync_cli.airbyte.address import Address, parse_address
from airbyte_sync_cli.airbyte.api import PATIENCE
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.connect import reach
from airbyte_sync_cli.airbyte.http import Gate
from airbyte_sync_cli.airbyte.server import Server
from airbyte_sync_cli.cli.session import Ending, Session, interrupted
from airbyte_sync_cli.errors import BugError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.boundary import guard, show_traceback
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.settings import ClientCredentials, NoAuth, Settings
from airbyte_sync_cli.sync.stop import Stop, StoppedError, until_stopped
from tests.fuzz.wire import Sent, Wire

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
URL: Final = "http://airbyte.example"

Work = Callable[[Session], Awaitable[Ending]]


class ProcessClock:
    """The loop's time, a wall clock that may be off, and jitter from a seed."""

    def __init__(self, skew: float, chance: random.Random) -> None:
        self._skew = timedelta(seconds=skew)
        self._chance = chance

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self._skew

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jitter(self, low: float, high: float) -> float:
        return self._chance.uniform(low, high)


@dataclass
class Left:
    """What a process left: its ending, its words, and what it had sent."""

    name: str
    began: float
    sent: list[Sent] = field(default_factory=list)
    code: int | None = None
    """None: it was killed, or it hung."""
    ended: float | None = None
    stdout: str = ""
    stderr: str = ""
    signal: str = ""
    signalled: float | None = None

    @property
    def report(self) -> Mapping[str, Any]:
        """The JSON on stdout, which must be its last line."""
        return dict(json.loads(self.stdout.splitlines()[-1]))

    @property
    def words(self) -> str:
        """Everything that it said: stderr, and the texts of its report."""
        error = self.report.get("error") or {}
        said = [error.get("message"), error.get("hint"), *self.report.get("warnings", ())]
        return "\n".join([self.stderr, *(text for text in said if text)])


class Process:
    """A process that can be started, signalled and killed."""

    def __init__(
        self,
        wire: Wire,
        left: Left,
        *,
        command: str,
        settings: Settings,
        clock: ProcessClock,
    ) -> None:
        self._wire = wire
        self._left = left
        self._settings = settings
        self._clock = clock
        self._stop = Stop(clock)
        self._streams = io.StringIO(), io.StringIO()
        stdout, stderr = self._streams
        self._output = Output(
            command,
            OutputOptions(format="json"),
            environ={},
            clock=clock,
            stdout=stdout,
            stderr=stderr,
            root=Path("/nowhere"),
        )
        left.sent = wire.sent

    def signal(self, name: str) -> None:
        """Send a signal; the first one that comes counts."""
        self._left.signal = self._left.signal or name
        self._left.signalled = self._left.signalled or self._clock.monotonic()
        self._stop.interrupt(name)  # type: ignore[arg-type]  # a name of the enum of exit codes

    async def run(self, work: Work) -> None:
        """Live from the start to the written ending."""
        loop = asyncio.get_running_loop()
        try:
            ending: Ending | Exception = await self._work(work)
        except Exception as error:  # noqa: BLE001  # the error boundary is below
            ending = error
        stdout, stderr = self._streams
        with contextlib.redirect_stderr(stderr):  # a bug's traceback
            self._left.code = int(guard(lambda: self._output, lambda: self._conclude(ending)))
        self._left.ended = loop.time()
        self._left.stdout, self._left.stderr = stdout.getvalue(), stderr.getvalue()

    def _conclude(self, ending: Ending | Exception) -> ExitCode:
        if isinstance(ending, Exception):
            raise ending
        if isinstance(ending.error, BugError):
            show_traceback(ending.error.__cause__ or ending.error)
        return self._output.conclude(
            ending.syncs,
            error=ending.error,
            exit_code=ending.exit_code,
            stdout_text=ending.text,
            details=ending.details,
            quiet=ending.quiet,
        )

    async def _work(self, work: Work) -> Ending:
        began = self._clock.monotonic()
        async with httpx.AsyncClient(
            transport=self._wire,
            auth=make_auth(self._settings, self._address, self._clock),
            trust_env=False,
        ) as client:
            gate = Gate(client, clock=self._clock, limit=self._settings.request_timeout)
            try:
                airbyte = await until_stopped(self._reach(gate), stop=self._stop)
                session = Session(
                    airbyte=airbyte,
                    settings=self._settings,
                    output=self._output,
                    clock=self._clock,
                    stop=self._stop,
                    began=began,
                )
                async with self._output.alive():
                    return await work(session)
            except StoppedError:
                return interrupted(self._stop)

    async def _reach(self, gate: Gate) -> Server:
        return await reach(gate, self._settings, self._address, patience=PATIENCE)

    @property
    def _address(self) -> Address:
        return parse_address(self._settings.url)


def settings_for(*, api: str, auth: bool, trigger_timeout: float = 180.0) -> Settings:
    """Make the settings of a process before a sandbox."""
    secret = SecretStr("sandbox-client-secret")
    application = ClientCredentials(client_id="sandbox-client-id", client_secret=secret)
    return Settings(
        url=URL,
        api="auto" if api == "public" else "config",
        credentials=application if auth else NoAuth(),
        trigger_timeout=trigger_timeout,
    )
