"""httpx over an ASGI app without sockets, but with timeouts, streaming and disconnects.

`httpx.ASGITransport` has no timeouts, waits for the whole response, and cancels the handler when
the client disconnects. A server does none of that, and the faults of the sandbox depend on it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from typing import Any

import httpx

Message = MutableMapping[str, Any]
App = Callable[..., Coroutine[Any, Any, None]]


class LoopbackTransport(httpx.AsyncBaseTransport):
    """Serves an ASGI app in the running loop, real or virtual."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(self._app, request, await request.aread())
        self._tasks.add(exchange.task)
        exchange.task.add_done_callback(self._tasks.discard)
        return await exchange.response()

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Exchange:
    def __init__(self, app: App, request: httpx.Request, body: bytes) -> None:
        self._request = request
        self._limit: float | None = request.extensions.get("timeout", {}).get("read")
        self._sent: asyncio.Queue[Message | BaseException] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._body: list[bytes] = [body]
        self.task = asyncio.get_running_loop().create_task(self._serve(app))

    async def response(self) -> httpx.Response:
        try:
            start = await self._next()
        except BaseException:
            self._gone.set()
            raise
        return httpx.Response(
            start["status"],
            headers=start["headers"],
            stream=_Stream(self._chunks(), self._gone),
            request=self._request,
        )

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._next()
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._limit):
                message = await self._sent.get()
        except TimeoutError:
            raise httpx.ReadTimeout("no response in time", request=self._request) from None
        if isinstance(message, ConnectionResetError):
            raise httpx.ReadError(str(message), request=self._request) from message
        if isinstance(message, BaseException):
            raise message
        return message

    async def _serve(self, app: App) -> None:
        try:
            await app(self._scope(), self._receive, self._sent.put)
        except Exception as error:  # noqa: BLE001  # the client sees it, as over a socket
            await self._sent.put(error)

    async def _receive(self) -> Message:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def _scope(self) -> Message:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port or 80),
            "client": ("127.0.0.1", 1),
        }


class _Stream(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes], gone: asyncio.Event) -> None:
        self._chunks = chunks
        self._gone = gone

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        self._gone.set()
        with contextlib.suppress(AttributeError):
            await self._chunks.aclose()  # type: ignore[attr-defined]  # a generator's own


class BrokenTransport(httpx.AsyncHTTPTransport):
    """The network, but for requests that end in an exception that nothing expects."""

    def __init__(
        self, error: Exception, *, when: Callable[[httpx.Request], bool] = lambda _: True
    ) -> None:
        super().__init__()
        self._error = error
        self._when = when

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._when(request):
            raise self._error
        return await super().handle_async_request(request)
