"""The steps of `check`: DNS, TCP, TLS, the API, authentication, version."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.connect import find_api
from airbyte_sync_cli.airbyte.http import HttpClient, make_http_client
from airbyte_sync_cli.airbyte.proxy import proxy_for
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.airbyte.transport_errors import PROXY_HINT, UnansweredError, unreachable
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.redaction import without_credentials
from airbyte_sync_cli.settings import ClientCredentials, NoAuth

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address, ApiName
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings


# -- below HTTP ------------------------------------------------------------------------------

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """The first machine on the way: the server, or the proxy in front of it."""

    host: str
    port: int
    is_tls: bool
    proxy: str | None = None
    """The proxy's address without its password; None for a direct connection."""

    @property
    def name(self) -> str:
        """Host and port, as shown in messages."""
        where = f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        return f"the proxy {where}" if self.proxy else where


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The server's certificate; issuer and expiry are None if it was not verified."""

    version: str
    """The TLS version, such as `TLSv1.3`."""
    issuer: str | None = None
    ends_at: datetime | None = None


def first_hop(settings: "Settings", address: "Address") -> Hop:
    """Return where the first connection goes. Raises UsageError for an invalid proxy."""
    proxy = proxy_for(address.origin, settings.proxies)
    parts = urlsplit(proxy or address.origin)
    return Hop(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "https",
        proxy=without_credentials(proxy) if proxy else None,
    )


async def resolve(hop: Hop, *, limit: float) -> Sequence[str]:
    """Resolve a host name to its IP addresses. Raises UnavailableError."""
    try:
        async with asyncio.timeout(limit):
            found = await asyncio.get_running_loop().getaddrinfo(
                hop.host, hop.port, type=socket.SOCK_STREAM
            )
    except OSError as error:  # TimeoutError is one
        raise _unreachable(hop, error) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unreachable(hop: Hop, error: Exception) -> UnansweredError:
    is_proxys = hop.proxy is not None and not isinstance(error, ssl.SSLError)
    return unreachable(hop.name, error, hint=PROXY_HINT if is_proxys else None)


async def reachable_addresses(
    hop: Hop, addresses: Sequence[str], *, limit: float
) -> Sequence[str]:
    """Return the IP addresses that accept a connection. Raises UnavailableError if none does."""
    results = await asyncio.gather(
        *(_connect(address, hop.port, limit) for address in addresses), return_exceptions=True
    )
    errors = [result for result in results if isinstance(result, Exception)]
    if len(errors) == len(addresses):
        raise _unreachable(hop, errors[0]) from errors[0]
    return [
        address
        for address, result in zip(addresses, results, strict=True)
        if not isinstance(result, Exception)
    ]


async def _connect(address: str, port: int, limit: float) -> None:
    async with asyncio.timeout(limit):
        _, writer = await asyncio.open_connection(address, port)
    with closing(writer):
        return


async def tls_handshake(
    hop: Hop, settings: "Settings", address: "Address", *, limit: float
) -> Certificate:
    """Connect by TLS as the client does. Raises UnavailableError; UsageError for bad files."""
    context = ssl_context(settings, address)
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(hop.host, hop.port, ssl=context)
    except (OSError, ssl.SSLError) as error:
        raise _unreachable(hop, error) from error
    with closing(writer):
        return _certificate(writer.get_extra_info("ssl_object"))


def _certificate(tls: ssl.SSLObject) -> Certificate:
    version, peer = tls.version() or "TLS", tls.getpeercert()
    if not peer:
        return Certificate(version=version)
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer["notAfter"])), UTC)
    return Certificate(version=version, issuer=_name_in(peer.get("issuer")), ends_at=ends_at)


def _name_in(subject: object) -> str | None:
    """Return the organization or common name of a distinguished name, tuples of pairs."""
    parts = subject if isinstance(subject, tuple) else ()
    names = {pair[0]: str(pair[1]) for part in parts for pair in part}
    return names.get("organizationName") or names.get("commonName")


# -- the API ---------------------------------------------------------------------------------


async def detect_api(
    settings: "Settings", address: "Address", clock: "Clock"
) -> tuple["Address", "ApiName"]:
    """Detect which API is there, without the client id: signing in is the next step.

    Raises what the response means: a login page, a web page, an outage.
    """
    if isinstance(settings.credentials, ClientCredentials):
        settings = replace(settings, credentials=NoAuth())
    async with _http(settings, address, clock) as http:
        api = settings.api if settings.api != "auto" else address.api
        if api is None:
            return await find_api(http, address, retry_for=0)
        root = address.public_root if api == "public" else address.config_root
        if root is None:
            raise ProtocolError(
                f"this address has no {api} API", hint="set --url to the server's root"
            )
        await http.read(Request(method="GET", url=f"{root}/health"), retry_for=0)
        return address, api


async def sign_in(
    settings: "Settings", address: "Address", api: "ApiName", clock: "Clock"
) -> "Settings":
    """Read something small that needs authentication. Raises DeniedError and others.

    Returns the settings, without the credentials if the server has no authentication.
    """
    async with _http(settings, address, clock) as http:
        if api == "public":
            await _first_workspace(http, address)
        else:
            config = ConfigApi(http, address.config_root or "", trigger_limit=0)
            await config.workspaces(retry_for=0)
        return replace(settings, credentials=NoAuth()) if http.auth_is_off else settings


async def config_api_error(
    settings: "Settings", address: "Address", clock: "Clock"
) -> AirbyteSyncError | None:
    """Return why the Config API cannot be used beside the Public one; None if it can.

    Jobs are read, because it is used for them. Without any workspace there are none.
    """
    async with _http(settings, address, clock) as http:
        try:
            workspace_id = await _first_workspace(http, address)
            if workspace_id is not None:
                await http.read(_newest_job(address, workspace_id), retry_for=0)
        except AirbyteSyncError as error:
            return error
    return None


async def _first_workspace(http: HttpClient, address: "Address") -> str | None:
    url = f"{address.public_root}/workspaces"
    reply = await http.read(Request(method="GET", url=url, params={"limit": 1}), retry_for=0)
    rows = wire.read(wire.Page[wire.WireWorkspace], reply).data
    return next((row.workspace_id for row in rows if row), None)


def _newest_job(address: "Address", workspace_id: str) -> Request:
    # `jobs/list` without a connection is for instance admins only.
    body = {
        "configTypes": ["sync"],
        "workspaceIds": [workspace_id],
        "pagination": {"pageSize": 1, "rowOffset": 0},
    }
    url = f"{address.config_root}/jobs/list_for_workspaces"
    return Request(method="POST", url=url, json=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What a self-managed server publishes about itself."""

    version: str | None = None
    edition: str | None = None
    auth_mode: str | None = None
    """none, simple, or oidc."""


async def read_server_info(
    settings: "Settings", address: "Address", clock: "Clock"
) -> ServerInfo | None:
    """Read version and edition; None if the server does not publish them, as Cloud."""
    async with _http(settings, address, clock) as http:
        try:
            url = f"{address.config_root}/instance_configuration"
            reply = await http.read(Request(method="GET", url=url), retry_for=0)
            instance = wire.read(wire.InstanceConfiguration, reply)
        except AirbyteSyncError:
            return None
    mode = instance.auth.mode if instance.auth else None
    return ServerInfo(version=instance.version, edition=instance.edition, auth_mode=mode)


@asynccontextmanager
async def _http(
    settings: "Settings", address: "Address", clock: "Clock"
) -> AsyncIterator[HttpClient]:
    http = make_http_client(settings, address, clock)
    try:
        yield http
    finally:
        await http.aclose()
