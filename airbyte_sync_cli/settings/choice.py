"""Which credentials count: those of the best source, completed from the others."""

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from pydantic import SecretStr

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.redaction import remember, remember_pair
from airbyte_sync_cli.settings.model import (
    BasicAuth,
    BearerAuth,
    ClientCredentials,
    Credentials,
    NoAuth,
)
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS, KNOWN
from airbyte_sync_cli.settings.shown import looks_random
from airbyte_sync_cli.settings.sources import Found

Parts = Mapping[str, Found | None]
"""What was found for each setting that credentials are made of."""

_NEVER: Final = 99


def choose_credentials(parts: Parts, environ: Mapping[str, str]) -> Credentials:
    """Make credentials of what was found.

    A token in the environment beats a pair in the profile, and an id in the profile may be
    completed by a secret in the environment. Two kinds in one source are a mistake, and so is
    half of a pair: both raise UsageError.
    """
    ranks = {kind: _rank(parts, kind) for kind in KINDS}
    best = min(ranks.values())
    if best == _NEVER:
        return NoAuth()
    kinds = [kind for kind, rank in ranks.items() if rank == best]
    if len(kinds) > 1:
        raise _too_many(parts, kinds)
    _check_whole(parts, kinds[0], environ)
    return _make({name: found for name in KINDS[kinds[0]] if (found := parts[name])})


def _rank(parts: Parts, kind: str) -> int:
    return min((found.rank for name in KINDS[kind] if (found := parts[name])), default=_NEVER)


def _too_many(parts: Parts, kinds: list[str]) -> UsageError:
    origins = [found.origin for kind in kinds for name in KINDS[kind] if (found := parts[name])]
    return UsageError(
        f"two kinds of credentials at once: {' and '.join(kinds)} ({', '.join(origins)})",
        hint="keep one of them",
    )


def _check_whole(parts: Parts, kind: str, environ: Mapping[str, str]) -> None:
    missing = [ENVIRONMENT[name][0] for name in KINDS[kind] if parts[name] is None]
    if not missing:
        return
    there = next(found.origin for name in KINDS[kind] if (found := parts[name]))
    empty = [name for name in (missing[0], f"{missing[0]}_FILE") if name in environ]
    if empty:
        raise UsageError(
            f"half of {kind}: {empty[0]} is empty ({there} is not)",
            hint="was the secret that should fill it mounted or rendered?",
        )
    strangers = [name for name in environ if name.startswith("AIRBYTE_") and name not in KNOWN]
    near = get_close_matches(missing[0], strangers, n=1)
    raise UsageError(
        f"half of {kind}: {missing[0]} is not set ({there} is)",
        hint=f"is {near[0]} misspelt?" if near else f"set {missing[0]} or {missing[0]}_FILE, too",
    )


def _make(parts: Mapping[str, Found]) -> Credentials:
    match parts:
        case {"client_id": client_id, "client_secret": secret}:
            if looks_random(client_id.text):  # it may be the secret, the two mixed up
                remember(client_id.text)
            return ClientCredentials(client_id=client_id.text, client_secret=_secret(secret))
        case {"token": token}:
            return BearerAuth(token=read_token(token), file=token.file)
        case {"username": username, "password": password}:
            remember_pair(username.text, password.text)
            return BasicAuth(username=username.text, password=_secret(password))
        case _:
            return NoAuth()


def read_token(found: Found) -> SecretStr:
    """Read a ready token, also one that was pasted with the word before it.

    Raises UsageError for what no header can carry.
    """
    text = re.sub(r"^bearer\s+", "", found.text, flags=re.IGNORECASE)
    if not text.isascii():
        raise _unsendable(found)
    return _secret(replace(found, text=text))


def _secret(found: Found) -> SecretStr:
    """Keep a secret; one that could not be sent is a mistake that must not be shown."""
    if not found.text.isprintable():
        raise _unsendable(found)
    return SecretStr(remember(found.text))


def _unsendable(found: Found) -> UsageError:
    return UsageError(
        f"{found.origin}: the secret holds a line break or another character that nothing "
        "can send",
        hint="was a whole file pasted, or a wrong key of the secret mounted?",
    )
