"""From any address that people paste to the roots of Airbyte's two APIs and its UI.

Typos are corrected in the hint only: the program never sends credentials to a guessed host.
"""

import ipaddress
import re
from dataclasses import replace
from difflib import SequenceMatcher, get_close_matches
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

import httpx

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.settings.shown import NOT_SHOWN, shown_address

ApiName = Literal["public", "config"]

_CLOUD_API: Final = "https://api.airbyte.com/v1"
_CLOUD_UI: Final = "https://cloud.airbyte.com"
_CLOUD_HOSTS: Final = frozenset(
    {"api.airbyte.com", "cloud.airbyte.com", "airbyte.com", "www.airbyte.com"}
)
_OLD_PUBLIC_PORT: Final = 8006
"""Of the container `airbyte-api-server` in 0.50 to 0.63, which had the Public API at `/v1`."""
_API_PATH: Final = r"(?i)(?P<prefix>.*?)/api(?:/(?P<what>[^/]*)(?:/(?P<version>[^/]*).*)?)?"
_KNOWN_API_PATH: Final = r"(?i)(?P<prefix>.*)/api(?:/(?P<what>public(?=/v1(?:/|$)|$)|v1)(?:/.*)?)?"
"""The last `/api` that is Airbyte's: it may be deployed below another one (`/api/airbyte/api`)."""
_UI_PATH: Final = (
    r"(?i)(?P<prefix>.*?)/(?:workspaces|connections|organizations?|settings|setup|login|signup|auth"
    r"|user|onboarding)(?:/.*)?"
)
"""The first part of the web UI's paths (airbyte-webapp RoutePaths)."""
_VERSION_PATH: Final = r"(?i)(?P<prefix>.*)/v1(?:/.*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The URLs of one Airbyte. Roots have no slash at the end."""

    public_root: str | None
    config_root: str | None
    ui_root: str | None
    api: ApiName | None = None
    """The API that the address itself names; None if it has to be detected."""
    other_public_root: str | None = None
    """A second place for the Public API: `/v1` was pasted, as gateways have it."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join((self.public_root or self.config_root or "").split("/")[:3])

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots at which an API may be."""
        roots = (self.public_root, self.config_root, self.other_public_root)
        return tuple(root for root in roots if root)

    @property
    def token_urls(self) -> tuple[str, ...]:
        """The URLs at which the token endpoint may be: it differs by version."""
        return tuple(f"{root}/applications/token" for root in self.roots)

    def explain(self) -> str:
        """Return how the address was understood, for the log."""
        api = f"; the address names the {self.api} API" if self.api else ""
        return (
            f"Public API: {self.public_root or 'none'}, Config API: {self.config_root or 'none'}, "
            f"web UI: {self.ui_root or 'unknown'}{api}"
        )


_CLOUD: Final = Address(
    public_root=_CLOUD_API, config_root=f"{_CLOUD_UI}/api/v1", ui_root=_CLOUD_UI, api="public"
)


def parse_address(url: str) -> Address:
    """Parse an address. Raises UsageError, with a suggestion for a typo."""
    parts = split_address(url)
    # Cloud's API and UI are two hosts: either one means both, whatever its path.
    if parts.hostname in _CLOUD_HOSTS:
        return _CLOUD
    origin = f"{parts.scheme}://{parts.netloc}"
    # This port has neither the Config API nor the UI.
    if parts.port == _OLD_PUBLIC_PORT:
        return Address(public_root=f"{origin}/v1", config_root=None, ui_root=None, api="public")
    return _self_managed(origin, parts)


def _self_managed(origin: str, parts: SplitResult) -> Address:
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    known = re.fullmatch(_KNOWN_API_PATH, path)
    below_api = known or re.fullmatch(_API_PATH, path)
    if below_api and (known or _is_airbytes(below_api, origin)):
        # `/api/v1` does not choose the Config API: the Public API is preferred where it exists.
        is_public = (below_api["what"] or "").lower() == "public"
        return replace(
            _below(f"{origin}{below_api['prefix']}"), api="public" if is_public else None
        )
    if page := re.fullmatch(_UI_PATH, path):
        return _below(f"{origin}{page['prefix']}")
    if version := re.fullmatch(_VERSION_PATH, path):
        prefix = f"{origin}{version['prefix'].removesuffix('/public')}"
        return replace(_below(prefix), other_public_root=f"{origin}{version['prefix']}/v1")
    return _below(f"{origin}{path}")


