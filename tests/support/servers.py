"""Servers on real sockets that behave as a test tells them to, in a thread of their own."""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from airbyte_sync_cli.sandbox import Sandbox, serve
from airbyte_sync_cli.sandbox.server import stop_accepting

T = TypeVar("T")
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_BROKEN = (OSError, EOFError, ssl.SSLError)
_ACCEPTING = 4
"""Turns of the loop from accepting a connection to the first step of its handler, and one more."""


class Stage:
    """A loop in a thread, on which servers live while the test works in its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stack = AsyncExitStack()

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Start a server; it ends with the stage."""
        return self.call(self._stack.enter_async_context(server))

    def sandbox(self, sandbox: Sandbox, host: str = "127.0.0.1") -> str:
        """Serve a sandbox and tell its address."""
        return self.enter(serve(sandbox, host))

    def scripted(
        self, answer: "Answer", *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> "Scripted":
        """Serve answers that a function makes."""
        return self.enter(scripted(answer, host=host, tls=tls))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the servers' loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    def close(self) -> None:
        """End all servers."""
        self.call(self._stack.aclose())


@contextlib.contextmanager
def open_stage() -> Iterator[Stage]:
    """Run a loop in a thread until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="servers")
    thread.start()
    stage = Stage(loop)
    try:
        yield stage
        stage.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels what is left
            runner.run(cut_off_everybody())


async def cut_off_everybody() -> None:
    """Close every connection of the running loop.

    One that is left to the garbage collector warns in whichever test runs by then.
    """
    loop = asyncio.get_running_loop()
    for transport in list(loop._transports.values()):  # type: ignore[attr-defined]  # noqa: SLF001  # no public list
        transport.abort()
    for _ in range(_ACCEPTING):
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    client: Client, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listen on a free port, which is told; whoever is connected at the end is cut off."""
    tasks: set[asyncio.Task[None]] = set()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            with contextlib.suppress(*_BROKEN, asyncio.CancelledError):
                await client(reader, writer)
            with contextlib.suppress(*_BROKEN, asyncio.CancelledError):
                await hang_up(writer)
        finally:
            writer.transport.abort()
            tasks.discard(task) if task else None

    server = await asyncio.start_server(attend, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_accepting(server)
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Send what is left, and close."""
    await writer.drain()
    writer.close()
    async with asyncio.timeout(1):
        await writer.wait_closed()


@dataclass(frozen=True)
class Asked:
    """One request, as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  # whatever was sent
        return json.loads(self.body)


Answer = Callable[[Asked], bytes | AsyncIterator[bytes]]
"""Makes the bytes of a whole answer, after which the connection is closed."""


@dataclass
class Scripted:
    """A server whose answers a function makes, and what it was asked."""

    url: str
    port: int
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def scripted(
    answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """Serve such answers."""
    server = Scripted(url="", port=0)

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_request(reader)
        server.asked.append(asked)
        said = answer(asked)
        if isinstance(said, bytes):
            writer.write(said)
            return
        async for part in said:
            writer.write(part)
            await writer.drain()

    async with listening(attend, host=host, tls=tls) as port:
        shown = f"[{host}]" if ":" in host else host
        server.url, server.port = f"{'https' if tls else 'http'}://{shown}:{port}", port
        yield server


async def read_request(reader: asyncio.StreamReader) -> Asked:
    """Read one request to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method=method, target=target, headers=headers, body=body, raw=head + body)


def response(
    status: int = 200,
    body: bytes | str | object = b"",
    *,
    content_type: str = "application/json",
    **headers: str,
) -> bytes:
    """Write an answer; a body that is neither bytes nor text becomes JSON."""
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    payload = content.encode() if isinstance(content, str) else content
    phrases = {int(known): known.phrase for known in HTTPStatus}
    lines = [
        f"HTTP/1.1 {status} {phrases.get(status, 'Odd')}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(payload)}",
        "Connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + payload


def always(status: int = 200, body: bytes | str | object = b"", **more: Any) -> Answer:  # noqa: ANN401  # handed on
    """Answer the same to everything."""
    return lambda _asked: response(status, body, **more)
