"""Authentication: credentials put into the headers of each request."""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from airbyte_sync_cli.airbyte.credentials import (
    LOG,
    AuthFlow,
    Credential,
    CredentialCache,
    CredentialSource,
)
from airbyte_sync_cli.airbyte.error_response import FROM_IAP
from airbyte_sync_cli.airbyte.token_endpoint import TokenEndpoint, end_of
from airbyte_sync_cli.errors import DeniedError, ProtocolError, UsageError
from airbyte_sync_cli.redaction import remember
from airbyte_sync_cli.settings import (
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Settings,
    read_secret,
    read_token,
)

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock


def make_sources(
    settings: Settings, address: "Address", clock: "Clock"
) -> Sequence[CredentialSource]:
    """Choose who gives credentials, in the order in which they are met on the way."""
    sources: list[CredentialSource] = []
    if settings.iap_audience is not None:
        from airbyte_sync_cli.airbyte.iap import IapSource  # noqa: PLC0415  # google-auth is an extra

        sources.append(IapSource(settings, clock))
    match settings.credentials:
        case BasicAuth() as basic:
            sources.append(BasicSource(basic))
        case BearerAuth() as bearer:
            sources.append(BearerSource(bearer, clock))
        case ClientCredentials() as application:
            sources.append(TokenEndpoint(application, settings, address, clock))
    return sources


class BasicSource:
    """A user name and a password, always the same."""

    def __init__(self, credentials: BasicAuth) -> None:
        pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
        encoded = b64encode(pair.encode()).decode()
        self._credential = Credential(value=f"Basic {remember(encoded)}")

    def issue(self, _request: httpx.Request, _refused: Credential | None) -> AuthFlow:
        """Show them."""
        yield from ()
        return self._credential


class BearerSource:
    """A token that somebody else got. It can only be read again, where it came from a file."""

    def __init__(self, credentials: BearerAuth, clock: "Clock") -> None:
        self._credentials = credentials
        self._clock = clock
        self._token = credentials.token.get_secret_value()

    def issue(self, _request: httpx.Request, refused: Credential | None) -> AuthFlow:
        """Show it; after a 401 look whether the file has a newer one."""
        yield from ()
        if refused is None:
            return self._credential()
        newer = self._read_again()
        if newer not in {"", self._token}:
            self._token = newer
            return self._credential()
        self._complain_of_age()
        return refused

    def _credential(self) -> Credential:
        return Credential(value=f"Bearer {self._token}")

    def _read_again(self) -> str:
        if self._credentials.file is None:
            return ""
        try:
            found = read_secret(str(self._credentials.file), name="the token, read again")
            return read_token(found).get_secret_value()
        except UsageError as error:
            LOG.warning("%s", error.message)
            return ""

    def _complain_of_age(self) -> None:
        end = end_of(self._token)
        if end is not None and end < self._clock.now():
            raise DeniedError(
                f"the token in AIRBYTE_TOKEN ended at {end:%Y-%m-%d %H:%M:%S %Z}",
                hint="tokens live for minutes: AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are "
                "renewed by themselves",
            )


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
                seen = cache.failures
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
