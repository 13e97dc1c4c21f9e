"""The later steps to a server, for `airbyte-sync check`, through the client of every command.

So they never say anything else than `run` would. Each has a client of its own and no patience.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.auth import Auth
from airbyte_sync_cli.airbyte.client import make_gate
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.discovery import find_api
from airbyte_sync_cli.airbyte.exchange import Request
from airbyte_sync_cli.airbyte.http import Gate
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError
from airbyte_sync_cli.settings import ClientCredentials, NoAuth

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address, Flavour
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What a self-managed server says of itself to everybody."""

    version: str | None = None
    edition: str | None = None
    auth_mode: str | None = None
    """none, simple, or oidc."""


async def find_out(
    settings: "Settings", address: "Address", clock: "Clock"
) -> tuple["Address", "Flavour"]:
    """Find which API answers, with nothing to show but what opens the way to it.

    Raises what the answer means: a login page, a web page, an outage.
    """
    if isinstance(settings.credentials, ClientCredentials):
        settings = replace(settings, credentials=NoAuth())
    async with _gate(settings, address, clock) as gate:
        decided = settings.api if settings.api != "auto" else address.decided
        if decided is None:
            return await find_api(gate, address, patience=0)
        root = address.public_root if decided == "public" else address.config_root
        if root is None:
            raise ProtocolError(
                f"this address has no {decided} API", hint="give the server's root"
            )
        await gate.read(Request(method="GET", url=f"{root}/health"), patience=0)
        return address, decided


async def sign_in(
    settings: "Settings", address: "Address", flavour: "Flavour", clock: "Clock"
) -> "Settings":
    """Read something small that not everybody may read. Raises DeniedError and so on.

    Returns the settings without the credentials that the server has no use for.
    """
    async with _gate(settings, address, clock) as gate:
        if flavour == "public":
            await _first_workspace(gate, address)
        else:
            config = ConfigApi(gate, address.config_root or "", trigger_limit=0)
            await config.workspaces(patience=0)
        needless = isinstance(gate.auth, Auth) and gate.auth.shows_nothing
        return replace(settings, credentials=NoAuth()) if needless else settings


async def look_aside(
    settings: "Settings", address: "Address", clock: "Clock"
) -> AirbyteSyncError | None:
    """Tell why the Config API cannot be used beside the Public one; None if it can.

    It is used for jobs, so they are what is read. Without a workspace there are none.
    """
    async with _gate(settings, address, clock) as gate:
        try:
            workspace_id = await _first_workspace(gate, address)
            if workspace_id is not None:
                await gate.read(_newest_job(address, workspace_id), patience=0)
        except AirbyteSyncError as error:
            return error
    return None


async def _first_workspace(gate: Gate, address: "Address") -> str | None:
    url = f"{address.public_root}/workspaces"
    reply = await gate.read(Request(method="GET", url=url, params={"limit": 1}), patience=0)
    rows = wire.read(wire.PublicWorkspaces, reply).data
    return next((row.workspace_id for row in rows if row), None)


def _newest_job(address: "Address", workspace_id: str) -> Request:
    body = {
        "configTypes": ["sync"],
        "workspaceIds": [workspace_id],
        "pagination": {"pageSize": 1, "rowOffset": 0},
    }
    url = f"{address.config_root}/jobs/list_for_workspaces"
    return Request(method="POST", url=url, json=body)


async def read_instance(
    settings: "Settings", address: "Address", clock: "Clock"
) -> Instance | None:
    """Read what the server says of itself; None where it does not, as the Cloud does not."""
    async with _gate(settings, address, clock) as gate:
        try:
            url = f"{address.config_root}/instance_configuration"
            reply = await gate.read(Request(method="GET", url=url), patience=0)
            said = wire.read(wire.Instance, reply)
        except AirbyteSyncError:
            return None
    mode = said.auth.mode if said.auth else None
    return Instance(version=said.version, edition=said.edition, auth_mode=mode)


@asynccontextmanager
async def _gate(settings: "Settings", address: "Address", clock: "Clock") -> AsyncIterator[Gate]:
    gate = make_gate(settings, address, clock)
    try:
        yield gate
    finally:
        await gate.aclose()
