"""Airbyte's token endpoint: a token for a client id and secret, or for a login."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlunsplit

import httpx

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.credentials import LOG, AuthFlow, Credential
from airbyte_sync_cli.airbyte.error_response import (
    error_of,
    hint_of_proxy,
    looks_like_html,
    read_refusal,
)
from airbyte_sync_cli.airbyte.request import Reply, Request, headers_of, read_retry_after
from airbyte_sync_cli.airbyte.url_typos import split_address
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
"""Versions differ in what they say to a wrong secret (InvalidClientCredentialsException)."""
_NO_SUCH_ADDRESS: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


_ODD_ADDRESS_HINT: Final = "is this Airbyte's token address? AIRBYTE_TOKEN_URL names another"


class TokenEndpoint:
    """Gives tokens for a client id and its secret, one after another."""

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
        """Ask one address after another until one gives a token.

        An unknown path may be answered with 401, too, where authentication is on: so a no
        counts once every address has been asked. Where none is there, authentication is off.
        """
        if refused is not None and refused.value is None:
            raise self._wants_what_it_does_not_give()
        failed: list[Reply] = []
        for url in self._urls:
            asked_at = self._clock.monotonic()
            reply = _reply((yield self._question(url, request)))
            if not _may_be_elsewhere(reply):
                self._urls = (url,)
                return self._credential(reply, asked_at)
            failed.append(reply)
        return self._go_without(failed)

    def _question(self, url: str, request: httpx.Request) -> httpx.Request:
        """Ask in JSON: forms fail before 1.7. Other headers are those of the request."""
        limit = httpx.Timeout(self._limit, pool=None)
        return httpx.Request(
            "POST",
            url,
            headers=_own_headers(request, url),
            json={
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret.get_secret_value(),
                "grant-type": "client_credentials",
            },
            extensions={"timeout": limit.as_dict()},
        )

    def _credential(self, reply: Reply, asked_at: float) -> Credential:
        content = _content(reply, read_retry_after(reply.headers, self._clock))
        token = remember_token(_token(content, reply))
        lifetime = lifetime_of(
            token,
            expires_in=content.get("expires_in"),
            server_time=reply.headers.get("date"),
            now=self._clock.now(),
        )
        LOG.debug("%s: a token, good for %.0f s", reply.request, lifetime)
        ends_at = asked_at + lifetime
        margin = 0.0 if lifetime == inf else renewal_margin(lifetime)
        return Credential(value=f"Bearer {token}", renew_at=ends_at - margin, ends_at=ends_at)

    def _go_without(self, failed: Sequence[Reply]) -> Credential:
        """Warn, once, unless credentials were refused or only web pages answered."""
        refusal = next((reply for reply in failed if reply.status in _CREDENTIALS_REFUSED), None)
        if refusal is not None:
            raise _refusal_of(refusal)
        if all(looks_like_html(reply) for reply in failed):
            raise _no_api(failed[0])
        LOG.warning(
            "this server gives no tokens (POST %s: 404), so its authentication is off: going on "
            "without the client id",
            without_query(str(failed[0].request.url)),
        )
        return Credential(value=None)

    def _wants_what_it_does_not_give(self) -> AirbyteSyncError:
        asked = " and ".join(without_query(url) for url in self._urls)
        return DeniedError(
            f"401: this server wants a token, but gives none at {asked}",
            hint="is --url the root of Airbyte? an odd token address goes into "
            "AIRBYTE_TOKEN_URL; old installations want AIRBYTE_USERNAME and AIRBYTE_PASSWORD",
        )


def token_urls(settings: Settings, address: "Address") -> Sequence[str]:
    """List where a token may be asked for: the given address first, then the usual ones.

    A relative one, as the Airflow provider has it, is tried from the API's root and the host's.
    Raises UsageError for an address that is none.
    """
    given = settings.token_url
    roots = [f"{root}/" for root in (address.public_root, address.config_root) if root]
    if not given:
        own = []
    elif _WHOLE.match(given):
        own = [_whole_url(given, settings.origins.get("token_url", ""))]
    else:
        own = [urljoin(root, one) for one in (given, f"/{given.lstrip('/')}") for root in roots]
    return tuple(dict.fromkeys([*own, *address.token_urls]))


_WHOLE: Final = re.compile(r"//|[^/?#]*:")


def _whole_url(given: str, origin: str) -> str:
    """Check an address that is not relative, in which the scheme may be missing."""
    try:
        parts, query = (
            split_address(without_query(given)),
            given.partition("#")[0].partition("?")[2],
        )
    except UsageError as error:
        where = "" if origin.endswith("AIRBYTE_TOKEN_URL") else f" ({origin})"
        raise UsageError(f"AIRBYTE_TOKEN_URL{where}: {error.message}", hint=error.hint) from None
    return urlunsplit(parts._replace(query=query))


def _own_headers(request: httpx.Request, url: str) -> Mapping[str, str]:
    """Take over what every request carries (User-Agent, extra headers), on our own host only.

    A Host of the user's own is meant for an origin: it leads through an ingress.
    """
    there, here = httpx.URL(url), request.url
    same_host = there.host == here.host
    same_place = (there.scheme, there.netloc) == (here.scheme, here.netloc)
    left = _NOT_TAKEN_OVER if same_place else _NOT_TAKEN_OVER | {"host"}
    wanted = {
        name: value
        for name, value in request.headers.items()
        if name == "user-agent" or (same_host and name not in left)
    }
    return {**wanted, "accept": "application/json"}


_NOT_TAKEN_OVER: Final = frozenset(
    {"content-length", "content-type", "transfer-encoding", "authorization"}
)


def _reply(response: httpx.Response) -> Reply:
    return Reply(
        request=Request(method=response.request.method, url=str(response.request.url)),
        status=response.status_code,
        headers=headers_of(response),
        body=response.content,
    )


def _may_be_elsewhere(reply: Reply) -> bool:
    """Whether another address may do better: a no, a 404, or the page that 1.7 and later show."""
    said_no = reply.status in _CREDENTIALS_REFUSED | _NO_SUCH_ADDRESS
    return said_no or (reply.is_success and looks_like_html(reply))


def _content(reply: Reply, retry_after: float | None) -> Mapping[str, object]:
    if not reply.is_success:
        raise _refusal_of(reply, retry_after)
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
        f"{reply.request}: {reply.status}, but no token is in the answer",
        hint=_ODD_ADDRESS_HINT,
    )


def _refusal_of(reply: Reply, retry_after: float | None = None) -> AirbyteSyncError:
    """Turn a no into the error that it means; a wrong secret is 400, 401, 403 or 422."""
    if reply.headers.get("www-authenticate", "").lower().startswith("basic"):
        return DeniedError(
            f"{reply.request}: {reply.status}, a proxy in front wants a user name and password",
            hint="set AIRBYTE_USERNAME and AIRBYTE_PASSWORD instead of the client id and secret",
        )
    if reply.status not in _CREDENTIALS_REFUSED or hint_of_proxy(reply):
        error = error_of(reply, retry_after=retry_after)
        if not isinstance(error, UnavailableError):
            error.hint = error.hint or _ODD_ADDRESS_HINT
        return error
    words = read_refusal(reply).words
    return DeniedError(
        f"{reply.request}: {reply.status}, the client id and secret were refused"
        + (f" ({words})" if words else ""),
        hint="check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET; the web UI has them under "
        "Settings, Applications, and `abctl local credentials` prints them",
    )


def _no_api(page: Reply) -> AirbyteSyncError:
    """Say that a web page answered where a token should be."""
    cause = error_of(page, retry_after=None)
    return type(cause)(f"{cause.message}: no token can be had there", hint=cause.hint)


_MARGIN: Final = 60.0
"""Seconds before its end at which a token is renewed."""
_SHARE: Final = 0.25
"""Tokens so short that the margin would eat them are renewed after three quarters."""
_LONGEST: Final = 366 * 86_400.0
"""Seconds; a longer `expires_in` is not believed."""


def renewal_margin(lifetime: float) -> float:
    """Tell how many seconds before its end a token should be renewed."""
    return min(_MARGIN, lifetime * _SHARE)


def lifetime_of(
    token: str, *, expires_in: object, server_time: str | None, now: datetime
) -> float:
    """Tell how many seconds a token lives from its answer on; infinite where nobody says.

    A JWT's own `exp` counts before `expires_in`. It is the server's clock, so it is measured
    against the token's `iat` and the answer's `Date`, of which the more cautious wins; our own
    clock is asked only where both are missing, because it may be wrong.
    """
    claims = claims_of(token)
    end = _seconds(claims.get("exp"))
    if end is not None:
        begins = [_seconds(claims.get("iat")), _timestamp(server_time)]
        spans = [end - begin for begin in begins if begin is not None] or [end - now.timestamp()]
        believable = [span for span in spans if span > 0]
        if believable:
            return min(believable)
    claimed = _seconds(expires_in)
    return claimed if claimed is not None and 0 < claimed <= _LONGEST else inf


def claims_of(token: str) -> Mapping[str, object]:
    """Read a JWT's claims without checking its signature; nothing for any other token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # header, claims, signature
        return {}
    try:
        claims = load(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def end_of(token: str) -> datetime | None:
    """Tell when a JWT ends, by the clock of who made it."""
    end = _seconds(claims_of(token).get("exp"))
    try:
        return None if end is None else datetime.fromtimestamp(end, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds(value: object) -> float | None:
    """Read a number, also one written as text."""
    try:
        number = float(value) if isinstance(value, int | float | str) else inf
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < inf else None


def _timestamp(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, TypeError, OverflowError):
        return None
