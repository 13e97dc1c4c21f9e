"""Which API a server has: shown by what a command reads first, or by the health endpoints."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte.address import Address, ApiName
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.error_response import NO_ENDPOINT
from airbyte_sync_cli.airbyte.http import LOG, NOT_READY, RETRY_FOR, HttpClient
from airbyte_sync_cli.airbyte.models import FirstRead
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError

_PAUSE: Final = 1.0
"""Seconds before an API that is not there yet is requested again."""


async def find_api(
    http: HttpClient,
    address: Address,
    *,
    first: FirstRead | None = None,
    retry_for: float = RETRY_FOR,
) -> tuple[Address, ApiName]:
    """Detect the API: what answers the `first` read is the Public API, else health is asked for.

    Returns the address, corrected if the API is at its second place. If neither API is there,
    raises what the Public API's response means; a proxy's 404 is retried for some seconds first.
    """
    if first is not None and address.config_root is None:
        first = replace(first, with_workspaces=False)  # only the Config API needs to know it
    if first is not None and await _can_read(first, http, address, retry_for):
        return address, "public"
    ready_by = http.clock.monotonic() + min(retry_for, NOT_READY)
    while True:
        try:
            return await _find_by_health(http, address, retry_for)
        except ProtocolError as error:
            if not error.may_pass or http.clock.monotonic() + _PAUSE > ready_by:
                raise
        await http.clock.sleep(_PAUSE)


async def _can_read(
    first: FirstRead, http: HttpClient, address: Address, retry_for: float
) -> bool:
    """Return True if the Public API answers this read; `http` keeps the response for the caller.

    What any other response means is left to the health endpoints: they need neither a role nor a
    connection that exists.
    """
    requests = PublicApi(http, address.public_root or "", trigger_limit=0).first_requests(first)
    try:
        return await http.read_ahead(*requests)
    except NO_ENDPOINT:
        return False
    except UnavailableError:
        if not retry_for:  # an outage: there is no need to ask the health endpoint as well
            raise
        return False


async def _find_by_health(
    http: HttpClient, address: Address, retry_for: float
) -> tuple[Address, ApiName]:
    """Ask for the health of each API. The Public API has it since 0.50.54."""
    try:
        # No retry of a 404 here: on a server without a Public API it would cost 10 s each time.
        health = Request(method="GET", url=f"{address.public_root}/health")
        await http.read(health, retry_for=retry_for, retry_404=False)
    except NO_ENDPOINT as error:
        no_public: AirbyteSyncError = error
    else:
        return address, "public"
    if address.other_public_root:
        with suppress(*NO_ENDPOINT):
            await _require_old_api(http, address.other_public_root)
            return replace(address, public_root=address.other_public_root), "public"
    if address.config_root:
        with suppress(*NO_ENDPOINT):
            config = ConfigApi(http, address.config_root, trigger_limit=0)
            await config.require_health(retry_404=False)
            LOG.info("no Public API, using the Config API: %s", no_public.message)
            return address, "config"
    raise no_public


async def _require_old_api(http: HttpClient, root: str) -> None:
    """Raise an error unless this is a Public API. The old container has no health at `/v1`."""
    request = Request(method="GET", url=f"{root}/workspaces", params={"limit": 1})
    reply = await http.read(request, retry_for=RETRY_FOR, retry_404=False)
    if not reply.body.lstrip().startswith(b"{"):
        raise ProtocolError(f"{reply.request}: not a list of workspaces")
