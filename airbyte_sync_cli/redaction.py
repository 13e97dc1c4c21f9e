"""Mask secrets in every text that is written.

Settings hold secrets as SecretStr, which prints none. This is the second line of defence, for the
texts of others: an error of a library, a server that echoes a header.

A secret is found in any encoding: the text is decoded step by step, instead of encoding the secret
in every possible way. So the work depends on the text alone.
"""

import base64
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from airbyte_sync_cli.escapes import Place, decode_base64, join_lines, unescape

MASK: Final = "********"
_SHORTEST: Final = 6
"""Shorter secrets are not masked: masking every `a` would hide the text."""
_WELL_KNOWN: Final = frozenset({"airbyte", "password"})
"""Defaults that Airbyte documents: no secrets, and words that messages need."""
_DEEPEST: Final = 4
"""Nested encodings that are decoded: a secret encoded twice, in a JSON in a log."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,14}")
"""The scheme before a secret in a header: `Bearer`, `Basic`, `Key`."""
_QUERY: Final = re.compile(r"[?#]")
"""The start of the query or fragment of an address."""
_CODES: Final = frozenset({"command", "outcome", "status", "job_type", "kind"})
"""Keys of reports whose values are enums that programs compare."""
_WORD: Final = re.compile(r"[a-z][a-z_-]*")

_known: Final[dict[str, dict[int, set[str]]]] = {}
"""The secrets in lower case, by their first letters and length: tokens often start alike."""
_foreign: Final[set[str]] = set()
"""The secrets that are not ASCII: they make the search in base64 slow."""

_tokens: Final[deque[str]] = deque()
_MOST_TOKENS: Final = 100
"""The latest issued tokens are masked: at 15 minutes each, those of a day. A process that waits
for days gets thousands, and keeping all of them would leak memory."""

Span = tuple[int, int]


def remember(secret: str) -> str:
    """Register a secret to be masked, and return it."""
    if len(secret) >= _SHORTEST and secret.lower() not in _WELL_KNOWN:
        for form in _plain_forms(secret):
            _know(form)
    return secret


def remember_token(token: str) -> str:
    """Register a token that a server has issued, until it has long expired; return it."""
    forms = set(_plain_forms(token))
    if not any(_is_known(form) for form in forms):  # a registered secret is never dropped
        _tokens.append(remember(token))
    if len(_tokens) > _MOST_TOKENS:
        for form in _plain_forms(_tokens.popleft()):
            _forget(form)
    return token


def _is_known(form: str) -> bool:
    return form in _known.get(form[:_SHORTEST], {}).get(len(form), ())


def _forget(form: str) -> None:
    by_length = _known.get(form[:_SHORTEST], {})
    by_length.get(len(form), set()).discard(form)
    if not by_length.get(len(form)):
        by_length.pop(len(form), None)
    if not by_length:
        _known.pop(form[:_SHORTEST], None)
    _foreign.discard(form)


def _know(form: str) -> None:
    if len(form) >= _SHORTEST:
        _foreign.update({form} if not form.isascii() else ())
        _known.setdefault(form[:_SHORTEST], {}).setdefault(len(form), set()).add(form)


def _plain_forms(secret: str) -> Iterator[str]:
    """Return a secret as it is in decoded text: if it has escapes itself, decoded once more."""
    form, following = "", secret
    while form != following:
        form = following
        bare = _lowered(join_lines(form)[0])
        # Forms write a space as `+`, which `unescape` leaves: elsewhere it is a plus sign.
        yield from {bare, bare.replace(" ", "+"), bare.strip()}
        following = unescape(form)[0]


def remember_pair(username: str, password: str) -> str:
    """Register what basic authentication sends for this pair, and return it."""
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    remember(password)
    if password:
        _know(_lowered(encoded))
    return encoded


def remember_header(value: str, *, least: int = 0) -> None:
    """Register a header's value and the secrets in it: `Bearer X`, `a=X; b=Y`, a pair.

    Values shorter than `least` are not secrets: most headers have common words.
    """
    words = [word.strip('"') for word in re.split(r"[\s;,]+", value)]
    if len(words) > 1 and _SCHEME.fullmatch(words[0]):
        _remember_decoded(*words[:2])
        words = words[1:]
    for text in (value, *words, *(word.partition("=")[2].strip('"') for word in words)):
        if len(text) >= least:
            remember(text)


def _remember_decoded(scheme: str, encoded: str) -> None:
    if scheme.lower() == "basic":
        # Not base64, or not UTF-8: the value itself is registered by the caller.
        with suppress(ValueError):
            remember(base64.b64decode(encoded, validate=True).decode().partition(":")[2])


def without_credentials(url: str) -> str:
    """Return an address without user name, password, query and fragment."""
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    before, _, host = rest.rpartition("@")
    if _QUERY.search(before):  # a `?` in a password, or an `@` in a query: undecidable
        host = MASK
    return f"{scheme}{sign}{without_query(host)}"


def without_query(url: str) -> str:
    """Return an address without query and fragment, which may hold a token."""
    return _QUERY.split(url, maxsplit=1)[0]


def redact_all(value: object) -> object:
    """Mask every text in a structure; numbers, keys and enums stay, so that JSON stays valid."""
    match value:
        case str():
            return redact(value) if type(value) is str else value  # not an enum
        case Mapping():
            return {
                key: one if key in _CODES and _is_word(one) else redact_all(one)
                for key, one in value.items()
            }
        case list() | tuple():
            return tuple(redact_all(one) for one in value)
        case _:
            return value


def _is_word(value: object) -> bool:
    """Return whether it is a plain word: a secret that is one must not mask a status."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def redact(text: str) -> str:
    """Return the text with every registered secret masked, in any encoding."""
    parts, last = [], 0
    for start, end in _joined(_spans(text, _DEEPEST)) if _known else ():
        parts += [text[last:start], MASK]
        last = end
    return "".join([*parts, text[last:]])


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Sort spans and merge those that overlap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    yield from found


def _spans(text: str, depth: int) -> Iterator[Span]:
    """Find the secrets in a text, as it is and with up to `depth` encodings decoded."""
    joined, place = join_lines(text)
    yield from _at(place, _spans_of_line(joined, depth))
    if joined != text:
        yield from _spans_of_line(text, depth)  # a line break may also have ended an escape


def _spans_of_line(text: str, depth: int) -> Iterator[Span]:
    yield from _occurrences(_lowered(text))
    if depth == 0:
        return
    for start, end, decoded in decode_base64(text, only_ascii=not _foreign):
        if any(True for _ in _spans(decoded, depth - 1)):
            yield start, end
    plain, place = unescape(text)
    if plain != text:
        yield from _at(place, _spans(plain, depth - 1))


def _at(place: Place, spans: Iterator[Span]) -> Iterator[Span]:
    """Map spans of a decoded text to the encoded one."""
    yield from ((place(start)[0], place(end - 1)[1]) for start, end in spans)


def _occurrences(text: str) -> Iterator[Span]:
    for head, by_length in _known.items():
        start = text.find(head)
        while start >= 0:
            for length, secrets in by_length.items():
                if text[start : start + length] in secrets:
                    yield start, start + length
            # Not behind the match: a longer secret may begin within this one.
            start = text.find(head, start + 1)


def _lowered(text: str) -> str:
    """Return a text in lower case of the same length: some letters become two."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def forget_all() -> None:
    """Forget every secret: for tests, whose secrets must not mask each other's texts."""
    _known.clear()
    _tokens.clear()
    _foreign.clear()
