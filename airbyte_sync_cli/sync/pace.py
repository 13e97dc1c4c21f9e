"""How often to look: soon after the start, ever less often, denser near the likely end."""

from typing import Final

from airbyte_sync_cli.sync.history import History

SHORTEST: Final = 1.0
LONGEST: Final = 30.0
"""Seconds between two looks."""

_SHARE_OF_AGE: Final = 0.1
_SHARE_OF_REST: Final = 0.2
_JITTER: Final = 0.1


def pause_before_look(age: float, *, history: History, jitter: float) -> float:
    """Tell how long to wait before the next look at a job of this age; all in seconds.

    A tenth of the age bounds the delay of noticing an end to a tenth of the sync's length. A
    fifth of the way to the typical end makes the looks denser around it. `jitter` is in
    [-1, 1], so that many waits do not beat in step.
    """
    pause = _SHARE_OF_AGE * max(age, 0.0)
    if history.typical is not None:
        pause = min(pause, max(_SHARE_OF_REST * abs(history.typical - age), 2.0))
    return min(max(pause * (1 + _JITTER * jitter), SHORTEST), LONGEST)
