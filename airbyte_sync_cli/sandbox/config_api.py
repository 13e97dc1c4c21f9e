"""The Config API's endpoints."""

from collections.abc import Collection

from starlette.responses import Response

from airbyte_sync_cli.sandbox import config_views, public_views
from airbyte_sync_cli.sandbox import config_views as config_name_views
from airbyte_sync_cli.sandbox import world as operations
from airbyte_sync_cli.sandbox.config_views import JobView
from airbyte_sync_cli.sandbox.connection import stable_id
from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob
from airbyte_sync_cli.sandbox.listing import JobFilter, sort_jobs
from airbyte_sync_cli.sandbox.request import Call, Endpoint, moment, page_of, well_formed
from airbyte_sync_cli.sandbox.responses import ApiRefusal, Json, NotFound, Unreadable, ok
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World


class ServerInfo:
    """What a self-managed server tells of itself to anybody."""

    def __init__(self, world: World, quirks: Quirks, *, mode: str) -> None:
        self._world = world
        self._quirks = quirks
        self._mode = mode

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        return [
            Endpoint("health", "GET", "/health", self.health, anonymous=True),
            Endpoint(
                "version", "GET", "/instance_configuration", self.configuration, anonymous=True
            ),
        ]

    async def health(self, _call: Call) -> Response:
        """Say that it works."""
        return ok({"available": True})

    async def configuration(self, _call: Call) -> Response:
        """Tell version, edition and authentication mode; the old ones tell the edition only."""
        body: Json = {
            "version": self._quirks.release,
            "auth": {"mode": self._mode},
            "webappUrl": "http://localhost:8000",
            "airbyteUrl": "http://localhost:8000",
            "edition": "community",
            "licenseStatus": "pro",
            "initialSetupComplete": True,
            "defaultUserId": stable_id("user", "default"),
            "defaultOrganizationId": stable_id("organization", "default"),
            "defaultOrganizationEmail": "sandbox@example.com",
            "defaultWorkspaceId": next(
                iter(self._world.workspaces), stable_id("workspace", "Default")
            ),
            "trackingStrategy": "logging",
        }
        return ok(self._quirks.fields("InstanceConfigurationResponse", body))


class ConfigNames:
    """The handlers about what has a name: connections, workspaces, tags."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world = world
        self._quirks = quirks

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        return [
            Endpoint("connection", "POST", "/connections/get", self.get_connection),
            Endpoint("connection", "POST", "/web_backend/connections/get", self.get_everything),
            Endpoint("state", "POST", "/state/get", self.get_state),
            Endpoint("connections", "POST", "/connections/list", self.list_connections),
            Endpoint("workspaces", "POST", "/workspaces/list", self.list_workspaces),
            Endpoint("workspaces", "POST", "/workspaces/list_all_paginated", self.list_workspaces),
            Endpoint("workspaces", "POST", "/workspaces/list_paginated", self.named_workspaces),
            Endpoint("workspaces", "POST", "/workspaces/list_by_user_id", self.users_workspaces),
            Endpoint("tags", "POST", "/tags/list", self.list_tags),
        ]

    async def get_connection(self, call: Call) -> Response:
        """Show one connection."""
        connection = self._world.connection(call.uuid_of("connectionId"))
        return ok(config_name_views.connection_view(connection, self._quirks))

    async def get_everything(self, call: Call) -> Response:
        """Show one connection as the web page wants it, source and destination included."""
        connection = self._world.connection(call.uuid_of("connectionId"))
        jobs = self._world.jobs_of(connection.id)
        return ok(config_name_views.web_view(connection, jobs, self._quirks))

    async def get_state(self, call: Call) -> Response:
        """Show where each stream's next sync begins; nothing before the first success."""
        connection = self._world.connection(call.uuid_of("connectionId"))
        return ok(config_name_views.state_view(connection, self._world.jobs_of(connection.id)))

    async def list_connections(self, call: Call) -> Response:
        """List a workspace's connections, all of them at once."""
        workspace = call.uuid_of("workspaceId")
        rows = [
            config_name_views.connection_view(each, self._quirks)
            for each in self._world.connections.values()
            if each.workspace_id == workspace and each.status != "deprecated"
        ]
        return ok({"connections": rows})

    async def list_workspaces(self, call: Call) -> Response:
        """List all workspaces, by page where asked for."""
        return self._workspaces(call, self._world.workspaces)

    async def named_workspaces(self, call: Call) -> Response:
        """List the workspaces that are named: none named, none listed (`ID IN ()`)."""
        return self._workspaces(call, call.uuids_of("workspaceIds"))

    async def users_workspaces(self, call: Call) -> Response:
        """List what a user may see; there is one user, whom `instance_configuration` names."""
        known = call.uuid_of("userId") == stable_id("user", "default")
        return self._workspaces(call, self._world.workspaces if known else ())

    def _workspaces(self, call: Call, wanted: Collection[str]) -> Response:
        body = call.json() if call.body else {}
        part = str(body.get("nameContains") or "").lower()
        rows = [
            config_name_views.workspace_view(each)
            for each in self._world.workspaces.values()
            if each.id in wanted and part in each.name.lower()
        ]
        return ok({"workspaces": page_of(rows, body)})

    async def list_tags(self, call: Call) -> Response:
        """List a workspace's tags, as a bare array."""
        workspace = call.uuid_of("workspaceId")
        tags = [each for each in self._world.tags.values() if each.workspace_id == workspace]
        return ok([public_views.tag_view(tag) for tag in tags])


