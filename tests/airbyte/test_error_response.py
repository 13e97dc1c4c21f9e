"""What a response other than a success means, and which of its words are shown."""

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.error_response import read_error
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from tests.airbyte.responses import (
    APIS,
    Answer,
    ask,
    ask_http,
    respond,
)

READ = Request(method="GET", url="http://airbyte/api/public/v1/jobs/1")


def read(answer: Answer) -> AirbyteSyncError | None:
    """Read once; return the error that was raised."""
    try:
        ask_http(answer, lambda http: http.read(READ, retry_for=0))
    except AirbyteSyncError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "{}", DeniedError),
        (403, "{}", DeniedError),
        (401, "<html><title>401</title></html>", DeniedError),
        (404, '{"title": "resource-not-found"}', NotFoundError),
        (404, "Object not found.", ProtocolError),
        (404, "<html>nginx</html>", ProtocolError),
        (405, "{}", ProtocolError),
        (400, "{}", RejectedError),
        (409, "{}", RejectedError),
        (410, "{}", RejectedError),
        (418, "{}", RejectedError),
        (422, "{}", RejectedError),
        (408, "{}", UnavailableError),
        (429, "{}", UnavailableError),
        *((status, body, UnavailableError) for status in (500, 502, 503, 504, 520, 561, 599)
          for body in ("{}", "", "<html>bad gateway</html>")),
        (200, "<!doctype html><title>Airbyte</title>", ProtocolError),
        (200, '<html><input type="password"></html>', DeniedError),
        (304, "", ProtocolError),
    ],
)  # fmt: skip
def test_each_response_is_one_kind_of_error(
    status: int, body: str, kind: type[AirbyteSyncError]
) -> None:
    outcome = read(respond(body, status))

    assert type(outcome) is kind


@pytest.mark.parametrize(
    ("target", "kind", "hint"),
    [
        ("https://accounts.google.com/o/oauth2/v2/auth?x", DeniedError, "--iap-audience"),
        ("https://sso.example.com/login?next=/", DeniedError, "--header"),
        ("https://airbyte/api/public/v1/jobs/1", ProtocolError, "--url"),
        ("/elsewhere", ProtocolError, "--url"),
    ],
)
def test_redirect_is_named_and_not_followed(
    target: str, kind: type[AirbyteSyncError], hint: str
) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(302, headers={"location": target})

    outcome = read(handler)

    assert isinstance(outcome, kind)
    assert outcome.hint is not None
    assert hint in outcome.hint
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"data": {"message": "a"}, "detail": "b", "message": "c"}', "a"),
        ('{"detail": "b", "message": "c"}', "b"),
        ('{"message": "c", "_embedded": {"errors": [{"message": "d"}]}}', "d"),
        ('{"message": "c", "_embedded": {"errors": []}}', "c"),
        ('{"_embedded": {"errors": [{"message": "d"}]}}', "d"),
        ('{"errorId": "e-1"}', "errorId e-1"),
        ('{"message": "c", "errorId": "e-1"}', "c, errorId e-1"),
        ('{"title": "t", "data": null, "detail": null}', "t"),
        ('["odd"]', "['odd']"),
        ("plain words", "plain words"),
    ],
)
def test_most_useful_text_of_each_body_family_is_shown(body: str, words: str) -> None:
    outcome = read(respond(body, 422))

    assert isinstance(outcome, RejectedError)
    assert outcome.message.endswith(f"422 ({words})")


def test_huge_error_text_is_cut() -> None:
    outcome = read(respond("x" * 100_000, 422))

    assert isinstance(outcome, RejectedError)
    assert len(outcome.message) < 700


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deeply_nested_error_body_is_cut(body: bytes) -> None:
    request = Request(method="GET", url="http://airbyte/api/v1/health")

    refusal = read_error(Reply(request=request, status=500, headers={}, body=body))

    assert len(refusal.text) < 1000


@APIS
@pytest.mark.parametrize("verb", ["start", "cancel"])
def test_forbidden_write_names_the_role(api: str, verb: str) -> None:
    async def act(server: Airbyte) -> None:
        if verb == "start":
            await server.trigger("c", "sync", may_send=lambda: True)
        else:
            await server.cancel(7)

    with pytest.raises(AirbyteSyncError) as caught:
        ask(api, lambda _: httpx.Response(403, json={"message": "Forbidden"}), act)

    assert isinstance(caught.value, DeniedError)
    assert f"their role may not {verb}" in str(caught.value.hint)
