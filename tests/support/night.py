"""A whole run of the program in virtual time: a night passes in seconds, with exact times."""

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

from airbyte_sync_cli import redaction
from airbyte_sync_cli.cli.run import run as run_command
from airbyte_sync_cli.commands.session import CommandResult, Invocation, conclude
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sandbox import Sandbox
from airbyte_sync_cli.settings import ServerOptions, load_settings
from airbyte_sync_cli.sync.stop import Stop
from tests.support.core import LoopClock, SocketLike
from tests.support.program import read_all
from tests.support.virtual import run

URL = "http://airbyte:8000"


@dataclass
class Night:
    """One run of `orders`, and what it leaves in the log of its task."""

    sandbox: Sandbox
    options: Mapping[str, object] = field(default_factory=dict)
    """As the function of the command takes them."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def in_a_pipe(self) -> tuple[int, str]:
        """Return the exit code and what an Airflow task would log: stdout and stderr in one."""
        stream = io.StringIO()
        return self._play(stream), stream.getvalue()

    def on_a_terminal(self) -> tuple[int, str]:
        """Return the exit code and what was written to a terminal of 80 columns."""
        reader, writer = os.openpty()
        shown: list[bytes] = []
        reading = threading.Thread(target=lambda: shown.extend(read_all(reader)))
        reading.start()
        try:
            with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123  # a descriptor
                code = self._play(stream)
        finally:
            reading.join(timeout=30)
            os.close(reader)
        return code, b"".join(shown).decode()

    def _play(self, stream: TextIO) -> int:
        redaction.forget_all()
        try:
            return run(self._run(stream))
        finally:
            redaction.forget_all()

    async def _run(self, stream: TextIO) -> int:
        environ = {"AIRBYTE_URL": URL, "COLUMNS": "80", "TERM": "xterm", **self.environ}
        wiring = Wiring(
            environ=environ,
            clock=LoopClock(),
            stdout=stream,
            stderr=stream,
            signals=Signals(),
            transport=SocketLike(self.sandbox, (0, 0)),
        )
        output = wiring.output("run", OutputOptions())
        try:
            server = ServerOptions()
            invocation = Invocation(
                wiring=wiring,
                server=server,
                settings=load_settings(server, environ),
                output=output,
                stop=Stop(wiring.clock),
            )
            start = run_command.__wrapped__  # type: ignore[attr-defined]  # by functools.wraps
            result = await start(invocation, conn=["orders"], **self.options)
        except AirbyteSyncError as error:
            result = CommandResult.of_error(error)
        code = int(conclude(output, result))
        with contextlib.suppress(asyncio.CancelledError):
            await wiring.transport.aclose() if wiring.transport else None
        return code
