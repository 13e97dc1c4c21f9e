"""Sources and destinations in lists of both APIs: so that connections can name them."""

from collections.abc import Callable, Iterator
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox import public_views
from airbyte_sync_cli.sandbox.answers import Json, ok
from airbyte_sync_cli.sandbox.call import Call
from airbyte_sync_cli.sandbox.connection import SimConnection, stable_id
from airbyte_sync_cli.sandbox.routes import Endpoint, Handler
from airbyte_sync_cli.sandbox.world import World

KINDS: Final = ("source", "destination")


class Actors:
    """The handlers of both APIs; `foreign_root` is the Public API's address as it believes."""

    def __init__(self, world: World, *, foreign_root: str) -> None:
        self._world = world
        self._foreign_root = foreign_root

    def public_endpoints(self) -> list[Endpoint]:
        """List those of the Public API."""
        return [Endpoint("actors", "GET", f"/{kind}s", self._by_page(kind)) for kind in KINDS]

    def config_endpoints(self) -> list[Endpoint]:
        """List those of the Config API."""
        return [
            Endpoint("actors", "POST", f"/{kind}s/list", self._at_once(kind)) for kind in KINDS
        ]

    def _by_page(self, kind: str) -> Handler:
        async def answer(call: Call) -> Response:
            wanted = call.words("workspaceIds")
            rows = self._rows(kind, lambda each: not wanted or each.workspace_id in wanted)
            limit = call.number("limit", default=20, lowest=1, highest=100)
            offset = call.number("offset", default=0, lowest=0, highest=2**31)
            return ok(
                public_views.page_view(
                    [_public(kind, each) for each in rows][offset : offset + limit],
                    url=f"{self._foreign_root}/{kind}s",
                    query="",
                    limit=limit,
                    offset=offset,
                )
            )

        return answer

    def _at_once(self, kind: str) -> Handler:
        async def answer(call: Call) -> Response:
            workspace = call.uuid_of("workspaceId")
            rows = self._rows(kind, lambda each: each.workspace_id == workspace)
            return ok({f"{kind}s": [_config(kind, each) for each in rows]})

        return answer

    def _rows(self, kind: str, wanted: Callable[[SimConnection], bool]) -> Iterator[SimConnection]:
        """Find a connection for each actor: several may share one."""
        found = {
            _id(kind, each): each for each in self._world.connections.values() if wanted(each)
        }
        return iter(found.values())


def _id(kind: str, connection: SimConnection) -> str:
    return connection.source_id if kind == "source" else connection.destination_id


def _name(kind: str, connection: SimConnection) -> str:
    return connection.source if kind == "source" else connection.destination


def _public(kind: str, connection: SimConnection) -> Json:
    name = _name(kind, connection)
    return {
        f"{kind}Id": _id(kind, connection),
        "name": name,
        f"{kind}Type": name.lower(),
        "definitionId": stable_id(f"{kind}-definition", name),
        "workspaceId": connection.workspace_id,
        "configuration": {},
        "createdAt": int(connection.created_at),
    }


def _config(kind: str, connection: SimConnection) -> Json:
    name = _name(kind, connection)
    return {
        f"{kind}Id": _id(kind, connection),
        "name": name,
        f"{kind}Name": name,
        f"{kind}DefinitionId": stable_id(f"{kind}-definition", name),
        "workspaceId": connection.workspace_id,
        "connectionConfiguration": {},
        "createdAt": int(connection.created_at),
    }
