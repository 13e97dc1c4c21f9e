"""Requests and responses match Airbyte's OpenAPI documents, in every version that has one.

The client's requests are recorded by calling it: every method of both APIs and every step of
`check`, over a socket. See tests/sandbox/official.py for the folder that `AIRBYTE_SPECS` names.
"""

import ast
import asyncio
import inspect
import itertools
import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

import airbyte_sync_cli.airbyte
from airbyte_sync_cli.airbyte import client, probe
from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient, make_http_client
from airbyte_sync_cli.airbyte.models import Job, StreamId
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, SimConnection, serve
from airbyte_sync_cli.sandbox.versions import quirks_of
from airbyte_sync_cli.settings import ClientCredentials, Settings
from tests.sandbox import official
from tests.sandbox.tour import Stop, read_json, token_tour, whole_tour
from tests.support.virtual import run

VERSIONS = official.versions()
pytestmark = pytest.mark.skipif(
    not VERSIONS, reason="AIRBYTE_SPECS is not a folder with Airbyte's OpenAPI documents"
)
SERVED = frozenset({200, 409})
CANCELLED = Job(
    id=1,
    connection_id="",
    type="sync",
    status="cancelled",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
USED: set["Excuse"] = set()
"""The known errors that occurred."""


@dataclass(frozen=True)
class Excuse:
    """A known error and its reason."""

    operation: str
    error: str
    """Patterns of the operation's name and of the error."""
    reason: str
    before: tuple[int, ...] = (1_000,)
    since: tuple[int, ...] = (0,)

    def covers(self, version: str, operation: str, error: str) -> bool:
        number = quirks_of(version).number
        return (
            re.fullmatch(self.operation, operation) is not None
            and re.search(self.error, error) is not None
            and self.since <= number < self.before
        )


WRONG_DOCUMENTS = (
    Excuse(
        ".*/connections/(get|list)",
        "'json_schema' is a required property",
        "AirbyteStream requires it, but names the property jsonSchema, and no other may be there",
    ),
    Excuse(
        ".*/connections/events/.*",
        "'created_at' is a required property",
        "ConnectionEvent requires it, but names the property createdAt",
    ),
    Excuse(
        ".*/jobs/get_without_logs",
        r"attempts\[\]: '(logs|logType)' is a required property",
        "JobConverter.getAttemptInfoWithoutLogsRead leaves both out",
        before=(1, 6),
    ),
    Excuse(
        ".*/stream_statuses/.*",
        "'streamNamespace' is a required property",
        "a stream without a namespace: nulls are left out (application.yml, NON_ABSENT)",
        before=(0, 63),
    ),
    Excuse(
        ".*",
        "answer 422: 'validationErrors' is a required property",
        "InvalidJsonInputExceptionHandler: a value of the wrong kind is no InvalidInput",
    ),
    Excuse(
        ".*",
        "answer (404|422): ('message' is|'validationErrors' is|.*'errorId' was)",
        "from 2.0 on error bodies are an errorId (errors/handlers, 75054177f0)",
        since=(2, 0),
    ),
    Excuse(
        ".*/applications/token",
        "body: 'grant_type' is a required property",
        "the property is spelt grant-type, and may be left out (PyAirbyte sends none)",
    ),
)
"""Errors in a document: the server differs from it."""

IGNORED = (
    Excuse(
        ".*/applications/token", "'grant-type' was unexpected", "0.57 and 0.60", before=(0, 63)
    ),
    Excuse(".*/connections/refresh", "'refreshMode' was unexpected", "0.57", before=(0, 60)),
    Excuse(
        ".*/(sources|destinations)/list",
        "'pageSize' was unexpected",
        "no pages yet",
        before=(1, 8),
    ),
    Excuse(
        ".*/jobs/list(_for_workspaces)?",
        "'statuses' was unexpected",
        "every status comes; the client picks",
        before=(0, 57, 3),
    ),
)
"""Keys that a version does not know: it ignores them."""

TRIED = (
    Excuse(
        "POST /(public/)?v1/applications/token",
        "no such operation",
        "no token, no authentication (token_endpoint.py)",
        before=(0, 63, 20),
    ),
    Excuse("POST /v1/connections/refresh", "no such operation", "asked for", before=(0, 57, 3)),
    Excuse(
        "POST /v1/connections/events/list",
        "no such operation",
        "why a connection was switched off is only nice to know (client.py)",
        before=(0, 63, 20),
    ),
    Excuse(
        "POST /v1/connections/events/list_for_job",
        "no such operation",
        "who started a job is only nice to know (config_api.py)",
        before=(2, 0),
    ),
    Excuse(
        "POST /v1/workspaces/list",
        "no such operation",
        "asked where no user is known (config_api.py)",
        since=(1, 7),
    ),
    Excuse(
        "GET /public/v1/jobs",
        "jobType: '(refresh|clear)' is not one of",
        "hidden types are asked for, and a server that refuses has none (public_api.py)",
        before=(0, 63),
    ),
    Excuse(
        "POST /v1/jobs/list(_for_workspaces)?",
        r"configTypes\[\]: '(refresh|clear)' is not one of",
        "then the old words are sent (config_api.py)",
        before=(0, 60),
    ),
)
"""Requests that a version rejects, for which the client has a fallback."""


@cache
def asked_by_the_client(version: str) -> tuple[Stop, ...]:
    """Return the requests of the client: everything that it can send is called."""
    return tuple(asyncio.run(_ask_everything(version)))


async def _ask_everything(version: str) -> list[Stop]:
    quirks = quirks_of(version)
    config = SandboxConfig(
        airbyte_version=version,
        speed=100,
        auth="client-credentials" if quirks.serves("config", "/applications/token") else "none",
        # Before 0.50.54 the Public API was a server of its own.
        public_root="/api/public/v1" if quirks.since(0, 50, 54) else "/v1",
    )
    sandbox = Sandbox(config)
    quick = JobScript(life="running 1, succeeded")
    orders = sandbox.add_connection("orders", script=quick, history=(quick,))
    wire = Recorder(sandbox)
    async with serve(sandbox) as url:
        credentials = ClientCredentials(
            client_id=config.client_id, client_secret=SecretStr(config.client_secret)
        )
        settings = Settings(url=url, credentials=credentials, request_timeout=5)
        http_client = make_http_client(settings, parse_address(url), HurriedClock())
        public_root, config_root = f"{url}{config.public_root}", f"{url}/api/v1"
        values = _values(http_client, settings, orders)
        opened: list[object] = [http_client]
        for faults in ((), OTHER_WAYS):
            sandbox.faults.add(*map(Fault.model_validate, faults))
            apis = (
                PublicApi(http_client, public_root, trigger_limit=5),
                ConfigApi(http_client, config_root, trigger_limit=5),
            )
            for call in _calls((*apis, client, probe), values):
                with suppress(AirbyteSyncError):
                    opened.append(await call())
                await _until_idle(sandbox)
        for each in opened:  # `connect` opens connections of its own
            if isinstance(each, HttpClient | client.Airbyte):
                await each.aclose()
    return wire.stops


OTHER_WAYS = ("version:404",)
"""Faults that make the client use its fallbacks: here, a server without a version endpoint."""


async def _until_idle(sandbox: Sandbox) -> None:
    while sandbox.active_jobs():  # noqa: ASYNC110  # the sandbox has no event for it
        await asyncio.sleep(0.01)


async def _read_all(lines: AsyncIterator[object]) -> list[object]:
    return [line async for line in lines]


def _values(
    http_client: HttpClient, settings: Settings, orders: SimConnection
) -> Mapping[str, Sequence[object]]:
    """Return the values for parameters of these names."""
    cancelled = replace(CANCELLED, connection_id=orders.id)
    return {
        "address": [parse_address(settings.url)],
        "attempt": [0],
        "changed_since": [None, datetime(2026, 1, 1, tzinfo=UTC)],
        "clock": [HurriedClock()],
        "connection_id": [orders.id],
        "api": ["public", "config"],
        "http": [http_client],
        "job": [cancelled],
        "job_id": [1, 999],
        "job_type": ["sync", "clear", "refresh"],
        "limit": [20, 200],
        "offset": [0],
        "require_all": [False],
        "retry_for": [0],
        "read": [_read_all],
        "settings": [settings],
        "status": [None, "running"],
        "streams": [(), (StreamId(name="users", namespace="public"),)],
        "may_send": [lambda: True],
        "workspace_id": [None, orders.workspace_id],
        "workspace_ids": [[orders.workspace_id]],
    }


def _calls(
    owners: Iterable[object], values: Mapping[str, Sequence[object]]
) -> Iterator[Callable[[], Awaitable[object]]]:
    """Yield every call with every combination of its parameters' values."""
    for owner in owners:
        own = owner.__name__ if inspect.ismodule(owner) else type(owner).__module__
        for name, method in inspect.getmembers(owner, inspect.iscoroutinefunction):
            if name.startswith("_") or method.__module__ != own:
                continue
            parameters = inspect.signature(method).parameters.values()
            if "hop" in inspect.signature(method).parameters:
                continue  # resolves a name, opens a port, or shakes hands: no HTTP request
            needed = [each.name for each in parameters if each.default is each.empty]
            assert set(needed) <= set(values), f"{name}: _values needs values for {needed}"
            given = [each for each in parameters if each.name in values]
            choices = (
                [one for one in values[each.name] if one is not None or each.annotation is not str]
                for each in given
            )
            for chosen in itertools.product(*choices):
                named = zip((each.name for each in given), chosen, strict=True)
                yield partial(method, **dict(named))


class HurriedClock(SystemClock):
    """A clock that skips ahead instead of sleeping."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self._skipped += seconds


class Recorder:
    """Records the requests to a sandbox and their responses."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.stops: list[Stop] = []
        self._app = sandbox.app
        self._public_root = sandbox.config.public_root
        sandbox.app = self  # type: ignore[assignment]  # an ASGI application like any other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, answered = bytearray(), bytearray()
        status = 0

        async def noted_receive() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def noted_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, noted_receive, noted_send)
        path = str(scope["path"])
        if path.startswith(f"{self._public_root}/"):
            path = f"/public/v1{path.removeprefix(self._public_root)}"
        self.stops.append(
            Stop(
                f"{scope['method']} {path}",
                scope["method"],
                path.removeprefix("/api"),
                dict(parse_qsl(scope["query_string"].decode())),
                read_json(bytes(asked)) if asked else None,
                status,
                read_json(bytes(answered)),
            )
        )


