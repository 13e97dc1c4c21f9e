"""What every part of a run shares: Airbyte, the clock, the listener, the stop request."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.sync.events import Listener, Warned
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import Stop

# Before June 2026, each trigger holds a thread until its sync runs: two are left for polls.
_MAX_TRIGGERS_AT_ONCE: Final = 3
"""A self-managed server has five threads for its Public API (PUBLIC_API_EXECUTOR_THREADS)."""
_BETWEEN_TRIGGERS: Final = 0.25
"""Seconds between two of them."""

_MAX_LOGS_AT_ONCE: Final = 4
"""When a hundred syncs fail at once, because of their destination, so do a hundred logs."""


class TriggerSlots:
    """Limits how many triggers are under way at once, and staggers them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(_MAX_TRIGGERS_AT_ONCE)
        self._next_at = 0.0

    async def acquire(self) -> None:
        """Wait for a slot. Cancelling the wait releases it."""
        await self._free.acquire()
        now = self._clock.monotonic()
        wait = max(0.0, self._next_at - now)
        # Reserved before the sleep: others that come meanwhile line up behind this one.
        self._next_at = now + wait + _BETWEEN_TRIGGERS
        try:
            await self._clock.sleep(wait)
        except asyncio.CancelledError:
            self._free.release()
            raise

    def release(self) -> None:
        """Free the slot for the next trigger."""
        self._free.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Passed down, never changed."""

    airbyte: Airbyte
    clock: Clock
    emit: Listener
    stop: Stop
    slots: TriggerSlots
    policy: RunPolicy = field(default_factory=RunPolicy)
    log_slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_MAX_LOGS_AT_ONCE)
    )

    def warn(self, state: SyncState, message: str) -> None:
        """Report something odd that does not change the outcome."""
        self.emit(Warned(sync=state.snapshot(), message=message))
