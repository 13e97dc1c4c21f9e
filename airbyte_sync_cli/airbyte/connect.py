"""From settings to a server that can be asked: which address, which API, who we are."""

from airbyte_sync_cli.airbyte.address import Address, parse_address
from airbyte_sync_cli.airbyte.api import PATIENCE
from airbyte_sync_cli.airbyte.client import make_gate
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.discovery import find_api
from airbyte_sync_cli.airbyte.http import LOG, Gate
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.server import Server
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.settings import Settings


async def connect(settings: Settings, *, clock: Clock, patience: float = PATIENCE) -> Server:
    """Find the server's APIs, within `patience` seconds where it cannot be reached at first.

    Raises UsageError, and what the first contact means.
    """
    address = parse_address(settings.url)
    LOG.info("%s", address.explain())
    gate = make_gate(settings, address, clock)
    try:
        return await reach(gate, settings, address, patience=patience)
    except BaseException:
        await gate.aclose()
        raise


async def reach(gate: Gate, settings: Settings, address: Address, *, patience: float) -> Server:
    """Find out, over a gate that stands, which API answers. Raises as `connect` does."""
    limit = settings.trigger_timeout
    flavour = settings.api if settings.api != "auto" else address.decided
    if flavour is None:
        address, flavour = await find_api(gate, address, patience=patience)
    public = address.public_root and PublicApi(gate, address.public_root, trigger_limit=limit)
    config = address.config_root and ConfigApi(gate, address.config_root, trigger_limit=limit)
    main = public if flavour == "public" else config
    if not main:
        raise ProtocolError(f"this address has no {flavour} API", hint="give the server's root")
    return Server(gate, main, config or None, ui=address.ui_root)
