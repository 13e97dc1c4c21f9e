"""The first steps to a server, for `airbyte-sync check`: its name, its port, its certificate.

With bare sockets, because only so they can be told apart; what follows is in `probe_http`.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airbyte_sync_cli.airbyte.exchange import PROXY_HINT, UnansweredError, unreached
from airbyte_sync_cli.airbyte.proxy import proxy_for
from airbyte_sync_cli.airbyte.tls import ssl_context
from airbyte_sync_cli.redaction import without_credentials

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.settings import Settings

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


async def knock(hop: Hop, addresses: Sequence[str], *, limit: float) -> Sequence[str]:
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


async def shake_hands(
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
