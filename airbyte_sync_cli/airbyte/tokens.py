"""How long a token really lives. Airbyte's `expires_in` says 180 s for 24 h before 1.6."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import Final

from airbyte_sync_cli.airbyte.body import load

_MARGIN: Final = 60.0
"""Seconds before its end at which a token is renewed."""
_SHARE: Final = 0.25
"""Tokens so short that the margin would eat them are renewed after three quarters."""
_LONGEST: Final = 366 * 86_400.0
"""Seconds; a longer `expires_in` is not believed."""


def renewal_margin(lifetime: float) -> float:
    """Tell how many seconds before its end a token should be renewed."""
    return min(_MARGIN, lifetime * _SHARE)


def lifetime_of(
    token: str, *, expires_in: object, server_time: str | None, now: datetime
) -> float:
    """Tell how many seconds a token lives from its answer on; infinite where nobody says.

    A JWT's own `exp` counts before `expires_in`. It is the server's clock, so it is measured
    against the token's `iat` and the answer's `Date`, of which the more cautious wins; our own
    clock is asked only where both are missing, because it may be wrong.
    """
    claims = claims_of(token)
    end = _seconds(claims.get("exp"))
    if end is not None:
        begins = [_seconds(claims.get("iat")), _timestamp(server_time)]
        spans = [end - begin for begin in begins if begin is not None] or [end - now.timestamp()]
        believable = [span for span in spans if span > 0]
        if believable:
            return min(believable)
    claimed = _seconds(expires_in)
    return claimed if claimed is not None and 0 < claimed <= _LONGEST else inf


def claims_of(token: str) -> Mapping[str, object]:
    """Read a JWT's claims without checking its signature; nothing for any other token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # header, claims, signature
        return {}
    try:
        claims = load(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def end_of(token: str) -> datetime | None:
    """Tell when a JWT ends, by the clock of who made it."""
    end = _seconds(claims_of(token).get("exp"))
    try:
        return None if end is None else datetime.fromtimestamp(end, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds(value: object) -> float | None:
    """Read a number, also one written as text."""
    try:
        number = float(value) if isinstance(value, int | float | str) else inf
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < inf else None


def _timestamp(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, TypeError, OverflowError):
        return None
