"""Tells what happens while it happens: a live view for a person, lines for a log."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.output.log import Entry, Journal
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.terminal import wants_live_view

if TYPE_CHECKING:
    from airbyte_sync_cli.output.live.canvas import LiveView
    from airbyte_sync_cli.output.log_entries import LogEntries
    from airbyte_sync_cli.sync.events import Event

_SHOWN_BY_A_VIEW_OF_MANY: Final = frozenset({"started", "adopted", "watching", "cancelling"})


class ProgressReporter:
    """Takes events; between `alive`'s ends it also tells that nothing happened."""

    def __init__(
        self, journal: Journal, options: OutputOptions, *, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._journal = journal
        self._options = options
        self._clock = clock
        self._environ = environ
        self._view: LiveView | None = None
        self._news_at = 0.0

    @cached_property
    def _entries(self) -> "LogEntries":
        from airbyte_sync_cli.output.log_entries import LogEntries  # noqa: PLC0415  # no event, no need

        return LogEntries()

    def take(self, event: "Event") -> None:
        """Tell an event, if it is news."""
        self._show(event)
        for entry in self._entries.entries(event, now=self._clock.monotonic()):
            self._news_at = self._clock.monotonic()
            if self._view is None or self._stays(entry):
                self._journal.write(entry)

    def warn(self, message: str) -> None:
        """Tell of something odd."""
        self._journal.write(Entry(event="warning", message=message, level="warning"))

    @asynccontextmanager
    async def alive(self, command: str | None, stream: TextIO | None) -> AsyncIterator[None]:
        """Show signs of life while the work inside goes on: a live view, or a heartbeat."""
        self._view = self._live_view(command, stream)
        beating = asyncio.create_task(self._watch(self._view) if self._view else self._beat())
        try:  # no task group: it would wrap the errors of the work inside
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})
            self.close()

    def _stays(self, entry: Entry) -> bool:
        """Whether an entry gets a line above the live view, which shows the rest of them."""
        if self._options.verbosity > 0:
            return True
        if entry.event in _SHOWN_BY_A_VIEW_OF_MANY:
            return len(self._entries.logs) == 1
        return entry.level == "warning"

    # -- the live view -----------------------------------------------------------------------

    def _live_view(self, command: str | None, stream: TextIO | None) -> "LiveView | None":
        if stream is None or not wants_live_view(
            command, self._options, environ=self._environ, stream=stream
        ):
            return None
        from airbyte_sync_cli.output.live.canvas import LiveView  # noqa: PLC0415  # rich, where it is seen

        view = LiveView(stream, clock=self._clock, environ=self._environ)
        self._journal.divert(view.above)
        return view

    async def _watch(self, view: "LiveView") -> None:
        """Draw; where that fails, tell in lines what goes on: no sync ends for a picture."""
        try:
            await view.run()
        except Exception as error:  # noqa: BLE001  # a bug of ours, with somebody's sync at stake
            self._view_failed(error)
            await self._beat()

    def _show(self, event: "Event") -> None:
        if self._view is None:
            return
        try:
            self._view.take(event)
        except Exception as error:  # noqa: BLE001  # the same
            self._view_failed(error)

    def _view_failed(self, error: Exception) -> None:
        self.close()
        self.warn(f"the live view failed ({type(error).__name__}: {error}): log lines instead")

    def close(self) -> None:
        """Take the live view off the screen, if there is one."""
        if self._view is not None:
            self._view.close()
        self._view = None
        self._journal.divert(None)

    # -- the heartbeat -----------------------------------------------------------------------

    async def _beat(self) -> None:
        pause = self._options.heartbeat
        self._news_at = self._clock.monotonic()
        while pause > 0:
            rest = self._news_at + pause - self._clock.monotonic()
            if rest > 0:
                await self._clock.sleep(rest)
                continue
            entry = self._entries.heartbeat(now=self._clock.monotonic())
            if entry is not None:
                self._journal.write(entry)
            self._news_at = self._clock.monotonic()
