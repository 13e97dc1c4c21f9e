"""Answers that both APIs share: JSON without nulls, and the bodies that are no problems."""

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
