"""A credential: the value of a request header, when it expires, and its renewal before that."""

import asyncio
import base64
import logging
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.fast_dataclass import dataclass

if TYPE_CHECKING:
    import httpx

    from airbyte_sync_cli.clock import Clock

LOG: Final = logging.getLogger("airbyte_sync_cli.auth")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Credential:
    """The value of a header, and until when it is valid (by the monotonic clock)."""

    header: str = "Authorization"
    value: str | None
    """None sends no header: the server's authentication is off."""
    renew_at: float = inf
    expires_at: float = inf

    def __repr__(self) -> str:  # without the value: a repr may end up in a traceback
        return (
            f"Credential(header={self.header!r}, renew_at={self.renew_at}, "
            f"expires_at={self.expires_at})"
        )


AuthFlow = Generator["httpx.Request", "httpx.Response", Credential]
"""Yields requests to send, receives their responses, returns a credential."""


class CredentialSource(Protocol):
    """Where credentials come from: the settings, a token endpoint, or Google."""

    def issue(self, request: "httpx.Request", refused: Credential | None) -> AuthFlow:
        """Return a credential for a request. `refused` is one that the server answered with 401.

        Returns `refused` itself if there is no other. Raises AirbyteSyncError.
        """
        ...


_RENEWAL_PAUSE: Final = 10.0
"""Seconds between two attempts to renew a credential that is still valid, or whose replacement
was refused, too. If the token endpoint does not respond at all, httpx fails the one request that
needed the token: the pause keeps the others from failing with it."""


class CredentialCache:
    """Keeps a source's credential valid. Call `refresh` only while holding `lock`."""

    def __init__(self, source: CredentialSource, clock: "Clock") -> None:
        self.lock: Final = asyncio.Lock()
        self.credential: Credential | None = None
        self.failures = 0
        """Number of failed requests for a credential."""
        self._last_failure: AirbyteSyncError | None = None
        self._source = source
        self._clock = clock
        self._asked_at = -inf
        self._is_replacement = False

    def refresh(
        self, request: "httpx.Request", *, refused: Sequence[Credential | None], failures_seen: int
    ) -> Generator["httpx.Request", "httpx.Response", None]:
        """Get a new credential if there is none, or it was refused, or it expires soon.

        A request that was waiting for the lock while another one failed (it has seen fewer
        failures) fails with the same error: a hundred syncs must not ask a hundred times.
        """
        old = self.credential
        was_refused = old in refused
        if old is not None and not was_refused and not self._is_due(old):
            return
        if was_refused and self._is_replacement and self._asked_lately:
            return  # it was new and was refused all the same: another one would be, too
        if self._last_failure is not None and self.failures > failures_seen:
            # A raised error gains a traceback, whose frames hold responses and connections.
            raise self._last_failure.with_traceback(None)
        # Set before the attempt, so that a failed one delays the next as well.
        self._asked_at = self._clock.monotonic()
        try:
            self.credential = yield from self._source.issue(request, old if was_refused else None)
        except AirbyteSyncError as error:
            self.failures += 1
            self._last_failure = error
            if was_refused or not self._is_still_valid(error):
                raise
            LOG.info("%s; the old token is still valid", error.message)
        else:
            self._is_replacement = was_refused and self.credential is not old

    @property
    def _asked_lately(self) -> bool:
        return self._clock.monotonic() < self._asked_at + _RENEWAL_PAUSE

    def _is_due(self, credential: Credential) -> bool:
        """True if the credential should be renewed now: not with every request near its end."""
        again_at = min(self._asked_at + _RENEWAL_PAUSE, credential.expires_at)
        return self._clock.monotonic() >= max(credential.renew_at, again_at)

    def _is_still_valid(self, error: AirbyteSyncError) -> bool:
        """True if the failure may be over before the old credential expires."""
        old, is_transient = self.credential, isinstance(error, UnavailableError)
        return is_transient and old is not None and self._clock.monotonic() < old.expires_at


_RENEWAL_MARGIN: Final = 60.0
"""Seconds before its expiry at which a token is renewed: twice the default request timeout."""
_LARGEST_MARGIN: Final = 0.25
"""Share of the lifetime: a token of a minute is renewed after three quarters of it."""
_LONGEST_LIFETIME: Final = 366 * 86_400.0
"""Seconds; a longer `expires_in` is taken for a mistake (milliseconds, a timestamp)."""


def renewal_margin(lifetime: float) -> float:
    """Return how many seconds before its expiry a token should be renewed."""
    return min(_RENEWAL_MARGIN, lifetime * _LARGEST_MARGIN)


def lifetime_of(
    token: str, *, expires_in: object, server_time: str | None, now: datetime
) -> float:
    """Return how many seconds a token is valid from its response on; infinite if unknown.

    A JWT's own `exp` is preferred to `expires_in`, which is wrong in some versions. It is a time
    of the server's clock, so it is compared with the token's `iat` and the response's `Date`, and
    the shorter span is used; our own clock, which may be wrong, counts only without both.
    """
    claims = _claims_of(token)
    end = _number(claims.get("exp"))
    if end is not None:
        begins = [_number(claims.get("iat")), _timestamp(server_time)]
        spans = [end - begin for begin in begins if begin is not None] or [end - now.timestamp()]
        plausible = [span for span in spans if span > 0]
        if plausible:
            return min(plausible)
    claimed = _number(expires_in)
    return claimed if claimed is not None and 0 < claimed <= _LONGEST_LIFETIME else inf


def expiry_of(token: str) -> datetime | None:
    """Return when a JWT expires, by its issuer's clock; None if unknown."""
    end = _number(_claims_of(token).get("exp"))
    try:
        return None if end is None else datetime.fromtimestamp(end, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _claims_of(token: str) -> Mapping[str, object]:
    """Read a JWT's claims without checking its signature; empty for any other token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # header, claims, signature
        return {}
    try:
        claims = load(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _number(value: object) -> float | None:
    """Parse a number, also one written as text; None for anything else."""
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
