"""Time, as an argument: whoever waits or compares moments asks a clock that tests can move."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the program wants to know of time."""

    def now(self) -> datetime:
        """Tell the wall clock's time, in UTC: for people and for comparing with Airbyte's."""
        ...

    def monotonic(self) -> float:
        """Tell seconds that never jump: for deadlines and durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let others work for so long."""
        ...


class SystemClock:
    """The real one. Deadlines follow the event loop, which ignores the wall clock's jumps."""

    def now(self) -> datetime:
        """Tell the wall clock's time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell the event loop's seconds; only inside a running loop."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Sleep without holding the loop."""
        await asyncio.sleep(seconds)
