"""Airbyte's token endpoint: exchanges a client id and secret for a token."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlunsplit

import httpx

from airbyte_sync_cli.airbyte.address import split_address
from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.error_response import error_of, is_html, proxy_hint, read_error
from airbyte_sync_cli.airbyte.renewal import (
    LOG,
    AuthFlow,
    Credential,
    lifetime_of,
    renewal_margin,
)
from airbyte_sync_cli.airbyte.request import Reply, Request, headers_of, read_retry_after
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    ProtocolError,
    UnavailableError,
    UsageError,
)
from airbyte_sync_cli.redaction import remember_token, without_query
from airbyte_sync_cli.settings import ClientCredentials, Settings

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock

_CREDENTIALS_REFUSED: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""For a wrong secret, by version (InvalidClientCredentialsException)."""
_NO_ENDPOINT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_ENDPOINT_HINT: Final = "is this Airbyte's token endpoint? set AIRBYTE_TOKEN_URL to use another"


class TokenEndpoint:
    """Requests tokens for a client id and secret."""

    def __init__(
        self,
        credentials: ClientCredentials,
        settings: Settings,
        address: "Address",
        clock: "Clock",
    ) -> None:
        self._credentials = credentials
        self._limit = settings.request_timeout
        self._urls = token_urls(settings, address)
        self._clock = clock

    def issue(self, request: httpx.Request, refused: Credential | None) -> AuthFlow:
        """Try one URL after another until one returns a token.

        With authentication on, an unknown path may be answered with 401, too: so a refusal
        counts only after every URL was tried. If none exists, authentication is off.
        """
        if refused is not None and refused.value is None:
            raise self._token_required_but_no_endpoint()
        failed: list[Reply] = []
        for url in self._urls:
            # Before the request: a slow response must not lengthen the token's lifetime.
            asked_at = self._clock.monotonic()
            reply = self._reply((yield self._token_request(url, request)))
            if not _may_be_elsewhere(reply):
                self._urls = (url,)  # a renewal need not try the others
                return self._credential(reply, asked_at)
            failed.append(reply)
        return self._without_token(failed)

    def _token_request(self, url: str, request: httpx.Request) -> httpx.Request:
        """Return the request for a token, as JSON: forms fail before 1.7."""
        limit = httpx.Timeout(self._limit, pool=None)
        return httpx.Request(
            "POST",
            url,
            headers=_own_headers(request, url),
            json={
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret.get_secret_value(),
                "grant-type": "client_credentials",  # with a hyphen, unlike OAuth's own field
            },
            # No `trace`: a request for a token must not count as the trigger being sent.
            extensions={"timeout": limit.as_dict()},
        )

    def _reply(self, response: httpx.Response) -> Reply:
        headers = headers_of(response)
        return Reply(
            request=Request(method=response.request.method, url=str(response.request.url)),
            status=response.status_code,
            headers=headers,
            body=response.content,
            retry_after=read_retry_after(headers, self._clock),
        )

    def _credential(self, reply: Reply, asked_at: float) -> Credential:
        content = _content(reply)
        token = remember_token(_token(content, reply))
        lifetime = lifetime_of(
            token,
            expires_in=content.get("expires_in"),
            server_time=reply.headers.get("date"),
            now=self._clock.now(),
        )
        LOG.debug("%s: token received, valid for %.0f s", reply.request, lifetime)
        expires_at = asked_at + lifetime
        margin = 0.0 if lifetime == inf else renewal_margin(lifetime)
        return Credential(
            value=f"Bearer {token}", renew_at=expires_at - margin, expires_at=expires_at
        )

    def _without_token(self, failed: Sequence[Reply]) -> Credential:
        """Return the credential for a server without authentication, with a warning.

        Raises if a URL refused the client id and secret, or all of them are web pages.
        """
        refusal = next((reply for reply in failed if reply.status in _CREDENTIALS_REFUSED), None)
        # One refusal is enough: a server without authentication answers 404 everywhere.
        if refusal is not None:
            raise _refusal_of(refusal)
        if all(is_html(reply) for reply in failed):
            raise _no_api(failed[0])
        LOG.warning(
            "this server has no token endpoint (POST %s: 404), so its authentication is off: "
            "continuing without the client id",
            without_query(str(failed[0].request.url)),
        )
        return Credential(value=None)

    def _token_required_but_no_endpoint(self) -> AirbyteSyncError:
        tried = " and ".join(without_query(url) for url in self._urls)
        return DeniedError(
            f"401: this server requires a token, but there is no token endpoint at {tried}",
            hint="is --url the root of Airbyte? set AIRBYTE_TOKEN_URL if the endpoint is "
            "elsewhere; old installations use AIRBYTE_USERNAME and AIRBYTE_PASSWORD",
        )


