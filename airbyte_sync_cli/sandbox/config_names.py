"""The Config API's endpoints about what has a name: connections, workspaces, tags."""

from collections.abc import Collection

from starlette.responses import Response

from airbyte_sync_cli.sandbox import config_name_views, public_views
from airbyte_sync_cli.sandbox.answers import ok
from airbyte_sync_cli.sandbox.call import Call, page_of
from airbyte_sync_cli.sandbox.connection import stable_id
from airbyte_sync_cli.sandbox.routes import Endpoint
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World


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