def _below(root: str) -> Address:
    return Address(public_root=f"{root}/api/public/v1", config_root=f"{root}/api/v1", ui_root=root)


def _is_airbytes(path: re.Match[str], origin: str) -> bool:
    """True if `/api/…` is Airbyte's; False if Airbyte is deployed below another `/api`.

    Raises UsageError for a near miss: `/api/publc/v1`, `/api/v2`.
    """
    what, version = (path["what"] or "").lower(), (path["version"] or "").lower()
    if what in {"", "v1"} or (what == "public" and version in {"", "v1"}):
        return True
    near_public = what == "public" or bool(get_close_matches(what, ["public"]))
    if not near_public and not re.fullmatch(r"v\d*", what):
        return False
    right = "public/v1" if near_public else "v1"
    raise UsageError(
        f"Airbyte has no /api/{what}{f'/{version}' if what == 'public' else ''}",
        hint=f"did you mean {origin}{path['prefix']}/api/{right}? The server's root works, too",
    )


# -- splitting an address, and its typos -----------------------------------------------------

_EXAMPLE: Final = "an address looks like http://localhost:8000 or https://airbyte.example.com"
_WELL_KNOWN: Final = ("localhost", "api.airbyte.com", "cloud.airbyte.com")
"""Hosts from which no other real host differs by one letter only."""
_UNFILLED: Final = r"\$|\{|\}|%\(|<[^<>]*>"
_BROKEN_SCHEME: Final = r"(?i)(?P<scheme>https?)(?::/?|;//|//)(?=[A-Za-z\[])(?P<rest>[^/].*)"
_WITH_SCHEME: Final = r"(?s)(?P<scheme>[^/?#]*)://(?P<rest>.*)"
_HOST: Final = r"[\w.~%-]+|\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\]"
_SECOND_SCHEME: Final = r"(?i)https?://[^/?#]"
_INTERNAL_HOST: Final = (
    r"localhost|[^.]+|.*\.(?:localhost|local|internal|svc|cluster\.local|lan|home\.arpa)"
)
_TLS_PORTS: Final = frozenset({443, 8443})
_LAST_PORT: Final = 65_535
_PORT_OF_SCHEME: Final = {"http": 80, "https": 443}


def split_address(text: str) -> SplitResult:
    """Split an address into lower-case scheme and host, port and path; drop everything else.

    Raises UsageError if it is invalid, with a suggestion for a typo.
    """
    text = text.strip().strip("\"'<>").strip()
    if not text:
        raise UsageError("the address is empty", hint=_EXAMPLE)
    if re.search(_UNFILLED, text):
        raise UsageError(
            f"{shown_address(text)}: a placeholder in the address was not filled in",
            hint="is the variable set, and was the template rendered?",
        )
    parts = _split(_with_scheme(text), text)
    host = _checked_host(parts, text)
    port = "" if parts.port in {None, _PORT_OF_SCHEME[parts.scheme]} else f":{parts.port}"
    return SplitResult(parts.scheme, f"{host}{port}", parts.path, "", "")


def _with_scheme(text: str) -> str:
    """Return the address with its scheme, which may be missing. Raises for a misspelt one."""
    match = re.fullmatch(_WITH_SCHEME, text)
    if match is None:
        broken = re.fullmatch(_BROKEN_SCHEME, text)
        if broken:
            raise _invalid(text, guess=f"{broken['scheme'].lower()}://{broken['rest']}")
        return _with_guessed_scheme(_bracketed(text.removeprefix("//")))
    scheme = match["scheme"].lower()
    if scheme in _PORT_OF_SCHEME:
        if re.match(_SECOND_SCHEME, match["rest"]):
            raise _invalid(text, guess=match["rest"])
        return f"{scheme}://{match['rest']}"
    near = next((known for known in ("https", "http") if _is_one_typo(scheme, known)), None)
    raise _invalid(text, guess=f"{near}://{match['rest']}" if near else None)


