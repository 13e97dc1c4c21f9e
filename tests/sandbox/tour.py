"""Requests to every endpoint of a sandbox with jobs in every state, for tests of their format."""

import json
from dataclasses import dataclass, field

import httpx

from airbyte_sync_cli.sandbox import JobFailure, JobScript, SimConnection
from tests.sandbox.client import SandboxClient, sandbox_client

TOKEN_BODY = {"client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret"}
SCRIPTS = (
    JobScript(
        life="pending 1, running 60, incomplete 5, running 60, succeeded",
        estimate=True,
        rejected=3,
        stalls_after=20,
        stalls_for=60,
        rate_limited=True,
    ),
    JobScript(
        life="pending 1, running 20, failed",
        failure=JobFailure(type="config_error", message="Invalid API key", retryable=False),
    ),
    JobScript(life="pending 1, queued 5, running 600, succeeded", logs=("a line",)),
)


@dataclass(frozen=True)
class Stop:
    """One request and its response, as JSON (or text, where it is none)."""

    operation: str
    method: str
    path: str
    """Without `/api`."""
    query: dict[str, str] = field(default_factory=dict)
    body: object = None
    status: int = 200
    answer: object = None

    @classmethod
    def of(cls, operation: str, response: httpx.Response) -> "Stop":
        request = response.request
        return cls(
            operation,
            request.method,
            request.url.path.removeprefix("/api"),
            dict(request.url.params),
            json.loads(request.content) if request.content else None,
            response.status_code,
            read_json(response.content),
        )


