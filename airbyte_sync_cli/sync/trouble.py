"""A stretch of looks that all failed: how long it is borne, and when to look again."""

import random
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.sync.pace import LONGEST, SHORTEST
from airbyte_sync_cli.sync.policy import WaitPolicy

_MOST_DOUBLINGS: Final = 10
"""A float overflows after 1024 of them: 8 hours."""


@dataclass(slots=True)
class Trouble:
    """What kept us from looking, since the last look that worked. Moments are monotonic seconds.

    An outage is borne for `max_outage`. A plain no (401, 404, a web page) is doubted for a
    minute: a proxy can be confused while a server restarts. That minute begins with the first no
    after anything that may pass, because an upgrade shows all of these.
    """

    began: float | None = None
    refused_since: float | None = None
    looks: int = 0
    retry_after: float | None = None

    def note(self, error: AirbyteSyncError, now: float) -> None:
        """Count one more look that failed."""
        self.looks += 1
        self.began = now if self.began is None else self.began
        if isinstance(error, UnavailableError):
            self.refused_since, self.retry_after = None, error.retry_after
        else:
            self.refused_since = now if self.refused_since is None else self.refused_since
            self.retry_after = None

    def exhausts(self, policy: WaitPolicy, now: float, *, doubt: bool = True) -> bool:
        """Tell whether it is borne no longer; without `doubt` a plain no is believed at once."""
        if self.age(now) >= policy.max_outage:
            return True
        patience = policy.denied_patience if doubt else 0.0
        return self.refused_since is not None and now - self.refused_since >= patience

    def age(self, now: float) -> float:
        """Tell how many seconds it has lasted."""
        return 0.0 if self.began is None else now - self.began

    def pause(self) -> float:
        """Back off: about 2, 4, 8 … 30 s, or what the server asked for.

        Up to a fifth less, by chance: many waits shall not return to a server all at once.
        """
        doubled = min(SHORTEST * 2.0 ** min(self.looks, _MOST_DOUBLINGS), LONGEST)
        pause = doubled * random.uniform(0.8, 1.0)  # noqa: S311  # no secret
        return max(pause, SHORTEST, self.retry_after or 0.0)
