"""How much longer a sync may take, from the durations of past syncs: a range."""

import math
from typing import Final

from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.anomalies import History

_FEW: Final = 3
"""With fewer past syncs than this, the range is widened: their spread is unknown."""
_WIDENED_BY: Final = 0.25
_FULLEST: Final = 0.97
"""A bar is full when the sync has ended, never before."""
_SECONDS_UP_TO: Final = 100
_MINUTES_UP_TO: Final = 100 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds that are left; both None where it takes longer than ever before."""

    share: float
    """How much of the typical sync is done, from 0 to 1."""
    low: float | None = None
    high: float | None = None

    @property
    def span(self) -> str:
        """Return the range in a few letters: `3-5 min`, `< 2 min`, `late`."""
        if self.low is None or self.high is None:
            return "late"
        return _span(self.low, self.high)

    @property
    def sentence(self) -> str:
        """Return the range for people: `about 3-5 min left`."""
        span = self.span
        if span == "late":
            return "longer than usual"
        return f"{span} left" if span.startswith("<") else f"about {span} left"


def estimate(history: History, worked: float) -> Estimate | None:
    """Compare the seconds worked so far with past syncs; None without any.

    Only those that took longer than this one already has are used.
    """
    typical = history.typical
    if typical is None:
        return None
    share = min(worked / typical, _FULLEST) if typical > 0 else _FULLEST
    widened = _WIDENED_BY if len(history.durations) < _FEW else 0.0
    longest = max(history.durations) * (1 + widened)
    if longest <= worked:
        return Estimate(share=share)
    left = [one * (1 - widened) for one in history.durations if one > worked]
    # If only the slowest took longer, it may have been an exception: the range begins at 0.
    only_the_slowest = len(left) == 1 < len(history.durations)
    low = worked if only_the_slowest else min(left, default=worked)
    return Estimate(share=share, low=max(0.0, low - worked), high=longest - worked)


def _span(low: float, high: float) -> str:
    """Round outwards, so that the range stays correct."""
    if high <= _SECONDS_UP_TO:
        return _between(low, high, step=5, seconds_each=1, unit="s")
    if high <= _MINUTES_UP_TO:
        return _between(low, high, step=1, seconds_each=60, unit="min")
    return _between(low, high, step=1, seconds_each=3600, unit="h")


def _between(low: float, high: float, *, step: int, seconds_each: int, unit: str) -> str:
    least = math.floor(low / seconds_each / step) * step
    most = max(math.ceil(high / seconds_each / step) * step, step)
    if least == 0:
        return f"< {most} {unit}"
    return f"{least} {unit}" if least == most else f"{least}-{most} {unit}"
