"""Which credentials count: those of the best source, completed from the others."""

from collections.abc import Mapping
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
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS
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
    there = [found.origin for name in KINDS[kind] if (found := parts[name])]
    near = get_close_matches(missing[0], [n for n in environ if n.startswith("AIRBYTE_")], n=1)
    raise UsageError(
        f"half of {kind}: {missing[0]} is not set ({there[0]} is)",
        hint=f"is {near[0]} misspelt?"
        if near and near[0] not in there[0]
        else f"set {missing[0]} or {missing[0]}_FILE, too",
    )


def _make(parts: Mapping[str, Found]) -> Credentials:
    match parts:
        case {"client_id": client_id, "client_secret": secret}:
            return ClientCredentials(client_id=client_id.text, client_secret=_secret(secret))
        case {"token": token}:
            return BearerAuth(token=_secret(token, strip="Bearer "), file=token.file)
        case {"username": username, "password": password}:
            remember_pair(username.text, password.text)
            return BasicAuth(username=username.text, password=_secret(password))
        case _:
            return NoAuth()


def _secret(found: Found, *, strip: str = "") -> SecretStr:
    """Keep a secret; one that could not be sent is a mistake that must not be shown."""
    text = found.text.removeprefix(strip)
    if not text.isprintable():
        raise UsageError(
            f"{found.origin}: the secret holds a line break or another character that nothing "
            "can send",
            hint="was a whole file pasted, or a wrong key of the secret mounted?",
        )
    return SecretStr(remember(text))
