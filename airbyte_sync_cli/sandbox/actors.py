"""Sources and destinations in both APIs: so that connections can name them."""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox import public_views
from airbyte_sync_cli.sandbox.connection import SimConnection, stable_id
from airbyte_sync_cli.sandbox.request import Call, Endpoint, Handler, well_formed
from airbyte_sync_cli.sandbox.responses import Json, NoSuchResource, ok
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World

KINDS: Final = ("source", "destination")


class Actors:
    """The handlers of both APIs; `foreign_root` is the Public API's address as it believes."""

    def __init__(self, world: World, quirks: Quirks, *, foreign_root: str) -> None:
        self._world = world
        self._quirks = quirks
        self._foreign_root = foreign_root

    def public_endpoints(self) -> list[Endpoint]:
        """List those of the Public API."""
        lists = [Endpoint("actors", "GET", f"/{kind}s", self._by_page(kind)) for kind in KINDS]
        return lists + [
            Endpoint("actors", "GET", f"/{kind}s/{{actor_id}}", self._one(kind)) for kind in KINDS
        ]

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
                    [self._public(kind, each) for each in rows][offset : offset + limit],
                    url=f"{self._foreign_root}/{kind}s",
                    query="",
                    limit=limit,
                    offset=offset,
                )
            )

        return answer

    def _one(self, kind: str) -> Handler:
        async def answer(call: Call) -> Response:
            wanted = well_formed(call.parameters["actor_id"])
            for each in self._rows(kind, lambda each: _id(kind, each) == wanted):
                return ok(self._public(kind, each))
            raise NoSuchResource(f"{kind.upper()}_CONNECTION", wanted)

        return answer

    def _at_once(self, kind: str) -> Handler:
        async def answer(call: Call) -> Response:
            workspace = call.uuid_of("workspaceId")
            rows = self._rows(kind, lambda each: each.workspace_id == workspace)
            return ok({f"{kind}s": [config_view(kind, each, self._quirks) for each in rows]})

        return answer

    def _rows(self, kind: str, wanted: Callable[[SimConnection], bool]) -> list[SimConnection]:
        """Find a connection for each actor: several may share one."""
        found = {
            _id(kind, each): each for each in self._world.connections.values() if wanted(each)
        }
        return list(found.values())

    def _public(self, kind: str, connection: SimConnection) -> Json:
        name = _name(kind, connection)
        more = {
            "definitionId": stable_id(f"{kind}-definition", name),
            "createdAt": int(connection.created_at),
        }
        return {
            f"{kind}Id": _id(kind, connection),
            "name": name,
            f"{kind}Type": name.lower(),
            "workspaceId": connection.workspace_id,
            "configuration": {},
            **self._quirks.fields("SourceResponse", more),
        }


def _id(kind: str, connection: SimConnection) -> str:
    return connection.source_id if kind == "source" else connection.destination_id


def _name(kind: str, connection: SimConnection) -> str:
    return connection.source if kind == "source" else connection.destination


def config_view(kind: str, connection: SimConnection, quirks: Quirks) -> Json:
    """Show a connection's source or destination as the Config API does."""
    name = _name(kind, connection)
    return {
        f"{kind}Id": _id(kind, connection),
        "name": name,
        f"{kind}Name": name,
        f"{kind}DefinitionId": stable_id(f"{kind}-definition", name),
        "workspaceId": connection.workspace_id,
        "connectionConfiguration": {},
        **quirks.fields("SourceRead", {"createdAt": int(connection.created_at)}),
    }
