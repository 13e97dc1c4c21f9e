"""What stands between a client and a server: a TLS front, a forward proxy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.servers import Asked, hang_up, listening, read_request, response

Place = tuple[str, int]


def place_of(url: str) -> Place:
    """Tell host and port of a URL that has both."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(url)
    return parts.hostname, parts.port


@asynccontextmanager
async def tls_front(
    target: str, context: ssl.SSLContext, *, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Speak TLS to clients and plain HTTP to the server behind."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, place_of(target))

    async with listening(attend, host=host, tls=context) as port:
        yield f"https://{host}:{port}"


@dataclass
class ForwardProxy:
    """An HTTP proxy: tunnels for CONNECT, forwards for whole addresses, and what it was asked."""

    places: Mapping[str, Place]
    """Where each `host:port` really is; nothing else is reached."""
    authorization: str | None = None
    """What has to be shown in Proxy-Authorization."""
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The request lines, shortened to what a proxy looks at."""
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
    """Write a request as the server behind wants it, without what was meant for the proxy."""
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
    """Run a proxy."""
    proxy = ForwardProxy(places, authorization)
    async with listening(proxy.attend) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place, first: bytes = b""
) -> None:
    """Connect two sides until one of them hangs up."""
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
