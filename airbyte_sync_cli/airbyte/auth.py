"""Who we are: an httpx.Auth that gets, keeps and renews what each request has to show.

One renewal however many requests are waiting, ahead of a token's end, and once on a 401. What it
asks goes through the same client as the request that needs it, and before it: where a token
cannot be had, the request itself was not sent, and UnavailableError means just that.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from airbyte_sync_cli.airbyte.credential_sources import make_sources
from airbyte_sync_cli.airbyte.credentials import Credential, CredentialCache
from airbyte_sync_cli.airbyte.refusal import FROM_IAP
from airbyte_sync_cli.errors import ProtocolError

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings

_LARGEST: Final = 1024 * 1024
"""Bytes: the largest answer that is read here; a token is a thousandth of that."""


def make_auth(settings: "Settings", address: "Address", clock: "Clock") -> httpx.Auth | None:
    """Make what signs every request; None where there is nothing to sign with."""
    sources = make_sources(settings, address, clock)
    if not sources:
        return None
    caches = [CredentialCache(source, clock) for source in sources]
    return Auth(caches, origins=frozenset(map(origin_of, address.roots)))


def origin_of(url: str) -> str:
    """Tell scheme, host and port of a URL."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class Auth(httpx.Auth):
    """Signs requests to one Airbyte, and to nobody else.

    The first cache's credential also opens the way to what the later ones ask: an identity proxy
    stands in front of the token address.
    """

    def __init__(self, caches: Sequence[CredentialCache], *, origins: frozenset[str]) -> None:
        self._caches = caches
        self._origins = origins

    @property
    def shows_nothing(self) -> bool:
        """Whether it has turned out that the server's own authentication is off."""
        credential = self._caches[-1].credential
        return credential is not None and credential.value is None

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request with fresh credentials, and once more with new ones after a 401."""
        refused: list[Credential | None] = []
        while True:
            for cache in self._caches:
                seen = len(cache.failures)
                async with cache.lock:
                    steps = cache.freshen(request, refused=refused, failures_seen=seen)
                    answer: httpx.Response | None = None
                    while (question := _next(steps, answer)) is not None:
                        answer = yield self._signed(question, before=cache)
                        await _read(answer)
            if refused and all(cache.credential in refused for cache in self._caches):
                return  # nothing new to show: the 401 stands
            shown = [cache.credential for cache in self._caches]  # others may renew meanwhile
            answer = yield self._signed(request)
            if refused or answer.status_code != httpx.codes.UNAUTHORIZED:
                return
            await _read(answer)
            # A 401 of the identity proxy's own speaks of the first credential only.
            refused = shown[:1] if FROM_IAP in answer.headers else shown

    def _signed(
        self, request: httpx.Request, *, before: CredentialCache | None = None
    ) -> httpx.Request:
        """Add what the caches (`before` that one) have to show, on our own origins only."""
        if origin_of(str(request.url)) in self._origins:
            for cache in self._caches:
                if cache is before:
                    break
                cache.sign(request)
        return request


def _next(
    steps: Generator[httpx.Request, httpx.Response, None], answer: httpx.Response | None
) -> httpx.Request | None:
    with suppress(StopIteration):
        return next(steps) if answer is None else steps.send(answer)
    return None


async def _read(response: httpx.Response) -> None:
    """Read an answer to its end, which must come soon."""
    if not response.is_closed:
        response.stream = _Limited(response)
    await response.aread()


class _Limited(httpx.AsyncByteStream):
    """A body that must end before it becomes absurd; of a refusal, the start will do."""

    def __init__(self, response: httpx.Response) -> None:
        self._stream = response.stream
        self._origin = response.url.copy_with(path="/", query=None)
        self._is_refusal = response.is_error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        odd = (httpx.DecodingError,) if self._is_refusal else ()
        with suppress(*odd):
            async for chunk in self._limited():
                yield chunk

    async def _limited(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:  # type: ignore[union-attr]  # async client, async stream
            size += len(chunk)
            if size > _LARGEST and self._is_refusal:
                return
            if size > _LARGEST:
                raise ProtocolError(
                    f"the answer of {self._origin} to a sign-in is larger than 1 MiB"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[union-attr]  # the same
