"""Our own HTTP/1.1 connections, before a server on a real socket that sends these bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from airbyte_sync_cli.airbyte.direct import DirectTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMITS = httpx.Limits(max_keepalive_connections=2, keepalive_expiry=60.0)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request with the next of `answers`, over and over with the last one."""

    def __init__(self, *answers: bytes | Answer) -> None:
        self._answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def client_of(
    server: Server, limits: httpx.Limits = LIMITS
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free port, and yield a client for it."""
    listening = await asyncio.start_server(server.attend, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    transport = DirectTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits=limits)
    async with listening, httpx.AsyncClient(transport=transport, timeout=5) as client:
        yield client


def get(server: Server, times: int = 1, *, limits: httpx.Limits = LIMITS) -> list[httpx.Response]:
    """Send requests one after the other; return the responses."""

    async def all_of_them() -> list[httpx.Response]:
        async with client_of(server, limits) as client:
            return [await client.get(server.url) for _ in range(times)]

    return asyncio.run(all_of_them())


def test_connection_is_used_again() -> None:
    server = Server(OK)

    responses = get(server, 3)

    assert [one.text for one in responses] == ["ok"] * 3
    assert server.connections == 1


def test_expired_connection_is_not_used_again() -> None:
    server = Server(OK)

    get(server, 3, limits=httpx.Limits(max_keepalive_connections=2, keepalive_expiry=0.0))

    assert server.connections == 3


def test_connection_that_server_closed_is_not_used_again() -> None:
    async def last(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    server = Server(last)

    assert [one.text for one in get(server, 3)] == ["ok"] * 3
    assert server.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra",
    ],
    ids=["close", "HTTP/1.0", "a second response"],
)
def test_connection_without_another_response_is_not_used_again(answer: bytes) -> None:
    server = Server(answer)

    assert [one.text for one in get(server, 2)] == ["ok"] * 2
    assert server.connections == 2


def test_unread_body_closes_its_connection() -> None:
    """Its rest must not be taken for the next response."""
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", OK)

    async def two() -> str:
        async with client_of(server) as client:
            async with client.stream("GET", server.url):
                pass
            return (await client.get(server.url)).text

    assert asyncio.run(two()) == "ok"
    assert server.connections == 2


def test_cancelled_request_closes_its_connection() -> None:
    async def never(_: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = Server(never, OK)

    async def two() -> str:
        async with client_of(server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get(server.url)
            return (await client.get(server.url)).text

    assert asyncio.run(two()) == "ok"
    assert server.connections == 2


def test_requests_at_the_same_time_get_their_own_responses() -> None:
    async def echo(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = server.requests[-1].split(b" ")[1]
        await asyncio.sleep(0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    server = Server(echo)

    async def many() -> list[str]:
        async with client_of(server) as client:
            asked = [client.get(f"{server.url}/{one}") for one in range(20)]
            return [one.text for one in await asyncio.gather(*asked)]

    assert asyncio.run(many()) == [f"/{one}" for one in range(20)]


def test_no_more_than_limit_of_idle_connections_is_kept() -> None:
    server = Server(OK)

    async def rounds() -> None:
        async with client_of(server) as client:
            for _ in range(2):
                await asyncio.gather(*(client.get(server.url) for _ in range(5)))

    asyncio.run(rounds())

    assert server.connections == 5 + 3


def test_informational_responses_are_skipped() -> None:
    server = Server(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)

    [response] = get(server)

    assert (response.status_code, response.text) == (200, "ok")


def test_response_to_half_sent_request_is_read() -> None:
    """A gateway refuses a body by its headers alone, and closes its side."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    server = Server(refuse)

    async def post() -> int:
        async with client_of(server) as client:
            return (await client.post(server.url, content=b"x" * 100)).status_code

    assert asyncio.run(post()) == 413


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, httpx.RemoteProtocolError),
        (b"", httpx.RemoteProtocolError),
    ],
    ids=["half a body", "no HTTP", "endless headers", "nothing"],
)
def test_broken_response_is_protocol_error(answer: bytes, error: type[Exception]) -> None:
    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    with pytest.raises(error):
        get(Server(send))


def test_refused_connection_of_several_addresses_keeps_its_reason() -> None:
    transport = DirectTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits=LIMITS)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("http://localhost:9")

    with pytest.raises(httpx.ConnectError) as raised:
        asyncio.run(ask())

    assert isinstance(raised.value.__cause__, ConnectionRefusedError)
