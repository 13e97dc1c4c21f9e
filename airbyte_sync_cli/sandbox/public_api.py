"""The Public API's endpoints. Sources: the controllers under `apis/publicapi` of the platform."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from starlette.responses import PlainTextResponse, Response

from airbyte_sync_cli.sandbox import public_views
from airbyte_sync_cli.sandbox import world as operations
from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.listing import JobFilter, sort_jobs
from airbyte_sync_cli.sandbox.request import Call, Endpoint, moment, well_formed, whole_number
from airbyte_sync_cli.sandbox.responses import (
    BadRequest,
    Crash,
    Json,
    Unprocessable,
    Unreadable,
    ok,
)
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World

T = TypeVar("T")

_STORED: Final = {
    "sync": {"sync"},
    "reset": {"reset_connection"},
    "clear": {"clear"},
    "refresh": {"refresh"},
}
_ORDERS: Final = {
    f"{field}|{way}" for field in ("createdAt", "updatedAt") for way in ("ASC", "DESC")
}


class PublicRoutes:
    """The handlers; `foreign_root` is the address that the server believes to have."""

    def __init__(
        self, world: World, quirks: Quirks, *, foreign_root: str, overlap: int = 0
    ) -> None:
        self._world = world
        self._quirks = quirks
        self._foreign_root = foreign_root
        self._overlap = overlap

    def endpoints(self) -> list[Endpoint]:
        """List them, by the names under which faults know them."""
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
        ]

    async def health(self, _call: Call) -> Response:
        """Say that it works, in words that are not JSON."""
        return PlainTextResponse("Successful operation")

    async def create_job(self, call: Call) -> Response:
        """Start a job. Sync: holds as the version does. Reset and clear: cancel what runs."""
        connection_id = call.uuid_of("connectionId")
        kind = str(call.json().get("jobType", "")).lower()
        match kind:
            case "sync":
                job = await operations.start_sync(
                    self._world,
                    connection_id,
                    early=self._quirks.trigger_returns_early,
                    asked_by=call.caller,
                    born_after=call.born_after,
                )
            case "reset" | "clear" if kind in self._job_types():
                job = await operations.start_reset(
                    self._world, connection_id, asked_by=call.caller
                )
            case "refresh":
                raise Unprocessable("Refreshes are not supported in the public API")
            case _:
                raise Unreadable(f"jobType: {kind!r} is none")
        return ok(self._shown(job, numbers=False))

    async def get_job(self, call: Call) -> Response:
        """Show one job."""
        return ok(self._shown(self._world.job(_job_id(call)), numbers=True))

    async def cancel_job(self, call: Call) -> Response:
        """Cancel whatever runs on the job's *connection*: the job itself may long be over."""
        job = self._world.job(_job_id(call))
        await operations.cancel_running(self._world, job.connection_id, asked_by=call.caller)
        return ok(self._shown(job, numbers=False))

    async def list_jobs(self, call: Call) -> Response:
        """List jobs: oldest first unless asked otherwise, twenty unless asked otherwise."""
        order = call.query.get("orderBy") or "createdAt|ASC"
        if order not in _ORDERS:
            raise BadRequest(f"Invalid order by clause provided: {order}")
        field, way = order.split("|")
        wanted = self._filter(call)
        jobs = [job for job in self._world.jobs() if wanted.matches(job)]
        return self._page(
            call,
            "/jobs",
            sort_jobs(jobs, field, newest_first=way == "DESC"),
            show=lambda job: self._shown(job, numbers=True),
            keep=("connectionId", "jobType", "workspaceIds"),
        )

    async def list_connections(self, call: Call) -> Response:
        """List connections; there is no filter by name."""
        knows_tags = self._quirks.knows("ConnectionResponse", "tags")
        workspaces, tags = call.words("workspaceIds"), call.words("tagIds") if knows_tags else ()
        deleted = call.query.get("includeDeleted", "").lower() == "true"
        rows = [
            each
            for each in self._world.connections.values()
            if (not workspaces or each.workspace_id in workspaces)
            and (deleted or each.status != "deprecated")
            and (not tags or tags & {tag.id for tag in each.tags})
        ]
        return self._page(
            call,
            "/connections",
            rows,
            show=lambda each: public_views.connection_view(each, self._quirks),
            keep=("workspaceIds",),
        )

    async def get_connection(self, call: Call) -> Response:
        """Show one connection."""
        connection = self._world.connection(well_formed(call.parameters["id"]))
        return ok(public_views.connection_view(connection, self._quirks))

    async def list_workspaces(self, call: Call) -> Response:
        """List workspaces."""
        wanted = call.words("workspaceIds")
        rows = [
            each for each in self._world.workspaces.values() if not wanted or each.id in wanted
        ]
        return self._page(
            call,
            "/workspaces",
            rows,
            show=lambda each: public_views.workspace_view(each, self._quirks),
            keep=("workspaceIds",),
        )

    async def get_workspace(self, call: Call) -> Response:
        """Show one workspace."""
        workspace = self._world.workspace(well_formed(call.parameters["workspace_id"]))
        return ok(public_views.workspace_view(workspace, self._quirks))

    async def list_tags(self, call: Call) -> Response:
        """List tags, without pages."""
        wanted = call.words("workspaceIds")
        tags = [
            public_views.tag_view(tag)
            for tag in self._world.tags.values()
            if not wanted or tag.workspace_id in wanted
        ]
        return ok({"data": tags})

    def _shown(self, job: SimJob, *, numbers: bool) -> Json:
        if self._quirks.public_fails_at_queued and job.status == "queued":
            raise Crash("Unexpected value 'queued'")
        return public_views.job_view(job, self._quirks, numbers=numbers)

    def _filter(self, call: Call) -> JobFilter:
        connection = call.query.get("connectionId")
        return JobFilter(
            connections=frozenset({well_formed(connection)}) if connection else self._within(call),
            types=self._types(call.choice("jobType", self._job_types())),
            statuses=call.choice("status", self._quirks.public_statuses),
            created_start=moment(call.query.get("createdAtStart")),
            created_end=moment(call.query.get("createdAtEnd")),
            updated_start=moment(call.query.get("updatedAtStart")),
            updated_end=moment(call.query.get("updatedAtEnd")),
        )

    def _within(self, call: Call) -> frozenset[str] | None:
        workspaces = call.words("workspaceIds")
        if not workspaces:
            return None
        every = self._world.connections.values()
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
        call: Call,
        path: str,
        rows: Sequence[T],
        *,
        show: Callable[[T], Json],
        keep: tuple[str, ...],
    ) -> Response:
        limit = call.number("limit", default=20, lowest=1, highest=100)
        offset = call.number("offset", default=0, lowest=0, highest=2**31)
        first = max(offset - self._overlap, 0)
        kept = "".join(f"{name}={call.query[name]}&" for name in keep if name in call.query)
        page = public_views.page_view(
            [show(row) for row in rows[first : first + limit]],
            url=self._foreign_root + path,
            query=kept,
            limit=limit,
            offset=offset,
        )
        return ok(page)


def _job_id(call: Call) -> int:
    text = call.parameters["job_id"]
    job_id = whole_number(text)
    if job_id is None:
        raise BadRequest(f"Failed to convert argument [jobId] for value [{text}]")
    return job_id
