"""The Public API's endpoints, as in the controllers under `apis/publicapi` of the platform."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from starlette.responses import PlainTextResponse, Response

from airbyte_sync_cli.sandbox import public_views, scheduler
from airbyte_sync_cli.sandbox.api_request import (
    ApiRequest,
    Endpoint,
    parse_number,
    parse_time,
    parse_uuid,
)
from airbyte_sync_cli.sandbox.connection import ACTOR_KINDS, ActorKind
from airbyte_sync_cli.sandbox.job import JobFilter, SimJob, sort_jobs
from airbyte_sync_cli.sandbox.problems import (
    BadRequest,
    InternalError,
    InvalidBody,
    NoSuchResource,
    NotSupported,
)
from airbyte_sync_cli.sandbox.responses import Json, ok
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import Quirks

T = TypeVar("T")

FOREIGN_ROOT: Final = "http://localhost:8001/api/public/v1"
"""The address in `next` links: a setting of the server, rarely where clients reach it."""
_STORED: Final = {
    "sync": {"sync"},
    "reset": {"reset_connection"},
    "clear": {"clear"},
    "refresh": {"refresh"},
}
"""The stored job types by their names in this API."""
_ORDERS: Final = {
    f"{field}|{way}" for field in ("createdAt", "updatedAt") for way in ("ASC", "DESC")
}


class PublicEndpoints:
    """The handlers; pages after the first repeat `overlap` rows."""

    def __init__(self, state: SandboxState, quirks: Quirks, *, overlap: int = 0) -> None:
        self._state = state
        self._quirks = quirks
        self._overlap = overlap

    def endpoints(self) -> list[Endpoint]:
        """Return them, by the names that faults use."""
        return [
            Endpoint("health", "GET", "/health", self.health, anonymous=True),
            Endpoint("trigger", "POST", "/jobs", self.create_job),
            Endpoint("jobs", "GET", "/jobs", self.list_jobs),
            Endpoint("job", "GET", "/jobs/{job_id}", self.get_job),
            Endpoint("cancel", "DELETE", "/jobs/{job_id}", self.cancel_job),
            Endpoint("connections", "GET", "/connections", self.list_connections),
            Endpoint("connection", "GET", "/connections/{id}", self.get_connection),
            Endpoint("workspaces", "GET", "/workspaces", self.list_workspaces),
            Endpoint("workspaces", "GET", "/workspaces/{workspace_id}", self.get_workspace),
            Endpoint("tags", "GET", "/tags", self.list_tags),
            *(
                Endpoint("actors", "GET", f"/{each}s", partial(self.list_actors, each))
                for each in ACTOR_KINDS
            ),
            *(
                Endpoint("actors", "GET", f"/{each}s/{{actor_id}}", partial(self.get_actor, each))
                for each in ACTOR_KINDS
            ),
        ]

    async def health(self, _request: ApiRequest) -> Response:
        """Return a text that is not JSON."""
        return PlainTextResponse("Successful operation")

    async def create_job(self, request: ApiRequest) -> Response:
        """Start a job. A sync holds as long as the version does; a reset cancels what runs."""
        connection_id = request.uuid_of("connectionId")
        kind = str(request.json().get("jobType", "")).lower()
        match kind:
            case "sync":
                job = await scheduler.start_sync(
                    self._state,
                    connection_id,
                    early=self._quirks.trigger_returns_early,
                    asked_by=request.caller,
                    born_after=request.born_after,
                )
            case "reset" | "clear" if kind in self._job_types():
                job = await scheduler.start_reset(
                    self._state, connection_id, asked_by=request.caller
                )
            case "refresh":  # JobsController knows the type and rejects it
                raise NotSupported("Refreshes are not supported in the public API")
            case _:
                raise InvalidBody(f"jobType: {kind!r} is none")
        return ok(
            self._job_response(job, counted=False)
        )  # the stored type, not that of the request

    async def get_job(self, request: ApiRequest) -> Response:
        """Return one job."""
        return ok(self._job_response(self._state.job(_job_id(request)), counted=True))

    async def cancel_job(self, request: ApiRequest) -> Response:
        """Cancel whatever runs on the job's *connection*: the job itself may be over."""
        job = self._state.job(_job_id(request))
        await scheduler.cancel_running(self._state, job.connection_id, asked_by=request.caller)
        return ok(self._job_response(job, counted=False))

    async def list_jobs(self, request: ApiRequest) -> Response:
        """Return jobs; by default the oldest twenty."""
        # Oldest first by default, in every version (JobsHelper): a trap for a client.
        order = request.query.get("orderBy") or "createdAt|ASC"
        if order not in _ORDERS:
            raise BadRequest(f"Invalid order by clause provided: {order}")
        field, way = order.split("|")
        wanted = self._filter(request)
        jobs = [job for job in self._state.jobs() if wanted.matches(job)]
        return self._page(
            request,
            "/jobs",
            sort_jobs(jobs, field, newest_first=way == "DESC"),
            view=lambda job: self._job_response(job, counted=True),
            keep=("connectionId", "jobType", "workspaceIds"),
        )

    async def list_connections(self, request: ApiRequest) -> Response:
        """Return connections; there is no filter by name."""
        knows_tags = self._quirks.knows("ConnectionResponse", "tags")
        workspaces = request.values_of("workspaceIds")
        tags = request.values_of("tagIds") if knows_tags else ()  # before: an unknown parameter
        # `deprecated` is the status of a deleted connection.
        deleted = request.query.get("includeDeleted", "").lower() == "true"
        rows = [
            each
            for each in self._state.connections.values()
            if (not workspaces or each.workspace_id in workspaces)
            and (deleted or each.status != "deprecated")
            and (not tags or tags & {tag.id for tag in each.tags})
        ]
        return self._page(
            request,
            "/connections",
            rows,
            view=lambda each: public_views.connection_response(each, self._quirks),
        )

    async def get_connection(self, request: ApiRequest) -> Response:
        """Return one connection."""
        connection = self._state.connection(parse_uuid(request.parameters["id"]))
        return ok(public_views.connection_response(connection, self._quirks))

    async def list_workspaces(self, request: ApiRequest) -> Response:
        """Return workspaces."""
        wanted = request.values_of("workspaceIds")
        rows = [
            each for each in self._state.workspaces.values() if not wanted or each.id in wanted
        ]
        return self._page(
            request,
            "/workspaces",
            rows,
            view=lambda each: public_views.workspace_response(each, self._quirks),
        )

    async def get_workspace(self, request: ApiRequest) -> Response:
        """Return one workspace."""
        workspace = self._state.workspace(parse_uuid(request.parameters["workspace_id"]))
        return ok(public_views.workspace_response(workspace, self._quirks))

    async def list_tags(self, request: ApiRequest) -> Response:
        """Return tags, without pages."""
        wanted = request.values_of("workspaceIds")
        tags = [
            public_views.tag_response(tag)
            for tag in self._state.tags.values()
            if not wanted or tag.workspace_id in wanted
        ]
        return ok({"data": tags})

    async def list_actors(self, kind: ActorKind, request: ApiRequest) -> Response:
        """Return sources or destinations."""
        return self._page(
            request,
            f"/{kind}s",
            self._state.actors(kind, request.values_of("workspaceIds")),
            view=lambda each: public_views.actor_response(kind, each, self._quirks),
        )

    async def get_actor(self, kind: ActorKind, request: ApiRequest) -> Response:
        """Return one source or destination."""
        wanted = parse_uuid(request.parameters["actor_id"])
        for each in self._state.actors(kind):
            if each.actor_id(kind) == wanted:
                return ok(public_views.actor_response(kind, each, self._quirks))
        raise NoSuchResource(f"{kind.upper()}_CONNECTION", wanted)

    def _job_response(self, job: SimJob, *, counted: bool) -> Json:
        if self._quirks.public_fails_at_queued and job.status == "queued":
            raise InternalError("Unexpected value 'queued'")  # also for a whole page of jobs
        return public_views.job_response(job, self._quirks, counted=counted)

    def _filter(self, request: ApiRequest) -> JobFilter:
        connection = request.query.get("connectionId")
        return JobFilter(
            connections=frozenset({parse_uuid(connection)})
            if connection
            else self._connections_in(request.values_of("workspaceIds")),
            types=self._types(request.choice("jobType", self._job_types())),
            statuses=request.choice("status", self._quirks.public_statuses),
            created_start=parse_time(request.query.get("createdAtStart")),
            created_end=parse_time(request.query.get("createdAtEnd")),
            updated_start=parse_time(request.query.get("updatedAtStart")),
            updated_end=parse_time(request.query.get("updatedAtEnd")),
        )

    def _connections_in(self, workspaces: set[str]) -> frozenset[str] | None:
        if not workspaces:
            return None
        every = self._state.connections.values()
        return frozenset(each.id for each in every if each.workspace_id in workspaces)

    def _job_types(self) -> frozenset[str]:
        return frozenset(each for each in _STORED if self._quirks.knows("JobTypeEnum", each))

    def _types(self, asked: frozenset[str]) -> frozenset[str]:
        if asked:
            return frozenset().union(*(_STORED[each] for each in asked))
        return (
            frozenset()
            if self._quirks.lists_every_job_type
            else frozenset(_STORED["sync"] | _STORED["reset"])
        )

    def _page(
        self,
        request: ApiRequest,
        path: str,
        rows: Sequence[T],
        *,
        view: Callable[[T], Json],
        keep: tuple[str, ...] = ("workspaceIds",),
    ) -> Response:
        """Return a page; `keep` are the parameters that `next` repeats (PaginationMapper)."""
        limit = request.number("limit", default=20, lowest=1, highest=100)
        offset = request.number("offset", default=0, lowest=0, highest=2**31)
        # Rows shift between pages when jobs are created meanwhile; overlap makes that happen.
        first = max(offset - self._overlap, 0)
        kept = "".join(f"{name}={request.query[name]}&" for name in keep if name in request.query)
        page = public_views.page_response(
            [view(row) for row in rows[first : first + limit]],
            url=f"{FOREIGN_ROOT}{path}?{kept}",
            limit=limit,
            offset=offset,
        )
        return ok(page)


def _job_id(request: ApiRequest) -> int:
    text = request.parameters["job_id"]
    job_id = parse_number(text)
    if job_id is None:
        raise BadRequest(f"Failed to convert argument [jobId] for value [{text}]")
    return job_id
