"""What an answer to a trigger proves: yes, no, conflict, not delivered, or nothing at all."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from airbyte_sync_cli.airbyte.error_response import error_of, looks_like_html, read_refusal
from airbyte_sync_cli.airbyte.models import (
    Conflicted,
    Job,
    ResponseLost,
    Started,
    TriggerResponse,
    Undelivered,
)
from airbyte_sync_cli.airbyte.request import Reply, UnansweredError
from airbyte_sync_cli.errors import DeniedError, ProtocolError, UnavailableError

_NOT_DELIVERED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NOT_DONE_HERE = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})
_CUT_OFF = re.compile(rb"disconnect/reset before headers")
_NOT_CONNECTED = re.compile(rb"reset reason: \S* ?(?:connection (?:failure|timeout)|overflow)")
"""Envoy answers 503 when its connection to Airbyte broke off; only these reasons tell that the
request was not delivered (envoyproxy/envoy #14981)."""

_REGISTERED: Final = frozenset(map(int, HTTPStatus))


async def judge_trigger(
    send: Callable[[], Awaitable[Reply]],
    *,
    read_job: Callable[[Reply], Job],
    retry_after: Callable[[Reply], float | None],
) -> TriggerResponse:
    """Send the trigger once and say what its answer proves. A clean no is raised."""
    try:
        reply = await send()
    except UnansweredError as error:
        if error.unsent:
            return Undelivered(message=error.message, hint=error.hint, unsent=True)
        return ResponseLost(message=error.message)
    except UnavailableError as error:  # the token could not be had: nothing was sent
        return Undelivered(
            message=error.message, hint=error.hint, unsent=True, retry_after=error.retry_after
        )
    except ProtocolError as error:  # an endless or unreadable answer
        return ResponseLost(message=error.message)
    return _judge_reply(reply, read_job, retry_after(reply))


def _judge_reply(
    reply: Reply, read_job: Callable[[Reply], Job], retry_after: float | None
) -> TriggerResponse:
    if reply.is_success:
        return _judge_yes(reply, read_job)
    error = error_of(reply, retry_after=retry_after)
    if reply.status == HTTPStatus.CONFLICT:
        return _judge_conflict(reply, error.message)
    if reply.status in _NOT_DELIVERED and not _was_cut_off(reply):
        return Undelivered(message=error.message, retry_after=retry_after)
    if _may_follow_the_work(reply) and not isinstance(error, DeniedError):
        return ResponseLost(message=error.message)
    is_page = looks_like_html(reply) and not isinstance(error, DeniedError)
    is_page = is_page or (isinstance(error, ProtocolError) and error.may_pass)
    if isinstance(error, UnavailableError) or is_page:
        return ResponseLost(message=error.message)
    raise error


def _may_follow_the_work(reply: Reply) -> bool:
    """Return whether this may come after the request was worked on.

    So may a redirect, and a status that only gateways use (460, 499). But 307 and 308 that name an
    address say that the request itself belongs elsewhere (RFC 9110, section 15.4).
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


def _was_cut_off(reply: Reply) -> bool:
    return bool(_CUT_OFF.search(reply.body)) and not _NOT_CONNECTED.search(reply.body)


def _judge_yes(reply: Reply, read_job: Callable[[Reply], Job]) -> TriggerResponse:
    try:
        return Started(job=read_job(reply))
    except ProtocolError as error:
        return ResponseLost(message=error.message)


def _judge_conflict(reply: Reply, words: str) -> Conflicted:
    """Tell `try-again-later` from `state-conflict`: the latter comes after the start signal."""
    refusal = read_refusal(reply)
    already_running = refusal.title == "try-again-later" or "already running" in refusal.words
    return Conflicted(message=words, already_running=already_running)
