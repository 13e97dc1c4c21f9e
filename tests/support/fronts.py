"""A front before a sandbox: a test sees each request before it arrives, or answers instead."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.relays import Place, place_of
from tests.support.servers import Asked, Scripted, Stage, hang_up, listening, read_request


@dataclass
class Counted:
    """A relay that counts the connections which were made to it."""

    url: str = ""
    connections: int = 0


def front(stage: Stage, url: str, meddle: Callable[[Asked], bytes | None]) -> Scripted:
    """Pass requests on to the server there, one a connection, unless `meddle` answers them."""
    onward = passing_on(place_of(url))
    return stage.scripted(lambda asked: meddle(asked) or onward(asked))


def passing_on(place: Place) -> Callable[[Asked], AsyncIterator[bytes]]:
    """Hand requests to the server there."""

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
    """Pass bytes on as they are."""
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
    """Pass requests on; from the last one on nobody listens any more."""
    onward = passing_on(place_of(url))

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await read_request(reader)
            if is_last(asked):
                server.close()
            async for part in onward(asked):
                writer.write(part)
            await hang_up(writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
