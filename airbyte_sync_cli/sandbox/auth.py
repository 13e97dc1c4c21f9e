"""Authentication of requests: off, Basic at a proxy, or tokens for client credentials."""

import base64
import hmac
import json
import secrets
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response

from airbyte_sync_cli.sandbox.api_request import ApiRequest, Endpoint
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.problems import InvalidBody
from airbyte_sync_cli.sandbox.responses import JsonResponse, framework_error, hidden_error, ok
from airbyte_sync_cli.sandbox.scenario import SandboxConfig
from airbyte_sync_cli.sandbox.versions import Quirks

UNAUTHORIZED_HTML: Final = (
    "<html>\n<head><title>401 Authorization Required</title></head>\n"
    "<body><center><h1>401 Authorization Required</h1></center><hr>"
    "<center>nginx</center></body>\n</html>\n"
)


class NoLogin:
    """Authentication is off: an `Authorization` header is ignored, the token endpoint a 404."""

    mode = "none"

    def check(self, request: ApiRequest, *, anonymous: bool) -> Response | None:
        """Return the response to a request without valid credentials, or None."""
        del request, anonymous
        return None

    def expire_tokens(self) -> None:
        """Do nothing, because there are no tokens."""

    def public_endpoints(self) -> list[Endpoint]:
        """Return none: the platform has no token endpoint when authentication is off."""
        return []

    config_endpoints = public_endpoints  # ApplicationService exists for modes simple and oidc only


class BasicLogin(NoLogin):
    """The nginx of old Docker Compose installations: Basic everywhere, its 401 is HTML."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = f"{username}:{password}"

    def check(self, request: ApiRequest, *, anonymous: bool) -> Response | None:
        """Return a 401 without the credentials, for health probes too: the proxy is in front."""
        del anonymous
        if _is_same(_basic(request.headers.get("authorization", "")), self._expected):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="Welcome to Airbyte"'}
        return HTMLResponse(UNAUTHORIZED_HTML, HTTPStatus.UNAUTHORIZED, challenge)


def _basic(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest).decode()
    except ValueError:  # not ASCII, not base64, not UTF-8
        return ""


def _is_same(given: str, expected: str) -> bool:
    # Bytes, because compare_digest rejects non-ASCII strings, which any client may send.
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


class TokenLogin(NoLogin):
    """Client credentials: tokens that expire, with an `expires_in` that is wrong before 1.6."""

    mode = "simple"

    def __init__(self, config: SandboxConfig, clock: SimClock, quirks: Quirks) -> None:
        self._clock = clock
        self._quirks = quirks
        self._client = (config.client_id, config.client_secret)
        self._lifetime = config.token_lifetime or quirks.token_lifetime
        self._ends: dict[str, float] = {}

    def check(self, request: ApiRequest, *, anonymous: bool) -> Response | None:
        """Return a 401 without a token that this sandbox issued and that has not expired."""
        if anonymous:
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._clock.wall() < self._ends.get(token, 0.0):
            return None
        return framework_error(HTTPStatus.UNAUTHORIZED, request.path)

    def expire_tokens(self) -> None:
        """Expire every token now."""
        self._ends.clear()

    def public_endpoints(self) -> list[Endpoint]:
        """Return the Public API's token endpoint."""
        path = "/applications/token"
        return [Endpoint("token", "POST", path, self.public_token, anonymous=True)]

    def config_endpoints(self) -> list[Endpoint]:
        """Return the Config API's token endpoint."""
        path = "/applications/token"
        return [Endpoint("token", "POST", path, self.config_token, anonymous=True)]

    async def public_token(self, request: ApiRequest) -> Response:
        """Return a token with its lifetime, true or not."""
        if (error := self._check_client(request)) is not None:
            return error
        claim = self._quirks.token_claim
        expires_in = int(self._lifetime) if claim is None else claim
        token = self._issue()
        return ok({"access_token": token, "token_type": "Bearer", "expires_in": expires_in})

    async def config_token(self, request: ApiRequest) -> Response:
        """Return a token without its lifetime."""
        return self._check_client(request) or ok({"access_token": self._issue()})

    def _check_client(self, request: ApiRequest) -> Response | None:
        # Before 1.7 a form never reaches the endpoint: Micronaut answers 401.
        if "json" not in request.headers.get("content-type", "") and not self._is_form(request):
            return framework_error(HTTPStatus.UNAUTHORIZED, request.path)
        given = self._credentials(request)
        if all(map(_is_same, given, self._client)):
            return None
        if self._quirks.wrong_client_is_unauthorized:
            return hidden_error(HTTPStatus.UNAUTHORIZED)
        return JsonResponse({"message": "Invalid client id or token"}, HTTPStatus.BAD_REQUEST)

    def _is_form(self, request: ApiRequest) -> bool:
        form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
        return form and self._quirks.accepts_form_tokens

    def _credentials(self, request: ApiRequest) -> tuple[str, str]:
        if self._is_form(request):
            form = parse_qs(request.body.decode(errors="replace"))
            return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
        body = request.json()
        client_id, client_secret = body.get("client_id"), body.get("client_secret")
        if not isinstance(client_id, str) or not isinstance(client_secret, str):
            raise InvalidBody("client_id and client_secret must not be null")
        return client_id, client_secret

    def _issue(self) -> str:
        now = self._clock.wall()
        token = _jwt({"iat": int(now), "exp": int(now + self._lifetime), "sub": self._client[0]})
        self._ends = {old: end for old, end in self._ends.items() if end > now}
        self._ends[token] = now + self._lifetime  # the truth, whatever `expires_in` says
        return token


def _jwt(claims: dict[str, object]) -> str:
    """Return a token in a JWT's format. Its signature is random: only the sandbox reads it."""
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
    parts.append(secrets.token_bytes(32))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def login_for(config: SandboxConfig, clock: SimClock, quirks: Quirks) -> NoLogin:
    """Return the authentication that a configuration names."""
    match config.auth:
        case "none":
            return NoLogin()
        case "basic":
            return BasicLogin(config.username, config.password)
        case "client-credentials":
            return TokenLogin(config, clock, quirks)