class ConfigRoutes:
    """The handlers about jobs and attempts."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world = world
        self._quirks = quirks

    def endpoints(self) -> list[Endpoint]:
        """List them, by the names under which faults know them."""
        rows = [
            ("trigger", "/connections/sync", self.sync),
            ("trigger", "/connections/reset", self.reset),
            ("trigger", "/connections/clear", self.reset),
            ("trigger", "/connections/refresh", self.refresh),
            ("progress", "/connections/sync_progress", self.progress),
            ("jobs", "/jobs/list", self.list_jobs),
            ("jobs", "/jobs/list_for_workspaces", self.list_jobs_of_workspaces),
            ("job", "/jobs/get_light", self.get_light),
            ("job", "/jobs/get_without_logs", self.get_without_logs),
            ("logs", "/jobs/get", self.get_with_logs),
            ("logs", "/jobs/get_debug_info", self.get_debug_info),
            ("jobs", "/jobs/get_last_replication_job", self.last_job),
            ("cancel", "/jobs/cancel", self.cancel),
            ("logs", "/attempt/get_for_job", self.attempt),
            ("attempt", "/attempt/get_combined_stats", self.combined_stats),
        ]
        return [Endpoint(name, "POST", path, handler) for name, path, handler in rows]

    async def sync(self, call: Call) -> Response:
        """Start a sync and hold until it runs, however long that takes."""
        job = await operations.start_sync(
            self._world,
            call.uuid_of("connectionId"),
            early=False,
            asked_by=call.caller,
            born_after=call.born_after,
        )
        return ok(self._with_logs(job))

    async def reset(self, call: Call) -> Response:
        """Start a reset (a clear is the same); what runs is cancelled, not a 409."""
        job = await operations.start_reset(
            self._world, call.uuid_of("connectionId"), asked_by=call.caller
        )
        return ok(self._with_logs(job))

    async def refresh(self, call: Call) -> Response:
        """Start a refresh. The answer names the job since 1.2; no job: the destination cannot."""
        connection_id = call.uuid_of("connectionId")
        names_job = self._quirks.refresh_names_its_job
        if not self._world.connection(connection_id).can_refresh:
            return ok({} if names_job else {"value": False})
        job = await operations.start_sync(
            self._world,
            connection_id,
            early=False,
            asked_by=call.caller,
            kind="refresh",
            born_after=call.born_after,
        )
        return ok({"job": self._view(job).light()} if names_job else {"value": True})

    async def progress(self, call: Call) -> Response:
        """Show how far the newest job is that is not over."""
        connection = self._world.connection(call.uuid_of("connectionId"))
        active = [job for job in self._world.jobs_of(connection.id) if job.active]
        view = self._view(active[-1]) if active else None
        return ok(config_views.progress_view(connection, view))

    async def list_jobs(self, call: Call) -> Response:
        """List jobs, newest first."""
        body = call.json()
        config_id = body.get("configId")
        within = frozenset({well_formed(str(config_id))}) if config_id else None
        found = self._found(body, within)
        return self._listed(page_of(found, body), total=len(found))

    async def list_jobs_of_workspaces(self, call: Call) -> Response:
        """List the jobs of some workspaces; the total counts the page only."""
        body = call.json()
        workspaces = call.uuids_of("workspaceIds")
        every = self._world.connections.values()
        within = frozenset(each.id for each in every if each.workspace_id in workspaces)
        page = page_of(self._found(body, within), body)
        return self._listed(page, total=len(page))

    def _found(self, body: Json, connections: frozenset[str] | None) -> list[SimJob]:
        field = _one_of(body, "orderByField", ("createdAt", "updatedAt"))
        newest_first = _one_of(body, "orderByMethod", ("DESC", "ASC")) == "DESC"
        wanted = _filter(body, connections, self._quirks)
        found = [job for job in self._world.jobs() if wanted.matches(job)]
        return sort_jobs(found, field, newest_first=newest_first)

    def _listed(self, page: list[SimJob], *, total: int) -> Response:
        views = [self._view(job) for job in page]
        jobs = [{"job": view.full(), "attempts": view.attempts()} for view in views]
        return ok({"jobs": jobs, "totalJobCount": total})

    async def get_light(self, call: Call) -> Response:
        """Show a job without numbers: the cheapest look."""
        return ok({"job": self._view(self._job(call)).light()})

    async def get_without_logs(self, call: Call) -> Response:
        """Show a job with its numbers."""
        view = self._view(self._job(call))
        return ok({"job": view.full(), "attempts": view.attempt_infos(logs=False)})

    async def get_with_logs(self, call: Call) -> Response:
        """Show a job with all logs; no statistics of the whole, none of a running attempt."""
        return ok(self._with_logs(self._job(call)))

    async def get_debug_info(self, call: Call) -> Response:
        """Show everything about a job."""
        job = self._job(call)
        connection = self._world.connection(job.connection_id)
        return ok(config_views.debug_view(self._view(job), connection))

    async def last_job(self, call: Call) -> Response:
        """Show the newest job that was not cancelled, if there is one."""
        jobs = self._world.jobs_of(call.uuid_of("connectionId"))
        kept = [job for job in jobs if job.status != "cancelled"]
        return ok({"job": self._view(kept[-1]).light()} if kept else {})

    async def cancel(self, call: Call) -> Response:
        """Cancel whatever runs on the job's connection, as the Public API does."""
        job = self._job(call)
        await operations.cancel_running(self._world, job.connection_id, asked_by=call.caller)
        return ok(self._with_logs(job))

    async def attempt(self, call: Call) -> Response:
        """Show one attempt with its log."""
        job, attempt = self._attempt(call)
        return ok(self._view(job).attempt_infos(logs=True)[attempt.number])

    async def combined_stats(self, call: Call) -> Response:
        """Show one attempt's numbers; 404 while there are none."""
        job, attempt = self._attempt(call)
        numbers = self._view(job).numbers_of(attempt.number)
        if numbers is None:
            raise NotFound(f"Could not find attempt stats for job_id: {job.id}")
        return ok(self._view(job).numbers("AttemptStats", numbers))

    def _job(self, call: Call) -> SimJob:
        return self._world.job(call.int_of("id"))

    def _attempt(self, call: Call) -> tuple[SimJob, JobAttempt]:
        job, number = self._world.job(call.int_of("jobId")), call.int_of("attemptNumber")
        attempts = job.attempts_at(job.now())
        if not 0 <= number < len(attempts):
            raise NotFound(f"Could not find attempt {number} of job {job.id}")
        return job, attempts[number]

    def _view(self, job: SimJob) -> JobView:
        streams = self._world.connection(job.connection_id).streams
        return JobView(job, streams, self._quirks)

    def _with_logs(self, job: SimJob) -> Json:
        """Show what `jobs/get` and every change of a job answer: all logs, few numbers."""
        view = self._view(job)
        return {"job": view.light(), "attempts": view.attempt_infos(logs=True, live=False)}


