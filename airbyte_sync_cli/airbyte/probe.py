"""The steps of `check`: address, name, port, TLS, proxy, API, authentication, version."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.auth import Auth
from airbyte_sync_cli.airbyte.client import find_api
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient, make_http_client
from airbyte_sync_cli.airbyte.proxy import proxy_for
from airbyte_sync_cli.airbyte.request import PROXY_HINT, Request, UnansweredError, unreached
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError
from airbyte_sync_cli.redaction import without_credentials
from airbyte_sync_cli.settings import ClientCredentials, NoAuth

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address, ApiName
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What a self-managed server says of itself to everybody."""

    version: str | None = None
    edition: str | None = None
    auth_mode: str | None = None
    """none, simple, or oidc."""


async def detect_api(
    settings: "Settings", address: "Address", clock: "Clock"
) -> tuple["Address", "ApiName"]:
    """Find which API answers, with nothing to show but what opens the way to it.

    Raises what the answer means: a login page, a web page, an outage.
    """
    if isinstance(settings.credentials, ClientCredentials):
        settings = replace(settings, credentials=NoAuth())
    async with _http(settings, address, clock) as http:
        api = settings.api if settings.api != "auto" else address.api
        if api is None:
            return await find_api(http, address, retry_for=0)
        root = address.public_root if api == "public" else address.config_root
        if root is None:
            raise ProtocolError(f"this address has no {api} API", hint="give the server's root")
        await http.read(Request(method="GET", url=f"{root}/health"), retry_for=0)
        return address, api


async def sign_in(
    settings: "Settings", address: "Address", api: "ApiName", clock: "Clock"
) -> "Settings":
    """Read something small that not everybody may read. Raises DeniedError and so on.

    Returns the settings without the credentials that the server has no use for.
    """
    async with _http(settings, address, clock) as http:
        if api == "public":
            await _first_workspace(http, address)
        else:
            config = ConfigApi(http, address.config_root or "", trigger_limit=0)
            await config.workspaces(retry_for=0)
        needless = isinstance(http.auth, Auth) and http.auth.shows_nothing
        return replace(settings, credentials=NoAuth()) if needless else settings


async def config_api_error(
    settings: "Settings", address: "Address", clock: "Clock"
) -> AirbyteSyncError | None:
    """Tell why the Config API cannot be used beside the Public one; None if it can.

    It is used for jobs, so they are what is read. Without a workspace there are none.
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


async def read_server_info(
    settings: "Settings", address: "Address", clock: "Clock"
) -> ServerInfo | None:
    """Read what the server says of itself; None where it does not, as the Cloud does not."""
    async with _http(settings, address, clock) as http:
        try:
            url = f"{address.config_root}/instance_configuration"
            reply = await http.read(Request(method="GET", url=url), retry_for=0)
            said = wire.read(wire.InstanceConfiguration, reply)
        except AirbyteSyncError:
            return None
    mode = said.auth.mode if said.auth else None
    return ServerInfo(version=said.version, edition=said.edition, auth_mode=mode)


@asynccontextmanager
async def _http(
    settings: "Settings", address: "Address", clock: "Clock"
) -> AsyncIterator[HttpClient]:
    http = make_http_client(settings, address, clock)
    try:
        yield http
    finally:
        await http.aclose()


_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """The machine that is spoken to first: the server, or the proxy before it."""

    host: str
    port: int
    is_tls: bool
    proxy: str | None = None
    """The proxy's address, if it is one, without its password."""

    @property
    def name(self) -> str:
        """Host and port, for people."""
        where = f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        return f"the proxy {where}" if self.proxy else where


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Who vouches for the other side, and until when; None where it was not looked at."""

    version: str
    issuer: str | None = None
    ends_at: datetime | None = None


def first_hop(settings: "Settings", address: "Address") -> Hop:
    """Tell where the first connection goes. Raises UsageError for an unusable proxy."""
    proxy = proxy_for(address.origin, settings.proxies)
    parts = urlsplit(proxy or address.origin)
    return Hop(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "https",
        proxy=without_credentials(proxy) if proxy else None,
    )


async def resolve(hop: Hop, *, limit: float) -> Sequence[str]:
    """Look a name up. Raises UnavailableError."""
    try:
        async with asyncio.timeout(limit):
            found = await asyncio.get_running_loop().getaddrinfo(
                hop.host, hop.port, type=socket.SOCK_STREAM
            )
    except OSError as error:  # TimeoutError is one
        raise _unreached(hop, error) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unreached(hop: Hop, error: Exception) -> UnansweredError:
    is_of_proxy = hop.proxy is not None and not isinstance(error, ssl.SSLError)
    return unreached(hop.name, error, hint=PROXY_HINT if is_of_proxy else None)


async def reachable_addresses(
    hop: Hop, addresses: Sequence[str], *, limit: float
) -> Sequence[str]:
    """Tell which of the addresses take a connection. Raises UnavailableError if none does."""
    answers = await asyncio.gather(
        *(_connect(address, hop.port, limit) for address in addresses), return_exceptions=True
    )
    troubles = [answer for answer in answers if isinstance(answer, Exception)]
    if len(troubles) == len(addresses):
        raise _unreached(hop, troubles[0]) from troubles[0]
    return [
        address
        for address, answer in zip(addresses, answers, strict=True)
        if not isinstance(answer, Exception)
    ]


async def _connect(address: str, port: int, limit: float) -> None:
    async with asyncio.timeout(limit):
        _, writer = await asyncio.open_connection(address, port)
    with closing(writer):
        return


async def tls_handshake(
    hop: Hop, settings: "Settings", address: "Address", *, limit: float
) -> Certificate:
    """Set up TLS as the client would. Raises UnavailableError, and UsageError for bad files."""
    context = ssl_context(settings, address)
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(hop.host, hop.port, ssl=context)
    except (OSError, ssl.SSLError) as error:
        raise _unreached(hop, error) from error
    with closing(writer):
        return _certificate(writer.get_extra_info("ssl_object"))


def _certificate(tls: ssl.SSLObject) -> Certificate:
    version, said = tls.version() or "TLS", tls.getpeercert()
    if not said:
        return Certificate(version=version)
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC)
    return Certificate(version=version, issuer=_name_in(said.get("issuer")), ends_at=ends_at)


def _name_in(subject: object) -> str | None:
    """Read the best name in a distinguished name, which is a tuple of tuples of pairs."""
    parts = subject if isinstance(subject, tuple) else ()
    names = {pair[0]: str(pair[1]) for part in parts for pair in part}
    return names.get("organizationName") or names.get("commonName")
