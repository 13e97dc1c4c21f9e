"""Simulated time: the event loop's seconds times a speed, added to a start time.

Only `loop.time()` is read. So the same sandbox works on a real loop, in a thread of its own, and
on a loop with virtual time, where an hour passes at once.
"""

import asyncio
from datetime import UTC, datetime


class SimClock:
    """Simulated time in epoch seconds, and sleeping for simulated seconds."""

    def __init__(self, *, start: datetime | None = None, speed: float = 1.0) -> None:
        self.speed = speed
        self.start = (start or datetime.now(UTC)).timestamp()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._origin = 0.0
        self._before = 0.0

    def now(self) -> float:
        """Return simulated epoch seconds."""
        return self.start + self.elapsed() * self.speed

    def wall(self) -> float:
        """Return epoch seconds without `speed`: clients compare a token's `exp` to real time."""
        return self.start + self.elapsed()

    def elapsed(self) -> float:
        """Return real seconds since the first use in an event loop."""
        self._bind()
        return self._before + (self._loop.time() - self._origin if self._loop else 0.0)

    async def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        self._bind()
        await asyncio.sleep(max(seconds, 0.0) / self.speed)

    def _bind(self) -> None:
        # The clock stays with the first loop, so that other threads can read it. Once that loop is
        # closed, the next one continues from the time at which it stopped.
        if self._loop is not None and not self._loop.is_closed():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._loop is not None:
            self._before += self._loop.time() - self._origin
        self._loop, self._origin = loop, loop.time()
