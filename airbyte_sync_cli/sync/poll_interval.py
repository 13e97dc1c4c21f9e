"""How long to pause between two polls, and for how long an outage is tolerated."""

from typing import Final

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.policy import WaitPolicy

SHORTEST: Final = 1.0
LONGEST: Final = 120.0
"""Seconds between two polls. The table in `docs/polling.md` shows what they cost."""
LONGEST_WATCHED: Final = 30.0
"""The same while somebody watches the numbers grow."""

_SHARE_OF_WAIT: Final = 0.1
_SHARE_OF_REST: Final = 0.2
_JITTER: Final = 0.1
_SHORT: Final = 600.0
"""Seconds of a sync that is polled as if its length were unknown, and densely at its end."""
_MOST_OF_WAIT: Final = 5
"""The share of the wait grows with the typical length, up to this multiple."""
_CLOSEST: Final = 2.0
_CLOSEST_SHARE: Final = 1 / 150
"""Around the typical end, polls are this share of it apart, but not closer than `_CLOSEST`."""
_FAR_SHARE: Final = 1 / 36
"""Long before it, polls are at most this share of it apart, or `_FAR` seconds."""
_FAR: Final = 30.0
_FAR_UNKNOWN: Final = 60.0
_FAR_SHARE_OF_WAIT: Final = 1 / 25
"""Without a typical end, polls become rarer than every `_FAR` seconds by this share of the wait,
up to `_FAR_UNKNOWN`."""


def pause_before_poll(waited: float, *, history: History, jitter: float) -> float:
    """Return the pause before the next poll, by how long was waited; all in seconds.

    A tenth of the wait: an end is noticed late by at most a tenth of the sync's length. A fifth of
    the time to the typical end: polls are denser around it, and rarer long before it. `jitter` is
    in [-1, 1], so that many processes do not poll at the same moments.
    """
    waited, typical = max(waited, 0.0), history.typical
    pause = _SHARE_OF_WAIT * waited
    if typical is not None:
        # A long sync seldom ends early: it is polled densely only for its first minutes.
        pause *= min(max(typical / _SHORT, 1.0), _MOST_OF_WAIT)
        # `abs`: past the typical end, polls become rarer again.
        rest = _SHARE_OF_REST * abs(typical - waited)
        pause = min(pause, max(rest, _CLOSEST, _CLOSEST_SHARE * typical))
    pause = min(pause, _far(waited, typical))
    return min(max(pause * (1 + _JITTER * jitter), SHORTEST), LONGEST)


def _far(waited: float, typical: float | None) -> float:
    """Return the longest pause at this time, where no end is near."""
    if typical is not None and typical > _SHORT and waited < typical:
        return max(_FAR, _FAR_SHARE * typical)
    return min(max(_FAR, _FAR_SHARE_OF_WAIT * waited), _FAR_UNKNOWN)


_LONGEST_BACKOFF: Final = 30.0
"""Seconds between two polls in an outage."""
_MAX_DOUBLINGS: Final = 10
"""A float overflows after 1024 of them: 8 hours of failed polls."""


@dataclass(slots=True)
class Outage:
    """Failed reads since the last one that worked. Moments are monotonic seconds.

    Connection errors and 5xx are tolerated for `max_outage`, and so is a page where the API should
    be: gateways show one during a server upgrade. A clean no (401, 403, 404) is retried for a
    minute, counted from the first one after anything else, because an upgrade shows all of these.
    """

    began: float | None = None
    denied_since: float | None = None
    is_lasting: bool = False
    """Whether the last error was one that does not pass by itself."""
    failures: int = 0
    retry_after: float | None = None

    def note(self, error: AirbyteSyncError, now: float) -> None:
        """Count a failed read."""
        self.failures += 1
        self.began = now if self.began is None else self.began
        self.retry_after = error.retry_after if isinstance(error, UnavailableError) else None
        self.is_lasting = not isinstance(error, UnavailableError)
        if isinstance(error, UnavailableError | ProtocolError):
            self.denied_since = None
        elif self.denied_since is None:  # a clean no: its minute is not restarted by another
            self.denied_since = now

    def is_over_limit(self, policy: WaitPolicy, now: float, *, retry_denied: bool = True) -> bool:
        """Return whether to give up; at once after a clean no, unless `retry_denied`."""
        if self.age(now) >= policy.max_outage or (self.is_lasting and not retry_denied):
            return True
        return self.denied_since is not None and now - self.denied_since >= policy.denied_grace

    def age(self, now: float) -> float:
        """Return how many seconds it has lasted."""
        return 0.0 if self.began is None else now - self.began

    def pause(self, clock: Clock) -> float:
        """Return the backoff: about 2, 4, 8 … 30 s, or what the server asked for.

        Jitter takes up to a fifth off, so that many processes do not retry at the same moment.
        """
        doubled = min(SHORTEST * 2.0 ** min(self.failures, _MAX_DOUBLINGS), _LONGEST_BACKOFF)
        return max(doubled * clock.jitter(0.8, 1.0), SHORTEST, self.retry_after or 0.0)
