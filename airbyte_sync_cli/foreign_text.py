"""Texts of others: cut before they are processed, harmless when they are printed.

Names, statuses, messages and log lines come from whoever can create a connection or runs a
connector. Every pattern here is linear by construction: what may follow the start of a match
excludes every character that a match can start with, so no character is scanned twice.
"""

import re
from collections.abc import Callable
from typing import Final

from airbyte_sync_cli.redaction import redact

LONGEST_MESSAGE: Final = 4000
"""Characters of a message, in every output."""
_CUT: Final = "… (cut) "
_END_SHARE: Final = 40
"""One in so many characters is kept of the end, after the cut."""
_READ: Final = 65_536
"""Characters of a text that are read, however long it is."""
_MARGIN: Final = 16_384
"""Characters dropped at the end where a text is longer than that: half a secret is not recognised,
so none may remain at the edge. Servers accept 8 to 16 KiB of headers, secrets included."""

_INVISIBLE: Final = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Unicode's format characters: direction marks, zero-width spaces, tags. The two joiners
(U+200C, U+200D) are kept: Persian, Indic scripts and emoji need them."""
_BREAKING: Final = "\u2028\u2029"
_SURROGATES: Final = "\ud800-\udfff"

_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"  # title
    r"|\x1b[ -/]*+[0-~]"  # everything else, and unfinished ones
)
"""The escape sequences of ECMA-48, with 7-bit and 8-bit introducers."""
_CONTROL: Final = re.compile(rf"[\x00-\x1f\x7f-\x9f{_BREAKING}]")
_REORDERING: Final = re.compile(f"[{_INVISIBLE}]")
_LONE: Final = re.compile(f"[{_SURROGATES}]")
_NOT_OURS: Final = re.compile(
    r"\x1b(?!\[(?:[0-9]{1,2}(?:;[0-9]{1,2})*)?m)"
    rf"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f{_BREAKING}{_INVISIBLE}]"
)
"""Controls other than the line breaks and colours of our own output."""
_NOT_IN_JSON: Final = re.compile(rf"[\x7f-\x9f{_BREAKING}{_INVISIBLE}{_SURROGATES}]")


def capped(text: str, most: int = LONGEST_MESSAGE, *, clean: Callable[[str], str] = str) -> str:
    """Return a text with its secrets masked, cut to `most` characters with a mark.

    Its end is kept where it was read: our own words may follow a long value. `clean` is applied
    in between, and secrets are masked again: what it removes may have split one.
    """
    masked = redact(text[:_READ])
    cleaned = clean(masked)
    head = masked if cleaned == masked else redact(cleaned)
    is_cut = len(text) > _READ
    if is_cut:
        head = head[:-_MARGIN]
        if not head:  # only blanks, as far as it was read
            return ""
    if len(head) <= most and not is_cut:
        return head
    end = "" if is_cut else head[-(most // _END_SHARE) :]
    return head[: most - len(_CUT) - len(end)] + _CUT + end


def without_controls(text: str, instead: str = "") -> str:
    """Return a text without escape sequences, control and invisible characters.

    Sequences and control characters are replaced; a lone surrogate becomes U+FFFD.
    """
    text = _CONTROL.sub(instead, _SEQUENCE.sub(instead, text))
    return _LONE.sub("\ufffd", _REORDERING.sub("", text))


def printable(text: str) -> str:
    """Return a text for a terminal without controls other than line breaks and colours.

    The last line of defence: texts are cleaned where they enter a line.
    """
    return _NOT_OURS.sub("", text)


def json_line(line: str) -> str:
    """Escape in a line of JSON what a terminal or a line splitter takes for a control.

    Such characters only occur within strings, so the JSON means the same. A lone surrogate,
    which strict parsers reject, becomes U+FFFD.
    """
    return _NOT_IN_JSON.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number > 0xFFFF:  # noqa: PLR2004  # JSON escapes units of UTF-16
        units = found[0].encode("utf-16-be").hex()
        return f"\\u{units[:4]}\\u{units[4:]}"
    return "\\ufffd" if _LONE.match(found[0]) else f"\\u{number:04x}"
