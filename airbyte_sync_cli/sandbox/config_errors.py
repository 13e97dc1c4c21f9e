"""How the Config API says no: known exceptions up to 1.8, error ids from 2.0 on."""

import uuid
from http import HTTPStatus

from starlette.responses import Response

from airbyte_sync_cli.sandbox import refusals
from airbyte_sync_cli.sandbox.answers import Json, JsonResponse, framework, hidden
from airbyte_sync_cli.sandbox.versions import Quirks


def config_refusal(  # noqa: PLR0911  # one answer per refusal
    refusal: refusals.Refusal, quirks: Quirks, *, admin: bool, path: str
) -> Response:
    """Put a refusal into the Config API's words, of this version and for this caller."""
    match refusal:
        case refusals.AlreadyRunning() | refusals.WorkflowDeleted():
            return _known(HTTPStatus.CONFLICT, "ValueConflictKnownException", refusal, quirks)
        case refusals.BadRequest():
            return _known(HTTPStatus.BAD_REQUEST, "BadRequestException", refusal, quirks)
        case refusals.NoSuchResource():
            if not admin:
                return framework(HTTPStatus.FORBIDDEN, path)
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
        case refusals.Forbidden():
            return framework(HTTPStatus.FORBIDDEN, path)
        case refusals.NotFound():
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
        case refusals.MissingField():
            return _missing(refusal, quirks)
        case refusals.MalformedId() | refusals.Unreadable() | refusals.Unprocessable():
            return _unreadable(refusal, quirks)
        case refusals.JobOverAtOnce():
            return _crash(refusals.NoSuchJob(-1), quirks)
        case _:
            return _crash(refusal, quirks)


def _known(
    status: HTTPStatus, exception: str, refusal: refusals.Refusal, quirks: Quirks
) -> Response:
    """Only these keep their message when errors are hidden."""
    if quirks.hides_errors:
        return JsonResponse({"message": refusal.message, "errorId": str(uuid.uuid4())}, status)
    return JsonResponse(_exception(refusal.message, exception, quirks), status)


def _hideable(
    status: HTTPStatus, exception: str, refusal: refusals.Refusal, quirks: Quirks
) -> Response:
    if quirks.hides_errors:
        return hidden(status)
    return JsonResponse(_exception(refusal.message, exception, quirks), status)


def _missing(refusal: refusals.MissingField, quirks: Quirks) -> Response:
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


def _unreadable(refusal: refusals.Refusal, quirks: Quirks) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if quirks.hides_errors:
        return hidden(status)
    body = _exception(f"Invalid json input. {refusal.message}", "InvalidJsonException", quirks)
    return JsonResponse(body, status)


def _crash(refusal: refusals.Refusal, quirks: Quirks) -> Response:
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
