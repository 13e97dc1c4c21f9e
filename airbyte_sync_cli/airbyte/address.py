"""From any address that a person would paste to the roots of Airbyte's two APIs and its UI."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, Literal
from urllib.parse import SplitResult

from airbyte_sync_cli.airbyte.url_typos import split_address
from airbyte_sync_cli.errors import UsageError

ApiName = Literal["public", "config"]

_CLOUD_API: Final = "https://api.airbyte.com/v1"
_CLOUD_UI: Final = "https://cloud.airbyte.com"
_CLOUD_HOSTS: Final = frozenset(
    {"api.airbyte.com", "cloud.airbyte.com", "airbyte.com", "www.airbyte.com"}
)
_OLD_PUBLIC_PORT: Final = 8006
"""The container `airbyte-api-server` of 0.50 to 0.63, which spoke the Public API at `/v1`."""
_API: Final = re.compile(
    r"(?P<prefix>.*?)/api(?:/(?P<what>[^/]*)(?:/(?P<version>[^/]*).*)?)?", re.IGNORECASE
)
_BELOW: Final = re.compile(
    r"(?P<prefix>.*)/api(?:/(?P<what>public(?=/v1(?:/|$)|$)|v1)(?:/.*)?)?", re.IGNORECASE
)
"""The last of them that is Airbyte's: somebody may have put it below an `/api` of his own."""
_PAGE: Final = re.compile(
    r"(?P<prefix>.*?)/(?:workspaces|connections|organizations?|settings|setup|login|signup|auth"
    r"|user|onboarding)(?:/.*)?",
    re.IGNORECASE,
)
"""The first step of the web UI's paths (airbyte-webapp RoutePaths)."""
_VERSION: Final = re.compile(r"(?P<prefix>.*)/v1(?:/.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an Airbyte is. Roots have no slash at the end."""

    public_root: str | None
    config_root: str | None
    ui_root: str | None
    api: ApiName | None = None
    """The API that the address itself decides on; None has to be found out."""
    other_public_root: str | None = None
    """Where the Public API may be if it is not at the usual place: `/v1` was pasted."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join((self.public_root or self.config_root or "").split("/")[:3])

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots of the APIs that may be there."""
        roots = (self.public_root, self.config_root, self.other_public_root)
        return tuple(root for root in roots if root)

    @property
    def token_urls(self) -> tuple[str, ...]:
        """Where a token may be asked for, in this order: it differs by version."""
        return tuple(f"{root}/applications/token" for root in self.roots)

    def explain(self) -> str:
        """Say how the address was understood."""
        api = f"; it says that the {self.api} API is meant" if self.api else ""
        return (
            f"Public API: {self.public_root or 'none'}, Config API: {self.config_root or 'none'}, "
            f"web UI: {self.ui_root or 'unknown'}{api}"
        )


_CLOUD: Final = Address(
    public_root=_CLOUD_API,
    config_root=f"{_CLOUD_UI}/api/v1",
    ui_root=_CLOUD_UI,
    api="public",
)


def parse_address(url: str) -> Address:
    """Understand an address. Raises UsageError, with the nearest guess for a typo."""
    parts = split_address(url)
    if parts.hostname in _CLOUD_HOSTS:
        return _CLOUD
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.port == _OLD_PUBLIC_PORT:
        return Address(public_root=f"{origin}/v1", config_root=None, ui_root=None, api="public")
    return _self_managed(origin, parts)


def _self_managed(origin: str, parts: SplitResult) -> Address:
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    known, page, version = _BELOW.fullmatch(path), _PAGE.fullmatch(path), _VERSION.fullmatch(path)
    api = known or _API.fullmatch(path)
    if api and (known or _is_airbytes(api, origin)):
        name: ApiName | None = "public" if (api["what"] or "").lower() == "public" else None
        return replace(_at(f"{origin}{api['prefix']}"), api=name)
    if page:
        return _at(f"{origin}{page['prefix']}")
    if version:
        prefix = f"{origin}{version['prefix'].removesuffix('/public')}"
        return replace(_at(prefix), other_public_root=f"{origin}{version['prefix']}/v1")
    return _at(f"{origin}{path}")


def _at(root: str) -> Address:
    return Address(public_root=f"{root}/api/public/v1", config_root=f"{root}/api/v1", ui_root=root)


def _is_airbytes(api: re.Match[str], origin: str) -> bool:
    """Whether `/api/…` is Airbyte's, and not just where somebody has put Airbyte.

    Raises UsageError where it nearly is: `/api/publc/v1`, `/api/v2`.
    """
    what, version = (api["what"] or "").lower(), (api["version"] or "").lower()
    if what in {"", "v1"} or (what == "public" and version in {"", "v1"}):
        return True
    near_public = what == "public" or bool(get_close_matches(what, ["public"]))
    if not near_public and not re.fullmatch(r"v\d*", what):
        return False
    right = "public/v1" if near_public else "v1"
    raise UsageError(
        f"there is no /api/{what}{f'/{version}' if what == 'public' else ''} in Airbyte",
        hint=f"did you mean {origin}{api['prefix']}/api/{right}? the bare root will do, too",
    )
