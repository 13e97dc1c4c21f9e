"""The last step: an answer goes out whole, late, in pieces, or not at all."""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

ABORT: Final = "airbyte_sync_cli.sandbox.abort"
"""The ASGI extension by which our server lets the app reset the TCP connection."""


class Wire:
    """One request's connection to whoever asked."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read_body(self) -> bytes:
        """Read the request's body to its end."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def deliver(self, response: Response) -> None:
        """Send an answer as it is."""
        await response(self._scope, self._receive, self._send)

    async def reset(self) -> None:
        """Drop the connection: RST over our server's sockets.

        Without them (httpx.ASGITransport) it raises ConnectionResetError, which a test's
        transport can turn into its client's own error.
        """
        abort = self._scope.get("extensions", {}).get(ABORT)
        if abort is None:
            raise ConnectionResetError("the sandbox dropped the connection")
        abort()
        await self.hang()

    async def hang(self) -> None:
        """Answer nothing until the other side has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def truncate(self, response: Response) -> None:
        """Promise the whole answer, send half of it, drop the connection."""
        body = bytes(response.body)
        await self._send(_start(response))
        await self._send(_part(body[: len(body) // 2]))
        await asyncio.sleep(0)
        await self.reset()

    async def drip(self, response: Response, pause: float) -> None:
        """Send an answer byte by byte. The pauses are real seconds, as clients' limits are."""
        await self._send(_start(response))
        for byte in bytes(response.body):
            await asyncio.sleep(pause)
            await self._send(_part(bytes([byte])))
        await self._send({"type": "http.response.body"})

    async def flood(self, response: Response, megabytes: int) -> None:
        """Send an answer behind very much white space."""
        del response.headers["content-length"]
        await self._send(_start(response))
        for _ in range(megabytes):
            await self._send(_part(b" " * 1_000_000))
        await self._send({"type": "http.response.body", "body": response.body})


def _start(response: Response) -> Message:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}
