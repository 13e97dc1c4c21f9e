"""The one gate for every request: pooled, limited, repeated only where that is safe."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from airbyte_sync_cli.airbyte.exchange import Exchange, Reply, Request, hide_location
from airbyte_sync_cli.airbyte.models import ClockAhead
from airbyte_sync_cli.airbyte.refusal import expect_success
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError

if TYPE_CHECKING:
    import httpx

    from airbyte_sync_cli.clock import Clock

_Row = TypeVar("_Row")
LOG: Final = logging.getLogger("airbyte_sync_cli.http")

LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds; a server that asks for more is asked again after this anyway."""
NOT_READY: Final = 10.0
"""Seconds for which a 404 of a proxy may mean that its backend is starting."""
_TOLD_TO: Final = timedelta(seconds=1)
"""A `Date` is cut to the second."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0


class Gate:
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

    async def read(self, request: Request, *, patience: float, doubts_404: bool = True) -> Reply:
        """Ask for something that may safely be asked again, for `patience` seconds at most.

        Returns 2xx answers only; raises what the last other one means. A 404 of a proxy is
        doubted for some seconds, until something has been there.
        """
        until = self._clock.monotonic() + patience
        ready_by = self._clock.monotonic() + min(patience, NOT_READY)
        pause = _FIRST_PAUSE
        while True:
            try:
                reply = await self.send(request)
                reply = expect_success(reply, retry_after=self.retry_after(reply))
            except ProtocolError as error:
                is_doubtful = error.may_pass and doubts_404 and not self._was_there
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


def read_retry_after(headers: Mapping[str, str], clock: "Clock") -> float | None:
    """Read `Retry-After`, in seconds or as a date; None where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    try:
        date_given = bool(text) and not text.replace(".", "", 1).lstrip("-").isdigit()
        seconds = _seconds_until(text, headers, clock) if date_given else float(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds_until(date: str, headers: Mapping[str, str], clock: "Clock") -> float:
    """Count from the answer's own `Date` where it has one: our clock may differ from it."""
    until, now = parsedate_to_datetime(date), clock.now()
    with suppress(KeyError, ValueError, TypeError, OverflowError):
        return (until - parsedate_to_datetime(headers["date"])).total_seconds()
    return (until - now).total_seconds()
