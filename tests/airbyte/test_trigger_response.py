"""What the response to a trigger proves: started, refused, undelivered, or lost."""

import pytest

from airbyte_sync_cli.airbyte.models import Job, ResponseLost, TriggerResponse, Undelivered
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.airbyte.trigger_response import classify_trigger
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from tests.support.virtual import run

ENVOY = "upstream connect error or disconnect/reset before headers"


def judged(
    body: str, status: int = 503, *, error: Exception | None = None, **headers: str
) -> TriggerResponse:
    request = Request(method="POST", url="http://airbyte/api/public/v1/jobs")

    async def send() -> Reply:
        if error is not None:
            raise error
        return Reply(
            request=request, status=status, headers=headers, body=body.encode(), retry_after=7.0
        )

    def read_job(_reply: Reply) -> Job:
        raise AssertionError("there is none")

    return run(classify_trigger(send(), read_job=read_job))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("no healthy upstream", Undelivered),
        ("", Undelivered),
        (f"{ENVOY}. reset reason: connection failure", Undelivered),
        (f"{ENVOY}. reset reason: remote connection failure", Undelivered),
        (f"{ENVOY}. reset reason: connection timeout", Undelivered),
        (f"{ENVOY}. reset reason: overflow", Undelivered),
        (f"{ENVOY}. reset reason: connection termination", ResponseLost),
        (f"{ENVOY}. reset reason: remote reset", ResponseLost),
        (ENVOY, ResponseLost),
    ],
)
def test_envoy_503_is_undelivered_only_without_connection(body: str, kind: type) -> None:
    assert isinstance(judged(body), kind)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 444, 460, 499])
def test_redirect_and_gateway_status_are_lost(status: int) -> None:
    assert isinstance(judged("", status), ResponseLost)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place",
    ["https://elsewhere/api", "http://elsewhere:8000", "http://elsewhere:1/", "/api/v2",
     "//elsewhere", "jobs"],
)  # fmt: skip
def test_redirect_of_the_request_itself_is_refused(status: int, place: str) -> None:
    with pytest.raises(ProtocolError, match="redirected to"):
        judged("", status, location=place)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place",
    ["data:text/html,hi", "file:///etc/passwd", "mailto:a@b", "http://", "http://[::1",
     "http://a:99999999/", "http://a:0/", "//", ""],
)  # fmt: skip
def test_redirect_to_invalid_address_is_lost(status: int, place: str) -> None:
    assert isinstance(judged("", status, location=place), ResponseLost)


@pytest.mark.parametrize("status", [307, 308])
def test_redirect_without_address_is_lost(status: int) -> None:
    assert isinstance(judged("", status), ResponseLost)


@pytest.mark.parametrize("status", [429, 503])
def test_undelivered_trigger_keeps_retry_after(status: int) -> None:
    answer = judged("", status)

    assert isinstance(answer, Undelivered)
    assert (answer.unsent, answer.retry_after) == (False, 7.0)
    assert str(status) in answer.message


@pytest.mark.parametrize(
    "error",
    [
        UnansweredError("cannot reach it", hint="is it up?", unsent=True),
        UnavailableError("no token", hint="is it up?", retry_after=9.0),
    ],
)
def test_unsent_trigger_keeps_its_hint(error: UnavailableError) -> None:
    answer = judged("", error=error)

    assert answer == Undelivered(
        message=error.message, hint="is it up?", unsent=True, retry_after=error.retry_after
    )


def test_sent_trigger_without_response_is_lost() -> None:
    error = UnansweredError("broke off", hint=None, unsent=False)

    assert judged("", error=error) == ResponseLost(message="broke off")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RejectedError), (403, DeniedError), (422, RejectedError)]
)
@pytest.mark.parametrize("body", ["", '{"message": "no"}'])
def test_rejected_trigger_is_raised(status: int, kind: type[AirbyteSyncError], body: str) -> None:
    with pytest.raises(kind):
        judged(body, status)
