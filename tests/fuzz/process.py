"""One process of ours in virtual time: the real client, the real core, the real output.

It goes through `commands/session.py` as every command does, but on a loop shared with others:
`handed_in` gives each its own clock, signals and wire, which a process has of its own.
"""

import asyncio
import contextlib
import io
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx
from pydantic import SecretStr

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.client import Airbyte, discover
from airbyte_sync_cli.airbyte.http import RETRY_FOR, HttpClient
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.commands import session
from airbyte_sync_cli.commands.session import CommandResult
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.boundary import guard
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.settings import ClientCredentials, NoAuth, Settings
from airbyte_sync_cli.sync.stop import Stop
from tests.fuzz.wire import Sent, Wire

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
URL: Final = "http://airbyte.example"

Work = Callable[[Settings, Output], Awaitable[CommandResult]]


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
        self.clock = clock
        self._wire = wire
        self._left = left
        self._settings = settings
        self._stop: Stop | None = None
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
        self._left.signalled = self._left.signalled or self.clock.monotonic()
        if self._stop is not None:
            self._stop.interrupt(name)

    @contextlib.contextmanager
    def stopping(self, stop: Stop) -> Iterator[None]:
        """Hand signals to the session; one that came before counts, too."""
        self._stop = stop
        if self._left.signal:
            self.signal(self._left.signal)
        yield

    async def connect(self, settings: Settings, *, clock: Clock, retry_for: float) -> Airbyte:
        """Connect over the wire of this process."""
        address = parse_address(settings.url)
        client = httpx.AsyncClient(
            transport=self._wire, auth=make_auth(settings, address, clock), trust_env=False
        )
        http_client = HttpClient(client, clock=clock, limit=settings.request_timeout)
        return await discover(http_client, settings, address, retry_for=retry_for)

    async def run(self, work: Work) -> None:
        """Live from the start to the written ending."""
        _RUNNING.set(self)
        try:
            ending: CommandResult | Exception = await work(self._settings, self._output)
        except Exception as error:  # noqa: BLE001  # the error boundary is below
            ending = error
        stdout, stderr = self._streams
        with contextlib.redirect_stderr(stderr):  # a bug's traceback
            self._left.code = int(guard(lambda: self._output, lambda: self._conclude(ending)))
        self._left.ended = self.clock.monotonic()
        self._left.stdout, self._left.stderr = stdout.getvalue(), stderr.getvalue()

    def _conclude(self, ending: CommandResult | Exception) -> ExitCode:
        if isinstance(ending, Exception):
            raise ending
        return session._conclude(self._output, ending)  # noqa: SLF001  # nobody else's loop may run


_RUNNING: Final[ContextVar[Process]] = ContextVar("the process that runs")


@contextlib.contextmanager
def handed_in() -> Iterator[None]:
    """Let each session have the clock, the signals and the wire of the process that runs it."""

    def stopping(stop: Stop, **_more: object) -> contextlib.AbstractContextManager[None]:
        return _RUNNING.get().stopping(stop)

    async def connect(
        settings: Settings, *, clock: Clock, retry_for: float = RETRY_FOR
    ) -> Airbyte:
        return await _RUNNING.get().connect(settings, clock=clock, retry_for=retry_for)

    with mock.patch.multiple(
        session,
        SystemClock=lambda: _RUNNING.get().clock,
        connect=connect,
        stopping_on_signals=stopping,
    ):
        yield


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
