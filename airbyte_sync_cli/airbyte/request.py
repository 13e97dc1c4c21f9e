"""One request and its answer: limits, where it broke off, and whether it had left at all."""

import asyncio
import re
import socket
import ssl
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from airbyte_sync_cli.airbyte.body import LARGEST, LARGEST_IN_ALL, TOO_LARGE, Sieve
from airbyte_sync_cli.errors import ProtocolError, UnavailableError
from airbyte_sync_cli.redaction import without_query

if TYPE_CHECKING:
    from airbyte_sync_cli.clock import Clock

LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds; a server that asks for more is asked again after this anyway."""

LARGEST_REFUSAL: Final = 256 * 1024
"""Bytes of an answer other than 2xx that are read: login pages and stack traces are smaller."""
_HEAD: Final = 4096
"""Bytes in which an answer must show what it is: blanks and a byte order mark may come first."""
_BREATH: Final = 1024 * 1024
"""Bytes after which others get their turn: packed answers arrive without any wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, ready to be sent as often as that is safe."""

    method: str
    url: str
    json: Mapping[str, object] | None = None
    params: Mapping[str, str | int] = field(default_factory=dict)
    forbidden_hint: str | None = None
    """What a 403 means here, where reading is known to work."""
    limit: float | None = None
    """Seconds for the whole exchange; None takes the gate's own."""
    take: Callable[[AsyncIterator[bytes]], Awaitable[None]] | None = None
    """Reads the JSON of a 2xx answer as it arrives, in place of `Reply.body`, which is empty."""
    may_send: Callable[[], bool] = lambda: True
    """Asked right before it leaves, when a connection stands and a token is at hand."""

    def __str__(self) -> str:
        return f"{self.method} {without_query(self.url)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, read to its end."""

    request: Request
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    denied_hint: str | None = None
    """What to do where a 401 or 403 is Airbyte's own, by the credentials that are set."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx: nothing is said yet of the body."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class UnansweredError(UnavailableError):
    """The request got no answer that could be read to its end.

    `unsent` is True where surely not a byte of it left this machine.
    """

    def __init__(
        self, message: str, *, hint: str | None, unsent: bool, lasting: bool = False
    ) -> None:
        super().__init__(message, hint=hint, lasting=lasting)
        self.unsent = unsent


HINT: Final = "airbyte_sync_hint"
"""An extension of a request that is asked on the way: what to do where nobody answers it."""


_LOCATION: Final = "airbyte_sync_location"
"""An extension of a response: where a redirect leads."""


async def hide_location(response: httpx.Response) -> None:
    """Keep a redirect's address from httpx, a response hook.

    httpx parses it although it follows none, and raises what comes of `data:` or `http://xn--/`.
    """
    if "location" in response.headers:
        response.extensions[_LOCATION] = response.headers.pop("location")


def headers_of(response: httpx.Response) -> Mapping[str, str]:
    """Return the headers by lower-case names, with the address of a redirect."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    where = response.extensions.get(_LOCATION)
    return headers if where is None else {**headers, "location": where}


