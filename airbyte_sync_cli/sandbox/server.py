"""Serve a sandbox on a real socket: quick to start and stop, able to reset connections."""

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

from airbyte_sync_cli.sandbox.fault_actions import ABORT
from airbyte_sync_cli.sandbox.sandbox import Sandbox
from airbyte_sync_cli.sandbox.scenario import SandboxConfig

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 seconds: closing then sends RST instead of FIN."""
_STOP_SIGNALS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
"""The signals that stop a sandbox; one that was ignored at the start (`nohup`) stays ignored."""


class _ResettableProtocol(H11Protocol):
    """Lets the app reset its connection, for which ASGI has no message."""

    def connection_made(  # type: ignore[override]  # uvicorn narrows the type, too
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = self.abort
            # Only `_Server.stop` cancels, after the connection was aborted: nothing to report.
            with contextlib.suppress(asyncio.CancelledError):
                await inner(scope, receive, _dated(send))

        self.app = app

    def abort(self) -> None:
        """Reset the connection."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # the client is gone, and the socket is closed
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


def _dated(send: Send) -> Send:
    """Add a Date header, as every server does; uvicorn's own needs `_Server`'s disabled tick."""

    async def with_date(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = (b"date", formatdate(usegmt=True).encode())
            message = {**message, "headers": [*message.get("headers", ()), date]}
        await send(message)

    return with_date


_ACCEPTING: Final = 4
"""Turns of asyncio's loop from accepting a connection to `connection_made`, plus one."""


async def stop_accepting(*servers: asyncio.Server) -> None:
    """Close servers once each connection that they have accepted is set up.

    One that is set up after its server was closed would stay open until it is collected
    (`Server._attach` raises, and asyncio does not close the socket).
    """
    loop = asyncio.get_running_loop()
    for server in servers:
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
    for _ in range(_ACCEPTING):
        await asyncio.sleep(0)
    for server in servers:
        server.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, its tick every 0.1 s, and its pauses when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the owner of the loop."""
        yield

    async def stop(self) -> None:
        """Stop at once and abort every request."""
        await stop_accepting(*self.servers)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # lets the handlers see the disconnect
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serve(sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve a sandbox in the running loop and yield its address; port 0 picks a free one."""
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
        timeout_keep_alive=300,  # longer than any pause between polls, as Airbyte's
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
    # asyncio disables Nagle's algorithm only for sockets with an explicit protocol; with Nagle,
    # every response would wait 40 ms for an acknowledgement.
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
    """Serve a sandbox until a signal stops it; call `on_ready` with its address.

    Raises OSError if it cannot listen.
    """

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in _STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serve(Sandbox(config), host, port) as url:
            if on_ready is not None:
                on_ready(url)
            await stop.wait()

    asyncio.run(until_stopped())
