"""From settings to a server that can be asked: which address, which API, who we are."""

import sys
from typing import Final

import httpx

from airbyte_sync_cli import __version__
from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.address import Address, Flavour, parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.exchange import Request
from airbyte_sync_cli.airbyte.http import LOG, Gate
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.server import Server
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, ProtocolError, RejectedError
from airbyte_sync_cli.settings import Settings

_PATIENCE: Final = 15.0
"""Seconds for the first contact, so that a server that restarts is met halfway."""


async def connect(settings: Settings, *, clock: Clock) -> Server:
    """Find the server's APIs. Raises UsageError, and what the first contact means."""
    address = parse_address(settings.url)
    LOG.info("%s", address.explain())
    gate = Gate(_client(settings, address, clock), clock=clock, limit=settings.request_timeout)
    try:
        return await _server(gate, settings, address)
    except BaseException:
        await gate.aclose()
        raise


async def _server(gate: Gate, settings: Settings, address: Address) -> Server:
    limit = settings.trigger_timeout
    public = address.public_root and PublicApi(gate, address.public_root, trigger_limit=limit)
    config = address.config_root and ConfigApi(gate, address.config_root, trigger_limit=limit)
    flavour = settings.api if settings.api != "auto" else address.decided
    if flavour is None:
        flavour = await _find_out(gate, address)
    main = public if flavour == "public" else config
    if not main:
        raise ProtocolError(f"this address has no {flavour} API", hint="give the server's root")
    return Server(gate, main, config or None, ui=address.ui_root)


async def _find_out(gate: Gate, address: Address) -> Flavour:
    """Ask both APIs for a sign of life: the Public one is there since 0.50.54."""
    try:
        health = Request(method="GET", url=f"{address.public_root}/health")
        await gate.read(health, patience=_PATIENCE)
    except (NotFoundError, ProtocolError, RejectedError) as no_public:
        return await _expect_config(gate, address, no_public)
    return "public"


async def _expect_config(gate: Gate, address: Address, no_public: AirbyteSyncError) -> Flavour:
    try:
        health = Request(method="GET", url=f"{address.config_root}/health")
        wire.read(wire.Health, await gate.read(health, patience=_PATIENCE))
    except (NotFoundError, ProtocolError, RejectedError):
        raise no_public from None
    LOG.info("no Public API here, the Config API is used: %s", no_public.message)
    return "config"


def _client(settings: Settings, address: Address, clock: Clock) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        auth=make_auth(settings, address, clock),
        headers={
            "User-Agent": f"airbyte-sync/{__version__} python/{sys.version.split()[0]}",
            "Accept": "application/json",
            "X-Airbyte-Analytic-Source": "airbyte-sync",
        },
        verify=ssl_context(settings, address),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        follow_redirects=False,
    )
