"""What the response to a trigger proves: started, rejected, conflict, not delivered, or lost.

A lost response (`ResponseLost`) proves nothing: the job may have been started. It is then looked
for, and the trigger is never simply repeated: see `sync/trigger.py`.
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from airbyte_sync_cli.airbyte.error_response import error_of, is_html, read_error
from airbyte_sync_cli.airbyte.models import (
    Conflicted,
    Job,
    ResponseLost,
    Started,
    TriggerResponse,
    Undelivered,
)
from airbyte_sync_cli.airbyte.request import Reply
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.errors import DeniedError, ProtocolError, UnavailableError

_NOT_DELIVERED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NOT_DONE_HERE: Final = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})
_CUT_OFF: Final = rb"disconnect/reset before headers"
_NOT_CONNECTED: Final = rb"reset reason: \S* ?(?:connection (?:failure|timeout)|overflow)"
"""Envoy answers 503 if its connection to Airbyte broke; only these reasons prove that the request
was not delivered (envoyproxy/envoy #14981)."""
_REGISTERED: Final = frozenset(map(int, HTTPStatus))
"""Statuses of the HTTP standards: gateways invent others, such as nginx's 499."""


async def classify_trigger(
    sending: Awaitable[Reply], *, read_job: Callable[[Reply], Job]
) -> TriggerResponse:
    """Await the response to a trigger and return what it proves. Raises a clear rejection."""
    try:
        reply = await sending
    # First: it is an UnavailableError, too, but after this one a job may exist.
    except UnansweredError as error:
        if error.unsent:
            return Undelivered(message=error.message, hint=error.hint, unsent=True)
        return ResponseLost(message=error.message)
    except UnavailableError as error:  # there was no token, so the trigger was not sent
        return Undelivered(
            message=error.message, hint=error.hint, unsent=True, retry_after=error.retry_after
        )
    except ProtocolError as error:  # an endless body, or one that cannot be decompressed
        return ResponseLost(message=error.message)
    return _classify_reply(reply, read_job)


def _classify_reply(reply: Reply, read_job: Callable[[Reply], Job]) -> TriggerResponse:
    if reply.is_success:
        return _classify_success(reply, read_job)
    error = error_of(reply)
    if reply.status == HTTPStatus.CONFLICT:
        return _classify_conflict(reply, error.message)
    if reply.status in _NOT_DELIVERED and not _was_cut_off(reply):
        return Undelivered(message=error.message, retry_after=reply.retry_after)
    # Before web pages: a login page comes from a proxy, so the trigger has not reached Airbyte.
    if isinstance(error, DeniedError):
        raise error
    # A proxy's 404 proves nothing: it may be sent after the trigger was passed on.
    is_gateways_404 = isinstance(error, ProtocolError) and error.may_pass
    if (
        _may_follow_the_work(reply)
        or isinstance(error, UnavailableError)
        or is_html(reply)
        or is_gateways_404
    ):
        return ResponseLost(message=error.message)
    raise error


def _classify_success(reply: Reply, read_job: Callable[[Reply], Job]) -> TriggerResponse:
    try:
        return Started(job=read_job(reply))
    # A success without a readable job may still have started one.
    except ProtocolError as error:
        return ResponseLost(message=error.message)


def _classify_conflict(reply: Reply, message: str) -> Conflicted:
    body = read_error(reply)
    # Otherwise it is `state-conflict`, which Airbyte may send after it has started the job.
    already_running = body.title == "try-again-later" or "already running" in body.text
    return Conflicted(message=message, already_running=already_running)


def _was_cut_off(reply: Reply) -> bool:
    return bool(re.search(_CUT_OFF, reply.body)) and not re.search(_NOT_CONNECTED, reply.body)


def _may_follow_the_work(reply: Reply) -> bool:
    """True if a gateway may send this after Airbyte has done the work.

    That holds for redirects and for statuses that only gateways use (460, 499). But 307 and 308
    with an address mean that the request itself belongs elsewhere (RFC 9110, section 15.4).
    """
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST
    is_clear = reply.status in _NOT_DONE_HERE and _is_address(reply.headers.get("location", ""))
    return reply.status not in _REGISTERED or (is_redirect and not is_clear)


def _is_address(target: str) -> bool:
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return False
    has_place = bool(parts.hostname) if parts.scheme else bool(parts.netloc or parts.path)
    return parts.scheme in {"", "http", "https"} and has_place and port != 0
