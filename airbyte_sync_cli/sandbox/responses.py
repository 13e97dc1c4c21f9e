"""Responses as Airbyte words them, errors included."""

import json
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, Response

from airbyte_sync_cli.sandbox.versions import Quirks


class ApiRefusal(Exception):  # noqa: N818  # a refusal is an answer, not an error of ours
    """The base: `message` is the server's own wording, where it shows one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AlreadyRunning(ApiRefusal):
    """A sync runs on the connection, or a retry's backoff waits."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"A sync is already running for: {connection_id}")


class WorkflowDeleted(ApiRefusal):
    """The connection's workflow is gone: a 409 that nothing will end."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(
            f"The connection manager workflow for connection {connection_id} is deleted, "
            "so no further operations cannot be done on it."
        )


class NotActive(ApiRefusal):
    """The connection is inactive, locked or deprecated."""

    def __init__(self) -> None:
        super().__init__("Can only sync an active connection")


class StartTimedOut(ApiRefusal):
    """No job id within the server's minute; the signal stays, the job may still start."""

    def __init__(self) -> None:
        super().__init__("Could not fulfill request")


class JobOverAtOnce(ApiRefusal):
    """The job ended before the trigger was answered."""

    def __init__(self) -> None:
        super().__init__("Job is not currently running")


class NoSuchResource(ApiRefusal):
    """Nothing of that kind (in the server's words) has that id."""

    def __init__(self, kind: str, resource_id: str) -> None:
        super().__init__(f"Could not find configuration for {kind}: {resource_id}.")
        self.kind = kind
        self.resource_id = resource_id


class NoSuchConnection(NoSuchResource):
    """No connection has that id."""

    def __init__(self, connection_id: str) -> None:
        super().__init__("STANDARD_SYNC", connection_id)


class MalformedId(ApiRefusal):
    """Where a UUID should be there is something else."""


class NoSuchJob(ApiRefusal):
    """No job has that id."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Could not find job with id: {job_id}")


class NotFound(ApiRefusal):
    """Something else that is looked up by id is not there."""


class BadRequest(ApiRefusal):
    """A parameter makes no sense."""


class Forbidden(ApiRefusal):
    """The caller is known, and may not."""

    def __init__(self) -> None:
        super().__init__(
            "Caller does not have the required permissions to access the resource(s)."
        )


class Crash(ApiRefusal):
    """Something that the server itself did not expect."""


class Unreadable(ApiRefusal):
    """The body is not JSON, or a value in it is of the wrong kind."""


class MissingField(ApiRefusal):
    """A field that must be there is missing."""

    def __init__(self, field: str) -> None:
        super().__init__("Some properties contained invalid input.")
        self.field = field


class Unprocessable(ApiRefusal):
    """Understood and not supported: a refresh over the Public API."""


Json = dict[str, object]

INDEX_HTML: Final = (
    '<!doctype html>\n<html lang="en"><head><title>Airbyte</title></head>'
    '<body><div id="root"></div></body></html>\n'
)
LOGIN_HTML: Final = (
    "<!doctype html>\n<html><head><title>Sign in</title></head>"
    '<body><form method="post"><input name="password" type="password"></form></body></html>\n'
)


class JsonResponse(Response):
    """An answer in JSON. Half a surrogate pair becomes a question mark, as Java writes it."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Write the body."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")


def without_nulls(fields: Mapping[str, object | None]) -> Json:
    """Leave null fields out, as Airbyte's serializer does (`NON_ABSENT`)."""
    return {name: value for name, value in fields.items() if value is not None}


def ok(body: object) -> Response:
    """Answer 200 with JSON."""
    return JsonResponse(body)


def framework(status: HTTPStatus, path: str) -> Response:
    """Answer as Micronaut itself does for 401, 403, 405 and unreadable parameters."""
    return JsonResponse(
        {
            "message": status.phrase,
            "_embedded": {"errors": [{"message": status.phrase}]},
            "_links": {"self": {"href": path, "templated": False}},
        },
        status,
    )


def hidden(status: HTTPStatus) -> Response:
    """Answer with an error id alone: what the server knows is in its log only."""
    return JsonResponse({"errorId": str(uuid.uuid4())}, status)


def no_such_path() -> Response:
    """Answer an unknown path under `/api`: called JSON, but the words are bare."""
    return Response("Object not found.", HTTPStatus.NOT_FOUND, media_type="application/json")


def index_html() -> Response:
    """Answer any other path: the web page, with 200."""
    return HTMLResponse(INDEX_HTML)


DOCS: Final = "https://reference.airbyte.com/reference/errors"
FORBIDDEN: Final = Forbidden().message

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


_TITLES: Final[dict[type[ApiRefusal], str]] = {
    AlreadyRunning: "try-again-later",
    WorkflowDeleted: "try-again-later",
    StartTimedOut: "state-conflict",
    JobOverAtOnce: "state-conflict",
    Forbidden: "forbidden",
    Unprocessable: "unprocessable-entity",
    NotFound: "resource-not-found",
}
"""Refusals that tell their message in every version and to everybody."""


