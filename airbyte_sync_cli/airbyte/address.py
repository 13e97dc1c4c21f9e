"""From any address that a person would paste to the roots of Airbyte's two APIs and its UI."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from airbyte_sync_cli.errors import UsageError

Flavour = Literal["public", "config"]

_CLOUD_API: Final = "https://api.airbyte.com/v1"
_CLOUD_UI: Final = "https://cloud.airbyte.com"
_CLOUD_HOSTS: Final = frozenset({"api.airbyte.com", "cloud.airbyte.com", "airbyte.com"})
_OLD_PUBLIC_PORT: Final = 8006
"""The container `airbyte-api-server` of 0.50 to 0.63, which spoke the Public API at `/v1`."""
_PASTED: Final = re.compile(
    r"^(?P<prefix>.*?)/(?P<api>api/public(?:/v\d+)?|api/v1)(?:/.*)?$", re.IGNORECASE
)
_PAGES: Final = re.compile(
    r"^(?P<prefix>.*?)/(?:workspaces|connections|login|auth|setup|settings|organization)(?:/.*)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an Airbyte is. Roots have no slash at the end."""

    public_root: str | None
    config_root: str | None
    ui_root: str | None
    decided: Flavour | None
    """The API that the address itself decides on; None has to be found out."""
    token_urls: tuple[str, ...]
    """Where a token may be asked for, in this order: it differs by version."""
    username: str | None = None
    password: str | None = None
    """Credentials that were part of the address."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        root = self.public_root or self.config_root or ""
        parts = urlsplit(root)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def roots(self) -> tuple[str, ...]:
        """Every root that may be asked: credentials go nowhere else."""
        return tuple(root for root in (self.public_root, self.config_root) if root)

    def explain(self) -> str:
        """Say how the address was understood."""
        return (
            f"Public API: {self.public_root or 'none'}, Config API: {self.config_root or 'none'}, "
            f"web UI: {self.ui_root or 'unknown'}"
        )


def parse_address(url: str) -> Address:
    """Understand an address. Raises UsageError, with the nearest guess for a typo."""
    parts = _split(url.strip())
    if parts.hostname in _CLOUD_HOSTS:
        return _cloud(parts)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    if parts.port == _OLD_PUBLIC_PORT or re.fullmatch(r"/v1(/.*)?", path):
        return _old_public(parts, origin)
    pasted, page = _PASTED.match(path), _PAGES.match(path)
    prefix = pasted["prefix"] if pasted else page["prefix"] if page else path
    root = f"{origin}{prefix.removesuffix('/api')}"
    public_root, config_root = f"{root}/api/public/v1", f"{root}/api/v1"
    return Address(
        public_root=public_root,
        config_root=config_root,
        ui_root=root,
        decided="public" if pasted and "public" in pasted["api"].lower() else None,
        token_urls=(f"{public_root}/applications/token", f"{config_root}/applications/token"),
        **_credentials(parts),
    )


def _split(url: str) -> SplitResult:
    if not url:
        raise UsageError("the address is empty", hint="--url http://localhost:8000")
    if "://" not in url:
        local = re.match(r"(localhost|127\.|\[::1\]|[^/]*:\d+)", url)
        url = f"{'http' if local else 'https'}://{url}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no address ({error})", hint=_EXAMPLE) from None
    if parts.scheme.lower() not in {"http", "https"}:
        near = get_close_matches(parts.scheme, ["http", "https"], n=1)
        raise UsageError(
            f"{url!r}: {parts.scheme}:// is no way to reach Airbyte",
            hint=f"did you mean {near[0]}://?" if near else _EXAMPLE,
        )
    if not parts.hostname or re.search(r"[\s{}<>\\^`|\"]", parts.netloc):
        raise UsageError(f"{url!r} names no host", hint=_EXAMPLE)
    return parts


_EXAMPLE: Final = "an address looks like http://localhost:8000 or https://airbyte.example.com"


def _credentials(parts: SplitResult) -> dict[str, str | None]:
    return {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }


def _cloud(parts: SplitResult) -> Address:
    return Address(
        public_root=_CLOUD_API,
        config_root=f"{_CLOUD_UI}/api/v1",
        ui_root=_CLOUD_UI,
        decided="public",
        token_urls=(f"{_CLOUD_API}/applications/token",),
        **_credentials(parts),
    )


def _old_public(parts: SplitResult, origin: str) -> Address:
    return Address(
        public_root=f"{origin}/v1",
        config_root=None,
        ui_root=None,
        decided="public",
        token_urls=(f"{origin}/v1/applications/token",),
        **_credentials(parts),
    )