def _filter(body: Json, connections: frozenset[str] | None, quirks: Quirks) -> JobFilter:
    types = _strings(body, "configTypes")
    if quirks.knows("JobListRequestBody", "statuses"):
        statuses = _strings(body, "statuses")
    else:  # `statuses` is ignored, as every unknown key is
        statuses = frozenset({str(body["status"]).lower()} if body.get("status") else ())
    if not types:
        raise ApiRefusal("configTypes must not be empty")
    if unknown := (types - quirks.config_types) | (statuses - quirks.config_statuses):
        raise Unreadable(f"Unexpected value '{min(unknown)}'")
    return JobFilter(
        connections=connections,
        types=types,
        statuses=statuses,
        created_start=moment(body.get("createdAtStart")),
        created_end=moment(body.get("createdAtEnd")),
        updated_start=moment(body.get("updatedAtStart")),
        updated_end=moment(body.get("updatedAtEnd")),
    )


def _one_of(body: Json, field: str, words: tuple[str, ...]) -> str:
    """Read one of some words, in any case; the first one where nothing is said."""
    text = str(body.get(field) or words[0])
    for word in words:
        if word.lower() == text.lower():
            return word
    raise Unreadable(f"Unexpected value '{text}'")


def _strings(body: Json, field: str) -> frozenset[str]:
    value = body.get(field)
    return (
        frozenset(str(each).lower() for each in value) if isinstance(value, list) else frozenset()
    )
