"""The one HTTP client: whom it trusts, which proxy it takes, what every request carries."""

import sys
from typing import TYPE_CHECKING, Final

import httpx

from airbyte_sync_cli import __version__
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.http import Gate
from airbyte_sync_cli.airbyte.proxy import ProxyingTransport
from airbyte_sync_cli.airbyte.refusal import denied_hint
from airbyte_sync_cli.airbyte.tls import ssl_context

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.address import Address
    from airbyte_sync_cli.clock import Clock
    from airbyte_sync_cli.settings import Settings

_KEPT_ALIVE: Final = 45.0
"""Seconds: longer than the pause between two polls, shorter than load balancers' usual minute."""
_LIMITS: Final = httpx.Limits(
    max_connections=None, max_keepalive_connections=20, keepalive_expiry=_KEPT_ALIVE
)


def make_client(settings: "Settings", address: "Address", clock: "Clock") -> httpx.AsyncClient:
    """Make the client. Raises UsageError for unusable certificates."""
    verify = ssl_context(settings, address)
    return httpx.AsyncClient(
        auth=make_auth(settings, address, clock),
        headers=_headers(settings),
        transport=ProxyingTransport(settings.proxies, verify=verify, limits=_LIMITS),
        follow_redirects=False,
    )


def make_gate(settings: "Settings", address: "Address", clock: "Clock") -> Gate:
    """Make the gate to a server, with a client of its own. Raises UsageError, as that does."""
    return Gate(
        make_client(settings, address, clock),
        clock=clock,
        limit=settings.request_timeout,
        denied_hint=denied_hint(settings),
    )


def _headers(settings: "Settings") -> dict[str, str]:
    """Say who calls (Cloud refuses requests without User-Agent), and what the user adds."""
    own = {
        "user-agent": f"airbyte-sync/{__version__} python/{sys.version.split()[0]}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "x-airbyte-analytic-source": "airbyte-sync",
    }
    return own | {name.lower(): value.get_secret_value() for name, value in settings.headers}
