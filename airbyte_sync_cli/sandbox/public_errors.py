"""How the Public API says no: problems (RFC 9457), nulls included, served as plain JSON."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox import refusals
from airbyte_sync_cli.sandbox.answers import Json, JsonResponse, hidden
from airbyte_sync_cli.sandbox.versions import Quirks

DOCS: Final = "https://reference.airbyte.com/reference/errors"
FORBIDDEN: Final = refusals.Forbidden().message

_KINDS: Final[dict[str, tuple[int, str, str]]] = {
    "try-again-later": (409, "#try-again-later", "Please try again later."),
    "state-conflict": (409, "#409-state-conflict", "State conflict"),
    "resource-not-found": (
        404,
        "#resource-not-found",
        "The requested resource could not be found.",
    ),
    "forbidden": (403, "#forbidden", "The request is forbidden."),
    "bad-request": (400, "#bad-request", "The request could not be understood by the server."),
    "unprocessable-entity": (
        422,
        "#unprocessable-entity",
        "The body of the request was not understood",
    ),
    "unexpected-problem": (
        500,
        "",
        "An unexpected problem has occurred. If this is an error that needs to be addressed, "
        "please submit a pull request or github issue.",
    ),
    "service-unavailable": (503, "#service-unavailable", "The service is unavailable."),
}


def problem(
    title: str,
    message: str | None = None,
    *,
    status: int | None = None,
    data: Json | None = None,
) -> Response:
    """Build a problem by its title, with a message or other data."""
    usual, anchor, detail = _KINDS[title]
    code = usual if status is None else status
    body = {
        "status": code,
        "type": DOCS + anchor,
        "title": title,
        "detail": detail,
        "documentationUrl": None,
        "data": {"message": message} if message is not None else data,
    }
    return JsonResponse(body, code)


_TITLES: Final[dict[type[refusals.Refusal], str]] = {
    refusals.AlreadyRunning: "try-again-later",
    refusals.WorkflowDeleted: "try-again-later",
    refusals.StartTimedOut: "state-conflict",
    refusals.JobOverAtOnce: "state-conflict",
    refusals.Forbidden: "forbidden",
    refusals.Unprocessable: "unprocessable-entity",
    refusals.NotFound: "resource-not-found",
}
"""Refusals that tell their message in every version and to everybody."""


def public_refusal(refusal: refusals.Refusal, quirks: Quirks, *, admin: bool) -> Response:
    """Put a refusal into the Public API's words, of this version and for this caller."""
    match refusal:
        case refusals.NotActive():
            return problem("state-conflict", "Could not fulfill request")
        case refusals.NoSuchJob():
            return _missing_job(quirks, admin=admin)
        case refusals.NoSuchResource():
            return _missing_resource(refusal, quirks, admin=admin)
        case refusals.MalformedId():
            return _malformed(refusal, quirks, admin=admin)
        case refusals.Crash():
            return hidden(HTTPStatus.INTERNAL_SERVER_ERROR)
        case _:
            return problem(_TITLES.get(type(refusal), "bad-request"), refusal.message)


def _missing_job(quirks: Quirks, *, admin: bool) -> Response:
    if not admin or quirks.admins_may_not_see_unknown_jobs:
        return problem("forbidden", FORBIDDEN)
    return problem("state-conflict", "Job is not currently running")


def _missing_resource(
    refusal: refusals.NoSuchResource, quirks: Quirks, *, admin: bool
) -> Response:
    if not admin:
        return problem("forbidden", FORBIDDEN)
    status = quirks.missing_connection_status
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem("unexpected-problem", f"Could not find {refusal.resource_id}")
    data: Json = {"resourceType": refusal.kind, "resourceId": refusal.resource_id}
    return problem("resource-not-found", status=status, data=data)


def _malformed(refusal: refusals.Refusal, quirks: Quirks, *, admin: bool) -> Response:
    if not admin:
        return problem("forbidden", FORBIDDEN)
    if not quirks.hides_errors:
        return problem("bad-request", refusal.message)
    return hidden(HTTPStatus.INTERNAL_SERVER_ERROR)
