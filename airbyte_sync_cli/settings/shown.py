"""What of a bad value may be shown: a secret may stand where a path or a name should.

`AIRBYTE_CLIENT_SECRET_FILE=<the secret itself>` is a common mistake. So a value that is not what
its setting takes is quoted only if it proves to be harmless; its setting is always named.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import expanded, is_there
from airbyte_sync_cli.redaction import remember
from airbyte_sync_cli.text import most_similar

NOT_SHOWN: Final = "the value (not shown: it may be a secret)"
NOT_A_PATH: Final = "set it to the path of a file that contains the value"
_SHORTEST_SECRET: Final = 6
"""Characters, as in `redaction`."""
# Patterns as text: compiling all takes 2 ms of every start, and only a bad value needs most.
_NUMBER: Final = r"[\d.,: ]{1,8}[A-Za-z]{0,7}"
"""Such as `90 minuts`."""
_AMOUNTS: Final = r"[-+]?(?:\d{1,6}[ .,]?[A-Za-z]{1,12}[ ,]*){1,4}"
"""Such as `1h 30 minuts`."""
_MOMENT: Final = r"\d{1,4}(?:[-/.:T ]\d{1,4}){1,6}(?:\.\d{1,6})? ?(?:Z|[+-]\d\d:?\d\d)?"
"""Such as `2026-13-01T06:00`."""
_ID: Final = r"(?a)-?\d{1,20}"
_WORD: Final = r"[A-Za-z]{1,16}(?:[_-][A-Za-z]{1,16}){0,4}[_-]?\d{0,4}"
_FILE_NAME: Final = r"(?:[\w.-]{1,64}/){0,8}[\w. -]{1,64}\.(?:pem|crt|cer|key|p12|toml|txt|json)"
_ABSOLUTE: Final = r"(?:/[\w.-]{1,64}){2,}|/[a-z]{1,20}|~/.*"
_PLACEHOLDER: Final = r"\{\{[^{}]*\}\}|\$\{[^{}]*\}|<[^<>]*>"
_HARMLESS: Final = (_NUMBER, _AMOUNTS, _MOMENT, _ID, _PLACEHOLDER)
_ADDRESS: Final = r"[^\s\"'`\\]+"
_BARE_ADDRESS: Final = r"[^\s\"'`\\=]{1,100}"
"""Without a scheme; `NAME=value` is none."""
_INSTEAD_OF_PORT: Final = r"[^/]*//[^/?#:]*:(?!\d)(?=[^/?#:]{6})[^/?#]*[^/?#:0-9a-fA-F\]]"
"""What stands where the port should: `https://user:password`, its `@host` forgotten."""
_ENCODED_JSON: Final = "eyJ"
"""How a JSON in base64 begins, and so every JWT."""
_LONGEST: Final = 63
"""Characters of a host between two dots (RFC 1035)."""
_LONGEST_NAME: Final = 500
_CREDENTIAL: Final = (
    r"(?i)(?:(?:proxy-)?authorization|cookie|x-[\w-]*(?:auth|token|key|secret)[\w-]*)\s*[:=]"
    r"|bearer\s+\S{6,}$|basic\s+[\w+/]{8,}={1,2}$"
    r"|\w+_(?:token|secret|password)\s*="
)
"""How a header or a line of an env file begins."""
_USERINFO: Final = r"://[^\s/@]+@"
_KNOWN_KEY: Final = r"(?:sk|pk|rk|gh[a-z]|github_pat|glpat|xox[a-z]|ya29|hvs)[._-]"
"""How well-known kinds of tokens begin."""
_PIECE: Final = r"[A-Z]?[a-z]+|[A-Z]+|\d+"
_SHORTEST_PIECES: Final = 3.0
"""Mean length of the words and numbers in a run of letters: random ones have 2 to 2.6."""
_RUN_OF_LETTERS: Final = r"[A-Za-z0-9]{16,}"
_AUDIENCE: Final = (
    r"(?a)[\w-]+\.apps\.googleusercontent\.com|/projects/[\w-]+(?:/[\w-]+)*|\d{1,24}"
    r"|https?://[\w.-]+(?::\d+)?(?:/[^\s@?#]*)?"
)
"""Of Google's proxy: a client id, the path of a service, the number of a project, a URL."""
_RUN: Final = r"(?a)[\w+/=.~-]{16,}"
_UUID: Final = r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}"
_HEXADECIMAL: Final = r"[0-9a-f]{24,}"


