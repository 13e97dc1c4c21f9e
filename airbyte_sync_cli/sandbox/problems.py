"""The errors that a request can meet, and the response that each API makes of them.

Airbyte's Public API answers with problems (`api-problems.yaml`), the Config API with the
exceptions under `io.airbyte.commons.server.errors`. Handlers raise; the app formats.
"""

import uuid
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox.responses import Json, JsonResponse, framework_error, hidden_error
from airbyte_sync_cli.sandbox.versions import Quirks


class ApiProblem(Exception):  # noqa: N818  # Airbyte's word for it
    """The base: `message` is the server's own wording, where it shows one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AlreadyRunning(ApiProblem):
    """A sync is running on the connection, or waiting for its next attempt."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"A sync is already running for: {connection_id}")


class WorkflowDeleted(ApiProblem):
    """The connection's Temporal workflow was deleted: every trigger is a 409."""

    def __init__(self, connection_id: str) -> None:
        super().__init__(
            f"The connection manager workflow for connection {connection_id} is deleted, "
            "so no further operations cannot be done on it."
        )


class NotActive(ApiProblem):
    """The connection is inactive, locked or deprecated."""

    def __init__(self) -> None:
        super().__init__("Can only sync an active connection")


class StartTimedOut(ApiProblem):
    """No job id within the server's minute. The signal stays: the job may still start."""

    def __init__(self) -> None:
        super().__init__("Could not fulfill request")


class JobEndedAtOnce(ApiProblem):
    """The job ended before the response to its trigger."""

    def __init__(self) -> None:
        super().__init__("Job is not currently running")


class NoSuchResource(ApiProblem):
    """No resource of that kind (in the server's words) has that id."""

    def __init__(self, kind: str, resource_id: str) -> None:
        super().__init__(f"Could not find configuration for {kind}: {resource_id}.")
        self.kind = kind
        self.resource_id = resource_id


class NoSuchConnection(NoSuchResource):
    """No connection has that id."""

    def __init__(self, connection_id: str) -> None:
        super().__init__("STANDARD_SYNC", connection_id)


class MalformedId(ApiProblem):
    """An id is not a UUID."""


class NoSuchJob(ApiProblem):
    """No job has that id."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Could not find job with id: {job_id}")


class NotFound(ApiProblem):
    """Anything else that does not exist."""


class BadRequest(ApiProblem):
    """A query parameter or a value is not valid."""


class Forbidden(ApiProblem):
    """The caller is authenticated and lacks the permission."""

    def __init__(self) -> None:
        super().__init__(
            "Caller does not have the required permissions to access the resource(s)."
        )


class InternalError(ApiProblem):
    """An exception that the server does not handle."""


class InvalidBody(ApiProblem):
    """The body is not JSON, or a value in it has the wrong type."""


class MissingField(ApiProblem):
    """A required field is missing."""

    def __init__(self, field: str) -> None:
        super().__init__("Some properties contained invalid input.")
        self.field = field


class NotSupported(ApiProblem):
    """Valid and not supported: a refresh over the Public API."""


DOCS: Final = "https://reference.airbyte.com/reference/errors"
FORBIDDEN: Final = Forbidden().message

_PROBLEMS: Final[dict[str, tuple[int, str, str]]] = {
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
}
"""Status, anchor in the documentation, and detail of each problem, by its title."""
_TITLES: Final[dict[type[ApiProblem], str]] = {
    AlreadyRunning: "try-again-later",
    WorkflowDeleted: "try-again-later",
    StartTimedOut: "state-conflict",
    JobEndedAtOnce: "state-conflict",
    Forbidden: "forbidden",
    NotSupported: "unprocessable-entity",
    NotFound: "resource-not-found",
}
"""The problems that show their message in every version and to every caller; others are
`bad-request`."""


def public_response(problem: ApiProblem, quirks: Quirks, *, admin: bool) -> Response:
    """Return the Public API's response for this version and this caller."""
    match problem:
        case NotActive():  # ConfigClientErrorHandler drops the reason
            return _public_problem("state-conflict", "Could not fulfill request")
        case NoSuchJob():
            return _missing_job(quirks, admin=admin)
        # 403 without admin rights: no workspace is found for the id, so nothing grants access.
        case NoSuchResource():
            return _missing_resource(problem, quirks, admin=admin)
        case MalformedId():
            return _malformed_id(problem, quirks, admin=admin)
        case InternalError():
            return hidden_error(HTTPStatus.INTERNAL_SERVER_ERROR)
        case _:
            return _public_problem(_TITLES.get(type(problem), "bad-request"), problem.message)


