"""The Config API's endpoints for jobs, attempts, and everything that has a name."""

from collections.abc import Collection
from functools import partial

from starlette.responses import Response

from airbyte_sync_cli.sandbox import config_views, scheduler
from airbyte_sync_cli.sandbox.api_request import (
    ApiRequest,
    Endpoint,
    Handler,
    page_of,
    parse_time,
    parse_uuid,
)
from airbyte_sync_cli.sandbox.config_views import JobView
from airbyte_sync_cli.sandbox.connection import ACTOR_KINDS, ActorKind, SimStream, stable_id
from airbyte_sync_cli.sandbox.job import JobFilter, SimJob, sort_jobs
from airbyte_sync_cli.sandbox.problems import ApiProblem, InvalidBody, MissingField, NotFound
from airbyte_sync_cli.sandbox.responses import Json, ok
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import Quirks


class ConfigEndpoints:
    """The handlers; `auth_mode` is what `instance_configuration` shows."""

    def __init__(self, state: SandboxState, quirks: Quirks, *, auth_mode: str) -> None:
        self._state = state
        self._quirks = quirks
        self._auth_mode = auth_mode

    def endpoints(self) -> list[Endpoint]:
        """Return them, by the names that faults use."""
        return [
            _post("trigger", "/connections/sync", self.sync),
            _post("trigger", "/connections/reset", self.reset),
            _post("trigger", "/connections/clear", self.reset),  # both start a reset workflow
            _post("trigger", "/connections/reset/stream", self.reset),
            _post("trigger", "/connections/clear/stream", self.reset),
            _post("trigger", "/connections/refresh", self.refresh),
            _post("cancel", "/jobs/cancel", self.cancel),
            _post("jobs", "/jobs/list", self.list_jobs),
            _post("jobs", "/jobs/list_for_workspaces", self.list_jobs_of_workspaces),
            _post("job", "/jobs/get_light", self.get_light),
            _post("job", "/jobs/get_without_logs", self.get_without_logs),
            _post("logs", "/jobs/get", self.get_with_logs),
            _post("logs", "/attempt/get_for_job", self.get_attempt),
            _post("connection", "/connections/get", self.get_connection),
            _post("connection", "/web_backend/connections/get", self.get_connection_page),
            _post("state", "/state/get", self.get_state),
            _post("connections", "/connections/list", self.list_connections),
            _post("workspaces", "/workspaces/list", self.list_workspaces),
            _post("workspaces", "/workspaces/list_by_user_id", self.list_workspaces_of_user),
            *(
                _post("actors", f"/{kind}s/list", partial(self.list_actors, kind))
                for kind in ACTOR_KINDS
            ),
            _probe("health", "/health", self.health),
            _probe("version", "/instance_configuration", self.instance_configuration),
        ]

    async def sync(self, request: ApiRequest) -> Response:
        """Start a sync and hold until it runs, however long that takes."""
        return ok(self._view(await self._start(request, "sync")).with_logs())

    async def refresh(self, request: ApiRequest) -> Response:
        """Start a refresh. The response names the job since 1.2; none: it is not supported."""
        # A destination without support for refreshes is a 200 without a job, not an error.
        names_job = self._quirks.refresh_names_its_job
        if not self._state.connection(request.uuid_of("connectionId")).can_refresh:
            return ok({} if names_job else {"value": False})
        job = await self._start(request, "refresh")
        return ok({"job": self._view(job).light()} if names_job else {"value": True})

    async def _start(self, request: ApiRequest, kind: str) -> SimJob:
        return await scheduler.start_sync(
            self._state,
            request.uuid_of("connectionId"),
            early=False,  # only the Public API got the early return
            asked_by=request.caller,
            kind=kind,
            streams=self._streams(request) if kind == "refresh" else (),
            born_after=request.born_after,
        )

    async def reset(self, request: ApiRequest) -> Response:
        """Start a reset (a clear is the same); a running job is cancelled, not a 409."""
        job = await scheduler.start_reset(
            self._state,
            request.uuid_of("connectionId"),
            asked_by=request.caller,
            streams=self._streams(request) if request.path.endswith("/stream") else (),
        )
        return ok(self._view(job).with_logs())

    def _streams(self, request: ApiRequest) -> tuple[SimStream, ...]:
        """Return the requested streams; none means all. Airbyte does not check that they exist."""
        rows = request.json().get("streams") or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidBody("streams must be a list of objects")
        if any(not isinstance(row.get("streamName"), str) for row in rows):
            raise MissingField("streamName")
        return tuple(SimStream(row["streamName"], row.get("streamNamespace")) for row in rows)

    async def cancel(self, request: ApiRequest) -> Response:
        """Cancel whatever runs on the job's connection, as the Public API does."""
        job = self._job(request)
        await scheduler.cancel_running(self._state, job.connection_id, asked_by=request.caller)
        return ok(self._view(job).with_logs())

    async def list_jobs(self, request: ApiRequest) -> Response:
        """Return jobs, newest first."""
        body = request.json()
        config_id = body.get("configId")
        connections = frozenset({parse_uuid(str(config_id))}) if config_id else None
        found = self._find_jobs(body, connections)
        return self._job_list(page_of(found, body), total=len(found))

    async def list_jobs_of_workspaces(self, request: ApiRequest) -> Response:
        """Return the jobs of some workspaces; the total counts the page only."""
        body = request.json()
        workspaces = request.uuids_of("workspaceIds")
        every = self._state.connections.values()
        connections = frozenset(each.id for each in every if each.workspace_id in workspaces)
        page = page_of(self._find_jobs(body, connections), body)
        # Not the total of all pages, so a client cannot use it to stop.
        return self._job_list(page, total=len(page))

    def _find_jobs(self, body: Json, connections: frozenset[str] | None) -> list[SimJob]:
        field = _one_of(body, "orderByField", ("createdAt", "updatedAt"))
        newest_first = _one_of(body, "orderByMethod", ("DESC", "ASC")) == "DESC"
        wanted = _filter(body, connections, self._quirks)
        found = [job for job in self._state.jobs() if wanted.matches(job)]
        return sort_jobs(found, field, newest_first=newest_first)

    def _job_list(self, page: list[SimJob], *, total: int) -> Response:
        views = [self._view(job) for job in page]
        jobs = [{"job": view.full(), "attempts": view.attempts()} for view in views]
        return ok({"jobs": jobs, "totalJobCount": total})

    async def get_light(self, request: ApiRequest) -> Response:
        """Return a job without counts: the cheapest poll."""
        return ok({"job": self._view(self._job(request)).light()})

    async def get_without_logs(self, request: ApiRequest) -> Response:
        """Return a job with its counts."""
        view = self._view(self._job(request))
        return ok({"job": view.full(), "attempts": view.attempt_infos(logs=False)})

    async def get_with_logs(self, request: ApiRequest) -> Response:
        """Return a job with all logs, without the counts of the job and of a running attempt."""
        return ok(self._view(self._job(request)).with_logs())

    async def get_attempt(self, request: ApiRequest) -> Response:
        """Return one attempt with its log."""
        job, number = self._state.job(request.int_of("jobId")), request.int_of("attemptNumber")
        attempts = self._view(job).attempt_infos(logs=True)
        if not 0 <= number < len(attempts):
            raise NotFound(f"Could not find attempt {number} of job {job.id}")
        return ok(attempts[number])

    async def get_connection(self, request: ApiRequest) -> Response:
        """Return one connection."""
        connection = self._state.connection(request.uuid_of("connectionId"))
        return ok(config_views.connection_read(connection, self._quirks))

    async def get_connection_page(self, request: ApiRequest) -> Response:
        """Return one connection with its source and destination, as the web app needs it."""
        connection = self._state.connection(request.uuid_of("connectionId"))
        jobs = self._state.jobs_of(connection.id)
        return ok(config_views.web_backend_read(connection, jobs, self._quirks))

    async def get_state(self, request: ApiRequest) -> Response:
        """Return the cursor of each stream; none before the first success."""
        connection = self._state.connection(request.uuid_of("connectionId"))
        return ok(config_views.state_read(connection, self._state.jobs_of(connection.id)))

    async def list_connections(self, request: ApiRequest) -> Response:
        """Return all connections of a workspace, without pages."""
        workspace = request.uuid_of("workspaceId")
        rows = [
            config_views.connection_read(each, self._quirks)
            for each in self._state.connections.values()
            if each.workspace_id == workspace and each.status != "deprecated"  # deleted
        ]
        return ok({"connections": rows})

    async def list_workspaces(self, request: ApiRequest) -> Response:
        """Return all workspaces."""
        return self._workspaces(request, self._state.workspaces)

    async def list_workspaces_of_user(self, request: ApiRequest) -> Response:
        """Return a user's workspaces; the only user is that of `instance_configuration`."""
        known = request.uuid_of("userId") == stable_id("user", "default")
        return self._workspaces(request, self._state.workspaces if known else ())

    def _workspaces(self, request: ApiRequest, wanted: Collection[str]) -> Response:
        body = request.json() if request.body else {}  # `workspaces/list` takes no body
        part = str(body.get("nameContains") or "").lower()
        rows = [
            config_views.workspace_read(each)
            for each in self._state.workspaces.values()
            if each.id in wanted and part in each.name.lower()
        ]
        return ok({"workspaces": page_of(rows, body)})

    async def list_actors(self, kind: ActorKind, request: ApiRequest) -> Response:
        """Return the sources or destinations of a workspace, without pages."""
        actors = self._state.actors(kind, [request.uuid_of("workspaceId")])
        rows = [config_views.actor_read(kind, each, self._quirks) for each in actors]
        return ok({f"{kind}s": rows})

    async def health(self, _request: ApiRequest) -> Response:
        """Return that the server is available."""
        return ok({"available": True})

    async def instance_configuration(self, _request: ApiRequest) -> Response:
        """Return version, edition and authentication mode; before 0.60 only the edition."""
        workspaces = iter(self._state.workspaces)
        body: Json = {
            "version": self._quirks.release,
            "auth": {"mode": self._auth_mode},
            "webappUrl": "http://localhost:8000",
            "airbyteUrl": "http://localhost:8000",
            "edition": "community",
            "licenseStatus": "pro",
            "initialSetupComplete": True,
            "defaultUserId": stable_id("user", "default"),
            "defaultOrganizationId": stable_id("organization", "default"),
            "defaultOrganizationEmail": "sandbox@example.com",
            "defaultWorkspaceId": next(workspaces, stable_id("workspace", "Default")),
            "trackingStrategy": "logging",
        }
        return ok(self._quirks.fields("InstanceConfigurationResponse", body))

    def _job(self, request: ApiRequest) -> SimJob:
        return self._state.job(request.int_of("id"))

    def _view(self, job: SimJob) -> JobView:
        streams = self._state.connection(job.connection_id).selected
        return JobView(job, streams, self._quirks)


