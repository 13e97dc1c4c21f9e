"""For any response, the client returns a value or raises one of our own errors."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.connect import find_api
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import LogLine
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.settings import ServerOptions, load_settings
from tests.support.core import LoopClock
from tests.support.virtual import run

JOB = {
    "jobId": 7,
    "connectionId": "c",
    "jobType": "sync",
    "status": "running",
    "startTime": "2026-01-01T00:00Z",
    "rowsSynced": 1,
    "id": 7,
    "configId": "c",
    "configType": "sync",
    "createdAt": 1767225600,
    "updatedAt": 1767225600,
    "aggregatedStats": {"recordsEmitted": 1},
    "streamAggregatedStats": [{"streamName": "s", "recordsEmitted": 1}],
}
FAILURE = {"externalMessage": "no", "stacktrace": "at", "retryable": False}
ATTEMPT = {"id": 0, "totalStats": {}, "failureSummary": {"failures": [FAILURE]}}
NAMED = {
    "connectionId": "c",
    "workspaceId": "w",
    "sourceId": "s",
    "name": "orders",
    "status": "active",
    "scheduleData": {"basicSchedule": {"units": 1, "timeUnit": "hours"}},
    "schedule": {"scheduleType": "cron", "cronExpression": "* * *"},
    "tags": [{"name": "nightly"}],
    "job": JOB,
    "attempts": [{"attempt": ATTEMPT, **ATTEMPT}],
}
EVENT = {"timestamp": 1767225600123, "message": "m", "level": "info", "stackTrace": "at"}
ANSWER: dict[str, Any] = {
    **JOB,
    **NAMED,
    "data": [{**JOB, **NAMED}],
    "jobs": [NAMED],
    "connections": [NAMED],
    "workspaces": [NAMED],
    "sources": [NAMED],
    "destinations": [NAMED],
    "logs": {"logLines": ["a line"], "events": [EVENT]},
    "available": True,
    "defaultUserId": "u",
    "version": "2.0.0",
    "auth": {"mode": "simple"},
    "access_token": "token",
    "expires_in": 900,
    "value": True,
}
"""A response that is valid for every request."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["\ud800", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 400, 1 << 400]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
DEEP = st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b'{"data":' + b"[" * 100_000])


@st.composite
def odd_answers(draw: st.DrawFn) -> bytes:
    """The valid response, with some values replaced and maybe truncated."""
    answer = json.loads(json.dumps(ANSWER))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = answer
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            place[key] = draw(VALUES)
            break
    text = json.dumps(answer).encode()
    cut = draw(st.integers(0, len(text))) if draw(st.booleans()) else len(text)
    return text[:cut]


BODIES = odd_answers() | VALUES.map(lambda value: json.dumps(value).encode()) | st.binary() | DEEP
STATUSES = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 404, 409, 429, 500, 503, 799])
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "location", "www-authenticate", "content-type"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    max_size=2,
)


async def read_all(lines: AsyncIterator[LogLine]) -> list[LogLine]:
    return [line async for line in lines]


Question = Callable[[Airbyte], Awaitable[object]]
QUESTIONS: dict[str, Question] = {
    "connection": lambda server: server.connection("c", retry_for=0),
    "connections": lambda server: server.connections(retry_for=0),
    "workspaces": lambda server: server.workspaces(retry_for=0),
    "workspace": lambda server: server.connections(workspace_id="orders", retry_for=0),
    "job": lambda server: server.job(7, retry_for=0),
    "jobs": lambda server: server.jobs("c", retry_for=0),
    "progress": lambda server: server.progress(7),
    "sync": lambda server: server.trigger("c", "sync", may_send=lambda: True),
    "refresh": lambda server: server.trigger("c", "refresh", may_send=lambda: True),
    "cancel": lambda server: server.cancel(7),
    "attempts": lambda server: server.attempts(7),
    "logs": lambda server: server.logs(7, attempt=1, read=read_all),
}
ENVIRON = {"AIRBYTE_URL": "http://airbyte"}
APPLICATION = {**ENVIRON, "AIRBYTE_CLIENT_ID": "i", "AIRBYTE_CLIENT_SECRET": "canary"}


def ask(
    response: httpx.Response, question: Question, *, api: str, signs_in: bool
) -> AirbyteSyncError | None:
    """Ask a server that always responds so; return the error that was raised, if any."""
    options = load_settings(ServerOptions(), APPLICATION if signs_in else ENVIRON)
    address, clock = parse_address("http://airbyte"), LoopClock()

    async def work() -> AirbyteSyncError | None:
        transport = httpx.MockTransport(lambda _: response)
        auth = make_auth(options, address, clock)
        async with httpx.AsyncClient(transport=transport, auth=auth) as client:
            http_client = HttpClient(client, clock=clock, limit=30)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
            primary = config if api == "config" else public
            try:
                await question(Airbyte(http_client, primary, config, ui="http://airbyte"))
                await find_api(http_client, address, retry_for=0)
            except AirbyteSyncError as error:
                return error
            return None

    return run(work())


@pytest.mark.parametrize("signs_in", [False, True])
@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("name", QUESTIONS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, status=STATUSES, headers=HEADERS)
def test_any_response_is_read_or_is_our_own_error(
    *, name: str, api: str, body: bytes, status: int, headers: dict[str, str], signs_in: bool
) -> None:
    raw = [(key.encode(), value.encode("latin-1")) for key, value in headers.items()]
    response = httpx.Response(status, content=body, headers=raw)

    error = ask(response, QUESTIONS[name], api=api, signs_in=signs_in)

    assert error is None or f"{error.message} {error.hint}".encode()  # it can be printed


def test_unchanged_response_is_valid_for_every_request() -> None:
    """So the random responses above are invalid only where they were changed."""
    for question in QUESTIONS.values():
        for api in ("public", "config"):
            response = httpx.Response(200, json=ANSWER)
            assert ask(response, question, api=api, signs_in=True) is None
