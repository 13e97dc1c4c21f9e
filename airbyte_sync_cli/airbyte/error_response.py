"""What an answer other than a plain yes means: Airbyte's five families of error bodies.

They are told apart by shape, never by content type (a problem comes as application/json, a
login page as 200): see the API's api-problems.yaml, KnownException.kt, and Micronaut's own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.request import CLIENT_HINT, LARGEST_REFUSAL, PROXY_HINT, Reply
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.foreign_text import capped
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.settings import BasicAuth, BearerAuth, ClientCredentials, NoAuth, Settings

_LONGEST_WORDS: Final = 500
_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?:\s++|<!--(?:(?!-->).)*+-->|<\?xml[^>]*+>)*+"
    rb"<(?:!doctype|html|head|body|title|meta|script)\b",
    re.IGNORECASE | re.DOTALL,
)
"""The start of a web page, behind a byte order mark, comments, and what XHTML begins with."""
_LOGIN: Final = re.compile(
    rb"accounts\.google\.com|type=[\"']?password|\biap\b|\bsign in\b|\blog ?in\b|\bsaml\b",
    re.IGNORECASE,
)
_LOGIN_ADDRESS: Final = re.compile(
    r"accounts\.google\.com|login|signin|sign-in|oauth|saml|auth", re.IGNORECASE
)
_NO_SUCH_PATH: Final = "Object not found."
"""Airbyte's own words for a path that it does not have (NotFoundController.kt)."""
FROM_IAP: Final = "x-goog-iap-generated-response"
"""A header of answers that Google's proxy gave itself (cloud.google.com/iap/docs/faq)."""
_LOGIN_HINT: Final = (
    "Google IAP? name its client id with --iap-audience; other proxies: --header, AIRBYTE_TOKEN"
)
_CLOUDFLARE: Final = re.compile(r"\bcloudflare|^\S*\s*error code: 1\d{3}\b", re.IGNORECASE)
_CLOUDFLARE_HINT: Final = (
    "Cloudflare stands in front and keeps us out: let it admit this machine's address, or give "
    "its service token in AIRBYTE_HEADERS (CF-Access-Client-Id, CF-Access-Client-Secret)"
)
_WANTS_TLS: Final = re.compile(
    r"HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port", re.IGNORECASE
)
"""What Go's net/http and nginx say in plain text at a port that speaks TLS."""
_AZURE: Final = re.compile(r"authorization_uri=|login\.(?:windows\.net|microsoftonline)")
_AZURE_HINT: Final = (
    "Azure's authentication (Easy Auth) stands in front: exclude the API's path from it, or send "
    "its token in AIRBYTE_HEADERS (X-ZUMO-AUTH)"
)
_WANTS_CERTIFICATE: Final = re.compile(
    r"no required SSL certificate was sent|the SSL certificate error", re.IGNORECASE
)
"""What nginx says where a client certificate is missing, or is not one that it knows."""
_BASIC_HINT: Final = "a proxy in front wants AIRBYTE_USERNAME and AIRBYTE_PASSWORD; check both"
_HTML_HINT: Final = (
    "give the API's address: https://HOST/api/public/v1, or the bare root; "
    "`airbyte-sync check` finds the step that fails"
)
_CLIENT_REFUSED: Final = (
    "are AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET set, and right (or AIRBYTE_TOKEN, or "
    "AIRBYTE_USERNAME)? `airbyte-sync check` finds the step that fails"
)
_NOBODY_REFUSED: Final = (
    "no credentials are set: this Airbyte wants AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET (web "
    "UI: Settings, Applications), or AIRBYTE_TOKEN"
)
_HEADER_REFUSED: Final = (
    "the Authorization header of AIRBYTE_HEADERS (--header) was refused: is it right, and for "
    "this server?"
)
_BASIC_REFUSED: Final = (
    "AIRBYTE_USERNAME and AIRBYTE_PASSWORD were refused; newer servers want a client id and "
    "secret instead (AIRBYTE_CLIENT_ID, AIRBYTE_CLIENT_SECRET)"
)
_BEARER_REFUSED: Final = (
    "AIRBYTE_TOKEN was refused: it may have ended, or belong to another server"
)

