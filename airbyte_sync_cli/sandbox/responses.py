"""Response bodies that no endpoint owns: plain JSON, Micronaut's own errors, and web pages."""

import json
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, Response

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
    """A JSON response. A lone surrogate becomes a question mark, as Java's encoder does it."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return the encoded body."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")


def without_nulls(fields: Mapping[str, object | None]) -> Json:
    """Return the fields that are not null (`serialization-inclusion: NON_ABSENT`)."""
    return {name: value for name, value in fields.items() if value is not None}


def ok(body: object) -> Response:
    """Return a 200 with JSON."""
    return JsonResponse(body)


def framework_error(status: HTTPStatus, path: str) -> Response:
    """Return what Micronaut itself sends for 401, 403, 405 and unreadable parameters."""
    return JsonResponse(
        {
            "message": status.phrase,
            "_embedded": {"errors": [{"message": status.phrase}]},
            "_links": {"self": {"href": path, "templated": False}},
        },
        status,
    )


def hidden_error(status: HTTPStatus) -> Response:
    """Return an error id alone: the message is in the server's log only."""
    return JsonResponse({"errorId": str(uuid.uuid4())}, status)


def no_such_path() -> Response:
    """Return the 404 of an unknown path under `/api`: JSON by its type, plain text in fact."""
    return Response("Object not found.", HTTPStatus.NOT_FOUND, media_type="application/json")


def index_html() -> Response:
    """Return the web app, which every path outside the APIs gets with a 200."""
    return HTMLResponse(INDEX_HTML)
