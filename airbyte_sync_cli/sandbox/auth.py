"""Who may ask: nobody is asked, Basic at a proxy, or tokens for client credentials."""

import base64
import hmac
import json
import secrets
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.request import Call, Endpoint
from airbyte_sync_cli.sandbox.responses import JsonResponse, Unreadable, framework, hidden, ok
from airbyte_sync_cli.sandbox.versions import Quirks

UNAUTHORIZED_HTML: Final = (
    "<html>\n<head><title>401 Authorization Required</title></head>\n"
    "<body><center><h1>401 Authorization Required</h1></center><hr>"
    "<center>nginx</center></body>\n</html>\n"
)


class NoSignIn:
    """Authentication is off: an `Authorization` header is ignored, tokens are a 404."""

    mode = "none"

    def refuse(self, call: Call, *, anonymous: bool) -> Response | None:
        """Let everybody in."""
        del call, anonymous
        return None

    def expire_tokens(self) -> None:
        """There are none."""

    def public_endpoints(self) -> list[Endpoint]:
        """No token endpoint: the platform does not create it when authentication is off."""
        return []

    config_endpoints = public_endpoints


class BasicSignIn(NoSignIn):
    """The nginx of old Docker Compose installations: Basic for everything, 401 in HTML."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = f"{username}:{password}"

    def refuse(self, call: Call, *, anonymous: bool) -> Response | None:
        """Ask for name and password, of health probes too: the proxy knows no difference."""
        del anonymous
        if _is_same(_basic(call.headers.get("authorization", "")), self._expected):
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
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


class TokenAuth(NoSignIn):
    """Client credentials: a token that really ends, with an `expires_in` that may lie."""

    mode = "simple"

    def __init__(
        self,
        clock: SimClock,
        quirks: Quirks,
        *,
        client_id: str,
        client_secret: str,
        lifetime: float | None,
    ) -> None:
        self._clock = clock
        self._quirks = quirks
        self._client = (client_id, client_secret)
        self._lifetime = quirks.token_lifetime if lifetime is None else lifetime
        self._ends: dict[str, float] = {}

    def refuse(self, call: Call, *, anonymous: bool) -> Response | None:
        """Ask for a token that this sandbox gave and whose time is not over."""
        if anonymous:
            return None
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._clock.wall() < self._ends.get(token, 0.0):
            return None
        return framework(HTTPStatus.UNAUTHORIZED, call.path)

    def expire_tokens(self) -> None:
        """End every token now."""
        self._ends.clear()

    def public_endpoints(self) -> list[Endpoint]:
        """The Public API's token endpoint."""
        path = "/applications/token"
        return [Endpoint("token", "POST", path, self.public_token, anonymous=True)]

    def config_endpoints(self) -> list[Endpoint]:
        """The Config API's token endpoint."""
        path = "/applications/token"
        return [Endpoint("token", "POST", path, self.config_token, anonymous=True)]

    async def public_token(self, call: Call) -> Response:
        """Give a token and say how long it lives, or claims to."""
        refused = self._check(call)
        if refused is not None:
            return refused
        claim = self._quirks.token_claim
        expires_in = int(self._lifetime) if claim is None else claim
        return ok({"access_token": self._give(), "token_type": "Bearer", "expires_in": expires_in})

    async def config_token(self, call: Call) -> Response:
        """Give a token and say nothing about its end."""
        return self._check(call) or ok({"access_token": self._give()})

    def _check(self, call: Call) -> Response | None:
        if "json" not in call.headers.get("content-type", "") and not self._takes_form(call):
            return framework(HTTPStatus.UNAUTHORIZED, call.path)
        given = self._credentials(call)
        if all(map(_is_same, given, self._client)):
            return None
        if self._quirks.trigger_returns_early:
            return hidden(HTTPStatus.UNAUTHORIZED)
        return JsonResponse({"message": "Invalid client id or token"}, HTTPStatus.BAD_REQUEST)

    def _takes_form(self, call: Call) -> bool:
        form = "x-www-form-urlencoded" in call.headers.get("content-type", "")
        return form and self._quirks.takes_form_tokens

    def _credentials(self, call: Call) -> tuple[str, str]:
        if self._takes_form(call):
            form = parse_qs(call.body.decode(errors="replace"))
            return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
        body = call.json()
        client_id, client_secret = body.get("client_id"), body.get("client_secret")
        if not isinstance(client_id, str) or not isinstance(client_secret, str):
            raise Unreadable("client_id and client_secret must not be null")
        return client_id, client_secret

    def _give(self) -> str:
        now = self._clock.wall()
        token = _jwt({"iat": int(now), "exp": int(now + self._lifetime), "sub": self._client[0]})
        self._ends[token] = now + self._lifetime
        return token


def _jwt(claims: dict[str, object]) -> str:
    """Shape a token like a JWT. The signature is random: nobody but us checks it."""
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
    parts.append(secrets.token_bytes(32))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
