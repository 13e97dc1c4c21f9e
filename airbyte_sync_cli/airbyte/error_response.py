"""What a response other than a plain success means: Airbyte's five families of error bodies.

They are recognised by their shape, not by their content type (a problem is sent as
application/json, a login page with status 200): see Airbyte's api-problems.yaml,
KnownException.kt, and Micronaut's own errors.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from airbyte_sync_cli.airbyte.body import LARGEST_ERROR, load
from airbyte_sync_cli.airbyte.request import Reply
from airbyte_sync_cli.airbyte.transport_errors import CLIENT_CERTIFICATE_HINT, PROXY_HINT
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.foreign_text import capped
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.settings import BasicAuth, BearerAuth, ClientCredentials, NoAuth, Settings

_LONGEST_TEXT: Final = 500
"""Characters of Airbyte's own words in a message: some lines of a terminal."""
_PAGE: Final = (
    rb"(?is)(?:\xef\xbb\xbf)?+(?:\s++|<!--(?:(?!-->).)*+-->|<\?xml[^>]*+>)*+"
    rb"<(?:!doctype|html|head|body|title|meta|script)\b"
)
"""The start of a web page, after a byte order mark, comments, and XHTML's declaration."""
_LOGIN: Final = (
    rb"(?i)accounts\.google\.com|type=[\"']?password|\biap\b|\bsign in\b|\blog ?in\b|\bsaml\b"
)
_LOGIN_ADDRESS: Final = r"(?i)accounts\.google\.com|login|signin|sign-in|oauth|saml|auth"
_NO_SUCH_PATH: Final = "Object not found."
"""Airbyte's text for a path that it does not have (NotFoundController.kt)."""
FROM_IAP: Final = "x-goog-iap-generated-response"
"""Header of responses that Google's proxy sent itself (cloud.google.com/iap/docs/faq)."""
_LOGIN_HINT: Final = (
    "Google IAP? set --iap-audience to its client id; other proxies: --header or AIRBYTE_TOKEN"
)
_CLOUDFLARE: Final = r"(?i)\bcloudflare|^\S*\s*error code: 1\d{3}\b"
_CLOUDFLARE_HINT: Final = (
    "Cloudflare blocks this client: allow this machine's address there, or set a service token "
    "in AIRBYTE_HEADERS (CF-Access-Client-Id, CF-Access-Client-Secret)"
)
_EXPECTS_TLS: Final = (
    r"(?i)HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port"
)
"""What Go's net/http and nginx send in plain text from a port that expects TLS."""
_AZURE: Final = r"authorization_uri=|login\.(?:windows\.net|microsoftonline)"
_AZURE_HINT: Final = (
    "Azure's authentication (Easy Auth) blocks this client: exclude the API's path from it, or "
    "send its token in AIRBYTE_HEADERS (X-ZUMO-AUTH)"
)
_EXPECTS_CERTIFICATE: Final = r"(?i)no required SSL certificate was sent|the SSL certificate error"
"""What nginx sends if a client certificate is missing or unknown."""
_BASIC_HINT: Final = (
    "a proxy in front requires a user name and password: check AIRBYTE_USERNAME and "
    "AIRBYTE_PASSWORD"
)
_NOT_API_HINT: Final = (
    "set --url to the server's root or its API: https://HOST/api/public/v1; "
    "`airbyte-sync check` finds the step that fails"
)
_CLIENT_REFUSED: Final = (
    "check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (or AIRBYTE_TOKEN, or "
    "AIRBYTE_USERNAME and AIRBYTE_PASSWORD); `airbyte-sync check` finds the step that fails"
)
_NO_CREDENTIALS: Final = (
    "no credentials are set: this Airbyte requires AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET "
    "(web UI: Settings, Applications), or AIRBYTE_TOKEN"
)
_HEADER_REFUSED: Final = (
    "the Authorization header from AIRBYTE_HEADERS (--header) was rejected: check its value, and "
    "that it is for this server"
)
_BASIC_REFUSED: Final = (
    "AIRBYTE_USERNAME and AIRBYTE_PASSWORD were rejected; newer servers require a client id and "
    "secret instead (AIRBYTE_CLIENT_ID, AIRBYTE_CLIENT_SECRET)"
)
_BEARER_REFUSED: Final = (
    "AIRBYTE_TOKEN was rejected: it may have expired, or belong to another server"
)

MAY_NOT_START: Final = (
    "the credentials work for reading, but their role may not start this: syncs need the role "
    "Workspace Runner, clears and refreshes Workspace Editor"
)
MAY_NOT_CANCEL: Final = (
    "the credentials work for reading, but their role may not cancel: that needs the role "
    "Workspace Runner"
)
MAY_NOT_READ: Final = (
    "the credentials work elsewhere, but their role may not read this workspace: select another "
    "one with --workspace"
)


