"""Secrets never reach a reader: whatever is written passes through `redact`.

Settings hold secrets as SecretStr, so nothing prints one by itself. This is the second line of
defence, for texts that others wrote: an error of a library, a server that echoes a header.

A secret is found in whatever encoding others gave it: the text is decoded step by step, not the
secret encoded in every way that there is. So the work grows with the text alone.
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
"""Shorter secrets are left alone: masking `a` in every text would hide the text."""
_WELL_KNOWN: Final = frozenset({"airbyte", "password"})
"""Defaults that Airbyte documents: no secrets, and words that every message needs."""
_DEEPEST: Final = 4
"""Encodings within one another that are undone: a secret twice encoded, in a JSON in a log."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,14}")
"""How a header says what kind of secret follows: `Bearer`, `Basic`, `Key`."""
_QUERY: Final = re.compile(r"[?#]")
"""Where the query or the fragment of an address begins."""
_CODES: Final = frozenset({"command", "outcome", "status", "job_type", "kind"})
"""Keys of reports whose values programs compare with words."""
_WORD: Final = re.compile(r"[a-z][a-z_-]*")

_known: Final[dict[str, dict[int, set[str]]]] = {}
"""What is searched for, in small letters, by its beginning and length: tokens are many alike."""
_foreign: Final[set[str]] = set()
"""Those that are not ASCII: they make the search for base64 slow."""

_tokens: Final[deque[str]] = deque()
_MOST_TOKENS: Final = 100
"""Issued tokens that are masked, the latest: with 15 minutes each, those of a day. A process
that waits for days is given thousands, and the memory of all would only grow."""

Span = tuple[int, int]


def remember(secret: str) -> str:
    """Take note of a secret; returns it as it is."""
    if len(secret) >= _SHORTEST and secret.lower() not in _WELL_KNOWN:
        for form in _plain_forms(secret):
            _know(form)
    return secret


def remember_token(token: str) -> str:
    """Take note of a token that a server has issued, until it is long out of date."""
    forms = set(_plain_forms(token))
    if not any(_is_known(form) for form in forms):  # a known secret is never forgotten
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
    """Write a secret as it looks when a text is decoded: once too often, if it holds escapes."""
    form, following = "", secret
    while form != following:
        form = following
        bare = _lowered(join_lines(form)[0])
        yield from {bare, bare.replace(" ", "+"), bare.strip()}
        following = unescape(form)[0]


def remember_pair(username: str, password: str) -> str:
    """Take note of what basic authentication sends for this pair, and return it."""
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    remember(password)
    if password:
        _know(_lowered(encoded))
    return encoded


def remember_header(value: str, *, least: int = 0) -> None:
    """Take note of a header's value and of the secrets in it: `Bearer X`, `a=X; b=Y`, a pair.

    What is shorter than `least` is none: most headers say something that every text may say.
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
        with suppress(ValueError):
            remember(base64.b64decode(encoded, validate=True).decode().partition(":")[2])


def without_credentials(url: str) -> str:
    """Return an address without user name, password, query and fragment."""
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    before, _, host = rest.rpartition("@")
    if _QUERY.search(before):  # a password with a `?`, or an `@` in the query: nobody can tell
        host = MASK
    return f"{scheme}{sign}{without_query(host)}"


def without_query(url: str) -> str:
    """Return an address without query and fragment, where a token may stand."""
    return _QUERY.split(url, maxsplit=1)[0]


def redact_all(value: object) -> object:
    """Mask every text in a structure; numbers, keys and codes stay, so that JSON stays JSON."""
    match value:
        case str():
            return redact(value) if type(value) is str else value  # not the words of an enum
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
    """Whether it is a plain word: a token that is one, too, must not spoil a status."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def redact(text: str) -> str:
    """Return the text with every known secret masked, in whatever encoding it stands."""
    parts, last = [], 0
    for start, end in _joined(_spans(text, _DEEPEST)) if _known else ():
        parts += [text[last:start], MASK]
        last = end
    return "".join([*parts, text[last:]])


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Order spans, and make one of those that overlap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    yield from found


def _spans(text: str, depth: int) -> Iterator[Span]:
    """Find where secrets stand in a text, as it is and with `depth` encodings undone."""
    joined, place = join_lines(text)
    yield from _at(place, _spans_of_line(joined, depth))
    if joined != text:
        yield from _spans_of_line(text, depth)  # a line's end may have ended an escape, too


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
    """Turn spans of a decoded text into those of the text that it was."""
    yield from ((place(start)[0], place(end - 1)[1]) for start, end in spans)


def _occurrences(text: str) -> Iterator[Span]:
    for head, by_length in _known.items():
        start = text.find(head)
        while start >= 0:
            for length, secrets in by_length.items():
                if text[start : start + length] in secrets:
                    yield start, start + length
            start = text.find(head, start + 1)


def _lowered(text: str) -> str:
    """Write a text in small letters, each in its place: some letters become two."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def forget_all() -> None:
    """Start anew: for tests, whose secrets must not mask each other's texts."""
    _known.clear()
    _tokens.clear()
    _foreign.clear()
