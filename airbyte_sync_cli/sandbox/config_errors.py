"""How the Config API says no: known exceptions up to 1.8, error ids from 2.0 on."""

import uuid
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from airbyte_sync_cli.sandbox import refusals
from airbyte_sync_cli.sandbox.answers import Json, framework, hidden
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
        case refusals.NoSuchConnection():
            if not admin:
                return framework(HTTPStatus.FORBIDDEN, path)
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
        case refusals.Forbidden():
            return framework(HTTPStatus.FORBIDDEN, path)
        case refusals.NotFound():
            return _hideable(HTTPStatus.NOT_FOUND, "IdNotFoundKnownException", refusal, quirks)
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
        return JSONResponse({"message": refusal.message, "errorId": str(uuid.uuid4())}, status)
    return JSONResponse(_exception(refusal.message, exception, quirks), status)


def _hideable(
    status: HTTPStatus, exception: str, refusal: refusals.Refusal, quirks: Quirks
) -> Response:
    if quirks.hides_errors:
        return hidden(status)
    return JSONResponse(_exception(refusal.message, exception, quirks), status)


def _unreadable(refusal: refusals.Refusal, quirks: Quirks) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if quirks.hides_errors:
        return hidden(status)
    body = _exception(f"Invalid json input. {refusal.message}", "InvalidJsonException", quirks)
    return JSONResponse(body, status)


def _crash(refusal: refusals.Refusal, quirks: Quirks) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    if quirks.hides_errors:
        return hidden(status)
    message = f"Internal Server Error: {refusal.message}"
    return JSONResponse(_exception(message, "UncaughtException", quirks), status)


def _exception(message: str, exception: str, quirks: Quirks) -> Json:
    body: Json = {
        "message": message,
        "exceptionClassName": f"io.airbyte.commons.server.errors.{exception}",
    }
    if quirks.shows_stack_traces:
        body["exceptionStack"] = [f"io.airbyte.commons.server.errors.{exception}: {message}"]
    return body