NO_ENDPOINT: Final = (NotFoundError, ProtocolError, RejectedError)
"""What the response means if this server, or its version, does not have the endpoint."""


def denied_hint(settings: Settings) -> str:
    """Return the hint for a 401 or 403 of Airbyte's own, by the credentials that are set."""
    match settings.credentials:
        case NoAuth():
            named = {name.lower() for name, _ in settings.headers}
            return _HEADER_REFUSED if "authorization" in named else _NO_CREDENTIALS
        case BasicAuth():
            return _BASIC_REFUSED
        case BearerAuth():
            return _BEARER_REFUSED
        case ClientCredentials():
            return _CLIENT_REFUSED


def expect_success(reply: Reply) -> Reply:
    """Return a 2xx response that is no web page; raise what any other one means."""
    if reply.is_success and not is_html(reply):
        return reply
    raise error_of(reply)


def error_of(reply: Reply) -> AirbyteSyncError:
    """Return the error that a response other than a success means, with a hint."""
    body = read_error(reply)
    message = f"{reply.request}: {reply.status}{f' ({body.text})' if body.text else ''}"
    match reply.status:
        # nginx sends 400 for a missing client certificate, so its text counts as well.
        case status if status in {401, 403} or re.search(_EXPECTS_CERTIFICATE, body.text):
            hint = proxy_hint(reply) or reply.denied_hint or _CLIENT_REFUSED
            error: AirbyteSyncError = DeniedError(message, hint=hint)
        case 407:
            error = DeniedError(message, hint=PROXY_HINT)
        # Before web pages: gateways send their 502 and 504 as HTML, and those may pass.
        case status if _is_retryable(status):
            error = UnavailableError(message, retry_after=reply.retry_after, status=reply.status)
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            error = _redirected(reply)
        case 400 if re.search(_EXPECTS_TLS, body.text):
            error = ProtocolError(
                f"{message}: the port expects https://", hint=_https_hint(reply.request.url)
            )
        case _ if body.is_html:
            error = _page_instead_of_api(reply)
        # A 404 for an object is JSON; a proxy's, or that of a wrong path, is not.
        case 404 if body.is_json:
            error = NotFoundError(message)
        case 400 if body.title == "resource-not-found":  # up to 1.1
            error = NotFoundError(message)
        case status if status < HTTPStatus.BAD_REQUEST or status in {404, 405}:
            error = ProtocolError(
                f"{message}: the API has no such path",
                hint=_NOT_API_HINT,
                may_pass=status == HTTPStatus.NOT_FOUND and body.text != _NO_SUCH_PATH,
            )
        case _:
            error = RejectedError(message, status=reply.status)
    return error


def _is_retryable(status: int) -> bool:
    """True for 408, 429, and every 5xx (gateways invent some, such as 520 and 561)."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def proxy_hint(reply: Reply) -> str | None:
    """Return the hint for a refusal by a proxy; None if it was Airbyte itself."""
    body = read_error(reply)
    if re.search(_CLOUDFLARE, f"{reply.headers.get('server', '')} {body.text}"):
        # Behind Cloudflare, Airbyte's own JSON carries its name in `server`, too.
        is_own = body.is_html or "cf-mitigated" in reply.headers or not body.is_json
        return _CLOUDFLARE_HINT if is_own else None
    if reply.headers.get("www-authenticate", "").lower().startswith("basic"):
        return _BASIC_HINT
    if re.search(_EXPECTS_CERTIFICATE, body.text):
        return CLIENT_CERTIFICATE_HINT
    is_azures = re.search(_AZURE, reply.headers.get("www-authenticate", ""))
    if is_azures or "x-ms-middleware-request-id" in reply.headers:
        return _AZURE_HINT
    is_googles = FROM_IAP in reply.headers or "IAP" in body.text
    return _LOGIN_HINT if body.is_html or is_googles else None


def no_such_job(job_id: int, error: AirbyteSyncError) -> NotFoundError:
    """Return the error for an unknown job: neither API answers that with a plain 404."""
    return NotFoundError(
        f"job {job_id} not found ({error.message})",
        hint="`airbyte-sync jobs --conn NAME` lists the jobs of a connection",
    )


def no_such_connection(connection_id: str, error: AirbyteSyncError) -> NotFoundError:
    """Return the error for an unknown connection."""
    return NotFoundError(
        f"connection {connection_id} not found ({error.message})",
        hint="`airbyte-sync connections` lists those that these credentials can see",
    )


# -- redirects and web pages -----------------------------------------------------------------


def _redirected(reply: Reply) -> AirbyteSyncError:
    # Redacted before it is split: a secret may stand across what is cut.
    target = redact(reply.headers.get("location", "no address"))
    # Before login pages: a prefix such as `/auth` in our own path is no login.
    if _is_same_by_tls(reply.request.url, target):
        return ProtocolError(
            f"{reply.request}: redirected to {_shortened(target, most=200)}",
            hint=_https_hint(target),
        )
    if re.search(_LOGIN_ADDRESS, _login_part(target, reply.request.url)):
        return DeniedError(
            f"{reply.request}: redirected to a login page ({_shortened(target, most=120)}): this "
            "is the web page or an identity proxy, not the API",
            hint=_CLOUDFLARE_HINT if re.search(_CLOUDFLARE, target) else _LOGIN_HINT,
        )
    return ProtocolError(
        f"{reply.request}: redirected to {_shortened(target, most=200)}",
        hint="credentials are never sent to another address: set --url to the final one",
    )


def _is_same_by_tls(asked: str, target: str) -> bool:
    """True if an ingress redirects http to https and changes nothing else."""
    here, there = _split(asked), _split(target)
    is_same = there.hostname == here.hostname and there.path.rstrip("/") == here.path.rstrip("/")
    return is_same and (here.scheme, there.scheme) == ("http", "https")


def _https_hint(url: str) -> str:
    """Return the https address, without the API's own path but with what precedes it."""
    parts = _split(url)
    prefix = re.sub(r"(?:/api(?:/public)?)?/v1(?:/.*)?$", "", parts.path, flags=re.IGNORECASE)
    return f"set --url (AIRBYTE_URL) to https://{parts.netloc.rpartition('@')[2]}{prefix}"


