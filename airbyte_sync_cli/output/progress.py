"""Progress on stderr: a live view on a terminal, log lines and a heartbeat elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.output.log import Entry, Log
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.terminal import wants_live_view

if TYPE_CHECKING:
    from airbyte_sync_cli.output.live.canvas import LiveView
    from airbyte_sync_cli.output.log_entries import LogEntries
    from airbyte_sync_cli.sync.events import Event

_ABOVE_A_SINGLE_SYNC: Final = frozenset(
    {"started", "adopted", "watching", "blocked", "unblocked", "cancelling"}
)
"""Entries that stay above the view of one sync; with several the table shows as much."""
_NUMBERS_UNSEEN: Final = 300.0
"""Seconds where nobody sees them: a warning of a stalled job needs them still."""


class ProgressReporter:
    """Shows events; within `alive` also that nothing has happened for a while."""

    def __init__(
        self,
        log: Log,
        options: OutputOptions,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
    ) -> None:
        self._log = log
        self._warn = warn
        self._options = options
        self._clock = clock
        self._environ = environ
        self._view: LiveView | None = None
        self._news_at = 0.0
        self._count = 1
        """Syncs of this command."""

    @cached_property
    def _entries(self) -> "LogEntries":
        from airbyte_sync_cli.output.log_entries import LogEntries  # noqa: PLC0415  # only with events

        return LogEntries()

    def take(self, event: "Event") -> None:
        """Show an event: in the live view, and as a log line if it is news."""
        from airbyte_sync_cli.sync import events as ev  # noqa: PLC0415  # only with events

        self._draw(event)
        if isinstance(event, ev.Planned):
            self._count = len(event.syncs)
        if isinstance(event, ev.AirbyteLogged) and event.lines:
            self._news_at = self._clock.monotonic()
            self._log.write_airbyte(event.sync, event.lines, alone=self._count == 1)
        now, wall = self._clock.monotonic(), self._clock.now()
        entry = self._entries.entry(event, now=now, wall=wall)
        if entry is not None:
            self._news_at = self._clock.monotonic()
            self.write(entry)

    def write(self, entry: Entry) -> None:
        """Write a log line, unless the live view shows the same. Needs no event loop."""
        if self._view is None or self._stays(entry):
            self._log.write(entry)

    @asynccontextmanager
    async def alive(self, command: str | None, stream: TextIO | None) -> AsyncIterator[None]:
        """Show the live view, or a heartbeat, while the work inside runs."""
        self._view = self._live_view(command, stream)
        task = asyncio.create_task(self._run(self._view) if self._view else self._beat())
        try:  # no task group: it would wrap the errors of the work inside
            yield
        finally:
            task.cancel()
            # `await task` would raise its CancelledError, and so hide an error of the work inside.
            await asyncio.wait({task})
            self.close()

    @property
    def numbers_every(self) -> float:
        """Seconds between two reads of live numbers: a heartbeat's are from since the last one."""
        if self._view is not None:
            return 0.0
        heartbeat = self._options.heartbeat
        return heartbeat / 2 if heartbeat and self._options.verbosity >= 0 else _NUMBERS_UNSEEN

    def _stays(self, entry: Entry) -> bool:
        """Return whether an entry gets a line above the live view."""
        if self._options.verbosity > 0:
            return True
        if entry.event in _ABOVE_A_SINGLE_SYNC:
            return self._view is not None and self._view.is_single
        # The end of an outage, too: its warning stays on the screen.
        return entry.level == "warning" or entry.event == "recovered"

    # -- the live view -----------------------------------------------------------------------

    def _live_view(self, command: str | None, stream: TextIO | None) -> "LiveView | None":
        if stream is None or not wants_live_view(
            command, self._options, environ=self._environ, stream=stream
        ):
            return None
        from airbyte_sync_cli.output.live.canvas import LiveView  # noqa: PLC0415  # only for a terminal

        view = LiveView(stream, clock=self._clock, environ=self._environ)
        self._log.divert(view.above)
        return view

    async def _run(self, view: "LiveView") -> None:
        """Draw; where that fails, fall back to log lines: a bug here must not end a sync."""
        try:
            await view.run()
        except Exception as error:  # noqa: BLE001  # whatever it is
            self._view_failed(error)
            await self._beat()

    def _draw(self, event: "Event") -> None:
        if self._view is None:
            return
        try:
            self._view.take(event)
        except Exception as error:  # noqa: BLE001  # whatever it is
            self._view_failed(error)

    def _view_failed(self, error: Exception) -> None:
        self.close()
        # Closed first: the warning would go to the view that has failed.
        self._warn(f"live view failed ({type(error).__name__}: {error}), using log lines instead")

    def close(self) -> None:
        """Take the live view off the screen, if there is one."""
        if self._view is not None:
            self._view.close()
        self._view = None
        self._log.divert(None)

    # -- the heartbeat -----------------------------------------------------------------------

    async def _beat(self) -> None:
        pause = self._options.heartbeat
        self._news_at = self._clock.monotonic()
        while pause > 0:
            left = self._news_at + pause - self._clock.monotonic()
            if left > 0:  # a log line meanwhile postpones the heartbeat
                await self._clock.sleep(left)
                continue
            entry = self._entries.heartbeat(now=self._clock.monotonic())
            if entry is not None:
                self._log.write(entry)
            # Also without an entry: otherwise this loop would spin until there is one.
            self._news_at = self._clock.monotonic()