def shown(text: str, known: Iterable[str] = (), *, where: str = "") -> str:
    """Quote a bad value if it is short, a number with a unit, or nearly one of the known.

    `where` is what held it: an option is in everybody's sight already, if it is a plain word.
    """
    word = text.strip()
    is_harmless = (
        (where.startswith("-") and re.fullmatch(_WORD, word))
        or len(word) < _SHORTEST_SECRET
        or any(re.fullmatch(harmless, word) for harmless in _HARMLESS)
        or most_similar(word, known)
    )
    return repr(word) if is_harmless else _hidden(word)


def shown_path(text: str, folder: Path) -> str:
    """Return a path below a folder that could not be used, if it proves to be one.

    So it does if it is there, if a folder that it begins with is there, or if it looks like one.
    """
    typed = expanded(text)
    # Two parts of an absolute path: `/` exists, whatever secret begins with a slash.
    begin = folder.joinpath(*typed.parts[: 2 if typed.is_absolute() else 1])
    is_one = (
        is_there(folder / typed)
        or (len(typed.parts) > 1 and is_there(begin))
        or re.fullmatch(_FILE_NAME, text)
        or (re.fullmatch(_ABSOLUTE, text) and not looks_random(text))
    )
    return str(folder / typed) if is_one else _hidden(text)


def shown_address(text: str) -> str:
    """Quote a bad address, if it can be nothing else."""
    return repr(text) if could_be_address(text) else _hidden(text)


def could_be_address(text: str) -> bool:
    """Return whether a text may have been meant as an address: no key, no file, no password."""
    bare = re.sub(_PLACEHOLDER, "", text.strip().strip("\"'<>")) or "_"
    host, sign, _ = bare.partition("://")
    if sign:
        return re.fullmatch(_ADDRESS, bare) is not None and not re.match(_INSTEAD_OF_PORT, bare)
    is_token = host.startswith(_ENCODED_JSON) or any(
        len(one) > _LONGEST for one in host.split(".")
    )
    is_noise = looks_random(bare) and not {".", ":"} & set(bare)
    return re.fullmatch(_BARE_ADDRESS, bare) is not None and not (is_token or is_noise)


def could_be_name(text: str) -> bool:
    """Return whether a text may be meant as a name: not a file's content, a token, or a URI."""
    is_uri = "://" in text and "@" in text
    is_key = looks_random(text) and set("+/=") & set(text)
    return len(text) <= _LONGEST_NAME and not (
        "\n" in text or is_uri or is_key or _is_credential(text)
    )


def _is_credential(text: str) -> bool:
    """Return whether a text is surely none of Airbyte's names, which may hold anything."""
    return (
        text.startswith((_ENCODED_JSON, "-----BEGIN"))
        or re.search(_USERINFO, text) is not None
        or re.match(_CREDENTIAL, text) is not None
        or (re.match(_KNOWN_KEY, text) is not None and is_noise(text))
    )


def could_be_audience(text: str) -> bool:
    """Return whether a text is what Google's proxy takes for its audience."""
    return re.fullmatch(_AUDIENCE, text) is not None


def require_name(text: str, *, where: str) -> str:
    """Return a name or an id. Raises UsageError for what is surely a credential."""
    if not _is_credential(text):
        return text
    raise not_a_name(text, where=where)


def not_a_name(text: str, *, where: str) -> UsageError:
    """Return the error for a text that is no name, without it."""
    return UsageError(
        f"{where}: {_hidden(text)} is neither a name nor an id",
        hint="was a whole file or a secret pasted?",
    )


def shown_name(text: str, known: Iterable[str] = ()) -> str:
    """Quote a name that nothing has, unless it looks like a token and resembles no known one."""
    is_harmless = (could_be_name(text) and not is_noise(text)) or most_similar(text, known)
    return repr(text) if is_harmless else _hidden(text)


def is_noise(text: str) -> bool:
    """Return whether a part of a name is random letters and digits, other than a UUID."""
    return not re.fullmatch(_UUID, text) and any(
        len(run) < _SHORTEST_PIECES * len(re.findall(_PIECE, run))
        for run in re.findall(_RUN_OF_LETTERS, text)
    )


def looks_random(text: str) -> bool:
    """Return whether a part of the text looks like a token or a key: no word, no host."""
    return any(
        re.search(_HEXADECIMAL, run)
        or (run.lower() != run and run.upper() != run and re.search(r"\d", run))
        for run in re.findall(_RUN, text)
    )


@contextmanager
def without_value(text: str, *, where: str) -> Iterator[None]:
    """Leave a value out of the UsageError that it raises, if it may be a secret."""
    try:
        yield
    except UsageError as error:
        safe = shown(text, where=where)
        if safe == NOT_SHOWN:
            message = error.message.replace(repr(text), safe).replace(text.strip(), safe)
            raise UsageError(message, hint=error.hint) from None
        raise


def _hidden(text: str) -> str:
    """Keep it out of everything else that is written, too."""
    remember(text.strip())
    return NOT_SHOWN
