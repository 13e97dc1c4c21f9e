"""A real server on loopback for a sandbox: quick to start, quick to stop, able to reset."""

import asyncio
import contextlib
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from email.utils import formatdate
from typing import Final

import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from airbyte_sync_cli.sandbox.config import SandboxConfig
from airbyte_sync_cli.sandbox.delivery import ABORT
from airbyte_sync_cli.sandbox.simulation import Sandbox

_RESET: Final = struct.pack("ii", 1, 0)
"""Linger for no time: closing then sends RST instead of FIN."""
_ENDING: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
"""The signals that end a sandbox; one that was ignored at the start (`nohup`) stays ignored."""


class _ResettableProtocol(H11Protocol):
    """Gives the app a way to drop its connection, which ASGI itself does not have."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows the type, so must we
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = self.abort
            # Only our own `stop` cancels, after the connection has gone: nothing to report.
            with contextlib.suppress(asyncio.CancelledError):
                await inner(scope, receive, _dated(send))

        self.app = app

    def abort(self) -> None:
        """Reset the connection."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # the client has died, and the socket is closed
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


def _dated(send: Send) -> Send:
    """Add the real time to answers, as every server does; uvicorn's own needs its tick."""

    async def with_date(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = (b"date", formatdate(usegmt=True).encode())
            message = {**message, "headers": [*message.get("headers", ()), date]}
        await send(message)

    return with_date


_ACCEPTING: Final = 4
"""Turns of asyncio's loop from accepting a connection to `connection_made`, and one more."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, its tick, and its pauses when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield

    async def stop(self) -> None:
        """Stop at once: held requests are cut off."""
        for server in self.servers:
            server.close()
        for _ in range(_ACCEPTING):  # a connection that is being accepted is in no list yet
            await asyncio.sleep(0)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # lets the handlers see that their clients are gone
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve a sandbox in the running loop and tell its address; port 0 takes a free one."""
    listener = await _listen(host, port)
    config = uvicorn.Config(
        sandbox.app,
        http=_ResettableProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=300,  # as Airbyte; a short one would drop a poller's connection
    )
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://{_bracketed(host)}:{listener.getsockname()[1]}"
    finally:
        await server.stop()


async def _listen(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it on,
    # every answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def run_sandbox(
    config: SandboxConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a sandbox until a signal ends it. `on_ready` is told the address.

    Raises OSError where it cannot listen.
    """

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serve(Sandbox(config), host, port) as url:
            if on_ready is not None:
                on_ready(url)
            await stop.wait()

    asyncio.run(until_stopped())
