"""What every part of a run shares: "Airbyte", the clock, the listener, the stop request."""

import asyncio
from collections import deque
from dataclasses import field
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Started, TriggerResponse, Undelivered
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.events import Listener, Warned
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import Stop

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte
    from airbyte_sync_cli.sync.shared_reader import SharedReader

# Before June 2026, each trigger holds a thread until its sync runs: two are left for polls.
_FIRST_WIDTH: Final = 3.0
"""Triggers at once. A self-managed server has five threads for its Public API
(PUBLIC_API_EXECUTOR_THREADS)."""
_LARGEST_WIDTH: Final = 12.0
"""The most at once, where answers are quick: then each holds its thread for a moment only."""
_QUICK: Final = 1.0
"""Seconds of a quick answer. A slower server holds triggers until their syncs run."""
_FIRST_GAP: Final = 0.25
"""Seconds between two triggers at first; it shrinks with the square of the width."""

_MAX_LOGS_AT_ONCE: Final = 4
"""When a hundred syncs fail at once, because of their destination, so do a hundred logs."""


class TriggerSlots:
    """Limits how many triggers are under way at once, and staggers them: as the server bears."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._width = _FIRST_WIDTH
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next_at = 0.0

    async def acquire(self) -> None:
        """Wait for a slot, in order. Cancelling the wait releases it."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
            now = self._clock.monotonic()
            wait = max(0.0, self._next_at - now)
            # Reserved before the sleep: others that come meanwhile line up behind this one.
            self._next_at = now + wait + _FIRST_GAP * (_FIRST_WIDTH / self._width) ** 2
            await self._clock.sleep(wait)
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had got the slot
                self.release()
            raise

    def release(self) -> None:
        """Free the slot for the next trigger."""
        self._taken -= 1
        self._admit()

    def adapt(self, response: TriggerResponse, seconds: float) -> None:
        """Learn from the response to a trigger and its duration how many the server bears."""
        match response:
            case Undelivered(unsent=True):  # the network, or the token: nothing about triggers
                return
            case Undelivered():  # 429 or 503
                self._width = max(self._width / 2, 1.0)
            case Started() if seconds < _QUICK:
                self._width = min(self._width + 1, _LARGEST_WIDTH)
            case _:
                # Not below the first width: a slow answer may be only a slow start of the sync.
                self._width = min(self._width, _FIRST_WIDTH)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._taken < int(self._width):
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled meanwhile
                self._taken += 1
                turn.set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Passed down, never changed."""

    airbyte: "Airbyte"
    clock: Clock
    emit: Listener
    stop: Stop
    slots: TriggerSlots
    policy: RunPolicy = field(default_factory=RunPolicy)
    log_slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_MAX_LOGS_AT_ONCE)
    )
    numbers_every: float = 0.0
    """Seconds between two reads of a running job's numbers; 0 is with each poll. Somebody has to
    look at them: a live view, a heartbeat, or what warns of a stalled job."""
    reader: "SharedReader | None" = None
    """Reads the jobs of all waits together, where there are several."""

    def warn(self, state: SyncState, message: str) -> None:
        """Report something odd that does not change the outcome."""
        self.emit(Warned(sync=state.snapshot(), message=message))
