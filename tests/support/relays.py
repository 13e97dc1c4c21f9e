"""Relays between a client and a server on real sockets: proxies, TLS, counting, interference."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airbyte_sync_cli.sandbox.server import stop_accepting
from tests.support.servers import (
    Asked,
    Scripted,
    Stage,
    hang_up,
    listening,
    read_request,
    response,
)

Place = tuple[str, int]


def place_of(url: str) -> Place:
    """Return host and port of a URL that has both."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(url)
    return parts.hostname, parts.port


@asynccontextmanager
async def tls_front(
    target: str, context: ssl.SSLContext, *, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Terminate TLS and relay plain HTTP to the server."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, place_of(target))

    async with listening(attend, host=host, tls=context) as port:
        yield f"https://{host}:{port}"


@dataclass
class ForwardProxy:
    """An HTTP proxy, with CONNECT and absolute URLs, that records its requests."""

    places: Mapping[str, Place]
    """The real address of each `host:port`; everything else is a 502."""
    authorization: str | None = None
    """The required Proxy-Authorization."""
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Method and target of each request."""
        return [f"{one.method} {one.target}" for one in self.asked]

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        asked = await read_request(reader)
        self.asked.append(asked)
        if self.authorization not in {None, asked.headers.get("proxy-authorization")}:
            writer.write(response(407, "who are you?", Proxy_Authenticate="Basic realm=corp"))
            return
        name = asked.target if asked.method == "CONNECT" else urlsplit(asked.target).netloc
        place = self.places.get(name)
        if place is None:
            writer.write(response(502, f"no way to {name}"))
        elif asked.method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _join(reader, writer, place)
        else:
            await _join(reader, writer, place, first=_origin_form(asked))


def _origin_form(asked: Asked) -> bytes:
    """Return a request as the origin server expects it, without the proxy's headers."""
    parts = urlsplit(asked.target)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    dropped = {"proxy-authorization", "connection"}
    kept = [f"{name}: {value}" for name, value in asked.headers.items() if name not in dropped]
    lines = [f"{asked.method} {path} HTTP/1.1", *kept, "connection: close", "", ""]
    return "\r\n".join(lines).encode() + asked.body


@asynccontextmanager
async def forward_proxy(
    places: Mapping[str, Place], *, authorization: str | None = None
) -> AsyncIterator[ForwardProxy]:
    """Run a proxy that reaches these places only."""
    proxy = ForwardProxy(places, authorization)
    async with listening(proxy.attend) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


@dataclass
class Counted:
    """A relay and the number of connections to it."""

    url: str = ""
    connections: int = 0


def front(stage: Stage, url: str, meddle: Callable[[Asked], bytes | None]) -> Scripted:
    """Relay requests to a server, one per connection, unless `meddle` returns a response."""
    onward = passing_on(place_of(url))
    return stage.scripted(lambda asked: meddle(asked) or onward(asked))


def passing_on(place: Place) -> Callable[[Asked], AsyncIterator[bytes]]:
    """Return a handler that relays requests to a server."""

    async def passed(asked: Asked) -> AsyncIterator[bytes]:
        reader, writer = await asyncio.open_connection(*place)
        try:
            head, _, body = asked.raw.partition(b"\r\n\r\n")
            kept = re.sub(rb"(?im)^connection:.*\r\n", b"", head)
            writer.write(kept + b"\r\nConnection: close\r\n\r\n" + body)
            yield await reader.read()
        finally:
            writer.transport.abort()

    return passed


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[Counted]:
    """Relay connections to a server, and count them."""
    counted = Counted()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted.connections += 1
        far_reader, far_writer = await asyncio.open_connection(*place_of(url))
        onward = asyncio.ensure_future(_pump(reader, far_writer))
        try:
            await _pump(far_reader, writer)
        finally:
            onward.cancel()
            far_writer.transport.abort()

    async with listening(attend) as port:
        counted.url = f"http://127.0.0.1:{port}"
        yield counted


@asynccontextmanager
async def leaving(url: str, is_last: Callable[[Asked], bool]) -> AsyncIterator[str]:
    """Relay requests; after the last one the port is closed."""
    onward = passing_on(place_of(url))

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await read_request(reader)
            if is_last(asked):
                await stop_accepting(server)
            async for part in onward(asked):
                writer.write(part)
            await hang_up(writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_accepting(server)


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place, first: bytes = b""
) -> None:
    """Relay bytes in both directions until one side closes."""
    far_reader, far_writer = await asyncio.open_connection(*place)
    try:
        far_writer.write(first)
        ways = [_pump(reader, far_writer), _pump(far_reader, writer)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await hang_up(writer)
    finally:
        far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
