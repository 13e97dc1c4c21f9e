"""A request to Airbyte, and the response to it, read to its end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.redaction import without_query

if TYPE_CHECKING:
    from airbyte_sync_cli.clock import Clock

LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds; a longer `Retry-After` is cut: a wrong value must not stop a wait for hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; it may be sent more than once if it only reads."""

    method: str
    url: str
    json: Mapping[str, object] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    forbidden_hint: str | None = None
    """The hint for a 403 where other reads are known to work."""
    limit: float | None = None
    """Seconds for the whole request and response; None is the client's default."""
    stream_to: Callable[[AsyncIterator[bytes]], Awaitable[None]] | None = None
    """Reads the JSON of a 2xx response as it arrives; `Reply.body` is then empty."""
    may_send: Callable[[], bool] = lambda: True
    """Called right before the first byte is sent, after connecting and getting a token."""
    when_sent: Callable[[], object] = lambda: None
    """Called right after the last byte was sent."""

    def __str__(self) -> str:
        return f"{self.method} {without_query(self.url)}"


PAGE: Final = 100
"""Rows per page: the Public API's maximum."""


def page_query(
    query: Mapping[str, str], *, size: int = PAGE, offset: int = 0
) -> Mapping[str, str | int]:
    """Return the query of one page of a list of the Public API."""
    return {**query, "limit": size, "offset": offset}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response, read to its end."""

    request: Request
    status: int
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes
    retry_after: float | None = None
    """Seconds, from the header `Retry-After`."""
    denied_hint: str | None = None
    """The hint for a 401 or 403 of Airbyte's own, by the credentials that are set."""

    @property
    def is_success(self) -> bool:
        """True for 2xx. The body may still be a web page."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


_LOCATION: Final = "airbyte_sync_location"
"""Key of an httpx response extension: the target of a redirect."""


async def hide_location(response: httpx.Response) -> None:
    """Move `Location` to where httpx does not parse it (a response hook).

    httpx parses the header even if it follows no redirects, and raises for targets such as
    `data:` or `http://xn--/`.
    """
    if "location" in response.headers:
        response.extensions[_LOCATION] = response.headers.pop("location")


def headers_of(response: httpx.Response) -> Mapping[str, str]:
    """Return the headers by lower-case names, `location` included."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    location = response.extensions.get(_LOCATION)
    return headers if location is None else {**headers, "location": location}


def read_retry_after(headers: Mapping[str, str], clock: "Clock") -> float | None:
    """Parse `Retry-After`, seconds or a date; return seconds, None if absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    try:
        is_date = bool(text) and not text.replace(".", "", 1).lstrip("-").isdigit()
        seconds = _seconds_until(text, headers, clock) if is_date else float(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds_until(date: str, headers: Mapping[str, str], clock: "Clock") -> float:
    """Count from the response's own `Date` if it has one: our clock may be wrong."""
    until, now = parsedate_to_datetime(date), clock.now()
    with suppress(KeyError, ValueError, TypeError, OverflowError):
        return (until - parsedate_to_datetime(headers["date"])).total_seconds()
    return (until - now).total_seconds()