def _missing_job(quirks: Quirks, *, admin: bool) -> Response:
    if not admin or quirks.unknown_job_is_forbidden:
        return _public_problem("forbidden", FORBIDDEN)
    return _public_problem("state-conflict", "Job is not currently running")


def _missing_resource(problem: NoSuchResource, quirks: Quirks, *, admin: bool) -> Response:
    if not admin:
        return _public_problem("forbidden", FORBIDDEN)
    status = quirks.missing_connection_status
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _public_problem("unexpected-problem", f"Could not find {problem.resource_id}")
    data: Json = {"resourceType": problem.kind, "resourceId": problem.resource_id}
    return _public_problem("resource-not-found", status=status, data=data)


def _malformed_id(problem: ApiProblem, quirks: Quirks, *, admin: bool) -> Response:
    if not admin:
        return _public_problem("forbidden", FORBIDDEN)
    if not quirks.hides_errors:
        return _public_problem("bad-request", problem.message)
    return hidden_error(HTTPStatus.INTERNAL_SERVER_ERROR)


def _public_problem(
    title: str,
    message: str | None = None,
    *,
    status: int | None = None,
    data: Json | None = None,
) -> Response:
    usual, anchor, detail = _PROBLEMS[title]
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


def config_response(problem: ApiProblem, quirks: Quirks, *, admin: bool, path: str) -> Response:
    """Return the Config API's response for this version and this caller."""
    match problem:
        case AlreadyRunning() | WorkflowDeleted():
            return _with_message(409, "ValueConflictKnownException", problem, quirks)
        case BadRequest():
            return _with_message(400, "BadRequestException", problem, quirks)
        case Forbidden():
            return framework_error(HTTPStatus.FORBIDDEN, path)
        case NoSuchResource() if not admin:
            return framework_error(HTTPStatus.FORBIDDEN, path)
    return _hideable(problem, quirks)


def _with_message(status: int, exception: str, problem: ApiProblem, quirks: Quirks) -> Response:
    """Return one of the few errors that keep their message from 2.0 on (KnownException)."""
    if quirks.hides_errors:
        return JsonResponse({"message": problem.message, "errorId": str(uuid.uuid4())}, status)
    return JsonResponse(_exception(problem.message, exception, quirks), status)


def _hideable(problem: ApiProblem, quirks: Quirks) -> Response:
    status, exception, message = _config_error(problem)
    if quirks.hides_errors:
        return hidden_error(status)
    body = _exception(message, exception, quirks)
    if isinstance(problem, MissingField):
        body["validationErrors"] = [
            {
                "propertyPath": problem.field,
                "message": "must not be null",
                "invalidValue": "null",
            }
        ]
    return JsonResponse(body, status)


def _config_error(problem: ApiProblem) -> tuple[HTTPStatus, str, str]:
    match problem:
        case NoSuchResource() | NotFound():
            return HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", problem.message
        case MissingField():  # 400 where a field is missing, 422 where its type is wrong
            return HTTPStatus.BAD_REQUEST, "ConstraintViolationException", problem.message
        case MalformedId() | InvalidBody() | NotSupported():
            message = f"Invalid json input. {problem.message}"
            return HTTPStatus.UNPROCESSABLE_ENTITY, "InvalidJsonException", message
        case JobEndedAtOnce():  # the server looks up job -1, which it uses for "no job"
            problem = NoSuchJob(-1)
    message = f"Internal Server Error: {problem.message}"
    return HTTPStatus.INTERNAL_SERVER_ERROR, "UncaughtException", message


def _exception(message: str, exception: str, quirks: Quirks) -> Json:
    body: Json = {
        "message": message,
        "exceptionClassName": f"io.airbyte.commons.server.errors.{exception}",
    }
    if quirks.shows_stack_traces:
        body["exceptionStack"] = [f"io.airbyte.commons.server.errors.{exception}: {message}"]
    return body
