"""The HTTP client: every request goes through it; only safe reads are repeated."""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from airbyte_sync_cli import __version__
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.error_response import denied_hint, expect_success
from airbyte_sync_cli.airbyte.models import ClockAhead
from airbyte_sync_cli.airbyte.proxy import ProxyingTransport
from airbyte_sync_cli.airbyte.request import (
    Exchange,
    Reply,
    Request,
    hide_location,
    read_retry_after,
)
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings

_Row = TypeVar("_Row")
LOG: Final = logging.getLogger("airbyte_sync_cli.http")

RETRY_FOR: Final = 15.0
"""Seconds for which a safe read is retried by default: a restart of the server takes 5 to 15."""
NOT_READY: Final = 10.0
"""Seconds for which a 404 of a proxy may mean that its backend is starting."""
_TOLD_TO: Final = timedelta(seconds=1)
"""A `Date` is cut to the second."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0


class HttpClient:
    """Sends requests over one pool of kept-alive connections. Follows no redirect."""

    def __init__(
        self,
        client: "httpx.AsyncClient",
        *,
        clock: "Clock",
        limit: float,
        denied_hint: str | None = None,
    ) -> None:
        self._client = client
        client.event_hooks = {"response": [hide_location]}
        self._clock = clock
        self._limit = limit
        self._denied_hint = denied_hint
        self._was_there = False
        """Whether anything has been read: a 404 is then what it says."""
        self._warned_of: set[str] = set()
        self.clock_ahead: ClockAhead | None = None
        """By the `Date` of every answer so far: each narrows it."""

    def readable(
        self, rows: Sequence[_Row | None], reply: Reply, *, every: bool = False
    ) -> Sequence[_Row]:
        """Leave out the rows of a list that could not be read, with one warning for each list.

        Raises ProtocolError where none could be read, or `every` row is needed.
        """
        readable = [row for row in rows if row is not None]
        if every and len(readable) < len(rows):
            raise ProtocolError(
                f"{reply.request}: {len(rows) - len(readable)} of {len(rows)} rows cannot be "
                "read, so nobody can tell what is running",
                hint="`airbyte-sync jobs --conn ID` lists the others",
            )
        if rows and not readable:
            raise ProtocolError(f"{reply.request}: no row of the list can be read")
        if len(readable) < len(rows) and str(reply.request) not in self._warned_of:
            self._warned_of.add(str(reply.request))
            LOG.warning(
                "%s: %s of %s rows cannot be read and are left out",
                reply.request,
                len(rows) - len(readable),
                len(rows),
            )
        return readable

    def monotonic(self) -> float:
        """Tell the clock's seconds, for whoever asks through here only now and then."""
        return self._clock.monotonic()

    @property
    def auth(self) -> "httpx.Auth | None":
        """What signs the requests."""
        return self._client.auth

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def sleep(self, seconds: float) -> None:
        """Pause, for whoever asks again through here."""
        await self._clock.sleep(seconds)

    async def read(self, request: Request, *, retry_for: float, retry_404: bool = True) -> Reply:
        """Ask for something that may safely be asked again, for `patience` seconds at most.

        Returns 2xx answers only; raises what the last other one means. A 404 of a proxy is
        doubted for some seconds, until something has been there.
        """
        until = self._clock.monotonic() + retry_for
        ready_by = self._clock.monotonic() + min(retry_for, NOT_READY)
        pause = _FIRST_PAUSE
        while True:
            try:
                reply = await self.send(request)
                reply = expect_success(reply, retry_after=self.retry_after(reply))
            except ProtocolError as error:
                is_doubtful = error.may_pass and retry_404 and not self._was_there
                wait = pause * self._clock.jitter(0.5, 1.5)
                if not is_doubtful or self._clock.monotonic() + wait > ready_by:
                    raise
                LOG.info("%s; asking again in %.1f s", error.message, wait)
            except UnavailableError as error:
                wait = max(pause * self._clock.jitter(0.5, 1.5), error.retry_after or 0.0)
                if error.lasting or self._clock.monotonic() + wait > until:
                    raise
                LOG.info("%s; asking again in %.1f s", error.message, wait)
            else:
                self._was_there = True
                return reply
            await self._clock.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def send(self, request: Request) -> Reply:
        """Send once and read the answer, whatever it is.

        Raises UnansweredError where none came, and what the authentication raises.
        """
        started = self._clock.monotonic()
        try:
            reply = await Exchange(request, limit=request.limit or self._limit).run(self._client)
        except AirbyteSyncError as error:
            LOG.debug("%s: %s", request, error.message)
            raise
        seconds = self._clock.monotonic() - started
        LOG.debug("%s: %s in %.3f s", request, reply.status, seconds)
        self._compare_clocks(reply, seconds)
        hint = request.forbidden_hint if reply.status == HTTPStatus.FORBIDDEN else None
        return replace(reply, denied_hint=hint or self._denied_hint)

    def _compare_clocks(self, reply: Reply, seconds: float) -> None:
        """Note what time it can be there: the answer was dated at some moment of the exchange."""
        with suppress(KeyError, ValueError, TypeError, OverflowError):
            there, here = parsedate_to_datetime(reply.headers["date"]), self._clock.now()
            sent = here - timedelta(seconds=seconds)
            newer = ClockAhead(
                least=(there - here).total_seconds(),
                most=(there + _TOLD_TO - sent).total_seconds(),
            )
            self.clock_ahead = self.clock_ahead.narrowed_by(newer) if self.clock_ahead else newer

    def retry_after(self, reply: Reply) -> float | None:
        """Tell how many seconds the server wants to be left alone, at most five minutes."""
        return read_retry_after(reply.headers, self._clock)


_KEPT_ALIVE: Final = 45.0
"""Seconds: longer than the pause between two polls, shorter than load balancers' usual minute."""
_LIMITS: Final = httpx.Limits(
    max_connections=None, max_keepalive_connections=20, keepalive_expiry=_KEPT_ALIVE
)


def make_client(settings: "Settings", address: "Address", clock: "Clock") -> httpx.AsyncClient:
    """Make the client. Raises UsageError for unusable certificates."""
    verify = ssl_context(settings, address)
    return httpx.AsyncClient(
        auth=make_auth(settings, address, clock),
        headers=_headers(settings),
        transport=ProxyingTransport(settings.proxies, verify=verify, limits=_LIMITS),
        follow_redirects=False,
    )


def make_http_client(settings: "Settings", address: "Address", clock: "Clock") -> HttpClient:
    """Make the gate to a server, with a client of its own. Raises UsageError, as that does."""
    return HttpClient(
        make_client(settings, address, clock),
        clock=clock,
        limit=settings.request_timeout,
        denied_hint=denied_hint(settings),
    )


def _headers(settings: "Settings") -> dict[str, str]:
    """Say who calls (Cloud refuses requests without User-Agent), and what the user adds."""
    own = {
        "user-agent": f"airbyte-sync/{__version__} python/{sys.version.split()[0]}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "x-airbyte-analytic-source": "airbyte-sync",
    }
    return own | {name.lower(): value.get_secret_value() for name, value in settings.headers}
