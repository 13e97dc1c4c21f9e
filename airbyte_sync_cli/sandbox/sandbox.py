"""The sandbox as tests and commands use it: one object that is a simulated Airbyte."""

from airbyte_sync_cli.sandbox.api_request import RequestRecord
from airbyte_sync_cli.sandbox.app import SandboxApp
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.connection import (
    ConnectionStatus,
    Disabling,
    Schedule,
    SimConnection,
    SimStream,
    SimTag,
    SimWorkspace,
    stable_id,
)
from airbyte_sync_cli.sandbox.faults import ActiveFaults
from airbyte_sync_cli.sandbox.job import SimJob, StartedBy
from airbyte_sync_cli.sandbox.scenario import ConnectionConfig, SandboxConfig
from airbyte_sync_cli.sandbox.script import JobScript
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import quirks_of


class Sandbox:
    """A simulated Airbyte. `app` is an ASGI application; the rest is to inspect and script it.

    A `clock` that is handed in replaces the configuration's `start` and `speed`.
    """

    def __init__(
        self, config: SandboxConfig | None = None, *, clock: SimClock | None = None
    ) -> None:
        self.config = config or SandboxConfig()
        self.quirks = quirks_of(self.config.airbyte_version)
        self.clock = clock or SimClock(start=self.config.start, speed=self.config.speed)
        self.state = SandboxState(self.clock)
        self.faults = ActiveFaults(self.clock, list(self.config.faults))
        self.requests: list[RequestRecord] = []
        self.app = SandboxApp(
            self.config,
            quirks=self.quirks,
            state=self.state,
            faults=self.faults,
            records=self.requests,
        )
        if not self.config.connections:  # Airbyte always has a workspace
            self.add_workspace("Default")
        for each in self.config.connections:
            self._add(each)

    @property
    def jobs(self) -> list[SimJob]:
        """Every job that exists by now, oldest first."""
        return self.state.jobs()

    @property
    def connections(self) -> list[SimConnection]:
        """Every connection."""
        return list(self.state.connections.values())

    def active_jobs(self) -> list[SimJob]:
        """Return the jobs that are not over."""
        return [job for job in self.jobs if job.active]

    def sent(self, name: str) -> list[RequestRecord]:
        """Return the requests of one name (`trigger`, `job`, `cancel` …), in order."""
        return [request for request in self.requests if request.name == name]

    def add_workspace(self, name: str) -> SimWorkspace:
        """Add a workspace, or return the one of that name."""
        workspace = SimWorkspace(stable_id("workspace", name), name)
        return self.state.workspaces.setdefault(workspace.id, workspace)

    def add_connection(  # noqa: PLR0913  # what tests set most often; the rest is in `more`
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
        streams: tuple[SimStream, ...] = (),
    ) -> SimJob:
        """Start a job now, as another user would, whatever else runs on the connection."""
        return self.state.start_now(
            connection, kind=kind, started_by=started_by, script=script, streams=streams
        )

    def cancel_job(self, job: SimJob, *, user: str = "other") -> bool:
        """Cancel a job now, as another user would. Return False if the cancel is lost."""
        return job.cancel(user=user)

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
            streams=tuple(
                SimStream(each.name, each.namespace, each.selected, each.mappers)
                for each in config.streams
            ),
            source=config.source,
            destination=config.destination,
            scripts=config.jobs,
            reset_script=config.reset,
            starts_every=period,
            next_start=self.clock.now() + after,
            workflow_deleted=config.workflow_deleted,
            can_refresh=config.can_refresh,
            breaking_change=config.breaking_change,
            status_reason=config.status_reason,
            disabled=self._disabling(config),
        )
        self.state.connections[connection.id] = connection
        # The jobs of the history get their ids later, in the order of time over all connections.
        self.state.add_history(connection, config.history)
        return connection

    def _disabling(self, config: ConnectionConfig) -> Disabling | None:
        if config.disabled_reason is None and config.disabled_by is None:
            return None
        at = self.clock.now() - config.disabled_ago
        return Disabling(at, config.disabled_reason, config.disabled_by)

    def _free_id(self, key: str) -> str:
        # Two connections may have the same name, in Airbyte as well.
        candidates = (stable_id("connection", f"{key}{'#' * times}") for times in range(10_000))
        return next(each for each in candidates if each not in self.state.connections)

    def _tag(self, workspace: SimWorkspace, name: str) -> SimTag:
        tag = SimTag(stable_id("tag", f"{workspace.name}/{name}"), workspace.id, name)
        return self.state.tags.setdefault(tag.id, tag)
