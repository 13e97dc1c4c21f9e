"""What a request has to show, who gives it, and who keeps it fresh."""

import asyncio
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError

if TYPE_CHECKING:
    import httpx

    from airbyte_sync_cli.clock import Clock

LOG: Final = logging.getLogger("airbyte_sync_cli.auth")
_PAUSE: Final = 10.0
"""Seconds after which a renewal is tried again, while the old credential is still good, or where
the new one was refused, too. Where its question gets no answer at all, httpx fails the request
that needed it: not all of them."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Credential:
    """What a header has to say, and until when (by the monotonic clock)."""

    header: str = "Authorization"
    value: str | None
    """None sends nothing: the server's authentication is off."""
    renew_at: float = inf
    ends_at: float = inf

    def __repr__(self) -> str:
        return (
            f"Credential(header={self.header!r}, renew_at={self.renew_at}, ends_at={self.ends_at})"
        )


AuthFlow = Generator["httpx.Request", "httpx.Response", Credential]
"""Requests to send, one after another, for a credential at the end."""


class CredentialSource(Protocol):
    """Somebody who gives credentials."""

    def issue(self, request: "httpx.Request", refused: Credential | None) -> AuthFlow:
        """Get a credential for a request. `refused` is one that the server did not take.

        Returns that one where there is no other. Raises AirbyteSyncError.
        """
        ...


class CredentialCache:
    """Keeps one source's credential fresh. Whoever calls `freshen` holds `lock`."""

    def __init__(self, source: CredentialSource, clock: "Clock") -> None:
        self.lock: Final = asyncio.Lock()
        self.credential: Credential | None = None
        self.failures = 0
        self._last_failure: AirbyteSyncError | None = None
        self._source = source
        self._clock = clock
        self._asked_at = -inf
        self._is_replacement = False

    def freshen(
        self, request: "httpx.Request", *, refused: Sequence[Credential | None], failures_seen: int
    ) -> Generator["httpx.Request", "httpx.Response", None]:
        """Get a new credential if the old one is missing, refused, or near its end.

        Who was waiting for the lock while another one failed (who saw fewer failures before)
        fails with it, rather than ask the same a hundred times.
        """
        old = self.credential
        was_refused = old in refused
        if old is not None and not was_refused and not self._is_due(old):
            return
        if was_refused and self._is_replacement and self._asked_lately:
            return  # it was new, and refused all the same: another one would be, too
        if self._last_failure is not None and self.failures > failures_seen:
            # Raising adds to a traceback, whose frames hold responses and connections.
            raise self._last_failure.with_traceback(None)
        self._asked_at = self._clock.monotonic()
        try:
            self.credential = yield from self._source.issue(request, old if was_refused else None)
        except AirbyteSyncError as error:
            self.failures += 1
            self._last_failure = error
            if was_refused or not self._can_go_on(error):
                raise
            LOG.info("%s; the old token is still good", error.message)
        else:
            self._is_replacement = was_refused and self.credential is not old

    @property
    def _asked_lately(self) -> bool:
        return self._clock.monotonic() < self._asked_at + _PAUSE

    def _is_due(self, credential: Credential) -> bool:
        """Whether to ask for a new one: near the end of the old, but not at every request."""
        again_at = min(self._asked_at + _PAUSE, credential.ends_at)
        return self._clock.monotonic() >= max(credential.renew_at, again_at)

    def _can_go_on(self, error: AirbyteSyncError) -> bool:
        """Whether the fault may pass before the old credential ends."""
        old, passing = self.credential, isinstance(error, UnavailableError)
        return passing and old is not None and self._clock.monotonic() < old.ends_at

    def sign(self, request: "httpx.Request") -> None:
        """Show the credential."""
        if self.credential is not None and self.credential.value is not None:
            request.headers[self.credential.header] = self.credential.value
