"""How long to pause between two polls, and for how long an outage is tolerated."""

from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, ProtocolError, UnavailableError
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.policy import WaitPolicy

SHORTEST: Final = 1.0
LONGEST: Final = 30.0
"""Seconds between two looks."""

_SHARE_OF_AGE: Final = 0.1
_SHARE_OF_REST: Final = 0.2
_JITTER: Final = 0.1


def pause_before_poll(age: float, *, history: History, jitter: float) -> float:
    """Tell how long to wait before the next look at a job of this age; all in seconds.

    A tenth of the age bounds the delay of noticing an end to a tenth of the sync's length. A
    fifth of the way to the typical end makes the looks denser around it. `jitter` is in
    [-1, 1], so that many waits do not beat in step.
    """
    pause = _SHARE_OF_AGE * max(age, 0.0)
    if history.typical is not None:
        pause = min(pause, max(_SHARE_OF_REST * abs(history.typical - age), 2.0))
    return min(max(pause * (1 + _JITTER * jitter), SHORTEST), LONGEST)


_MOST_DOUBLINGS: Final = 10
"""A float overflows after 1024 of them: 8 hours."""


@dataclass(slots=True)
class Outage:
    """What kept us from looking, since the last look that worked. Moments are monotonic seconds.

    An outage is borne for `max_outage`, and so is a page where the API should be: gateways show
    one while a server is upgraded. A plain no (401, 403, 404) is doubted for a minute. That
    minute begins with the first no after anything else, because an upgrade shows all of these.
    """

    began: float | None = None
    refused_since: float | None = None
    is_lasting: bool = False
    """Whether the last answer was nothing that passes by itself."""
    looks: int = 0
    retry_after: float | None = None

    def note(self, error: AirbyteSyncError, now: float) -> None:
        """Count one more look that failed."""
        self.looks += 1
        self.began = now if self.began is None else self.began
        self.retry_after = error.retry_after if isinstance(error, UnavailableError) else None
        self.is_lasting = not isinstance(error, UnavailableError)
        if isinstance(error, UnavailableError | ProtocolError):
            self.refused_since = None
        elif self.refused_since is None:
            self.refused_since = now

    def exhausts(self, policy: WaitPolicy, now: float, *, doubt: bool = True) -> bool:
        """Tell whether it is borne no longer; without `doubt` a plain no is believed at once."""
        if self.age(now) >= policy.max_outage or (self.is_lasting and not doubt):
            return True
        refused = self.refused_since
        return refused is not None and now - refused >= policy.denied_grace

    def age(self, now: float) -> float:
        """Tell how many seconds it has lasted."""
        return 0.0 if self.began is None else now - self.began

    def pause(self, clock: Clock) -> float:
        """Return the backoff: about 2, 4, 8 … 30 s, or what the server asked for.

        Jitter takes up to a fifth off, so that many waits do not retry at the same moment.
        """
        doubled = min(SHORTEST * 2.0 ** min(self.looks, _MOST_DOUBLINGS), LONGEST)
        return max(doubled * clock.jitter(0.8, 1.0), SHORTEST, self.retry_after or 0.0)
