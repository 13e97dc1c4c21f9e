"""HTTP/1.1 over asyncio's streams, for requests that go through no proxy.

httpx's own transport imports httpcore and anyio: a twelfth of the memory of a wait, and of the
time of a `status` (`make bench`). The protocol itself is h11's, as there.
"""

import asyncio
import ipaddress
import selectors
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import h11
import httpx

_READ: Final = 64 * 1024
"""Bytes to read at a time."""
_LARGEST_HEAD: Final = 100 * 1024
"""Bytes of a response's headers: httpcore has the same limit."""
_NEXT_ADDRESS: Final = 0.25
"""Seconds until the next address of a host is tried as well (RFC 8305, section 8)."""
_PORTS: Final = {"http": 80, "https": 443}


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends requests over kept-alive connections. The caller limits their time."""

    def __init__(self, *, verify: ssl.SSLContext, limits: httpx.Limits) -> None:
        verify.set_alpn_protocols(["http/1.1"])
        self._verify = verify
        self._most_idle = limits.max_keepalive_connections or 0
        self._idle_for = limits.keepalive_expiry or 0.0
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        """The most recently used one is the last."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is still to be read."""
        connection = self._take_idle(_origin(request.url)) or await self._connect(request.url)
        try:
            with _as_httpx(httpx.ReadError):
                return await connection.send(request)
        except BaseException:  # a cancellation, too: half a response must never meet a request
            self._close(connection)
            raise

    async def aclose(self) -> None:
        """Close all connections, also those whose response is not read to its end."""
        for connection in list(self._open):
            self._close(connection)
        await asyncio.sleep(0)  # asyncio closes their sockets with its next step

    async def _connect(self, url: httpx.URL) -> "_Connection":
        loop, origin = asyncio.get_running_loop(), _origin(url)
        reader = asyncio.StreamReader(loop=loop)
        protocol = _Protocol(reader, loop=loop)
        is_tls = url.scheme == "https"
        with _as_httpx(httpx.ConnectError):
            transport, _ = await loop.create_connection(
                lambda: protocol,
                sock=await _connected_socket(origin[1], origin[2]),
                ssl=self._verify if is_tls else None,
                server_hostname=origin[1] if is_tls else None,
            )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        connection = _Connection(origin, reader, writer, protocol, on_end=self._put_back)
        self._open.add(connection)
        return connection

    def _take_idle(self, origin: "_Origin") -> "_Connection | None":
        now = asyncio.get_running_loop().time()
        for connection in self._idle[::-1]:
            if connection.idle_since + self._idle_for < now or connection.is_stale:
                self._close(connection)
            elif connection.origin == origin:
                self._idle.remove(connection)
                return connection
        return None

    def _put_back(self, connection: "_Connection") -> None:
        """Keep a connection whose response was read to its end; close any other."""
        if connection not in self._open:
            return
        if not connection.is_reusable:
            self._close(connection)
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        if len(self._idle) > self._most_idle:
            self._close(self._idle[0])

    def _close(self, connection: "_Connection") -> None:
        self._open.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        connection.abort()


_Origin = tuple[str, str, int]
"""Scheme, host and port."""
_Address = tuple[int, tuple[object, ...]]
"""A family, and what `connect` takes for it."""


def _origin(url: httpx.URL) -> _Origin:
    return url.scheme, url.raw_host.decode("ascii").strip("[]"), url.port or _PORTS[url.scheme]