def errors_in(version: str, stop: Stop) -> Iterator[str]:
    """Yield the errors in a request and its response, without the known ones."""
    asked, operation = f"{stop.method} {stop.path}", official.find(version, stop.method, stop.path)
    tried: tuple[Excuse, ...] = () if stop.status in SERVED else TRIED
    if operation is None:
        errors: list[tuple[str, tuple[Excuse, ...]]] = [
            (f"no such operation, answered {stop.status}", tried)
        ]
    else:
        asked = operation.name
        of_request = operation.errors_in_request(stop.query, stop.body)
        of_answer = operation.errors_in_answer(stop.status, stop.answer)
        errors = [(error, (*WRONG_DOCUMENTS, *IGNORED, *tried)) for error in of_request]
        errors += [(error, WRONG_DOCUMENTS) for error in of_answer]
    for error, known in errors:
        excuses = [each for each in known if each.covers(version, asked, error)]
        USED.update(excuses)
        if not excuses:
            yield f"{asked}: {error}"


def report(version: str, stops: Iterable[Stop]) -> list[str]:
    return sorted({error for stop in stops for error in errors_in(version, stop)})


@pytest.mark.parametrize("version", VERSIONS)
def test_client_sends_only_documented_requests(version: str) -> None:
    assert report(version, asked_by_the_client(version)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_responses_of_every_endpoint_match_documents(version: str) -> None:
    stops = [*run(whole_tour(version)), *run(token_tour(version))]
    served = [stop for stop in stops if stop.answer != "Object not found." and stop.status != 401]
    assert report(version, served) == []
    visited = {stop.operation for stop in served if stop.status in SERVED}
    assert {_in_short(name) for name in routes_of(version)} <= visited


def _in_short(name: str) -> str:
    """Format an endpoint as the tour does: `GET /jobs/{jobId}`, or `jobs/get`."""
    method, path = name.split()
    if path.startswith("/public/v1"):
        return f"{method} {path.removeprefix('/public/v1')}"
    return path.removeprefix("/v1/")


@pytest.mark.parametrize("version", VERSIONS)
def test_endpoints_are_served_in_versions_that_document_them(version: str) -> None:
    every = {name for each in VERSIONS for name in routes_of(each)}
    documented = every & set(official.operations(version))
    assert routes_of(version) == documented


_SPELT = {"job_id": "jobId", "id": "connectionId", "workspace_id": "workspaceId"}


def routes_of(version: str) -> set[str]:
    """Return the endpoints of the sandbox, named as in the documents."""
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, auth="client-credentials"))
    roots = {"public": "/public/v1", "config": "/v1"}
    return {
        f"{route.endpoint.method} {roots[route.api]}{_spelt(route.endpoint.path)}"
        for route in sandbox.app.routes
    }