def _login_part(target: str, asked: str) -> str:
    """Return the part of a redirect that may name a login: not our own host (`auth.corp`)."""
    here, there = _split(asked), _split(target)
    return there.path if there.hostname in {None, here.hostname} else target


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _page_instead_of_api(reply: Reply) -> AirbyteSyncError:
    title = read_error(reply).text.removeprefix("a web page").removeprefix(": ")
    message = f"{reply.request}: this is the web page or an identity proxy, not the API"
    message += f" ({reply.status}, {title!r})" if title else ""
    if re.search(_LOGIN, reply.body[:LARGEST_ERROR]):
        return DeniedError(f"{message} (a login page)", hint=_LOGIN_HINT)
    return ProtocolError(
        message, hint=_NOT_API_HINT, may_pass=reply.status == HTTPStatus.NOT_FOUND
    )


# -- bodies ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """What an error body says, whichever family it is of."""

    text: str
    """The most useful sentence, cut to a readable length. From 2.0 on it is often an `errorId`
    alone, which is found in the server's log."""
    title: str | None = None
    """A problem's title, such as `try-again-later`."""
    is_html: bool = False
    is_json: bool = False


def is_html(reply: Reply) -> bool:
    """True if the body is a web page."""
    return re.match(_PAGE, reply.body[:4096]) is not None


def read_error(reply: Reply) -> ErrorBody:
    """Parse an error body; never raises."""
    if is_html(reply):
        return ErrorBody(text=_html_text(reply), is_html=True)
    try:
        content = load(reply.body)
    except ValueError:
        return ErrorBody(text=_shortened(reply.body[:LARGEST_ERROR].decode(errors="replace")))
    if not isinstance(content, dict):
        return ErrorBody(text=_shortened(str(content)), is_json=True)
    return _read_object(content)


def _read_object(content: Mapping[str, object]) -> ErrorBody:
    data, embedded = content.get("data"), content.get("_embedded")
    candidates = [
        # A problem's `detail` is general (State conflict); `data.message` has the reason.
        data.get("message") if isinstance(data, dict) else None,
        content.get("detail"),
        _first_message(embedded),  # beside it, `message` may be no more than "Bad Request"
        content.get("message"),
        content.get("title"),
    ]
    text = next((text for text in candidates if isinstance(text, str) and text), "")
    error_id = content.get("errorId")
    suffix = f"errorId {error_id}" if isinstance(error_id, str) else ""
    title = content.get("title")
    return ErrorBody(
        text=_shortened(", ".join(filter(None, [text, suffix]))),
        title=title if isinstance(title, str) else None,
        is_json=True,
    )


def _first_message(embedded: object) -> object:
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("message") if isinstance(first, dict) else None


def _html_text(reply: Reply) -> str:
    text = _title(reply.body[:LARGEST_ERROR]).decode(errors="replace")
    return _shortened(f"a web page: {text}" if text.strip() else "a web page", most=120)


def _title(page: bytes) -> bytes:
    """Return the first title. A pattern would search for the end from every start: quadratic."""
    start = page.lower().find(b"<title")
    begin = page.find(b">", start) + 1
    end = page.lower().find(b"</title", begin)
    return page[begin:end] if start >= 0 < begin <= end else b""


def _shortened(text: str, *, most: int = _LONGEST_TEXT) -> str:
    return capped(text, most, clean=lambda words: " ".join(words.split()))
