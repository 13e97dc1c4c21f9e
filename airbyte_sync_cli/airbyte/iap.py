"""Google's Identity-Aware Proxy in front of Airbyte: an OIDC token from google-auth.

google-auth is synchronous. Rather than lending it a thread, which would outlive Ctrl-C, it is
run over and over with the answers that are there so far: where it wants one more, it is stopped,
the question goes out like any other request of ours (same client, limits and proxies), and it
starts again. It asks three times at most, once an hour.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import httpx

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.credentials import LOG, AuthFlow, Credential
from airbyte_sync_cli.airbyte.request import HINT
from airbyte_sync_cli.airbyte.token_endpoint import lifetime_of, renewal_margin
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
_WHERE_FROM: Final = (
    "in Google Cloud give the pod a service account (workload identity); elsewhere name its file "
    "in GOOGLE_APPLICATION_CREDENTIALS (`gcloud auth login` does not count)"
)


class IapSource:
    """Gives OIDC tokens whose audience is the proxy's client id."""

    def __init__(self, settings: Settings, clock: "Clock") -> None:
        _check_google_auth()
        self._audience = settings.iap_audience
        self._header = _free_header(settings)
        self._clock = clock

    def issue(self, _request: httpx.Request, _refused: Credential | None) -> AuthFlow:
        """Get a token from where this machine has its identity: a file, or Google's metadata."""
        asked_at = self._clock.monotonic()
        answers: list[httpx.Response] = []
        while True:
            try:
                token = remember_token(self._fetch(answers))
                break
            except _WantedError as wanted:
                answers.append(_checked((yield wanted.request)))
        lifetime = lifetime_of(token, expires_in=None, server_time=None, now=self._clock.now())
        LOG.debug("a token for the identity proxy, good for %.0f s", lifetime)
        ends_at = asked_at + lifetime
        return Credential(
            header=self._header,
            value=f"Bearer {token}",
            renew_at=ends_at - renewal_margin(lifetime),
            ends_at=ends_at,
        )

    def _fetch(self, answers: Sequence[httpx.Response]) -> str:
        """Run google-auth with the answers so far."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  # an extra, and slow
        from google.oauth2 import id_token  # noqa: PLC0415

        transport = _Replay(answers)
        try:
            credentials = id_token.fetch_id_token_credentials(  # type: ignore[no-untyped-call]
                self._audience, request=transport
            )
            credentials.refresh(transport)
        except (GoogleAuthError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _no_identity(error) from error  # odd answers, too
        token = str(credentials.token)
        if not (token.isascii() and token.isprintable()):
            raise _no_identity(ValueError("what came is no token"))
        return token


def _check_google_auth() -> None:
    try:
        import google.auth  # noqa: F401, PLC0415
    except ImportError:
        raise UsageError(
            "--iap-audience needs the package google-auth",
            hint=f"{extra_hint('iap')}; the image has it",
        ) from None


def _free_header(settings: Settings) -> str:
    """Choose the header that Airbyte's own token leaves free; the proxy reads both."""
    named = {name.lower() for name, _ in settings.headers}
    is_free = isinstance(settings.credentials, NoAuth) and "authorization" not in named
    return "Authorization" if is_free else "Proxy-Authorization"


def _no_identity(error: Exception) -> AirbyteSyncError:
    words = str(error.args[0]) if error.args else type(error).__name__
    return DeniedError(f"no token for the identity proxy: {words}", hint=_WHERE_FROM)


def _checked(answer: httpx.Response) -> httpx.Response:
    """Keep passing faults from google-auth, which would sleep on them without letting go."""
    _remember_tokens(answer)
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise UnavailableError(
            f"{answer.request.method} {answer.request.url.copy_with(query=None)}: "
            f"{answer.status_code} (asked for a token for the identity proxy)"
        )
    return answer


def _remember_tokens(answer: httpx.Response) -> None:
    """Take note of what may be a token, also where google-auth will complain of it."""
    try:
        content = load(answer.content)
    except ValueError:
        content = {"id_token": answer.text}
    if answer.is_success and isinstance(content, dict):
        for name in ("id_token", "token", "access_token"):
            remember_token(str(content.get(name, "")).strip())


class _WantedError(BaseException):
    """One more answer is wanted. No `except Exception` of google-auth may take it."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__(str(request.url))
        self.request = request


class _Replay:
    """What google-auth takes for a transport (google.auth.transport.Request)."""

    def __init__(self, answers: Sequence[httpx.Response]) -> None:
        self._answers = iter(answers)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        **_more: object,
    ) -> "_Answer":
        answer = next(self._answers, None)
        if answer is None:
            content = body.encode() if isinstance(body, str) else body
            for assertion in parse_qs((content or b"").decode()).get("assertion", ()):
                remember_token(assertion)  # it is as good as a token for an hour
            raise _WantedError(
                httpx.Request(
                    method,
                    url,
                    content=content,
                    headers=headers,
                    extensions={"timeout": _LIMIT.as_dict(), HINT: _WHERE_FROM},
                )
            )
        return _Answer(answer)


class _Answer:
    """What google-auth takes for a response."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.data = response.content
