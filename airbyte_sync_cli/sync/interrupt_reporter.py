"""Tells of a signal, and what is known of every sync, before somebody may kill us."""

from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import Interrupted, Provisional

_PAUSE: Final = 0.25
"""Seconds between two reports: each tells all syncs, and a hundred are cancelled in a second."""


class InterruptReporter:
    """Reports provisionally once a signal has come; silent before."""

    def __init__(self, context: Context, cases: Sequence[Case]) -> None:
        self._clock = context.clock
        self._stop = context.stop
        self._emit = context.emit
        self._cases = cases
        self._told_at = float("-inf")
        self._is_late = False
        """Something has changed that was not told, because the last report was just before."""

    async def run(self) -> None:
        """Tell of a signal, and then what `tell` has put off, until cancelled."""
        await self._stop.wait_for_signal()
        if self._stop.interrupted is not None:
            self._emit(Interrupted(signal=self._stop.interrupted.signal))
        self.tell()
        self._told_at = float("-inf")  # the first cancel that is sent is told at once
        while True:
            await self._clock.sleep(_PAUSE)
            if self._is_late:
                self.tell()

    def tell(self) -> None:
        """Report what is known: at once, if the last report is long enough ago."""
        interrupted, now = self._stop.interrupted, self._clock.monotonic()
        if interrupted is None:
            return
        self._is_late = now - self._told_at < _PAUSE
        if self._is_late:
            return
        self._told_at = now
        code = interrupted.exit_code
        undecided = {"exit_code": code, "outcome": code.outcome}
        results = [case.result() for case in self._cases]
        self._emit(
            Provisional(
                results=tuple(
                    one.model_copy(update=undecided) if one.exit_code is None else one
                    for one in results
                )
            )
        )
