"""Time and chance, as one argument: a test hands in a clock that it moves and a seed."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time, sleep and jitter."""

    def now(self) -> datetime:
        """Tell the wall clock's time, in UTC: for people and for comparing with Airbyte's."""
        ...

    def monotonic(self) -> float:
        """Tell seconds that never jump: for deadlines and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let others work for so long."""
        ...

    def jitter(self, low: float, high: float) -> float:
        """Return a random number in [low, high], to spread requests of many processes."""
        ...


class SystemClock:
    """The real one. Deadlines follow the event loop, which ignores the wall clock's jumps."""

    def now(self) -> datetime:
        """Tell the wall clock's time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell the event loop's seconds; only inside a running loop."""
        import asyncio  # noqa: PLC0415  # 30 ms that --help need not spend

        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Sleep without holding the loop."""
        import asyncio  # noqa: PLC0415  # as above

        await asyncio.sleep(seconds)

    def jitter(self, low: float, high: float) -> float:
        """Return a random number in [low, high]."""
        import random  # noqa: PLC0415  # 3 ms, as above

        return random.uniform(low, high)  # noqa: S311  # spreads load, protects nothing
