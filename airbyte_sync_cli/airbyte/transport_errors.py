"""Errors below HTTP (DNS, TCP, TLS, proxies): a message, a hint, and whether to retry."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from airbyte_sync_cli.errors import UnavailableError
from airbyte_sync_cli.fast_dataclass import dataclass


class UnansweredError(UnavailableError):
    """The request got no complete response.

    `unsent` is True if no byte of it left this machine: for a trigger, nothing was started.
    """

    def __init__(
        self, message: str, *, hint: str | None, unsent: bool, lasting: bool = False
    ) -> None:
        super().__init__(message, hint=hint, lasting=lasting)
        self.unsent = unsent


HINT: Final = "airbyte_sync_hint"
"""Key of an httpx request extension: the hint to show if this request gets no response."""


def unanswered(
    error: httpx.TransportError | ssl.SSLError, *, origin: str, sent: bool
) -> UnansweredError:
    """Return the error for a request to `origin` that failed on its way."""
    # A ProxyError means that at most the tunnel's CONNECT was sent, never the request.
    unsent = not sent or isinstance(error, httpx.ProxyError)
    failed = error.request if isinstance(error, httpx.TransportError) else None
    if failed is not None:
        origin = origin_of(failed.url)  # a token request may have gone to another host
    cause = _describe(error)
    if cause is _CLOSED and origin.startswith("http:"):
        cause = _CLOSED_WITHOUT_TLS
    if sent and cause.hint == _NO_TLS_HINT:  # after a handshake: a record was corrupted
        cause = _Cause(cause.message, _CLOSED.hint)
    return UnansweredError(
        f"{'cannot reach' if unsent else 'no response from'} {origin}: {cause.message}",
        hint=(failed and failed.extensions.get(HINT)) or cause.hint,
        unsent=unsent,
        lasting=cause.lasting,
    )


def unreachable(where: str, error: BaseException, *, hint: str | None = None) -> UnansweredError:
    """Return the error for a place to which nothing could be sent."""
    cause = _describe(error)
    return UnansweredError(
        f"cannot reach {where}: {cause.message}",
        hint=hint or cause.hint,
        unsent=True,
        lasting=cause.lasting,
    )


def origin_of(url: httpx.URL) -> str:
    """Return scheme, host and port, the port only if it is not the default."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all its causes, also those inside exception groups."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):  # anyio tries several addresses at once
            for inner in error.exceptions:
                yield from causes_of(inner)
        error = error.__cause__ or error.__context__


@dataclass(frozen=True, slots=True)
class _Cause:
    message: str
    hint: str
    lasting: bool = False
    """True if a retry cannot succeed until somebody changes something."""


_UNRESOLVED: Final = _Cause(
    "the host name does not resolve",
    "check the host in --url (AIRBYTE_URL); inside Kubernetes a service is NAME.NAMESPACE.svc",
)
_REFUSED: Final = _Cause(
    "connection refused",
    "is Airbyte up, and is the port right? `airbyte-sync check` finds the step that fails",
)
_CLOSED: Final = _Cause(
    "the connection was closed",
    "the server or a proxy in between closed it; `airbyte-sync check` finds the step that fails",
)
_CLOSED_WITHOUT_TLS: Final = _Cause(
    _CLOSED.message, f"does the port expect https://? {_CLOSED.hint}"
)
_TIMED_OUT: Final = _Cause(
    "timed out", "is a firewall or a VPN in between? --request-timeout allows more time"
)


def _describe(error: BaseException) -> _Cause:
    """Return the first cause that is known: httpx wraps the operating system's errors."""
    known = (_known_cause(cause) for cause in causes_of(error))
    return next((cause for cause in known if cause), _CLOSED)


def _known_cause(error: BaseException) -> _Cause | None:
    match error:
        case ssl.SSLCertVerificationError():
            return _untrusted(error)
        case ssl.SSLError():
            return _failed_handshake(error)
        case httpx.ProxyError():
            # 403 and 407 are the proxy's decision; 502 and 503 may be a server that restarts.
            rejected = re.search(r"rejected the request: 40[37]", str(error)) is not None
            return _Cause(str(error), PROXY_HINT, lasting=rejected)
        case httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return _Cause(str(error), "check --url (AIRBYTE_URL)", lasting=True)
        case _:
            return next(
                (known for kind, known in _BY_TYPE.items() if isinstance(error, kind)), None
            )


_BY_TYPE: Final[Mapping[type[BaseException], _Cause]] = {
    socket.gaierror: _UNRESOLVED,
    ConnectionRefusedError: _REFUSED,
    httpx.TimeoutException: _TIMED_OUT,
    TimeoutError: _TIMED_OUT,
}


PROXY_HINT: Final = (
    "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY (a password goes into the proxy's address)"
)
CLIENT_CERTIFICATE_HINT: Final = (
    "does it require a client certificate? set --client-cert and --client-key "
    "(AIRBYTE_CLIENT_CERT, AIRBYTE_CLIENT_KEY)"
)
_CLIENT_REJECTED: Final = r"ALERT_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)"
"""Alerts that a server sends about the client's certificate or its absence."""
_OLD_TLS: Final = (
    r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|DH_KEY_TOO_SMALL|LEGACY_SIGALG|NO_PROTOCOLS_AVAILABLE"
)
_NO_TLS_HINT: Final = "the port does not use TLS: write http:// in --url"
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""OpenSSL's reasons when the first bytes are not TLS; the last one since OpenSSL 3.2, and for any
record that cannot be decrypted."""


def _failed_handshake(error: ssl.SSLError) -> _Cause:
    reason = error.reason or str(error)
    if re.search(_CLIENT_REJECTED, reason):
        message = f"the server rejected the TLS handshake ({reason})"
        return _Cause(message, CLIENT_CERTIFICATE_HINT, lasting=True)
    message = f"TLS handshake failed ({reason})"
    if re.search(_OLD_TLS, reason):
        hint = "the server, or a proxy in front of it, only supports TLS 1.1 or older: TLS 1.2 is "
        return _Cause(message, f"{hint}required", lasting=True)
    if reason in _NO_TLS:
        return _Cause(message, _NO_TLS_HINT, lasting=True)
    return _Cause(message, "does the port support TLS 1.2 or newer?")


_UNTRUSTED_HINT: Final = (
    "a private CA? set --ca-bundle (AIRBYTE_CA_BUNDLE) to a file with its root certificate; "
    "a server that does not send its intermediate certificates causes the same error"
)
_EXPIRED_HINT: Final = "renew the server's certificate; is this machine's clock right?"
_WRONG_NAME_HINT: Final = "use the host name in --url that its certificate was issued for"
_HINT_BY_CODE: Final[Mapping[int, str]] = {
    9: _EXPIRED_HINT,  # X509_V_ERR_CERT_NOT_YET_VALID
    10: _EXPIRED_HINT,  # X509_V_ERR_CERT_HAS_EXPIRED
    62: _WRONG_NAME_HINT,  # X509_V_ERR_HOSTNAME_MISMATCH
    64: _WRONG_NAME_HINT,  # X509_V_ERR_IP_ADDRESS_MISMATCH
}
"""By OpenSSL's verification codes (x509_vfy.h)."""


def _untrusted(error: ssl.SSLCertVerificationError) -> _Cause:
    message = f"its certificate is not trusted ({error.verify_message.rstrip('.')})"
    return _Cause(message, _HINT_BY_CODE.get(error.verify_code, _UNTRUSTED_HINT), lasting=True)
