"""The HTTP client: every request goes through it, and only safe reads are retried."""

import asyncio
import logging
import ssl
import sys
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from airbyte_sync_cli import __version__
from airbyte_sync_cli.airbyte.auth import Auth, make_auth
from airbyte_sync_cli.airbyte.body import (
    LARGEST,
    LARGEST_ERROR,
    LARGEST_UNPACKED,
    TOO_LARGE,
    Sieve,
)
from airbyte_sync_cli.airbyte.error_response import denied_hint, error_of, expect_success
from airbyte_sync_cli.airbyte.models import ClockAhead
from airbyte_sync_cli.airbyte.proxy import ProxyingTransport
from airbyte_sync_cli.airbyte.request import (
    Reply,
    Request,
    headers_of,
    hide_location,
    read_retry_after,
)
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError, origin_of, unanswered
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings

_Row = TypeVar("_Row")
LOG: Final = logging.getLogger("airbyte_sync_cli.http")

RETRY_FOR: Final = 15.0
"""Seconds for which a safe read is retried by default. It covers dropped connections and a short
restart; for a longer outage, exit code 9 asks the scheduler to retry."""
NOT_READY: Final = 10.0
"""Seconds for which a proxy's 404 is retried: ingresses answer so while a backend starts."""
_DATE_RESOLUTION: Final = timedelta(seconds=1)
"""`Date` has whole seconds (RFC 9110, section 5.6.7)."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
"""Seconds between two retries, doubled from the first to the longest, with jitter."""
_KEPT_ALIVE: Final = 45.0
"""Seconds: shorter than the idle timeout of common load balancers (60), longer than most pauses
between two polls. Those of an hour-long sync are longer: then a new connection is opened."""
_LIMITS: Final = httpx.Limits(
    max_connections=None,  # the syncs of one process must not wait for each other's connections
    max_keepalive_connections=20,
    keepalive_expiry=_KEPT_ALIVE,
)


Transport = httpx.AsyncBaseTransport
"""What requests are sent over; tests pass one of their own instead of the network."""


def make_http_client(
    settings: "Settings", address: "Address", clock: "Clock", transport: Transport | None = None
) -> "HttpClient":
    """Return a client for one server. Raises UsageError for unusable certificates."""
    if transport is None:
        verify = ssl_context(settings, address)
        transport = ProxyingTransport(settings.proxies, verify=verify, limits=_LIMITS)
    client = httpx.AsyncClient(
        auth=make_auth(settings, address, clock),
        headers=_headers(settings),
        transport=transport,
        # A redirect could send credentials to another host, or a trigger twice.
        follow_redirects=False,
    )
    return HttpClient(
        client, clock=clock, limit=settings.request_timeout, denied_hint=denied_hint(settings)
    )


def _headers(settings: "Settings") -> dict[str, str]:
    """Return our own headers and the user's. Cloud refuses requests without User-Agent."""
    own = {
        "user-agent": f"airbyte-sync/{__version__} python/{sys.version.split()[0]}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "x-airbyte-analytic-source": "airbyte-sync",
    }
    return own | {name.lower(): value.get_secret_value() for name, value in settings.headers}