async def _chained(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _origin_of(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


class Exchange:
    """One request on its way, which knows whether it has left."""

    def __init__(self, request: Request, *, limit: float) -> None:
        self._request = request
        self._limit = limit
        self._sent = False

    async def run(self, client: httpx.AsyncClient) -> Reply:
        """Bring the answer. The limit is for all of it: a server that drips is cut off, too."""
        try:
            async with asyncio.timeout(self._limit):
                return await self._stream(client)
        except TimeoutError as error:
            words = f"no answer from {self._origin} within {self._limit:g} s"
            hint = "is it overloaded? --request-timeout gives it longer"
            raise UnansweredError(words, hint=hint, unsent=not self._sent) from error
        except (httpx.TransportError, ssl.SSLError) as error:  # an alert is read bare from anyio
            raise self._unanswered(error) from error
        except httpx.DecodingError as error:
            raise ProtocolError(
                f"{self._request}: the answer cannot be unpacked ({error})"
            ) from error

    async def _stream(self, client: httpx.AsyncClient) -> Reply:
        async with client.stream(
            self._request.method,
            self._request.url,
            json=self._request.json,
            params=dict(self._request.params) or None,
            timeout=httpx.Timeout(self._limit, pool=None),
            extensions={"trace": self._trace},
        ) as response:
            return Reply(
                request=self._request,
                status=response.status_code,
                headers=headers_of(response),
                body=await self._body(response),
            )

    async def _body(self, response: httpx.Response) -> bytes:
        if not response.is_success:
            return await self._start_of(response)
        pieces = self._pieces(response)
        first = b""
        async for piece in pieces:
            first += piece
            if len(first.strip()) > len(BOM_UTF8) or len(first) > _HEAD:
                break
        if self._request.take and first.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
            await self._request.take(_chained(first, pieces))
            return b""
        body, sieve = bytearray(), Sieve()
        async for piece in _chained(first, pieces):
            body += sieve.feed(piece)
            if len(body) > LARGEST:
                raise ProtocolError(f"{self._request}: the answer is {TOO_LARGE}")
        return bytes(body + sieve.end())

    async def _start_of(self, response: httpx.Response) -> bytes:
        """Read what a refusal says: its status counts, however odd or long its body is."""
        body = bytearray()
        with suppress(httpx.DecodingError):
            async for piece in self._pieces(response):
                body += piece
                if len(body) > LARGEST_REFUSAL:
                    break
        return bytes(body[:LARGEST_REFUSAL])

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        size = breath = 0
        async for piece in response.aiter_bytes():
            yield piece
            size += len(piece)
            if size > LARGEST_IN_ALL:
                raise ProtocolError(f"{self._request}: the answer is larger than 1 GiB")
            if size - breath > _BREATH:
                breath = size
                await asyncio.sleep(0)

    async def _trace(self, name: str, _info: Mapping[str, object]) -> None:
        if name.endswith("send_request_headers.started"):
            if not self._request.may_send():
                raise UnansweredError("it was not wanted any more", hint=None, unsent=True)
            self._sent = True

    @property
    def _origin(self) -> str:
        return _origin_of(httpx.URL(self._request.url))

    def _unanswered(self, error: httpx.TransportError | ssl.SSLError) -> UnansweredError:
        trouble = _explain(error)
        # A ProxyError means that at most the tunnel's CONNECT was sent, never the request.
        unsent = not self._sent or isinstance(error, httpx.ProxyError)
        before = "cannot reach" if unsent else "no answer from"
        asked = error.request if isinstance(error, httpx.TransportError) else None
        origin = _origin_of(asked.url) if asked else self._origin  # a sign-in may go elsewhere
        if trouble is _BROKEN and origin.startswith("http:"):
            trouble = _BROKEN_WITHOUT_TLS
        return UnansweredError(
            f"{before} {origin}: {trouble.words}",
            hint=(asked and asked.extensions.get(HINT)) or trouble.hint,
            unsent=unsent,
            lasting=trouble.lasting,
        )


PROXY_HINT: Final = (
    "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY (a password goes into the proxy's address)"
)


@dataclass(frozen=True, slots=True)
class _Trouble:
    words: str
    hint: str
    lasting: bool = False


_UNRESOLVED: Final = _Trouble(
    "the name does not resolve",
    "check the host in --url (AIRBYTE_URL); inside Kubernetes a service is NAME.NAMESPACE.svc",
)
_REFUSED: Final = _Trouble(
    "connection refused",
    "is Airbyte up, and is the port right? `airbyte-sync check` finds the step that fails",
)
_BROKEN: Final = _Trouble(
    "the connection broke off",
    "a proxy or the server closed it; `airbyte-sync check` finds the step that fails",
)
_BROKEN_WITHOUT_TLS: Final = _Trouble(
    _BROKEN.words, f"does the port want https://? {_BROKEN.hint}"
)
_SLOW: Final = _Trouble(
    "no answer in time", "is a firewall or a VPN in between? --request-timeout gives it longer"
)


def unreached(where: str, error: BaseException, *, hint: str | None = None) -> UnansweredError:
    """Say why nothing could be sent to a place, in the words of every request."""
    trouble = _explain(error)
    return UnansweredError(
        f"cannot reach {where}: {trouble.words}",
        hint=hint or trouble.hint,
        unsent=True,
        lasting=trouble.lasting,
    )


def _explain(error: BaseException) -> _Trouble:
    """Put a transport error into a person's words, by its real cause."""
    found = (_trouble_of(cause) for cause in causes_of(error))
    return next((trouble for trouble in found if trouble), _BROKEN)


def _trouble_of(cause: BaseException) -> _Trouble | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return _certificate_trouble(cause)
        case ssl.SSLError():
            return _tls_trouble(cause)
        case httpx.ProxyError():
            refused = re.search(r"refuses: 40[37]", str(cause)) is not None
            return _Trouble(str(cause), PROXY_HINT, lasting=refused)
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return _Trouble(str(cause), "check --url (AIRBYTE_URL)", lasting=True)
        case _:
            return next((t for kind, t in _BY_CAUSE.items() if isinstance(cause, kind)), None)


_BY_CAUSE: Final[Mapping[type[BaseException], _Trouble]] = {
    socket.gaierror: _UNRESOLVED,
    ConnectionRefusedError: _REFUSED,
    httpx.TimeoutException: _SLOW,
    TimeoutError: _SLOW,
}


def _tls_trouble(error: ssl.SSLError) -> _Trouble:
    """Tell handshakes that fail for good from a line that breaks in the middle."""
    reason = error.reason or str(error)
    if _WANTS_CERTIFICATE.search(reason):
        return _Trouble(f"it refuses our side of TLS ({reason})", CLIENT_HINT, lasting=True)
    if _OLD_TLS.search(reason):
        return _Trouble(f"TLS failed ({reason})", _OLD_TLS_HINT, lasting=True)
    if reason in _NO_TLS:
        hint = "the port does not speak TLS: use http:// in --url"
        return _Trouble(f"TLS failed ({reason})", hint, lasting=True)
    return _Trouble(f"TLS failed ({reason})", "does the port speak TLS 1.2 or newer?")


_WANTS_CERTIFICATE: Final = re.compile(r"ALERT_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)")
CLIENT_HINT: Final = (
    "does it want a client certificate? --client-cert and --client-key "
    "(AIRBYTE_CLIENT_CERT, AIRBYTE_CLIENT_KEY) show one"
)
_OLD_TLS: Final = re.compile(
    r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|DH_KEY_TOO_SMALL|LEGACY_SIGALG|NO_PROTOCOLS_AVAILABLE"
)
_OLD_TLS_HINT: Final = (
    "the server, or a proxy before it, speaks only TLS 1.1 or older: TLS 1.2 is the least that "
    "is accepted here"
)
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def _certificate_trouble(error: ssl.SSLCertVerificationError) -> _Trouble:
    hint = _BY_VERDICT.get(error.verify_code, _UNTRUSTED)
    words = f"its certificate is not trusted ({error.verify_message.rstrip('.')})"
    return _Trouble(words, hint, lasting=True)


_UNTRUSTED: Final = (
    "a private CA? --ca-bundle (AIRBYTE_CA_BUNDLE) must name a file that holds its root "
    "certificate; a server that does not send its intermediate certificates fails like this, too"
)
_OUT_OF_TIME: Final = "renew the server's certificate; is this machine's clock right?"
_WRONG_NAME: Final = "use the name in --url that its certificate was made for"
_BY_VERDICT: Final[Mapping[int, str]] = {
    9: _OUT_OF_TIME,  # X509_V_ERR_CERT_NOT_YET_VALID
    10: _OUT_OF_TIME,  # X509_V_ERR_CERT_HAS_EXPIRED
    62: _WRONG_NAME,  # X509_V_ERR_HOSTNAME_MISMATCH
    64: _WRONG_NAME,  # X509_V_ERR_IP_ADDRESS_MISMATCH
}


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to all that lie beneath it, groups of attempts included."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from causes_of(inner)
        error = error.__cause__ or error.__context__


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
