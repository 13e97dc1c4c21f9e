"""One process of ours in virtual time: the real client, the real core, the real output.

It goes through `commands/session.py` as every command does, but on a loop shared with others: each
is handed its own clock, signals and wire.
"""

import asyncio
import contextlib
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from airbyte_sync_cli.commands.session import CommandResult, Invocation, Work, conclude
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.settings import ClientCredentials, NoAuth, Settings
from airbyte_sync_cli.sync.stop import Stop
from tests.fuzz.wire import Sent, Wire

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
URL: Final = "http://airbyte.example"

Command = Callable[[Invocation], Work]


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


class HandedSignals(Signals):
    """Signals of one process among several on a loop."""

    def __init__(self, left: Left, clock: ProcessClock) -> None:
        super().__init__()
        self._left = left
        self._clock = clock
        self._stop: Stop | None = None

    def send(self, name: str) -> None:
        """Send a signal; the first one that comes counts."""
        self._left.signal = self._left.signal or name
        self._left.signalled = self._left.signalled or self._clock.monotonic()
        if self._stop is not None:
            self._stop.interrupt(name)

    @contextlib.contextmanager
    def stopping(
        self, stop: Stop, *, last_words: Callable[[], object] = lambda: None
    ) -> Iterator[None]:
        """Hand signals to the session; one that came before counts, too."""
        del last_words  # they need a second signal
        self._stop = stop
        if self._left.signal:
            self.send(self._left.signal)
        yield


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
        self._left = left
        self.signals = HandedSignals(left, clock)
        self._clock = clock
        self._streams = io.StringIO(), io.StringIO()
        wiring = Wiring(
            environ={},
            clock=clock,
            stdout=self._streams[0],
            stderr=self._streams[1],
            signals=self.signals,
            root=Path("/nowhere"),
            transport=wire,
        )
        self._invocation = Invocation(
            wiring=wiring,
            settings=settings,
            output=wiring.output(command, OutputOptions(format="json")),
            stop=Stop(clock),
        )
        left.sent = wire.sent

    async def run(self, command: Command) -> None:
        """Live from the start to the written ending, as `perform` has it on a loop of its own."""
        try:
            result = await command(self._invocation)
        except Exception as error:  # noqa: BLE001  # as there
            result = CommandResult.of_error(error)
        self._left.code = int(conclude(self._invocation.output, result))
        self._left.ended = self._clock.monotonic()
        self._left.stdout, self._left.stderr = (stream.getvalue() for stream in self._streams)


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