class HttpClient:
    """Sends requests over one pool of kept-alive connections. Follows no redirects."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        clock: "Clock",
        limit: float,
        denied_hint: str | None = None,
    ) -> None:
        self._client = client
        client.event_hooks = {"response": [hide_location]}
        self.clock = clock
        self._limit = limit
        self._denied_hint = denied_hint
        self._has_read = False
        """True after the first successful read: from then on a 404 is not retried."""
        self._ahead: list[tuple[Request, asyncio.Task[Reply]]] = []
        """What `read_ahead` has sent, for the next reads if they ask for it in this order."""
        self._warned_of: set[str] = set()
        self.clock_ahead: ClockAhead | None = None
        """How far Airbyte's clock is ahead of ours; each response's `Date` narrows it."""

    async def aclose(self) -> None:
        """Close the pool."""
        await self._drop_ahead()
        await self._client.aclose()

    @property
    def auth_is_off(self) -> bool:
        """True once it has turned out that the server has no authentication of its own."""
        return isinstance(self._client.auth, Auth) and self._client.auth.is_off

    async def read_ahead(self, *requests: Request, meanwhile: Callable[[], object]) -> bool:
        """Send requests at the same time, and keep the responses for the reads that follow.

        `meanwhile` is called when all are sent, so that its work takes no time of its own.
        Returns True if the response to the first is a JSON object. Returns False for any other,
        but raises UnavailableError for an outage: a 500 is none, since some versions send it for
        an unknown id. Raises as `send` does.
        """
        unsent = iter(requests[1:])

        def when_sent() -> None:
            if next(unsent, None) is None:
                meanwhile()

        self._ahead = [
            (one, asyncio.create_task(self.send(replace(one, when_sent=when_sent))))
            for one in requests
        ]
        try:
            reply = await self._ahead[0][1]
        except asyncio.CancelledError:
            await self._drop_ahead(within=0)
            raise
        except AirbyteSyncError:
            await self._drop_ahead()
            raise
        if reply.is_success and reply.body.lstrip().startswith(b"{"):
            self._has_read = True
            return True
        await self._drop_ahead()
        error = None if reply.is_success else error_of(reply)
        if (
            isinstance(error, UnavailableError)
            and reply.status != HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise error
        return False

    async def read(self, request: Request, *, retry_for: float, retry_404: bool = True) -> Reply:
        """Send a request that changes nothing; retry it for up to `retry_for` seconds.

        Returns a 2xx response; raises what the last other one means. A proxy's 404 is retried
        for some seconds too, until a first read has succeeded.
        """
        ahead = await self._take_ahead(request)
        until = self.clock.monotonic() + retry_for
        ready_by = self.clock.monotonic() + min(retry_for, NOT_READY)
        pause = _FIRST_PAUSE
        while True:
            try:
                sending, ahead = ahead or self.send(request), None
                reply = expect_success(await sending)
            except ProtocolError as error:
                # After a first success the route is known to exist, so a 404 is an answer.
                may_be_starting = error.may_pass and retry_404 and not self._has_read
                wait = pause * self.clock.jitter(0.5, 1.5)
                if not may_be_starting or self.clock.monotonic() + wait > ready_by:
                    raise
                LOG.info("%s; retrying in %.1f s", error.message, wait)
            except UnavailableError as error:
                # Jitter, because schedules start many pods within the same second.
                wait = max(pause * self.clock.jitter(0.5, 1.5), error.retry_after or 0.0)
                # Raised now, not after the wait: the retry would come too late anyway.
                if error.lasting or self.clock.monotonic() + wait > until:
                    raise
                LOG.info("%s; retrying in %.1f s", error.message, wait)
            else:
                self._has_read = True
                return reply
            await self.clock.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _take_ahead(self, request: Request) -> asyncio.Task[Reply] | None:
        """Return what was sent ahead for this request, if it is the next one."""
        if self._ahead and self._ahead[0][0] == request:
            return self._ahead.pop(0)[1]
        await self._drop_ahead()
        return None

    async def _drop_ahead(self, *, within: float = 1.0) -> None:
        """Give up what nothing has asked for: it would be old when something does.

        Not at once: httpcore leaks the socket of a TLS handshake that is cancelled.
        """
        dropped, self._ahead = [sent for _, sent in self._ahead], []
        try:
            if dropped:
                await asyncio.wait(dropped, timeout=within)
        finally:
            for sent in dropped:
                sent.cancel()
            await asyncio.gather(*dropped, return_exceptions=True)

    async def send(self, request: Request) -> Reply:
        """Send a request once and return the response, whatever its status.

        Raises UnansweredError if there was none, and what the authentication raises.
        """
        started = self.clock.monotonic()
        in_flight = InFlightRequest(request, limit=request.limit or self._limit)
        try:
            reply = await in_flight.send(self._client)
        except AirbyteSyncError as error:
            LOG.debug("%s: %s", request, error.message)
            raise
        seconds = self.clock.monotonic() - started
        LOG.debug("%s: %s in %.3f s", request, reply.status, seconds)
        self._compare_clocks(reply, seconds)
        hint = request.forbidden_hint if reply.status == HTTPStatus.FORBIDDEN else None
        return replace(
            reply,
            retry_after=read_retry_after(reply.headers, self.clock),
            denied_hint=hint or self._denied_hint,
        )

    def _compare_clocks(self, reply: Reply, seconds: float) -> None:
        """Narrow `clock_ahead`: `Date` was set at some moment of the `seconds` just passed."""
        with suppress(KeyError, ValueError, TypeError, OverflowError):
            there, here = parsedate_to_datetime(reply.headers["date"]), self.clock.now()
            sent = here - timedelta(seconds=seconds)
            newer = ClockAhead(
                least=(there - here).total_seconds(),
                most=(there + _DATE_RESOLUTION - sent).total_seconds(),
            )
            self.clock_ahead = self.clock_ahead.narrowed_by(newer) if self.clock_ahead else newer

    def readable_rows(
        self, rows: Sequence[_Row | None], reply: Reply, *, require_all: bool = False
    ) -> Sequence[_Row]:
        """Return the rows of a list that could be parsed; warn once per list of others.

        Raises ProtocolError if none could, or not all and `require_all` is set.
        """
        readable = [row for row in rows if row is not None]
        skipped = f"{len(rows) - len(readable)} of {len(rows)} rows cannot be parsed"
        if require_all and len(readable) < len(rows):
            raise ProtocolError(
                f"{reply.request}: {skipped}, so the running jobs are unknown",
                hint="`airbyte-sync jobs --conn ID` lists the readable ones",
            )
        if rows and not readable:
            raise ProtocolError(f"{reply.request}: none of the rows can be parsed")
        if len(readable) < len(rows) and str(reply.request) not in self._warned_of:
            self._warned_of.add(str(reply.request))
            LOG.warning("%s: %s and are skipped", reply.request, skipped)
        return readable


_HEAD: Final = 4096
"""Bytes in which JSON must begin: blanks and a byte order mark may come first."""
_YIELD_AFTER: Final = 1024 * 1024
"""Bytes after which other tasks run: a packed body can be read for long without any wait."""


class InFlightRequest:
    """A request that is being sent; it records whether a byte of it has left this machine."""

    def __init__(self, request: Request, *, limit: float) -> None:
        self._request = request
        self._limit = limit
        self._sent = False

    async def send(self, client: httpx.AsyncClient) -> Reply:
        """Return the response. The limit is for all of it, so that a slow drip ends, too."""
        origin = origin_of(httpx.URL(self._request.url))
        try:
            async with asyncio.timeout(self._limit):
                return await self._stream(client)
        except TimeoutError as error:
            message = f"no response from {origin} within {self._limit:g} s"
            hint = "is it overloaded? --request-timeout allows more time"
            # After the first byte of a trigger a job may exist, although no response came.
            raise UnansweredError(message, hint=hint, unsent=not self._sent) from error
        except (httpx.TransportError, ssl.SSLError) as error:  # anyio lets TLS alerts through
            raise unanswered(error, origin=origin, sent=self._sent) from error
        except httpx.DecodingError as error:
            raise ProtocolError(
                f"{self._request}: the response cannot be decompressed ({error})"
            ) from error

    async def _stream(self, client: httpx.AsyncClient) -> Reply:
        async with client.stream(
            self._request.method,
            self._request.url,
            json=self._request.json,
            params=dict(self._request.params) or None,
            timeout=httpx.Timeout(self._limit, pool=None),  # for each step; `send` limits the sum
            extensions={"trace": self._trace},
        ) as response:
            return Reply(
                request=self._request,
                status=response.status_code,
                headers=headers_of(response),
                body=await self._body(response),
            )

    async def _trace(self, name: str, _info: Mapping[str, object]) -> None:
        """Note that the request leaves now and has left, or stop it (httpcore's trace)."""
        # A proxy's CONNECT passes here, too: `_sent` may be set too early, but never too late.
        if name.endswith("send_request_headers.started"):
            if not self._request.may_send():
                raise UnansweredError("no longer needed, not sent", hint=None, unsent=True)
            self._sent = True
        elif name.endswith("send_request_body.complete"):
            self._request.when_sent()

    async def _body(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            return await self._start_of(response)
        pieces = self._pieces(response)
        # A web page instead of a log must not go to `stream_to`: it becomes the body of an error.
        first = b""
        async for piece in pieces:
            first += piece
            if len(first.strip()) > len(BOM_UTF8) or len(first) > _HEAD:
                break
        if self._request.stream_to and first.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
            await self._request.stream_to(_chained(first, pieces))
            return b""
        body, sieve = bytearray(), Sieve()
        async for piece in _chained(first, pieces):
            body += sieve.feed(piece)
            if len(body) > LARGEST:
                raise ProtocolError(f"{self._request}: the response is {TOO_LARGE}")
        return bytes(body + sieve.end())

    async def _start_of(self, response: httpx.Response) -> bytes:
        """Read the start of an error: its status counts, however odd or long its body is."""
        body = bytearray()
        with suppress(httpx.DecodingError):
            async for piece in self._pieces(response):
                body += piece
                if len(body) > LARGEST_ERROR:
                    break
        return bytes(body[:LARGEST_ERROR])

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        size = yielded_at = 0
        async for piece in response.aiter_bytes():
            yield piece
            size += len(piece)
            if size > LARGEST_UNPACKED:
                raise ProtocolError(f"{self._request}: the response is larger than 1 GiB")
            if size - yielded_at > _YIELD_AFTER:
                yielded_at = size
                await asyncio.sleep(0)


async def _chained(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