def _post(name: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(name, "POST", path, handler)


def _probe(name: str, path: str, handler: Handler) -> Endpoint:
    return Endpoint(name, "GET", path, handler, anonymous=True)


def _filter(body: Json, connections: frozenset[str] | None, quirks: Quirks) -> JobFilter:
    types = _strings(body, "configTypes")
    if quirks.knows("JobListRequestBody", "statuses"):
        statuses = _strings(body, "statuses")
    else:  # `statuses` is ignored, as every unknown key is
        statuses = frozenset({str(body["status"]).lower()} if body.get("status") else ())
    if not types:
        raise ApiProblem("configTypes must not be empty")  # a 500: the server does not check it
    if unknown := (types - quirks.config_types) | (statuses - quirks.config_statuses):
        raise InvalidBody(f"Unexpected value '{min(unknown)}'")
    return JobFilter(
        connections=connections,
        types=types,
        statuses=statuses,
        created_start=parse_time(body.get("createdAtStart")),
        created_end=parse_time(body.get("createdAtEnd")),
        updated_start=parse_time(body.get("updatedAtStart")),
        updated_end=parse_time(body.get("updatedAtEnd")),
    )


def _one_of(body: Json, field: str, words: tuple[str, ...]) -> str:
    """Return one of some words, in any case; the first one by default."""
    text = str(body.get(field) or words[0])
    for word in words:
        if word.lower() == text.lower():
            return word
    raise InvalidBody(f"Unexpected value '{text}'")


def _strings(body: Json, field: str) -> frozenset[str]:
    value = body.get(field)
    return (
        frozenset(str(each).lower() for each in value) if isinstance(value, list) else frozenset()
    )
