"""The anonymous probes: health of the Config API, version and authentication mode."""

from starlette.responses import Response

from airbyte_sync_cli.sandbox.answers import Json, ok
from airbyte_sync_cli.sandbox.call import Call
from airbyte_sync_cli.sandbox.connection import stable_id
from airbyte_sync_cli.sandbox.routes import Endpoint
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World


class Instance:
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
