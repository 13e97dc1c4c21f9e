"""What each fault action does to a request, and the transport that can do it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.problems import AlreadyRunning, ApiProblem, Forbidden, StartTimedOut
from airbyte_sync_cli.sandbox.responses import INDEX_HTML, LOGIN_HTML, JsonResponse

ABORT: Final = "airbyte_sync_cli.sandbox.abort"
"""The ASGI extension by which the sandbox's server lets the app reset the TCP connection."""


class AsgiTransport:
    """The client's side of one request, as ASGI gives it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read_body(self) -> bytes:
        """Read the whole body of the request."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def send(self, response: Response) -> None:
        """Send a response as it is."""
        await response(self._scope, self._receive, self._send)

    async def reset(self) -> None:
        """Reset the TCP connection.

        Where there is none (httpx.ASGITransport), raise ConnectionResetError, which a test's
        transport can turn into its client's own error.
        """
        abort = self._scope.get("extensions", {}).get(ABORT)
        if abort is None:
            raise ConnectionResetError("the sandbox dropped the connection")
        abort()
        await self.hang()

    async def hang(self) -> None:
        """Send nothing until the client disconnects."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def truncate(self, response: Response) -> None:
        """Send a content length and half of the body, then reset the connection."""
        body = bytes(response.body)
        await self._send(_start(response))
        await self._send(_part(body[: len(body) // 2]))
        await asyncio.sleep(0)  # lets the server write the half before the reset
        await self.reset()

    async def drip(self, response: Response, pause: float) -> None:
        """Send a body byte by byte. Pauses are real seconds, as clients' timeouts are."""
        await self._send(_start(response))
        for byte in bytes(response.body):
            await asyncio.sleep(pause)
            await self._send(_part(bytes([byte])))
        await self._send({"type": "http.response.body"})

    async def flood(self, response: Response, megabytes: int) -> None:
        """Send a body after that much white space."""
        del response.headers["content-length"]  # chunked: the client cannot refuse it by size
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


@dataclass(frozen=True, slots=True)
class FaultedRequest:
    """A request that a fault hits."""

    fault: Fault
    path: str
    transport: AsgiTransport
    clock: SimClock
    respond: Callable[[], Awaitable[Response]]
    """Handle the request: only this call makes it take effect."""
    error_response: Callable[[ApiProblem], Response]
    """Format an error as the requested API does."""
    connection_id: str


async def apply_fault(request: FaultedRequest) -> None:
    """Do to a request what its fault says."""
    await _ACTIONS[request.fault.action](request)


async def _lost_before(it: FaultedRequest) -> None:
    await it.transport.reset()


async def _lost_after(it: FaultedRequest) -> None:
    await it.respond()
    await it.transport.reset()


async def _status(it: FaultedRequest) -> None:
    if it.fault.applied:
        await it.respond()
    await it.transport.send(_status_response(it.fault))


async def _hold(it: FaultedRequest) -> None:
    if not it.fault.applied:
        await it.clock.sleep(it.fault.pause)
        await it.transport.send(await it.respond())
        return
    response = await it.respond()
    await it.clock.sleep(it.fault.pause)
    await it.transport.send(response)


async def _never(it: FaultedRequest) -> None:
    if it.fault.applied:
        await it.respond()
    await it.transport.hang()


async def _drip(it: FaultedRequest) -> None:
    await it.transport.drip(await it.respond(), it.fault.pause)


async def _truncate(it: FaultedRequest) -> None:
    await it.transport.truncate(await it.respond())


async def _bad_json(it: FaultedRequest) -> None:
    response = await it.respond()
    half = bytes(response.body)[: len(response.body) // 2]
    await it.transport.send(Response(half, response.status_code, media_type="application/json"))


async def _wrong_shape(it: FaultedRequest) -> None:
    await it.respond()  # takes effect: only the response is wrong
    await it.transport.send(JsonResponse(["this is", {"not": "what you asked for"}]))


async def _html(it: FaultedRequest) -> None:
    # Without effect: the web app answers instead of the API, as with a wrong path.
    await it.transport.send(HTMLResponse(INDEX_HTML))


async def _huge(it: FaultedRequest) -> None:
    await it.transport.flood(await it.respond(), it.fault.megabytes)


async def _login(it: FaultedRequest) -> None:
    if it.path == it.fault.location:  # the client followed the redirect
        await it.transport.send(HTMLResponse(LOGIN_HTML))
    else:
        await it.transport.send(RedirectResponse(it.fault.location, HTTPStatus.FOUND))


async def _redirect_loop(it: FaultedRequest) -> None:
    # 307 keeps the method, so that a POST loops, too.
    await it.transport.send(RedirectResponse(it.path, HTTPStatus.TEMPORARY_REDIRECT))


async def _rate_limit(it: FaultedRequest) -> None:
    body = {"message": "You are being rate limited."}
    headers = _retry_after(it.fault)
    await it.transport.send(JsonResponse(body, HTTPStatus.TOO_MANY_REQUESTS, headers))


async def _try_again_later(it: FaultedRequest) -> None:
    await it.transport.send(it.error_response(AlreadyRunning(it.connection_id)))


async def _state_conflict(it: FaultedRequest) -> None:
    if it.fault.applied:
        await it.respond()
    await it.transport.send(it.error_response(StartTimedOut()))


async def _forbidden(it: FaultedRequest) -> None:
    await it.transport.send(it.error_response(Forbidden()))


async def _respond(it: FaultedRequest) -> None:
    # The app has applied these two already, because they change the request.
    await it.transport.send(await it.respond())


def _status_response(fault: Fault) -> Response:
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
    except ValueError:  # a status that no standard knows, such as 599
        return "Unknown"


def _retry_after(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": fault.retry_after}


_ACTIONS: Final[dict[str, Callable[[FaultedRequest], Awaitable[None]]]] = {
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
    "late-job": _respond,
    "expire-tokens": _respond,
}
