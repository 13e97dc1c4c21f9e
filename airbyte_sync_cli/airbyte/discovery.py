"""Finds out, once, which of Airbyte's APIs answers at an address."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.address import Address, Flavour
from airbyte_sync_cli.airbyte.api import PATIENCE
from airbyte_sync_cli.airbyte.exchange import Request
from airbyte_sync_cli.airbyte.http import LOG, NOT_READY, Gate
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, ProtocolError, RejectedError

_PAUSE: Final = 1.0
"""Seconds before looking again for an API that is not there yet."""
_ABSENT: Final = (NotFoundError, ProtocolError, RejectedError)


async def find_api(
    gate: Gate, address: Address, *, patience: float = PATIENCE
) -> tuple[Address, Flavour]:
    """Ask for a sign of life: the Public API has been there since 0.50.54.

    Returns the address as it turned out to be. Raises what the Public API's answer meant where
    neither is there; before that a proxy's 404 is doubted for some seconds of `patience`.
    """
    ready_by = gate.monotonic() + min(patience, NOT_READY)
    while True:
        try:
            return await _find_api(gate, address, patience)
        except ProtocolError as error:
            if not error.may_pass or gate.monotonic() + _PAUSE > ready_by:
                raise
        await gate.sleep(_PAUSE)


async def _find_api(gate: Gate, address: Address, patience: float) -> tuple[Address, Flavour]:
    try:
        health = Request(method="GET", url=f"{address.public_root}/health")
        await gate.read(health, patience=patience, doubts_404=False)
    except _ABSENT as error:
        no_public: AirbyteSyncError = error
    else:
        return address, "public"
    if address.other_public_root and await _is_there(_ask_old_api, gate, address):
        return replace(address, public_root=address.other_public_root), "public"
    if address.config_root and await _is_there(_ask_config_api, gate, address):
        LOG.info("no Public API here, the Config API is used: %s", no_public.message)
        return address, "config"
    raise no_public


async def _is_there(
    ask: Callable[[Gate, Address], Awaitable[None]], gate: Gate, address: Address
) -> bool:
    try:
        await ask(gate, address)
    except _ABSENT:
        return False
    return True


async def _ask_old_api(gate: Gate, address: Address) -> None:
    """The old container's health is not below `/v1`, so something small is read."""
    url = f"{address.other_public_root}/workspaces"
    request = Request(method="GET", url=url, params={"limit": 1})
    reply = await gate.read(request, patience=PATIENCE, doubts_404=False)
    if not reply.body.lstrip().startswith(b"{"):
        raise ProtocolError(f"{reply.request}: that is not a list of workspaces")


async def _ask_config_api(gate: Gate, address: Address) -> None:
    health = Request(method="GET", url=f"{address.config_root}/health")
    reply = await gate.read(health, patience=PATIENCE, doubts_404=False)
    wire.read(wire.Health, reply)