def read_json(body: bytes) -> object:
    """Parse a body as JSON, or return it as text."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


async def tour(version: str) -> list[Stop]:
    """Return the successful responses of one version."""
    stops = await whole_tour(version)
    # Tags before 1.6 are a 404, for example: nothing to validate.
    return [stop for stop in stops if stop.status == httpx.codes.OK]


async def whole_tour(version: str) -> list[Stop]:
    """Return the responses of one version, errors included."""
    async with sandbox_client(airbyte_version=version) as it:
        orders = it.sandbox.add_connection(
            "orders",
            scripts=SCRIPTS,
            streams=("users", {"name": "orders", "namespace": "public"}),
            tags=("nightly",),
            disabled_reason="SCHEMA_CHANGES_ARE_BREAKING",
            breaking_change=True,
            status_reason="subscription_downgraded_access_revoked",
        )
        it.sandbox.add_connection("events", schedule="every 24 hours")
        it.sandbox.add_connection("billing", schedule="cron 0 0 3 * * ?", status="inactive")
        stops: list[Stop] = []
        for number in range(1, 4):
            stops.append(Stop.of("POST /jobs", await it.trigger(orders)))
            await it.pass_time(31)
            stops += await _look(it, orders, number)
            await it.pass_time(200)
            stops += await _look(it, orders, number)
        stops.append(Stop.of("DELETE /jobs/{jobId}", await it.cancel(3)))
        stops += await _look(it, orders, 3)
        stops += await _refusals(it)
        return stops + await _names(it, orders) + await _starts(it, orders)


async def token_tour(version: str) -> list[Stop]:
    """Return the responses of the token endpoints."""
    async with sandbox_client(airbyte_version=version, auth="client-credentials") as it:
        public = await it.client.post("/api/public/v1/applications/token", json=TOKEN_BODY)
        config = await it.ask("applications/token", **TOKEN_BODY)
        return [
            Stop.of("POST /applications/token", public),
            Stop.of("applications/token", config),
        ]


async def _look(it: SandboxClient, connection: SimConnection, job_id: int) -> list[Stop]:
    of_job: dict[str, object] = {"id": job_id}
    of_connection: dict[str, object] = {"connectionId": connection.id}
    attempt: dict[str, object] = {"jobId": job_id, "attemptNumber": 0}
    types = sorted(it.sandbox.quirks.config_types)
    listing: dict[str, object] = {"configTypes": types, "configId": connection.id}
    bodies: dict[str, dict[str, object]] = {
        "jobs/get": of_job,
        "jobs/get_light": of_job,
        "jobs/get_without_logs": of_job,
        "jobs/list": listing,
        "attempt/get_for_job": attempt,
        "jobs/list_for_workspaces": {
            "configTypes": types,
            "workspaceIds": [connection.workspace_id],
        },
        "connections/events/list": of_connection,
        "connections/events/list_for_job": of_job,
        "stream_statuses/list": {
            "workspaceId": connection.workspace_id,
            "jobId": job_id,
            "pagination": {"pageSize": 100, "rowOffset": 0},
        },
        "web_backend/connections/get": of_connection,
        "state/get": of_connection,
    }
    stops = [Stop.of(path, await it.ask(path, **body)) for path, body in bodies.items()]
    stops.append(Stop.of("GET /jobs/{jobId}", await it.get(f"/jobs/{job_id}")))
    stops.append(Stop.of("GET /jobs", await it.get("/jobs")))
    return stops


async def _refusals(it: SandboxClient) -> list[Stop]:
    unknown = "00000000-0000-4000-8000-000000000000"
    asked: list[tuple[str, dict[str, object]]] = [
        ("connections/get", {"connectionId": unknown}),
        ("attempt/get_for_job", {"jobId": 1, "attemptNumber": 99}),
    ]
    return [Stop.of(path, await it.ask(path, **body)) for path, body in asked]


async def _names(it: SandboxClient, connection: SimConnection) -> list[Stop]:
    workspace: dict[str, object] = {"workspaceId": connection.workspace_id}
    user = (await it.client.get("/api/v1/instance_configuration")).json()["defaultUserId"]
    bodies: dict[str, dict[str, object]] = {
        "connections/get": {"connectionId": connection.id},
        "connections/list": workspace,
        "sources/list": workspace,
        "destinations/list": workspace,
        "workspaces/list": {},
        "workspaces/list_by_user_id": {"userId": user},
    }
    stops = [Stop.of(path, await it.ask(path, **body)) for path, body in bodies.items()]
    paths = {
        "GET /connections/{connectionId}": f"/connections/{connection.id}",
        "GET /connections": "/connections",
        "GET /workspaces": "/workspaces",
        "GET /tags": "/tags",
        "GET /sources": "/sources",
        "GET /destinations": "/destinations",
        "GET /workspaces/{workspaceId}": f"/workspaces/{connection.workspace_id}",
        "GET /sources/{sourceId}": f"/sources/{connection.source_id}",
        "GET /destinations/{destinationId}": f"/destinations/{connection.destination_id}",
    }
    stops += [Stop.of(operation, await it.get(path)) for operation, path in paths.items()]
    probes = ("health", "instance_configuration")
    stops += [Stop.of(path, await it.client.get(f"/api/v1/{path}")) for path in probes]
    return [*stops, Stop.of("GET /health", await it.get("/health"))]


async def _starts(it: SandboxClient, connection: SimConnection) -> list[Stop]:
    body: dict[str, object] = {"connectionId": connection.id}
    stops = []
    of_stream = {"streams": [{"streamName": "orders", "streamNamespace": "public"}], **body}
    bodies = {
        "connections/reset": body,
        "connections/clear": body,
        "connections/reset/stream": of_stream,
        "connections/clear/stream": of_stream,
        "connections/sync": body,
    }
    for path, each in bodies.items():
        stops.append(Stop.of(path, await it.ask(path, **each)))
        await it.pass_time(1000)
    refresh: dict[str, object] = {"refreshMode": "Merge", **of_stream}
    stops.append(Stop.of("connections/refresh", await it.ask("connections/refresh", **refresh)))
    stops.append(Stop.of("jobs/cancel", await it.ask("jobs/cancel", id=1)))
    return stops
