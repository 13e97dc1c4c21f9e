"""How a response is delivered, and how it goes wrong on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.responses import (
    INDEX_HTML,
    LOGIN_HTML,
    AlreadyRunning,
    ApiRefusal,
    Forbidden,
    JsonResponse,
    StartTimedOut,
)

ABORT: Final = "airbyte_sync_cli.sandbox.abort"
"""The ASGI extension by which our server lets the app reset the TCP connection."""


class Transport:
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


Answer = Callable[[], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that a fault hits: `answer` handles it, effects included, when it is called."""

    fault: Fault
    path: str
    wire: Transport
    clock: SimClock
    answer: Answer
    refuse: Callable[[ApiRefusal], Response]
    """How the API that was asked puts a refusal."""
    connection_id: str


async def misbehave(exchange: Delivery) -> None:
    """Do to a request what its fault says."""
    await _ACTIONS[exchange.fault.action](exchange)


async def _lost_before(it: Delivery) -> None:
    await it.wire.reset()


async def _lost_after(it: Delivery) -> None:
    await it.answer()
    await it.wire.reset()


async def _status(it: Delivery) -> None:
    if it.fault.applied:
        await it.answer()
    await it.wire.deliver(_canned(it.fault))


async def _hold(it: Delivery) -> None:
    if not it.fault.applied:
        await it.clock.sleep(it.fault.pause)
        await it.wire.deliver(await it.answer())
        return
    response = await it.answer()
    await it.clock.sleep(it.fault.pause)
    await it.wire.deliver(response)


async def _never(it: Delivery) -> None:
    if it.fault.applied:
        await it.answer()
    await it.wire.hang()


async def _drip(it: Delivery) -> None:
    await it.wire.drip(await it.answer(), it.fault.pause)


async def _truncate(it: Delivery) -> None:
    await it.wire.truncate(await it.answer())


async def _bad_json(it: Delivery) -> None:
    response = await it.answer()
    half = bytes(response.body)[: len(response.body) // 2]
    await it.wire.deliver(Response(half, response.status_code, media_type="application/json"))


async def _wrong_shape(it: Delivery) -> None:
    await it.answer()
    await it.wire.deliver(JsonResponse(["this is", {"not": "what you asked for"}]))


async def _html(it: Delivery) -> None:
    await it.wire.deliver(HTMLResponse(INDEX_HTML))


async def _huge(it: Delivery) -> None:
    await it.wire.flood(await it.answer(), it.fault.megabytes)


async def _login(it: Delivery) -> None:
    if it.path == it.fault.location:
        await it.wire.deliver(HTMLResponse(LOGIN_HTML))
    else:
        await it.wire.deliver(RedirectResponse(it.fault.location, HTTPStatus.FOUND))


async def _redirect_loop(it: Delivery) -> None:
    await it.wire.deliver(RedirectResponse(it.path, HTTPStatus.TEMPORARY_REDIRECT))


async def _rate_limit(it: Delivery) -> None:
    body = {"message": "You are being rate limited."}
    headers = _retry_after(it.fault)
    await it.wire.deliver(JsonResponse(body, HTTPStatus.TOO_MANY_REQUESTS, headers))


async def _try_again_later(it: Delivery) -> None:
    await it.wire.deliver(it.refuse(AlreadyRunning(it.connection_id)))


async def _state_conflict(it: Delivery) -> None:
    if it.fault.applied:
        await it.answer()
    await it.wire.deliver(it.refuse(StartTimedOut()))


async def _forbidden(it: Delivery) -> None:
    await it.wire.deliver(it.refuse(Forbidden()))


async def _pass(it: Delivery) -> None:
    # What these two do happens before: see app.
    await it.wire.deliver(await it.answer())


def _canned(fault: Fault) -> Response:
    headers = _retry_after(fault)
    if fault.body == "empty":
        return Response(status_code=fault.status, headers=headers)
    phrase = _phrase(fault.status)
    if fault.body == "html":
        text = f"<html><head><title>{fault.status} {phrase}</title></head></html>\n"
        return HTMLResponse(text, fault.status, headers)
    return JsonResponse({"message": phrase}, fault.status, headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": fault.retry_after}


_ACTIONS: Final[dict[str, Callable[[Delivery], Awaitable[None]]]] = {
    "lost-before": _lost_before,
    "lost-after": _lost_after,
    "status": _status,
    "hold": _hold,
    "never": _never,
    "drip": _drip,
    "truncate": _truncate,
    "bad-json": _bad_json,
    "wrong-shape": _wrong_shape,
    "html": _html,
    "huge": _huge,
    "login": _login,
    "redirect-loop": _redirect_loop,
    "rate-limit": _rate_limit,
    "try-again-later": _try_again_later,
    "state-conflict": _state_conflict,
    "forbidden": _forbidden,
    "late-job": _pass,
    "expire-tokens": _pass,
}
