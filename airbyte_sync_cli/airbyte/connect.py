"""Connect to a server: its API is shown by what a command reads first, or by health endpoints.

The client is imported while the response to the first read is awaited: that takes 20 ms.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.address import Address, ApiName, parse_address
from airbyte_sync_cli.airbyte.error_response import NO_ENDPOINT
from airbyte_sync_cli.airbyte.http import (
    LOG,
    NOT_READY,
    RETRY_FOR,
    HttpClient,
    Transport,
    make_http_client,
)
from airbyte_sync_cli.airbyte.models import FirstRead, as_uuid
from airbyte_sync_cli.airbyte.request import PAGE, Request, page_query
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError
from airbyte_sync_cli.settings import Settings

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_PAUSE: Final = 1.0
"""Seconds before an API that is not there yet is requested again."""
_CLIENT: Final = "airbyte_sync_cli.airbyte.client"


async def connect(
    settings: Settings,
    *,
    clock: Clock,
    first: FirstRead | None = None,
    retry_for: float = RETRY_FOR,
    transport: Transport | None = None,
) -> "Airbyte":
    """Return the server of the settings; retry for `retry_for` seconds if it is unavailable.

    `first` is what the caller will read: requested at once, it also shows which API is there.
    Without a `transport`, over the network. Raises UsageError, and what the first response means.
    """
    address = parse_address(settings.url)
    LOG.info("%s", address.explain())
    http = make_http_client(settings, address, clock, transport)
    try:
        api = settings.api if settings.api != "auto" else address.api
        if api is None:
            address, api = await find_api(http, address, first=first, retry_for=retry_for)
        return _airbyte(http, address, api, trigger_limit=settings.trigger_timeout)
    except BaseException:  # a cancellation, too: an open pool leaks its sockets
        await http.aclose()
        raise


def _airbyte(
    http: HttpClient, address: Address, api: ApiName, *, trigger_limit: float
) -> "Airbyte":
    from airbyte_sync_cli.airbyte.client import Airbyte  # noqa: PLC0415  # see above
    from airbyte_sync_cli.airbyte.config_api import ConfigApi  # noqa: PLC0415  # the same
    from airbyte_sync_cli.airbyte.public_api import PublicApi  # noqa: PLC0415  # the same

    public, config = address.public_root, address.config_root
    public_api = PublicApi(http, public, trigger_limit=trigger_limit) if public else None
    config_api = ConfigApi(http, config, trigger_limit=trigger_limit) if config else None
    primary = public_api if api == "public" else config_api
    if primary is None:
        raise ProtocolError(
            f"this address has no {api} API", hint="set --url to the server's root"
        )
    return Airbyte(http, primary, config_api, ui=address.ui_root)


# -- which API there is ----------------------------------------------------------------------


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
    requests = _first_requests(f"{address.public_root}/", first)
    try:
        return await http.read_ahead(*requests, meanwhile=lambda: import_module(_CLIENT))
    except NO_ENDPOINT:
        return False
    except UnavailableError:
        if not retry_for:  # an outage: there is no need to ask the health endpoint as well
            raise
        return False


def _first_requests(root: str, first: FirstRead) -> Sequence[Request]:
    """Return the requests of such a read, exactly as `PublicApi` sends them."""

    def get(path: str, query: dict[str, str] | None = None, *, size: int = 0) -> Request:
        params = page_query(query or {}, size=size) if size else {}
        return Request(method="GET", url=root + path, params=params)

    if first.job_id is not None:
        job = get(f"jobs/{first.job_id}")
        return [job, get("workspaces", size=2)] if first.with_workspaces else [job]
    if first.connection_id is not None:
        return [get(f"connections/{first.connection_id}")]
    if not first.workspace:
        return [get("connections", size=PAGE)]
    workspace_id = as_uuid(first.workspace)
    if workspace_id is None:  # Airbyte cannot search for a name
        return [get("workspaces", size=PAGE)]
    return [get("connections", {"workspaceIds": workspace_id}, size=PAGE)]


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
        from airbyte_sync_cli.airbyte.config_api import ConfigApi  # noqa: PLC0415  # see above

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