MAY_NOT_START: Final = (
    "reading works, so the credentials are right, but their role may not start this: syncs need "
    "the role Workspace Runner, clears and refreshes Workspace Editor"
)
MAY_NOT_CANCEL: Final = (
    "reading works, so the credentials are right, but their role may not cancel: that needs the "
    "role Workspace Runner"
)
MAY_NOT_READ: Final = (
    "the credentials work elsewhere, but their role may not read this workspace: name another "
    "one with --workspace"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What can be read from an error body, whichever family it is of."""

    words: str
    """The most useful sentence, cut to a readable length. From 2.0 on an `errorId` is often all
    there is: to be found in the server's log."""
    title: str | None = None
    """A problem's title, such as `try-again-later`."""
    is_html: bool = False
    is_json: bool = False


def denied_hint(settings: Settings) -> str:
    """Tell what a 401 or 403 of Airbyte's own means, by the credentials that are set."""
    match settings.credentials:
        case NoAuth():
            named = {name.lower() for name, _ in settings.headers}
            return _HEADER_REFUSED if "authorization" in named else _NOBODY_REFUSED
        case BasicAuth():
            return _BASIC_REFUSED
        case BearerAuth():
            return _BEARER_REFUSED
        case ClientCredentials():
            return _CLIENT_REFUSED


def read_refusal(reply: Reply) -> Refusal:
    """Read an error body; never raises."""
    if looks_like_html(reply):
        return Refusal(words=_html_words(reply), is_html=True)
    try:
        content = load(reply.body)
    except ValueError:
        return Refusal(words=_shortened(reply.body[:LARGEST_REFUSAL].decode(errors="replace")))
    if not isinstance(content, dict):
        return Refusal(words=_shortened(str(content)), is_json=True)
    return _read_object(content)


def looks_like_html(reply: Reply) -> bool:
    """Whether a page for people came back."""
    return _PAGE.match(reply.body[:4096]) is not None


def expect_success(reply: Reply, *, retry_after: float | None) -> Reply:
    """Return a 2xx answer that is no web page; raise what any other one means."""
    if reply.is_success and not looks_like_html(reply):
        return reply
    raise error_of(reply, retry_after=retry_after)


def error_of(reply: Reply, *, retry_after: float | None) -> AirbyteSyncError:
    """Turn an answer that is no success into the error that a person can act on."""
    refusal = read_refusal(reply)
    said = f"{reply.request}: {reply.status}{f' ({refusal.words})' if refusal.words else ''}"
    match reply.status:
        case status if status in {401, 403} or _WANTS_CERTIFICATE.search(refusal.words):
            hint = hint_of_proxy(reply) or reply.denied_hint or _CLIENT_REFUSED
            error: AirbyteSyncError = DeniedError(said, hint=hint)
        case 407:
            error = DeniedError(said, hint=PROXY_HINT)
        case status if _is_passing(status):
            error = UnavailableError(said, retry_after=retry_after, status=reply.status)
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            error = _redirected(reply)
        case 400 if _WANTS_TLS.search(refusal.words):
            error = ProtocolError(
                f"{said}: the port wants https://", hint=_https_hint(reply.request.url)
            )
        case _ if refusal.is_html:
            error = _page_instead_of_api(reply)
        case 404 if refusal.is_json:
            error = NotFoundError(said)
        case 400 if refusal.title == "resource-not-found":  # up to 1.1
            error = NotFoundError(said)
        case status if status < HTTPStatus.BAD_REQUEST or status in {404, 405}:
            error = ProtocolError(
                f"{said}: no such address in this API",
                hint=_HTML_HINT,
                may_pass=status == HTTPStatus.NOT_FOUND and refusal.words != _NO_SUCH_PATH,
            )
        case _:
            error = RejectedError(said, status=reply.status)
    return error


def hint_of_proxy(reply: Reply) -> str | None:
    """Tell what to do where a proxy in front refused us; None where it was Airbyte itself."""
    refusal = read_refusal(reply)
    if _CLOUDFLARE.search(f"{reply.headers.get('server', '')} {refusal.words}"):
        is_own = refusal.is_html or "cf-mitigated" in reply.headers or not refusal.is_json
        return _CLOUDFLARE_HINT if is_own else None
    if reply.headers.get("www-authenticate", "").lower().startswith("basic"):
        return _BASIC_HINT
    if _WANTS_CERTIFICATE.search(refusal.words):
        return CLIENT_HINT
    is_azures = _AZURE.search(reply.headers.get("www-authenticate", ""))
    if is_azures or "x-ms-middleware-request-id" in reply.headers:
        return _AZURE_HINT
    is_googles = FROM_IAP in reply.headers or "IAP" in refusal.words
    return _LOGIN_HINT if refusal.is_html or is_googles else None


def _is_passing(status: int) -> bool:
    """Return whether it may pass: 408, 429, every 5xx (gateways invent some: 520, 561)."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _redirected(reply: Reply) -> AirbyteSyncError:
    target = redact(reply.headers.get("location", "an unnamed place"))  # before it is split
    if _is_same_by_tls(reply.request.url, target):
        return ProtocolError(
            f"{reply.request}: redirected to {_shortened(target, most=200)}",
            hint=_https_hint(target),
        )
    if _LOGIN_ADDRESS.search(_told_by(target, reply.request.url)):
        return DeniedError(
            f"{reply.request}: sent to a login page ({_shortened(target, most=120)}): this is the "
            "web page or an identity proxy, not the API",
            hint=_CLOUDFLARE_HINT if _CLOUDFLARE.search(target) else _LOGIN_HINT,
        )
    return ProtocolError(
        f"{reply.request}: redirected to {_shortened(target, most=200)}",
        hint="credentials are never sent elsewhere: give the final address with --url",
    )


def _is_same_by_tls(asked: str, target: str) -> bool:
    """Whether an ingress wants TLS for the very thing that was asked for."""
    here, there = _split(asked), _split(target)
    is_same = there.hostname == here.hostname and there.path.rstrip("/") == here.path.rstrip("/")
    return is_same and (here.scheme, there.scheme) == ("http", "https")


def _https_hint(url: str) -> str:
    """Say which address has TLS: what lies before the API's own path stays."""
    parts = _split(url)
    prefix = re.sub(r"(?:/api(?:/public)?)?/v1(?:/.*)?$", "", parts.path, flags=re.IGNORECASE)
    return f"set --url (AIRBYTE_URL) to https://{parts.netloc.rpartition('@')[2]}{prefix}"


def _told_by(target: str, asked: str) -> str:
    """Tell what of a redirect may speak of a login: the host that was asked for does not."""
    here, there = _split(asked), _split(target)
    return there.path if there.hostname in {None, here.hostname} else target


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _page_instead_of_api(reply: Reply) -> AirbyteSyncError:
    title = read_refusal(reply).words.removeprefix("a web page").removeprefix(": ")
    words = f"{reply.request}: this is the web page or an identity proxy, not the API"
    words += f" ({reply.status}, {title!r})" if title else ""
    if _LOGIN.search(reply.body[:LARGEST_REFUSAL]):
        return DeniedError(f"{words} (a login page)", hint=_LOGIN_HINT)
    return ProtocolError(words, hint=_HTML_HINT, may_pass=reply.status == HTTPStatus.NOT_FOUND)


def no_such_job(job_id: int, error: AirbyteSyncError) -> NotFoundError:
    """Say that there is no such job: neither API answers that with a plain 404."""
    return NotFoundError(
        f"no job {job_id} here ({error.message})",
        hint="`airbyte-sync jobs --conn NAME` lists the jobs of a connection",
    )


def no_such_connection(connection_id: str, error: AirbyteSyncError) -> NotFoundError:
    """Say that there is no such connection."""
    return NotFoundError(
        f"no connection {connection_id} here ({error.message})",
        hint="`airbyte-sync connections` lists those that can be seen",
    )


def _read_object(content: Mapping[str, object]) -> Refusal:
    data, embedded = content.get("data"), content.get("_embedded")
    candidates = [
        data.get("message") if isinstance(data, dict) else None,
        content.get("detail"),
        _first_message(embedded),  # `message` may be no more than "Bad Request" beside it
        content.get("message"),
        content.get("title"),
    ]
    said = next((text for text in candidates if isinstance(text, str) and text), "")
    error_id = content.get("errorId")
    suffix = f"errorId {error_id}" if isinstance(error_id, str) else ""
    title = content.get("title")
    return Refusal(
        words=_shortened(", ".join(filter(None, [said, suffix]))),
        title=title if isinstance(title, str) else None,
        is_json=True,
    )


def _first_message(embedded: object) -> object:
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return first.get("message") if isinstance(first, dict) else None


def _html_words(reply: Reply) -> str:
    text = _title(reply.body[:LARGEST_REFUSAL]).decode(errors="replace")
    return _shortened(f"a web page: {text}" if text.strip() else "a web page", most=120)


def _title(page: bytes) -> bytes:
    """Find the first title. Not by a pattern, which would look for the end from every start."""
    start = page.lower().find(b"<title")
    begin = page.find(b">", start) + 1
    end = page.lower().find(b"</title", begin)
    return page[begin:end] if start >= 0 < begin <= end else b""


def _shortened(text: str, *, most: int = _LONGEST_WORDS) -> str:
    return capped(text, most, clean=lambda words: " ".join(words.split()))
