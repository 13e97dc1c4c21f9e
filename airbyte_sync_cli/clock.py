"""Time and chance, as one argument: a test hands in a clock that it moves and a seed."""

from datetime import UTC, datetime
from typing import Final, Protocol

TICK: Final = 0.001
"""Seconds: less time left is a rounding error, and a sleep of it may end at the same moment."""


class Clock(Protocol):
    """Time, sleep and jitter."""

    def now(self) -> datetime:
        """Return the wall clock's time in UTC, for people and for comparing with Airbyte's."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for deadlines and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...

    def jitter(self, low: float, high: float) -> float:
        """Return a random number in [low, high], to spread the requests of many processes."""
        ...


class SystemClock:
    """The real clock. Deadlines use the event loop's, which ignores jumps of the wall clock."""

    def now(self) -> datetime:
        """Return the wall clock's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the event loop's seconds; only in a running loop."""
        import asyncio  # noqa: PLC0415  # 30 ms that --help need not spend

        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        import asyncio  # noqa: PLC0415  # as above

        await asyncio.sleep(seconds)

    def jitter(self, low: float, high: float) -> float:
        """Return a random number in [low, high]."""
        import random  # noqa: PLC0415  # 3 ms, as above

        return random.uniform(low, high)  # noqa: S311  # spreads load, protects nothing
