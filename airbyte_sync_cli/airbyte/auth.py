"""Authentication: how a secret of the settings gets into the header of a request.

`make_auth` picks a source by the kind of credentials. httpx runs `Auth` around every request:
it has a `CredentialCache` get the source's credential, renews it in time, and sets the header.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from airbyte_sync_cli.airbyte.error_response import FROM_IAP
from airbyte_sync_cli.airbyte.renewal import (
    LOG,
    AuthFlow,
    Credential,
    CredentialCache,
    CredentialSource,
    expiry_of,
)
from airbyte_sync_cli.airbyte.token_endpoint import TokenEndpoint
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


def make_auth(settings: Settings, address: "Address", clock: "Clock") -> "Auth | None":
    """Return what signs every request; None without any credentials."""
    sources: list[CredentialSource] = []
    if settings.iap_audience is not None:  # first: it also opens the way to the token endpoint
        from airbyte_sync_cli.airbyte.iap import IapSource  # noqa: PLC0415  # google-auth is an extra

        sources.append(IapSource(settings, clock))
    match settings.credentials:
        case BasicAuth() as basic:
            sources.append(BasicSource(basic))
        case BearerAuth() as bearer:
            sources.append(BearerSource(bearer, clock))
        case ClientCredentials() as application:
            sources.append(TokenEndpoint(application, settings, address, clock))
    if not sources:
        return None
    caches = [CredentialCache(source, clock) for source in sources]
    return Auth(caches, origins=frozenset(map(_origin_with_port, address.roots)))


def _origin_with_port(url: str) -> str:
    """Return scheme, host and port of a URL, also the default port."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


class Auth(httpx.Auth):
    """Signs requests to Airbyte's own origins, and no others.

    The caches are in the order in which their credentials are checked on the way: an identity
    proxy stands in front of the token endpoint, so a request for a token needs its credential.
    """

    def __init__(self, caches: Sequence[CredentialCache], *, origins: frozenset[str]) -> None:
        self._caches = caches
        self._origins = origins

    @property
    def is_off(self) -> bool:
        """True once it has turned out that the server's own authentication is off."""
        # The last one is Airbyte's own. A token for IAP always has a value.
        credential = self._caches[-1].credential
        return credential is not None and credential.value is None

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request with valid credentials, and once more with new ones after a 401."""
        refused: list[Credential | None] = []
        while True:
            for cache in self._caches:
                # Before waiting for the lock: a failure in the meantime is this request's, too.
                failures_seen = cache.failures
                async with cache.lock:
                    steps = cache.refresh(request, refused=refused, failures_seen=failures_seen)
                    response: httpx.Response | None = None
                    while (token_request := _next(steps, response)) is not None:
                        response = yield self._signed(token_request, before=cache)
                        await _read(response)
            if refused and all(cache.credential in refused for cache in self._caches):
                return  # there are no new credentials: the 401 stands
            sent = [cache.credential for cache in self._caches]  # others may renew meanwhile
            response = yield self._signed(request)
            if refused or response.status_code != httpx.codes.UNAUTHORIZED:
                return
            # Otherwise httpx reads the 401 itself, without a limit, before the next request.
            await _read(response)
            # A 401 of the identity proxy's own concerns the first credential only.
            refused = sent[:1] if FROM_IAP in response.headers else sent

    def _signed(
        self, request: httpx.Request, *, before: CredentialCache | None = None
    ) -> httpx.Request:
        """Set the headers of the caches, or of those `before` one, if the origin is our own."""
        # Google's token endpoint, or AIRBYTE_TOKEN_URL elsewhere, must not get these credentials.
        if _origin_with_port(str(request.url)) in self._origins:
            for cache in self._caches:
                if cache is before:
                    break
                if cache.credential is not None and cache.credential.value is not None:
                    request.headers[cache.credential.header] = cache.credential.value
        return request


def _next(
    steps: Generator[httpx.Request, httpx.Response, None], response: httpx.Response | None
) -> httpx.Request | None:
    with suppress(StopIteration):
        return next(steps) if response is None else steps.send(response)
    return None


# -- sources of the settings' own ------------------------------------------------------------


class BasicSource:
    """A user name and a password."""

    def __init__(self, credentials: BasicAuth) -> None:
        pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
        encoded = b64encode(pair.encode()).decode()
        self._credential = Credential(value=f"Basic {remember(encoded)}")

    def issue(self, _request: httpx.Request, _refused: Credential | None) -> AuthFlow:
        """Return always the same."""
        yield from ()
        return self._credential


class BearerSource:
    """A ready token. If it came from a file, it can be read again."""

    def __init__(self, credentials: BearerAuth, clock: "Clock") -> None:
        self._credentials = credentials
        self._clock = clock
        self._token = credentials.token.get_secret_value()

    def issue(self, _request: httpx.Request, refused: Credential | None) -> AuthFlow:
        """Return the token; after a 401, the one that is in the file now."""
        yield from ()
        if refused is None:
            return self._credential()
        newer = self._read_again()
        if newer not in {"", self._token}:
            self._token = newer
            return self._credential()
        # Only after a 401: our clock may be wrong, so the server decides first.
        self._require_unexpired()
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

    def _require_unexpired(self) -> None:
        expiry = expiry_of(self._token)
        if expiry is not None and expiry < self._clock.now():
            raise DeniedError(
                f"the token in AIRBYTE_TOKEN expired at {expiry:%Y-%m-%d %H:%M:%S %Z}",
                hint="tokens expire after minutes: set AIRBYTE_CLIENT_ID and "
                "AIRBYTE_CLIENT_SECRET to get a new one when needed",
            )


# -- token responses -------------------------------------------------------------------------

_LARGEST: Final = 1024 * 1024
"""Bytes of a token response that are read; a token has about a thousand."""


async def _read(response: httpx.Response) -> None:
    """Read a response to its end, within limits."""
    if not response.is_closed:
        response.stream = _LimitedBody(response)
    await response.aread()


class _LimitedBody(httpx.AsyncByteStream):
    """A body of limited size. Of an error the start is enough; a larger success is an error."""

    def __init__(self, response: httpx.Response) -> None:
        self._stream = response.stream
        self._origin = response.url.copy_with(path="/", query=None)
        self._is_error = response.is_error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        tolerated = (httpx.DecodingError,) if self._is_error else ()
        with suppress(*tolerated):
            async for chunk in self._limited():
                yield chunk

    async def _limited(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:  # type: ignore[union-attr]  # async client, async stream
            size += len(chunk)
            if size > _LARGEST and self._is_error:
                return
            if size > _LARGEST:
                raise ProtocolError(
                    f"the response of {self._origin} to a token request is larger than 1 MiB"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[union-attr]  # the same
