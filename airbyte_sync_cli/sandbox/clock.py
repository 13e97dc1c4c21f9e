"""Simulated time: the event loop's seconds times a speed, on top of a wall clock's start.

Nothing here sleeps for others: because only `loop.time()` is asked, the same sandbox works on a
real loop, in a thread of its own, and on a virtual-time loop where an hour passes at once.
"""

import asyncio
from datetime import UTC, datetime


class SimClock:
    """Tells simulated time in epoch seconds and sleeps for simulated seconds."""

    def __init__(self, *, start: datetime | None = None, speed: float = 1.0) -> None:
        self.speed = speed
        self.start = (start or datetime.now(UTC)).timestamp()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._origin = 0.0
        self._before = 0.0

    def now(self) -> float:
        """Tell simulated epoch seconds."""
        return self.start + self.elapsed() * self.speed

    def wall(self) -> float:
        """Tell the caller's epoch seconds, whatever the speed: for tokens, whose end is a date."""
        return self.start + self.elapsed()

    def elapsed(self) -> float:
        """Tell unscaled seconds since the first use in an event loop."""
        self._bind()
        return self._before + (self._loop.time() - self._origin if self._loop else 0.0)

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        self._bind()
        await asyncio.sleep(max(seconds, 0.0) / self.speed)

    def _bind(self) -> None:
        # Once bound, the clock stays with its loop, so that other threads may read it; a loop
        # that was closed hands over to the next one, and time goes on from where it stopped.
        if self._loop is not None and not self._loop.is_closed():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._loop is not None:
            self._before += self._loop.time() - self._origin
        self._loop, self._origin = loop, loop.time()