async def _connected_socket(host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that accepts; raises the error of the first.

    The next address is tried when one has failed, or has not answered for a moment. asyncio's own
    way loses the socket if it is cancelled as it connects, and the kind of error if there are two.
    """
    waiting = list(await _addresses(host, port))
    if len(waiting) == 1:
        return await _connect(waiting[0])
    attempts: list[asyncio.Task[socket.socket]] = []
    pending: set[asyncio.Task[socket.socket]] = set()
    try:
        while waiting or pending:
            if waiting:
                attempts.append(asyncio.create_task(_connect(waiting.pop(0))))
                pending.add(attempts[-1])
            limit = _NEXT_ADDRESS if waiting else None
            _, pending = await asyncio.wait(
                pending, timeout=limit, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in attempts:
                if attempt.done() and attempt.exception() is None:
                    attempts.remove(attempt)
                    return attempt.result()
        return attempts[0].result()
    finally:
        for attempt in attempts:
            attempt.cancel()
            if attempt.done() and not attempt.cancelled() and attempt.exception() is None:
                attempt.result().close()  # it connected as well, or as we were cancelled


async def _addresses(host: str, port: int) -> Sequence[_Address]:
    with suppress(ValueError):  # an address needs no thread that resolves it
        ipaddress.ip_address(host)
        return [(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def _connect(address: _Address) -> socket.socket:
    found = socket.socket(address[0], socket.SOCK_STREAM)
    found.setblocking(False)  # noqa: FBT003  # socket's own signature
    try:
        await asyncio.get_running_loop().sock_connect(found, address[1])
    except BaseException:
        found.close()
        raise
    return found


class _Protocol(asyncio.StreamReaderProtocol):
    """Counts the bytes that have come."""

    received = 0

    def data_received(self, data: bytes) -> None:
        """Pass them on."""
        self.received += len(data)
        super().data_received(data)


class _Connection:
    """One connection, with one request at a time."""

    def __init__(
        self,
        origin: _Origin,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: _Protocol,
        *,
        on_end: "Callable[[_Connection], None]",
    ) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._reader = reader
        self._writer = writer
        self._protocol = protocol
        self._read = 0
        """Bytes of those that have come."""
        self._on_end = on_end
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)

    @property
    def is_reusable(self) -> bool:
        """True if it is ready for another request: nothing has come that nobody asked for."""
        is_surplus = self._read < self._protocol.received or self._http.trailing_data[0] != b""
        return self._http.our_state is h11.IDLE and not is_surplus and not self._is_closed

    @property
    def _is_closed(self) -> bool:
        return self._writer.is_closing() or self._reader.at_eof()

    @property
    def is_stale(self) -> bool:
        """True if the server has closed it meanwhile, or something has come."""
        if not self.is_reusable:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._writer.get_extra_info("socket"), selectors.EVENT_READ)
            return bool(selector.select(0))

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return the response when its headers have come."""
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=request.headers.raw
        )
        started = self._http.send(head) or b""
        trace = request.extensions.get("trace")
        if trace is not None:  # the last moment at which the caller can stop it
            await trace("http11.send_request_headers.started", {})
        self._writer.write(started)
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101  # of an async client
        async for chunk in request.stream:
            self._writer.write(self._http.send(h11.Data(data=chunk)) or b"")
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        # A server that responds early and closes its side breaks this, not the response.
        with suppress(OSError):
            await self._writer.drain()
        response = await self._next()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next()
        assert isinstance(response, h11.Response)  # noqa: S101  # h11's order of events
        return httpx.Response(
            status_code=response.status_code,
            headers=response.headers.raw_items(),
            stream=_Body(self),
            extensions={"http_version": b"HTTP/" + response.http_version},
        )

    async def _next(self) -> object:
        """Read until h11 has an event, and return it."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_READ)
            self._read += len(data)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("the server sent no response")
            self._http.receive_data(data)
        return event

    async def piece(self) -> bytes | None:
        """Return the next piece of the body; None at its end."""
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    def end(self) -> None:
        """Make it ready for another request, if the response has ended and both sides agree."""
        if self._http.our_state is self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        self._on_end(self)

    def abort(self) -> None:
        """Close it now: `close` would wait for the other side of TLS."""
        self._writer.transport.abort()


class _Body(httpx.AsyncByteStream):
    """The body of a response; its end, read or not, ends the use of the connection."""

    def __init__(self, connection: _Connection) -> None:
        self._connection: _Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(httpx.ReadError):
            while self._connection and (piece := await self._connection.piece()) is not None:
                yield piece

    async def aclose(self) -> None:
        # Once: a second time, the connection may have another request.
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


@contextmanager
def _as_httpx(kind: type[httpx.NetworkError]) -> Iterator[None]:
    """Raise errors as httpx's own; those of the network as this kind."""
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
    except OSError as error:
        raise kind(str(error)) from error
