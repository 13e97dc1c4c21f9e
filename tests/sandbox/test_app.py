"""Any request gets one complete response, and is recorded."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from airbyte_sync_cli.sandbox.scenario import AuthMode
from tests.sandbox.client import sandbox_client
from tests.support.virtual import run, virtual

ORDERS = "00000000-0000-4000-8000-00000000000a"


FIELDS = (
    *("attemptNumber", "client_id", "client_secret", "configId", "configTypes", "connectionId"),
    *("createdAtEnd", "createdAtStart", "eventTypes", "id", "jobId", "jobType", "limit"),
    *("nameContains", "offset", "orderBy", "orderByField", "orderByMethod", "pageSize"),
    *("pagination", "refreshMode", "rowOffset", "status", "statuses", "streamName", "streams"),
    *("tagIds", "updatedAtEnd", "updatedAtStart", "userId", "workspaceId", "workspaceIds"),
)


TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "-1", "1", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5_000, "\ud800", "0" * 32, ORDERS]
    ),
    st.sampled_from(["running", "sync", "createdAt|DESC", "DESC", "0001-01-01T00:00:00+23:59"]),
)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**4_000), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=6,
)


DEEP = b'{"id":' + b"[" * 100_000


BODIES = st.one_of(
    st.binary(max_size=20),
    st.just(DEEP),
    st.just(b'{"id":' + b"9" * 5_000 + b"}"),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6).map(
        lambda value: json.dumps(value).encode()
    ),
)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"authorization", b"content-type", b"x-odd"]),
        st.one_of(
            st.binary(max_size=20),
            st.binary(max_size=20).map(lambda value: b"Basic " + value),
            st.just(b"Basic " + base64.b64encode(b"\xff:\xff")),
            st.sampled_from([b"application/json", b"application/x-www-form-urlencoded"]),
        ),
    ),
    max_size=3,
)


async def answers(sandbox: Sandbox, request: dict[str, Any]) -> list[Message]:
    """Send a request to the application without httpx; return the ASGI messages."""
    body = request.get("body", b"")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await sandbox.app({**scope, **request}, receive, send)
    return sent


def sandbox_of(version: str, auth: AuthMode) -> Sandbox:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, auth=auth))
    quick = JobScript(life="running 1, succeeded")
    sandbox.add_connection("orders", id=ORDERS, script=quick, history=(quick,))
    return sandbox


@st.composite
def requests(draw: st.DrawFn, sandbox: Sandbox) -> dict[str, Any]:
    """Draw a request with odd values, mostly to an existing endpoint."""
    route = draw(st.sampled_from(sandbox.app.routes))
    root = "/api/public/v1" if route.api == "public" else "/api/v1"
    odd = draw(TEXTS).encode(errors="replace").decode()
    path = root + route.endpoint.path.replace("{id}", "{}").replace("{job_id}", "{}")
    query = draw(st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=4))
    pairs = [f"{name}={text}".encode(errors="replace") for name, text in query.items()]
    return {
        "method": draw(st.sampled_from([route.endpoint.method] * 4 + ["PUT", "\N{SNOWMAN}"])),
        "path": draw(st.sampled_from([path.replace("{}", odd)] * 4 + [odd])),
        "query_string": draw(st.sampled_from([b"&".join(pairs), b"%ff&=&;", b""])),
        "headers": draw(HEADERS),
        "body": draw(BODIES),
    }


@given(
    data=st.data(),
    version=st.sampled_from(["0.50.34", "1.0", "1.8", "2.0", "latest"]),
    auth=st.sampled_from(["none", "basic", "client-credentials"]),
)
def test_any_request_gets_one_complete_response(
    data: st.DataObject, version: str, auth: AuthMode
) -> None:
    sandbox = sandbox_of(version, auth)
    sent = run(answers(sandbox, data.draw(requests(sandbox))))
    assert sent[0]["type"] == "http.response.start"
    assert [message.get("more_body", False) for message in sent[1:]] == [False]


@pytest.mark.parametrize(
    ("auth", "request_", "status"),
    [
        ("none", {"path": "/api/v1/jobs/get", "body": DEEP}, 422),
        ("client-credentials", {"path": "/api/v1/jobs/get", "body": DEEP}, 401),
        ("none", {"path": "/api/v1/jobs/get", "body": b'{"id":' + b"9" * 5_000 + b"}"}, 422),
        ("none", {"method": "GET", "path": f"/api/public/v1/jobs/{'9' * 5_000}"}, 400),
        (
            "none",
            {
                "method": "GET",
                "path": "/api/public/v1/jobs",
                "query_string": b"limit=" + b"9" * 5_000,
            },
            400,
        ),
        (
            "client-credentials",
            {
                "path": "/api/v1/applications/token",
                "headers": [(b"content-type", b"application/json")],
                "body": b'{"client_id": "\\ud800", "client_secret": "x"}',
            },
            400,
        ),
        ("basic", {"headers": [(b"authorization", b"Basic \xe9\xe9")]}, 401),
        ("none", {"path": "/api/v1/connections/get", "body": b'{"connectionId": "\\ud800"}'}, 422),
    ],
)
def test_malformed_input_gets_client_error(
    auth: AuthMode, request_: dict[str, Any], status: int
) -> None:
    sent = run(answers(sandbox_of("1.8", auth), request_))
    assert sent[0]["status"] == status


def test_other_protocols_than_http_are_rejected() -> None:
    async def connect() -> None:
        await Sandbox().app({"type": "websocket"}, None, None)  # type: ignore[arg-type]  # never called

    with pytest.raises(ValueError, match="speaks HTTP only"):
        run(connect())


@virtual
async def test_requests_are_recorded_in_order() -> None:
    async with sandbox_client() as it:
        it.fault("jobs:503")
        connection = it.sandbox.add_connection("orders")
        await it.pass_time(3)
        await it.trigger(connection)
        await it.get("/jobs", limit=1)
        first, second = it.sandbox.requests
    assert (first.method, first.path, first.name) == ("POST", "/api/public/v1/jobs", "trigger")
    assert first.json == {"connectionId": connection.id, "jobType": "sync"}
    assert (first.answered, first.fault) == ([200], None)
    assert first.time - it.sandbox.clock.start == 3
    assert first.headers["content-type"] == "application/json"
    assert (second.query, second.fault, second.answered) == ({"limit": "1"}, "status", [])
    assert second.json is None
    assert it.sandbox.sent("jobs") == [second]


@virtual
async def test_unknown_paths_get_404_or_web_app() -> None:
    async with sandbox_client() as it:
        api = await it.client.get("/api/v1/nothing")
        page = await it.client.get("/v1/health")
        method = await it.client.put("/api/public/v1/jobs")
        number = await it.get("/jobs/abc")
    assert (api.status_code, api.text) == (404, "Object not found.")
    assert api.headers["content-type"].startswith("application/json")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (method.status_code, method.json()["message"]) == (405, "Method Not Allowed")
    assert number.status_code == 400


@virtual
async def test_public_root_can_be_moved() -> None:
    async with sandbox_client(public_root="/v1") as it:
        it.sandbox.add_connection("orders")
        found = await it.client.get("/v1/connections")
        missing = await it.client.get("/v1/nothing")
    assert (len(found.json()["data"]), missing.status_code) == (1, 404)
