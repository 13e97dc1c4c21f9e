"""The proxy for a URL, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

They are read as by curl and Go, networks (`10.0.0.0/8`) included, which httpx does not support.
Loopback never goes through a proxy (as in Go's net/http), nor does Google's metadata server.
"""

import ipaddress
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from airbyte_sync_cli.airbyte.address import is_host
from airbyte_sync_cli.airbyte.body import Decompressed
from airbyte_sync_cli.airbyte.transport_errors import causes_of
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import without_credentials
from airbyte_sync_cli.settings.shown import shown_address

_DIRECT: Final = frozenset({"localhost", "metadata.google.internal", "169.254.169.254"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_EXAMPLE_HINT: Final = "a proxy looks like http://proxy.example.com:3128"


def proxy_for(url: str, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy for a URL; None for a direct connection. Raises UsageError."""
    parts = urlsplit(url)
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
    if not proxy or _is_direct(host) or _is_excepted(host, port, proxies.get("no", "")):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}")


def _is_direct(host: str) -> bool:
    address = _ip(host)
    return host in _DIRECT or (address is not None and address.is_loopback)


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    return any(_matches(host, port, one) for one in exceptions.replace(",", " ").split())


def _matches(host: str, port: int, exception: str) -> bool:
    """True if an entry of NO_PROXY covers a host: a name and its subdomains, an IP, a network."""
    if exception == "*":
        return True
    address, network = _ip(host), _network(exception)
    if network is not None:
        return address is not None and address in network
    name, _, only_port = exception.lower().partition(":")
    name = name.removeprefix("*").removeprefix(".")
    same_port = not only_port or only_port == str(port)
    return same_port and bool(name) and (host == name or host.endswith(f".{name}"))


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _checked(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
        host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
        named = bool(parts.hostname) and is_host(host)
        usable = parts.scheme in _SCHEMES and named and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = shown_address(without_credentials(proxy))
        raise UsageError(f"the proxy {shown} is not a valid proxy address", hint=_EXAMPLE_HINT)
    return proxy


def _is_behind_proxy(error: httpx.TransportError) -> bool:
    """True if the server behind a tunnel failed: its TLS, or it closed the connection."""
    if isinstance(error, httpx.ProxyError | httpx.ConnectTimeout):
        return False
    causes = [cause for cause in causes_of(error) if isinstance(cause, OSError)]
    return not causes or any(
        isinstance(one, ssl.SSLError | ConnectionResetError) for one in causes
    )


class ProxyingTransport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy for its URL; one pool per proxy."""

    def __init__(
        self, proxies: Mapping[str, str], *, verify: ssl.SSLContext, limits: httpx.Limits
    ) -> None:
        self._proxies = proxies
        self._verify = verify
        self._limits = limits
        self._pools: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        proxy = proxy_for(str(request.url), self._proxies)
        if proxy not in self._pools:
            self._pools[proxy] = self._pool(proxy)
        try:
            response = await self._pools[proxy].handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if proxy is None or _is_behind_proxy(error):
                raise
            # Otherwise the message would name the server as the one that cannot be reached.
            rejected = isinstance(error, httpx.ProxyError)
            reason = f"rejected the request: {error}" if rejected else "cannot be reached"
            message = f"the proxy {without_credentials(proxy)} {reason}"
            raise httpx.ProxyError(message) from error
        response.stream = Decompressed(response)
        return response

    def _pool(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        settings = None
        if proxy is not None:
            is_tls = proxy.lower().startswith("https:")  # httpcore rejects a context otherwise
            settings = httpx.Proxy(proxy, ssl_context=self._verify if is_tls else None)
        try:
            return httpx.AsyncHTTPTransport(
                proxy=settings, verify=self._verify, limits=self._limits
            )
        except ImportError:
            raise UsageError(
                "SOCKS proxies need the package socksio", hint="pip install socksio"
            ) from None

    async def aclose(self) -> None:
        """Close every pool."""
        for pool in self._pools.values():
            await pool.aclose()
