"""Reads an address as people write it, and guesses what they meant where it is none."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings.shown import NOT_SHOWN, shown_address

_EXAMPLE: Final = "an address looks like http://localhost:8000 or https://airbyte.example.com"
_WELL_KNOWN: Final = ("localhost", "api.airbyte.com", "cloud.airbyte.com")
"""Hosts that nobody else's host is just one letter away from."""
_PLACEHOLDER: Final = re.compile(r"\$|\{|\}|%\(|<[^<>]*>")
_SLIP: Final = re.compile(
    r"(?P<scheme>https?)(?::/?|;//|//)(?=[A-Za-z\[])(?P<rest>[^/].*)", re.IGNORECASE
)
_SCHEMELESS: Final = re.compile(r"(?P<scheme>[^/?#]*)://(?P<rest>.*)", re.DOTALL)
_HOST: Final = re.compile(r"[\w.~%-]+|\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\]")
_TWICE: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_LOCAL: Final = re.compile(
    r"localhost|[^.]+|.*\.(?:localhost|local|internal|svc|cluster\.local|lan|home\.arpa)"
)
_TLS_PORTS: Final = frozenset({443, 8443})
_LAST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def split_address(text: str) -> SplitResult:
    """Split an address into lower-case scheme and host, port and path; nothing else is left.

    Raises UsageError for what is none, with the nearest guess.
    """
    text = text.strip().strip("\"'<>").strip()
    if not text:
        raise UsageError("the address is empty", hint=_EXAMPLE)
    if _PLACEHOLDER.search(text):
        raise UsageError(
            f"{shown_address(text)}: a placeholder in the address was not filled in",
            hint="is the variable set, and was the template rendered?",
        )
    parts = _split(_with_scheme(text), text)
    host = _checked_host(parts, text)
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return SplitResult(parts.scheme, f"{host}{port}", parts.path, "", "")


def _with_scheme(text: str) -> str:
    """Put a scheme in front where there is none; a misspelt one is told."""
    match = _SCHEMELESS.fullmatch(text)
    if match is None:
        slip = _SLIP.fullmatch(text)
        if slip:
            raise _no_address(text, guess=f"{slip['scheme'].lower()}://{slip['rest']}")
        return _guessed_scheme(_bracketed(text.removeprefix("//")))
    scheme = match["scheme"].lower()
    if scheme in _DEFAULT_PORTS:
        if _TWICE.match(match["rest"]):
            raise _no_address(text, guess=match["rest"])
        return f"{scheme}://{match['rest']}"
    near = next((known for known in ("https", "http") if _is_one_slip(scheme, known)), None)
    raise _no_address(text, guess=f"{near}://{match['rest']}" if near else None)


def _guessed_scheme(text: str) -> str:
    """Take http for names that only exist inside a network, https for those of the internet."""
    parts = _split(f"http://{text}", text)
    host = parts.hostname or ""
    if parts.port is not None:
        scheme = "https" if parts.port in _TLS_PORTS else "http"
    else:
        scheme = "http" if _LOCAL.fullmatch(host) or _is_ip(host) else "https"
    return f"{scheme}://{text}"


def _bracketed(text: str) -> str:
    """Put brackets round an IPv6 literal that stands alone."""
    return f"[{text}]" if text.count(":") > 1 and _is_ip(text) else text


def _split(url: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        words = (
            "the port is not a number" if "Port could not" in str(error) else str(error).lower()
        )
        raise _no_address(text, words=words, guess=_mended_port(url)) from None
    return parts


def _mended_port(url: str) -> str | None:
    """Guess what was meant by a port that is none: `8000,`, `800O`, an IPv6 literal's end."""
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
    if not _HOST.fullmatch(host):
        guess = f"{parts.scheme}://[{netloc}]{parts.path}" if _is_ip(netloc) else None
        raise _no_address(text, words="it names no host" if not host else None, guess=guess)
    if not can_be_asked(host):
        name = re.sub(r"\.{2,}", ".", host)
        guess = f"{parts.scheme}://{netloc.lower().replace(host, name)}{parts.path}"
        could_be = name not in {host, "."} and can_be_asked(name)
        words = "no host can be called so"
        raise _no_address(text, words=words, guess=guess if could_be else None)
    for known in _WELL_KNOWN:
        if _is_one_slip(host, known) and not re.search(r"\d", host):
            guess = f"{parts.scheme}://{netloc.replace(host, known)}{parts.path}"
            raise _no_address(text, guess=guess)
    return host


_LONGEST_LABEL: Final = 63
"""Characters between two dots (RFC 1035). The codec `idna` asks the same, but takes 2 ms."""


def can_be_asked(host: str) -> bool:
    """Whether the HTTP client and the resolver take a name: not `10.0.0.256`, nor `a..b`."""
    name = host.removesuffix(".")
    try:
        _ = httpx.URL(f"http://{host}").host
        if not name.isascii():
            name.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        return False
    return all(0 < len(label) <= _LONGEST_LABEL for label in name.split("."))


def _is_ip(text: str) -> bool:
    if "]" in text.strip("[]"):  # a zone may hold anything
        return False
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _no_address(text: str, *, words: str | None = None, guess: str | None = None) -> UsageError:
    because = f": {words}" if words else ""
    told = shown_address(text)
    hint = f"did you mean {guess}?" if guess and guess != text and told != NOT_SHOWN else _EXAMPLE
    return UsageError(f"{told} is not an address of Airbyte{because}", hint=hint)


def _is_one_slip(word: str, known: str) -> bool:
    """Whether one letter is missing, too many, wrong, or has changed places with the next."""
    return word != known and abs(len(word) - len(known)) <= 1 and known in _slips(word, known)


def _slips(word: str, known: str) -> Iterator[str]:
    """Mend one letter of a word, in every way that could give the known one."""
    for i in range(len(word) + 1):
        left, right = word[:i], word[i:]
        yield left + right[1:]
        yield left + right[1:2] + right[:1] + right[2:]
        yield left + known[i : i + 1] + right[1:]
        yield left + known[i : i + 1] + right