def public_refusal(refusal: ApiRefusal, quirks: Quirks, *, admin: bool) -> Response:
    """Put a refusal into the Public API's words, of this version and for this caller."""
    match refusal:
        case NotActive():
            return problem("state-conflict", "Could not fulfill request")
        case NoSuchJob():
            return _missing_job(quirks, admin=admin)
        case NoSuchResource():
            return _missing_resource(refusal, quirks, admin=admin)
        case MalformedId():
            return _malformed(refusal, quirks, admin=admin)
        case Crash():
            return hidden(HTTPStatus.INTERNAL_SERVER_ERROR)
        case _:
            return problem(_TITLES.get(type(refusal), "bad-request"), refusal.message)


def _missing_job(quirks: Quirks, *, admin: bool) -> Response:
    if not admin or quirks.admins_may_not_see_unknown_jobs:
        return problem("forbidden", FORBIDDEN)
    return problem("state-conflict", "Job is not currently running")


def _missing_resource(refusal: NoSuchResource, quirks: Quirks, *, admin: bool) -> Response:
    if not admin:
        return problem("forbidden", FORBIDDEN)
    status = quirks.missing_connection_status
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem("unexpected-problem", f"Could not find {refusal.resource_id}")
    data: Json = {"resourceType": refusal.kind, "resourceId": refusal.resource_id}
    return problem("resource-not-found", status=status, data=data)


def _malformed(refusal: ApiRefusal, quirks: Quirks, *, admin: bool) -> Response:
    if not admin:
        return problem("forbidden", FORBIDDEN)
    if not quirks.hides_errors:
        return problem("bad-request", refusal.message)
    return hidden(HTTPStatus.INTERNAL_SERVER_ERROR)


def config_refusal(  # noqa: PLR0911  # one answer per refusal
    refusal: ApiRefusal, quirks: Quirks, *, admin: bool, path: str
) -> Response:
    """Put a refusal into the Config API's words, of this version and for this caller."""
    match refusal:
        case AlreadyRunning() | WorkflowDeleted():
            return _known(HTTPStatus.CONFLICT, "ValueConflictKnownException", refusal, quirks)
        case BadRequest():
            return _known(HTTPStatus.BAD_REQUEST, "BadRequestException", refusal, quirks)
        case NoSuchResource():
            if not admin:
                return framework(HTTPStatus.FORBIDDEN, path)
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
        case Forbidden():
            return framework(HTTPStatus.FORBIDDEN, path)
        case NotFound():
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
        case MissingField():
            return _missing(refusal, quirks)
        case MalformedId() | Unreadable() | Unprocessable():
            return _unreadable(refusal, quirks)
        case JobOverAtOnce():
            return _crash(NoSuchJob(-1), quirks)
        case _:
            return _crash(refusal, quirks)


def _known(status: HTTPStatus, exception: str, refusal: ApiRefusal, quirks: Quirks) -> Response:
    """Only these keep their message when errors are hidden."""
    if quirks.hides_errors:
        return JsonResponse({"message": refusal.message, "errorId": str(uuid.uuid4())}, status)
    return JsonResponse(_exception(refusal.message, exception, quirks), status)


def _hideable(status: HTTPStatus, exception: str, refusal: ApiRefusal, quirks: Quirks) -> Response:
    if quirks.hides_errors:
        return hidden(status)
    return JsonResponse(_exception(refusal.message, exception, quirks), status)


def _missing(refusal: MissingField, quirks: Quirks) -> Response:
    """A field that must be there is a 400, JSON of the wrong kind a 422."""
    if quirks.hides_errors:
        return hidden(HTTPStatus.BAD_REQUEST)
    body = _exception(refusal.message, "ConstraintViolationException", quirks)
    missing = {
        "propertyPath": refusal.field,
        "message": "must not be null",
        "invalidValue": "null",
    }
    return JsonResponse({**body, "validationErrors": [missing]}, HTTPStatus.BAD_REQUEST)


def _unreadable(refusal: ApiRefusal, quirks: Quirks) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if quirks.hides_errors:
        return hidden(status)
    body = _exception(f"Invalid json input. {refusal.message}", "InvalidJsonException", quirks)
    return JsonResponse(body, status)


def _crash(refusal: ApiRefusal, quirks: Quirks) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    if quirks.hides_errors:
        return hidden(status)
    message = f"Internal Server Error: {refusal.message}"
    return JsonResponse(_exception(message, "UncaughtException", quirks), status)


def _exception(message: str, exception: str, quirks: Quirks) -> Json:
    body: Json = {
        "message": message,
        "exceptionClassName": f"io.airbyte.commons.server.errors.{exception}",
    }
    if quirks.shows_stack_traces:
        body["exceptionStack"] = [f"io.airbyte.commons.server.errors.{exception}: {message}"]
    return body
