"""What a proxy's answer to a trigger proves about its delivery."""

import pytest

from airbyte_sync_cli.airbyte.answers import judge_trigger
from airbyte_sync_cli.airbyte.api import AnswerLost, TriggerAnswer, Undelivered
from airbyte_sync_cli.airbyte.exchange import Reply, Request
from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.errors import ProtocolError
from tests.support.virtual import run

ENVOY = "upstream connect error or disconnect/reset before headers"


def judged(body: str, status: int = 503, **headers: str) -> TriggerAnswer:
    request = Request(method="POST", url="http://airbyte/api/public/v1/jobs")

    async def send() -> Reply:
        return Reply(request=request, status=status, headers=headers, body=body.encode())

    def read_job(_reply: Reply) -> Job:
        raise AssertionError("there is none")

    return run(judge_trigger(send, read_job=read_job, retry_after=lambda _: None))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("no healthy upstream", Undelivered),
        ("", Undelivered),
        (f"{ENVOY}. reset reason: connection failure", Undelivered),
        (f"{ENVOY}. reset reason: remote connection failure", Undelivered),
        (f"{ENVOY}. reset reason: connection timeout", Undelivered),
        (f"{ENVOY}. reset reason: overflow", Undelivered),
        (f"{ENVOY}. reset reason: connection termination", AnswerLost),
        (f"{ENVOY}. reset reason: remote reset", AnswerLost),
        (ENVOY, AnswerLost),
    ],
)
def test_a_503_of_a_connection_that_broke_off_proves_no_refusal(body: str, kind: type) -> None:
    assert isinstance(judged(body), kind)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 444, 460, 499])
def test_redirect_and_odd_status_of_a_gateway_leave_a_trigger_open(status: int) -> None:
    assert isinstance(judged("", status), AnswerLost)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place", ["https://elsewhere/api", "http://elsewhere:8000", "/api/v2", "//elsewhere", "jobs"]
)
def test_redirect_that_moves_the_request_itself_is_a_clean_no(status: int, place: str) -> None:
    with pytest.raises(ProtocolError, match="redirected to"):
        judged("", status, location=place)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place",
    ["data:text/html,hi", "file:///etc/passwd", "mailto:a@b", "http://", "http://[::1",
     "http://a:99999999/", ""],
)  # fmt: skip
def test_redirect_that_moves_the_request_to_no_address_leaves_a_trigger_open(
    status: int, place: str
) -> None:
    assert isinstance(judged("", status, location=place), AnswerLost)


@pytest.mark.parametrize("status", [307, 308])
def test_redirect_without_an_address_leaves_a_trigger_open(status: int) -> None:
    assert isinstance(judged("", status), AnswerLost)
