"""What lies between one of our processes and the sandbox: latency, broken lines, and its death."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate

import httpx

from airbyte_sync_cli.sandbox import CALLER, Sandbox
from tests.fuzz.scenario import Line
from tests.support.transport import LoopbackTransport, Message

MOST_REQUESTS = 3000
"""Of one process: one that sends more spins."""


@dataclass
class Sent:
    """A request that was sent, and how it ended for its sender."""

    number: int
    method: str
    path: str
    at: float
    ended_at: float | None = None
    outcome: str = "under way"
    """A status, the name of an error, or `given up`: its sender did not wait for it."""

    @property
    def is_trigger(self) -> bool:
        """Whether it may start a job."""
        last = self.path.rpartition("/")[2]
        public = self.method == "POST" and self.path.endswith("/public/v1/jobs")
        return public or (
            "/connections/" in self.path and last in {"sync", "reset", "clear", "refresh"}
        )

    @property
    def is_cancel(self) -> bool:
        """Whether it may end one."""
        return self.method == "DELETE" or self.path.endswith("/jobs/cancel")


class Wire(LoopbackTransport):
    """Carries one process's requests, each marked with who sent it; those sent outlive it."""

    def __init__(
        self, sandbox: Sandbox, name: str, *, latency: float, lines: Sequence[Line]
    ) -> None:
        super().__init__(self._serve)
        self._sandbox = sandbox
        self._name = name
        self._latency = latency
        self._lines = lines
        self._began = asyncio.get_running_loop().time()
        self.sent: list[Sent] = []
        self.is_dead = False
        """SIGKILL: nothing leaves any more, and nothing that left is called back."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._connect()
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("http11.send_request_headers.started", {})
        return await self._send(request)

    async def aclose(self) -> None:
        """Leave what was sent to the sandbox: closing a socket calls nothing back."""

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        age = loop.time() - self._began
        for line in self._lines:
            if line.start <= age < line.end:
                if not line.pause:
                    raise httpx.ConnectError("refused") from ConnectionRefusedError()
                await asyncio.sleep(line.pause)
        if self.is_dead:
            raise httpx.ConnectError("dead") from ConnectionRefusedError()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        sent = Sent(len(self.sent) + 1, request.method, request.url.path, loop.time())
        self.sent.append(sent)
        if len(self.sent) > MOST_REQUESTS:
            raise AssertionError(f"{self._name} has sent {MOST_REQUESTS} requests")
        request.headers[CALLER] = f"{self._name}#{sent.number}"
        try:
            response = await super().handle_async_request(request)
            sent.outcome = str(response.status_code)
        except BaseException as error:
            given_up = isinstance(error, asyncio.CancelledError)
            sent.outcome = "given up" if given_up else type(error).__name__
            raise
        finally:
            sent.ended_at = loop.time()
        return response

    async def _serve(self, scope: Message, receive: object, send: object) -> None:
        """Bring a request to the sandbox, and its answer, dated there, back."""

        async def back(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._sandbox.clock.now(), usegmt=True)
                headers = [*message.get("headers", ()), (b"date", date.encode())]
                message = {**message, "headers": headers}
                await asyncio.sleep(self._latency)
            await send(message)  # type: ignore[operator]  # ASGI's own

        await asyncio.sleep(self._latency)
        await self._sandbox.app(scope, receive, back)  # type: ignore[arg-type]  # the same
