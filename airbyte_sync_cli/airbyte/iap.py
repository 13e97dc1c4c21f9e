"""Google's Identity-Aware Proxy in front of Airbyte: an OIDC token from google-auth.

google-auth is synchronous. In a thread, it would bring a second HTTP client with its own proxies,
limits and trust store, and keep the process alive after a signal (a thread cannot be cancelled).
So `_Transport` interrupts it at each request that it makes, `Auth` sends that request like any
other of ours, and google-auth runs once more with the responses so far. It makes three requests
at most, once an hour.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import httpx

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.renewal import (
    LOG,
    AuthFlow,
    Credential,
    lifetime_of,
    renewal_margin,
)
from airbyte_sync_cli.airbyte.transport_errors import HINT
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    UnavailableError,
    UsageError,
    extra_hint,
)
from airbyte_sync_cli.redaction import remember_token
from airbyte_sync_cli.settings import NoAuth, Settings

if TYPE_CHECKING:
    from airbyte_sync_cli.clock import Clock

_LIMIT: Final = httpx.Timeout(10.0, pool=None)
"""Seconds; the metadata server and Google's token endpoint respond in well under one."""
_IDENTITY_HINT: Final = (
    "in Google Cloud, give the pod a service account (workload identity); elsewhere set "
    "GOOGLE_APPLICATION_CREDENTIALS to its key file (`gcloud auth login` is not enough)"
)


class IapSource:
    """Gets OIDC tokens whose audience is the proxy's client id."""

    def __init__(self, settings: Settings, clock: "Clock") -> None:
        _check_google_auth()
        self._audience = settings.iap_audience
        self._header = _free_header(settings)
        self._clock = clock

    def issue(self, _request: httpx.Request, _refused: Credential | None) -> AuthFlow:
        """Get a token for this machine's identity: from a key file or Google's metadata server."""
        asked_at = self._clock.monotonic()
        responses: list[httpx.Response] = []
        while True:
            try:
                token = remember_token(self._fetch(responses))
                break
            except _RequestNeededError as needed:
                responses.append(_checked((yield needed.request)))
        lifetime = lifetime_of(token, expires_in=None, server_time=None, now=self._clock.now())
        LOG.debug("token for the identity proxy received, valid for %.0f s", lifetime)
        expires_at = asked_at + lifetime
        return Credential(
            header=self._header,
            value=f"Bearer {token}",
            renew_at=expires_at - renewal_margin(lifetime),
            expires_at=expires_at,
        )

    def _fetch(self, responses: Sequence[httpx.Response]) -> str:
        """Run google-auth from the start, with the responses so far."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  # an extra, and slow
        from google.oauth2 import id_token  # noqa: PLC0415

        transport = _Transport(responses)
        try:
            credentials = id_token.fetch_id_token_credentials(  # type: ignore[no-untyped-call]
                self._audience, request=transport
            )
            credentials.refresh(transport)
        # Beside its own errors, google-auth lets through what unexpected responses cause.
        except (GoogleAuthError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _no_token(error) from error
        token = str(credentials.token)
        if not (token.isascii() and token.isprintable()):
            raise _no_token(ValueError("the response is not a token"))
        return token


def _check_google_auth() -> None:
    try:
        import google.auth  # noqa: F401, PLC0415
    except ImportError:
        raise UsageError(
            "--iap-audience needs the package google-auth",
            hint=f"{extra_hint('iap')}; it is included in the image",
        ) from None


def _free_header(settings: Settings) -> str:
    """Return the header that Airbyte's own credentials do not use; the proxy reads both."""
    named = {name.lower() for name, _ in settings.headers}
    is_free = isinstance(settings.credentials, NoAuth) and "authorization" not in named
    return "Authorization" if is_free else "Proxy-Authorization"


def _no_token(error: Exception) -> AirbyteSyncError:
    reason = str(error.args[0]) if error.args else type(error).__name__
    return DeniedError(f"no token for the identity proxy: {reason}", hint=_IDENTITY_HINT)


def _checked(response: httpx.Response) -> httpx.Response:
    """Raise for transient statuses: google-auth would retry them in `time.sleep`."""
    _remember_tokens(response)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        url = response.request.url.copy_with(query=None)
        raise UnavailableError(
            f"{response.request.method} {url}: {response.status_code} "
            "(requesting a token for the identity proxy)"
        )
    return response


def _remember_tokens(response: httpx.Response) -> None:
    """Have tokens redacted, also where google-auth quotes the response in an error."""
    try:
        content = load(response.content)
    except ValueError:
        content = {"id_token": response.text}
    if response.is_success and isinstance(content, dict):
        for name in ("id_token", "token", "access_token"):
            remember_token(str(content.get(name, "")).strip())


class _RequestNeededError(BaseException):
    """google-auth needs one more response. A BaseException, as it catches `Exception`."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__(str(request.url))
        self.request = request


class _Transport:
    """The transport for google-auth (google.auth.transport.Request): it replays responses."""

    def __init__(self, responses: Sequence[httpx.Response]) -> None:
        self._responses = iter(responses)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_more: object,
    ) -> "_ReplayedResponse":
        response = next(self._responses, None)
        if response is not None:
            return _ReplayedResponse(response)
        content = body.encode() if isinstance(body, str) else body
        for assertion in parse_qs((content or b"").decode()).get("assertion", ()):
            remember_token(assertion)  # for an hour, it is as good as a token
        raise _RequestNeededError(
            httpx.Request(
                method,
                url,
                content=content,
                headers=headers,
                extensions={"timeout": _LIMIT.as_dict(), HINT: _IDENTITY_HINT},
            )
        )


class _ReplayedResponse:
    """A response with the attributes of google.auth.transport.Response."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.data = response.content
