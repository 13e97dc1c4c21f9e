"""The live view: redrawn in place below the lines of the log.

No mode of the terminal is ever changed, not even the cursor is hidden, so there is nothing to
restore, whatever ends the process. `rich.live` would hide it, needs a thread, and leaves debris
where a terminal gets narrower.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.output.live.state import LiveState
from airbyte_sync_cli.output.live.view import Frame, draw
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.terminal import Screen, screen_of
from airbyte_sync_cli.streams import write
from airbyte_sync_cli.sync.events import Event

_TICK: Final = 0.25
"""Seconds between two checks for something new to draw."""
_CLOCK_STEP: Final = 1.0
"""Seconds after which it is redrawn although nothing happened: it shows the time."""

_ERASE_REST: Final = "\x1b[K"
_ERASE_LINE: Final = "\x1b[2K"
_MANY: Final = 50
"""Rows from which on it is redrawn every other second: a hundred take 12 to 30 ms."""
_SLOW_STEP: Final = 2.0
"""Seconds between two redraws then."""

Size = Callable[[], os.terminal_size]


class Canvas:
    """Some lines at the bottom of a terminal that can be replaced."""

    def __init__(self, stream: TextIO, *, screen: Screen, size: Size) -> None:
        self._stream: TextIO | None = stream
        self._screen = screen
        self._size = size
        self._drawn: list[int] = []
        """The columns that each drawn line takes."""
        self._last = ""

    def size(self) -> os.terminal_size:
        """Return columns and lines."""
        return self._size()

    @property
    def room(self) -> Screen:
        """Return what fits: a terminal wraps after its last column."""
        return replace(self._screen, width=max(self._size().columns - 1, 1))

    def replace(self, lines: list[Styled]) -> None:
        """Draw these lines instead of those that are there; nothing if they are the same."""
        content = "".join(f"{line.paint(self._screen)}{_ERASE_REST}\n" for line in lines)
        if content != self._last or not content:
            height = self._height()
            self._write(_up(height) + content + _erased(height - len(lines)))
        self._drawn = [line.width for line in lines]
        self._last = content

    def above(self, line: str) -> None:
        """Write a line that stays, and redraw below it."""
        height = self._height()
        self._write(f"{_up(height)}{_erased(height)}{line}\n{self._last}")

    def forget(self) -> None:
        """Leave what is drawn where it is: another program wrote below it."""
        self._drawn, self._last = [], ""

    def _height(self) -> int:
        """Return how many lines are drawn; a terminal that got narrower has wrapped them."""
        columns = max(self._size().columns, 1)
        return sum(max(-(-width // columns), 1) for width in self._drawn)

    def _write(self, text: str) -> None:
        """Write in one piece; nothing once the terminal is gone."""
        if self._stream is None or not text:
            return
        try:
            write(self._stream, text)
        except (OSError, ValueError):
            self._stream = None


def _up(lines: int) -> str:
    return f"\r\x1b[{lines}A" if lines > 0 else ""


def _erased(lines: int) -> str:
    """Erase so many lines from here on, and move back.

    Line by line: tmux keeps a screen that is erased at once in its history.
    """
    return (_ERASE_LINE + "\n") * lines + _up(lines) if lines > 0 else ""


class LiveView:
    """Takes events, and draws while `run` runs."""

    def __init__(
        self, stream: TextIO, *, clock: Clock, environ: Mapping[str, str], size: Size | None = None
    ) -> None:
        self._clock = clock
        self._stream = stream
        self._screen = screen_of(stream, environ)
        self._state = LiveState()
        self._canvas = Canvas(stream, screen=self._screen, size=size or (lambda: _size_of(stream)))
        self._news = False
        self._drawn_at = float("-inf")
        self._drawn_size: os.terminal_size | None = None

    def take(self, event: Event) -> None:
        """Take an event; it is drawn with the next frame."""
        self._state.take(event, self._clock.monotonic(), self._clock.now())
        self._news = True

    @property
    def is_single(self) -> bool:
        """Return whether it shows one sync, not a table."""
        return len(self._state.rows) == 1

    def above(self, line: str) -> None:
        """Write a log line above the view."""
        self._canvas.above(line)

    async def run(self) -> None:
        """Draw until cancelled, then take it off the screen."""
        try:
            with _on_continue(self._start_over):
                while True:
                    self.refresh()
                    await self._clock.sleep(_TICK)
        finally:
            self.close()

    def _start_over(self) -> None:
        self._canvas.forget()
        # Redraws with the next tick, although nothing is new.
        self._drawn_size = None

    def close(self) -> None:
        """Take it off the screen."""
        self._canvas.replace([])

    def refresh(self) -> None:
        """Redraw if there is something new, or if the clock has moved on."""
        now, size = self._clock.monotonic(), self._canvas.size()
        # Rows below the edge of the screen are not drawn, so they take no time.
        is_large = min(len(self._state.rows), size.lines) >= _MANY
        pause, step = (_SLOW_STEP, _SLOW_STEP) if is_large else (_TICK, _CLOCK_STEP)
        age = now - self._drawn_at
        due = size != self._drawn_size or age >= (pause if self._news else step)
        if not due or not _in_foreground(self._stream):
            return
        self._news, self._drawn_at, self._drawn_size = False, now, size
        # A terminal wraps after its last column and scrolls after its last line: use neither.
        frame = Frame(self._screen, max(size.columns - 1, 1), max(size.lines - 1, 1), now)
        self._canvas.replace(draw(self._state, frame))


def _size_of(stream: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
    return size if size.columns and size.lines else os.terminal_size((80, 24))


def _in_foreground(stream: TextIO) -> bool:
    """Return whether this process may write to the terminal; after `bg` the shell does."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True


@contextmanager
def _on_continue(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` on SIGCONT: after Ctrl-Z and `fg` the shell's lines stand where we drew.

    The handler is Python's, because the loop's would run only after the next redraw.
    """
    try:
        before = signal.signal(signal.SIGCONT, lambda *_: callback())
    except (AttributeError, ValueError):  # no such signal here, or not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before or signal.SIG_DFL)


@contextmanager
def canvas_on(stream: TextIO, environ: Mapping[str, str]) -> Iterator[Canvas]:
    """Lend the last lines of a terminal, and clear them at the end."""
    canvas = Canvas(stream, screen=screen_of(stream, environ), size=lambda: _size_of(stream))
    with _on_continue(canvas.forget):
        try:
            yield canvas
        finally:
            canvas.replace([])