def _with_guessed_scheme(text: str) -> str:
    """Prefix http for hosts inside a network, https for those of the internet."""
    parts = _split(f"http://{text}", text)
    host = parts.hostname or ""
    if parts.port is not None:
        scheme = "https" if parts.port in _TLS_PORTS else "http"
    else:
        scheme = "http" if re.fullmatch(_INTERNAL_HOST, host) or _is_ip(host) else "https"
    return f"{scheme}://{text}"


def _bracketed(text: str) -> str:
    """Put brackets round an IPv6 literal that stands alone."""
    return f"[{text}]" if text.count(":") > 1 and _is_ip(text) else text


def _split(url: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # urlsplit checks the port only when it is read.
        _ = parts.port
    except ValueError as error:
        reason = str(error).lower()
        if "Port could not" in str(error):
            reason = "the port is not a number"
        raise _invalid(text, reason=reason, guess=_with_repaired_port(url)) from None
    return parts


def _with_repaired_port(url: str) -> str | None:
    """Return a guess for an invalid port: `8000,`, `800O`, or the end of an IPv6 address."""
    scheme, _, rest = url.partition("://")
    netloc, slash, path = rest.partition("/")
    host, _, port = netloc.rpartition(":")
    if netloc.count("[") != netloc.count("]"):
        whole = f"[{netloc.strip('[]')}]"
        return f"{scheme}://{whole}{slash}{path}" if _is_ip(whole) else None
    if host.endswith(f":{port}"):
        return f"{scheme}://{host}{slash}{path}"
    if host.count(":") > 1:
        return f"{scheme}://{f'[{host}]:{port}' if _is_ip(host) else f'[{netloc}]'}{slash}{path}"
    port = port.translate(str.maketrans("Ool", "001", " ,;."))
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= _LAST_PORT
    return f"{scheme}://{host}:{port}{slash}{path}" if is_port else None


def _checked_host(parts: SplitResult, text: str) -> str:
    netloc = parts.netloc.rpartition("@")[2]
    host = re.sub(r":\d*$", "", netloc).lower()
    if not re.fullmatch(_HOST, host):
        guess = f"{parts.scheme}://[{netloc}]{parts.path}" if _is_ip(netloc) else None
        raise _invalid(text, reason=None if host else "it has no host", guess=guess)
    if not is_host(host):
        name = re.sub(r"\.{2,}", ".", host)
        guess = f"{parts.scheme}://{netloc.lower().replace(host, name)}{parts.path}"
        is_better = name not in {host, "."} and is_host(name)
        raise _invalid(text, reason="not a valid host name", guess=guess if is_better else None)
    for known in _WELL_KNOWN:
        if _is_one_typo(host, known) and not re.search(r"\d", host):  # `localhost2` may exist
            guess = f"{parts.scheme}://{netloc.replace(host, known)}{parts.path}"
            raise _invalid(text, guess=guess)
    return host


_LONGEST_LABEL: Final = 63
"""Characters between two dots (RFC 1035). The codec `idna` checks that too, but takes 2 ms."""


def is_host(host: str) -> bool:
    """True if the HTTP client and the resolver accept a host: not `10.0.0.256` or `a..b`."""
    name = host.removesuffix(".")
    try:
        _ = httpx.URL(f"http://{host}").host
        if not name.isascii():
            name.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        return False
    return all(0 < len(label) <= _LONGEST_LABEL for label in name.split("."))


def _is_ip(text: str) -> bool:
    if "]" in text.strip("[]"):  # `ipaddress` accepts it inside the zone (`fe80::1%]`)
        return False
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _invalid(text: str, *, reason: str | None = None, guess: str | None = None) -> UsageError:
    because = f": {reason}" if reason else ""
    shown = shown_address(text)
    # The guess repeats the text: it is hidden wherever the text may be a secret.
    hint = f"did you mean {guess}?" if guess and guess != text and shown != NOT_SHOWN else _EXAMPLE
    return UsageError(f"{shown} is not a valid Airbyte address{because}", hint=hint)


def _is_one_typo(word: str, known: str) -> bool:
    """True if one letter is missing, extra, wrong, or in another place."""
    blocks = SequenceMatcher(None, word, known, autojunk=False).get_matching_blocks()
    return max(len(word), len(known)) - sum(block.size for block in blocks) == 1