def _spelt(path: str) -> str:
    own = {"actor_id": "sourceId" if "source" in path else "destinationId"}
    return re.sub(r"\{(\w+)\}", lambda match: f"{{{(_SPELT | own)[match[1]]}}}", path)


def test_every_path_in_source_is_requested_and_every_exception_needed() -> None:
    asked = set()
    for version in VERSIONS:
        stops = asked_by_the_client(version)
        asked |= {stop.path for stop in stops}
        report(version, [*stops, *run(whole_tour(version))])
    paths = set(paths_in_source())
    unasked = [path for path in paths if not any(_ends_with(path, each) for each in asked)]
    assert unasked == []
    assert len(paths) > 20
    assert {*WRONG_DOCUMENTS, *IGNORED, *TRIED} - USED == set()


def _ends_with(template: str, path: str) -> bool:
    pattern = re.escape(template.lstrip("/")).replace(r"\{\}", "[^/]+")
    return re.search(rf"(^|/){pattern}$", path) is not None


def paths_in_source() -> Iterator[str]:
    """Yield the strings in the source that are paths: `jobs/get`, `{}/health`, `sources`."""
    lists = {path for path in map(_last_part, official.operations(VERSIONS[-1])) if path}
    folder = Path(airbyte_sync_cli.airbyte.__file__).parent
    for file in sorted(folder.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        pieces = {id(piece) for node in joined for piece in node.values}
        for node in ast.walk(tree):
            text = "" if id(node) in pieces else _template(node)
            is_path = re.fullmatch(r"(\{\})?/?[a-z_]+(/[a-z_]+|/\{\})*", text) and "/" in text
            is_list = text in lists and file.name == "public_api.py"
            if (is_path or is_list) and text not in NO_REQUESTS:
                yield text.removeprefix("{}")


def _last_part(name: str) -> str | None:
    """Return `jobs` of `GET /public/v1/jobs`; None for longer paths."""
    match = re.fullmatch(r"GET /public/v1/([a-z_]+)", name)
    return match[1] if match else None


NO_REQUESTS = frozenset({"application/json", "/public", "{}/workspaces/{}/connections/{}"})
"""Strings with slashes that are no requests; the last one is a page of the web UI."""


def _template(node: ast.AST) -> str:
    """Return a string of the source with `{}` for each expression in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(each) or "{}" for each in node.values)
    return ""