def token_urls(settings: Settings, address: "Address") -> Sequence[str]:
    """Return the URLs to try for a token: the one that is set first, then the usual ones.

    A relative one, as in the Airflow provider, is tried from the API's root and the host's.
    Raises UsageError for an invalid one.
    """
    given = settings.token_url
    roots = [f"{root}/" for root in (address.public_root, address.config_root) if root]
    if not given:
        own = []
    elif re.match(_ABSOLUTE_URL, given):
        own = [_absolute_url(given, settings.origins.get("token_url", ""))]
    else:
        own = [urljoin(root, one) for one in (given, f"/{given.lstrip('/')}") for root in roots]
    return tuple(dict.fromkeys([*own, *address.token_urls]))


_ABSOLUTE_URL: Final = r"//|[^/?#]*:"


def _absolute_url(given: str, origin: str) -> str:
    """Return a checked URL; its scheme may be missing."""
    try:
        parts = split_address(without_query(given))
    except UsageError as error:
        where = "" if origin.endswith("AIRBYTE_TOKEN_URL") else f" ({origin})"
        raise UsageError(f"AIRBYTE_TOKEN_URL{where}: {error.message}", hint=error.hint) from None
    query = given.partition("#")[0].partition("?")[2]
    return urlunsplit(parts._replace(query=query))


def _own_headers(request: httpx.Request, url: str) -> Mapping[str, str]:
    """Return the headers that every request has; the user's own only for the same host.

    A `Host` of the user's own is meant for one origin: it selects a route of an ingress.
    """
    there, here = httpx.URL(url), request.url
    same_host = there.host == here.host
    same_place = (there.scheme, there.netloc) == (here.scheme, here.netloc)
    excluded = _NOT_COPIED if same_place else _NOT_COPIED | {"host"}
    copied = {
        name: value
        for name, value in request.headers.items()
        if name == "user-agent" or (same_host and name not in excluded)
    }
    return {**copied, "accept": "application/json"}


_NOT_COPIED: Final = frozenset(
    {"content-length", "content-type", "transfer-encoding", "authorization"}
)


def _may_be_elsewhere(reply: Reply) -> bool:
    """True if the next URL should be tried: a refusal, a 404, or the UI's page (from 1.7)."""
    is_refusal = reply.status in _CREDENTIALS_REFUSED | _NO_ENDPOINT
    return is_refusal or (reply.is_success and is_html(reply))


def _content(reply: Reply) -> Mapping[str, object]:
    if not reply.is_success:
        raise _refusal_of(reply)
    try:
        content = load(reply.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _no_token(reply)
    return content


def _token(content: Mapping[str, object], reply: Reply) -> str:
    token = content.get("access_token")
    if isinstance(token, str) and token and token.isascii() and token.isprintable():
        return token
    raise _no_token(reply)


def _no_token(reply: Reply) -> AirbyteSyncError:
    return ProtocolError(
        f"{reply.request}: {reply.status}, but the response has no token",
        hint=_ENDPOINT_HINT,
    )


def _refusal_of(reply: Reply) -> AirbyteSyncError:
    """Return the error that a refusal means; a wrong secret is 400, 401, 403 or 422."""
    # A proxy with basic authentication answers for Airbyte, whatever the client id is.
    if reply.headers.get("www-authenticate", "").lower().startswith("basic"):
        return DeniedError(
            f"{reply.request}: {reply.status}, a proxy in front requires a user name and password",
            hint="set AIRBYTE_USERNAME and AIRBYTE_PASSWORD instead of the client id and secret",
        )
    if reply.status not in _CREDENTIALS_REFUSED or proxy_hint(reply):
        error = error_of(reply)
        if not isinstance(error, UnavailableError):
            error.hint = error.hint or _ENDPOINT_HINT
        return error
    text = read_error(reply).text
    return DeniedError(
        f"{reply.request}: {reply.status}, the client id and secret were rejected"
        + (f" ({text})" if text else ""),
        hint="check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET: the web UI shows them under "
        "Settings, Applications, and `abctl local credentials` prints them",
    )


def _no_api(page: Reply) -> AirbyteSyncError:
    """Return the error for a web page instead of a token."""
    cause = error_of(page)
    return type(cause)(f"{cause.message}: no token endpoint there", hint=cause.hint)
