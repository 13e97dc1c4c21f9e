"""The sandbox as tests and commands use it: one object that is the simulated Airbyte."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

from airbyte_sync_cli.sandbox.actors import Actors
from airbyte_sync_cli.sandbox.app import SandboxApp
from airbyte_sync_cli.sandbox.auth import BasicSignIn, NoSignIn, TokenAuth
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.config import ConnectionConfig, SandboxConfig
from airbyte_sync_cli.sandbox.config_api import ConfigNames, ConfigRoutes, ServerInfo
from airbyte_sync_cli.sandbox.connection import (
    ConnectionStatus,
    Schedule,
    SimConnection,
    SimTag,
    SimWorkspace,
    stable_id,
)
from airbyte_sync_cli.sandbox.faults import FaultBox
from airbyte_sync_cli.sandbox.job import JobScript, SimJob, StartedBy
from airbyte_sync_cli.sandbox.public_api import PublicRoutes
from airbyte_sync_cli.sandbox.request import Api, Endpoint, RequestRecord, Route, mount
from airbyte_sync_cli.sandbox.timeline import Timeline
from airbyte_sync_cli.sandbox.versions import quirks_of
from airbyte_sync_cli.sandbox.world import World

FOREIGN_ROOT = "http://localhost:8001/api/public/v1"
"""The host in `next` links: a setting of the server, rarely where it is reached."""


def _threads(count: int | None) -> AbstractAsyncContextManager[None]:
    return nullcontext() if count is None else asyncio.Semaphore(count)


class Sandbox:
    """A simulated Airbyte. `app` is an ASGI application; the rest is for looking and scripting.

    A `clock` that is handed in replaces the configuration's `start` and `speed`.
    """

    def __init__(
        self, config: SandboxConfig | None = None, *, clock: SimClock | None = None
    ) -> None:
        self.config = config or SandboxConfig()
        self.quirks = quirks_of(self.config.airbyte_version)
        self.clock = clock or SimClock(start=self.config.start, speed=self.config.speed)
        self.world = World(self.clock)
        self.faults = FaultBox(self.clock, list(self.config.faults))
        self.requests: list[RequestRecord] = []
        self.auth = self._authentication()
        self.app = SandboxApp(
            routes=self._routes(),
            auth=self.auth,
            faults=self.faults,
            quirks=self.quirks,
            world=self.world,
            roots=(self.config.public_root, self.config.config_root),
            admin=self.config.admin,
            public_threads=_threads(self.config.public_threads),
            record=self.requests.append,
        )
        if not self.config.connections:
            self.add_workspace("Default")
        for each in self.config.connections:
            self._add(each)

    @property
    def jobs(self) -> list[SimJob]:
        """Every job that exists by now, oldest first."""
        return self.world.jobs()

    @property
    def connections(self) -> list[SimConnection]:
        """Every connection."""
        return list(self.world.connections.values())

    def active_jobs(self) -> list[SimJob]:
        """The jobs that are not over."""
        return [job for job in self.jobs if job.active]

    def add_workspace(self, name: str) -> SimWorkspace:
        """Add a workspace, or find it where it exists."""
        workspace = SimWorkspace(stable_id("workspace", name), name)
        return self.world.workspaces.setdefault(workspace.id, workspace)

    def add_connection(  # noqa: PLR0913  # a connection has many sides, all of them optional
        self,
        name: str,
        *,
        script: JobScript | None = None,
        scripts: tuple[JobScript, ...] = (),
        status: ConnectionStatus = "active",
        schedule: str = "manual",
        starts_every: float | None = None,
        starts_after: float | None = None,
        tags: tuple[str, ...] = (),
        workspace: str = "Default",
        **more: object,
    ) -> SimConnection:
        """Add a connection with one script or several; `more` as in ConnectionConfig."""
        fields = {
            "name": name,
            "status": status,
            "schedule": schedule,
            "starts_every": starts_every,
            "starts_after": starts_after,
            "tags": tags,
            "workspace": workspace,
            "jobs": scripts or (script or JobScript(),),
        }
        return self._add(ConnectionConfig.model_validate({**fields, **more}))

    def start_job(
        self,
        connection: SimConnection,
        *,
        started_by: StartedBy = "other",
        kind: str = "sync",
        script: JobScript | None = None,
    ) -> SimJob:
        """Start a job now as somebody else would, whatever else runs."""
        return self.world.start_now(connection, kind=kind, started_by=started_by, script=script)

    def sent(self, name: str) -> list[RequestRecord]:
        """The requests of one name (`trigger`, `job`, `cancel` …), in order."""
        return [request for request in self.requests if request.name == name]

    def _add(self, config: ConnectionConfig) -> SimConnection:
        workspace = self.add_workspace(config.workspace)
        period = config.starts_every
        after = config.starts_after if config.starts_after is not None else period or 0.0
        connection = SimConnection(
            id=config.id or self._free_id(f"{config.workspace}/{config.name}"),
            name=config.name,
            workspace_id=workspace.id,
            created_at=self.clock.start,
            status=config.status,
            schedule=Schedule.parse(config.schedule),
            tags=tuple(self._tag(workspace, name) for name in config.tags),
            streams=config.streams,
            source=config.source,
            destination=config.destination,
            scripts=config.jobs,
            reset_script=config.reset,
            starts_every=period,
            next_start=self.clock.now() + after,
            workflow_deleted=config.workflow_deleted,
            can_refresh=config.can_refresh,
        )
        self.world.connections[connection.id] = connection
        self.world.remember(connection, config.history)
        return connection

    def _free_id(self, key: str) -> str:
        candidates = (stable_id("connection", f"{key}{'#' * times}") for times in range(10_000))
        return next(each for each in candidates if each not in self.world.connections)

    def _tag(self, workspace: SimWorkspace, name: str) -> SimTag:
        tag = SimTag(stable_id("tag", f"{workspace.name}/{name}"), workspace.id, name)
        return self.world.tags.setdefault(tag.id, tag)

    def _authentication(self) -> NoSignIn:
        config = self.config
        if config.auth == "basic":
            return BasicSignIn(config.username, config.password)
        if config.auth == "none":
            return NoSignIn()
        return TokenAuth(
            self.clock,
            self.quirks,
            client_id=config.client_id,
            client_secret=config.client_secret,
            lifetime=config.token_lifetime,
        )

    def _routes(self) -> list[Route]:
        public = PublicRoutes(
            self.world, self.quirks, foreign_root=FOREIGN_ROOT, overlap=self.config.page_overlap
        )
        actors = Actors(self.world, self.quirks, foreign_root=FOREIGN_ROOT)
        instance = ServerInfo(self.world, self.quirks, mode=self.auth.mode)
        every: list[tuple[Api, str, list[Endpoint]]] = [
            ("public", self.config.public_root, public.endpoints()),
            ("public", self.config.public_root, actors.public_endpoints()),
            ("public", self.config.public_root, self.auth.public_endpoints()),
            ("config", self.config.config_root, ConfigRoutes(self.world, self.quirks).endpoints()),
            ("config", self.config.config_root, actors.config_endpoints()),
            ("config", self.config.config_root, ConfigNames(self.world, self.quirks).endpoints()),
            ("config", self.config.config_root, Timeline(self.world, self.quirks).endpoints()),
            ("config", self.config.config_root, self.auth.config_endpoints()),
            ("config", self.config.config_root, instance.endpoints()),
        ]
        return [
            route
            for api, root, endpoints in every
            for route in mount(
                api, root, [each for each in endpoints if self.quirks.serves(api, each.path)]
            )
        ]
