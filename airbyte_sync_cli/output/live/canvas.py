"""The live view: what goes on, redrawn in place below the lines of the log.

No mode of the terminal is ever changed, not even the cursor is hidden: so there is nothing to
restore, whatever ends the process. `rich.live` would hide it, needs a thread, and leaves debris
where a terminal gets narrower.
"""

import io
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.output.live.state import LiveState
from airbyte_sync_cli.output.live.symbols import symbols_for
from airbyte_sync_cli.output.live.view import Frame, draw
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.streams import write
from airbyte_sync_cli.sync.events import Event

_TICK: Final = 0.25
"""Seconds between two looks at whether there is something new to draw."""
_CLOCK_STEP: Final = 1.0
"""Seconds after which it is drawn anew although nothing happened: its clock goes on."""

_ERASE_REST: Final = "\x1b[K"
_ERASE_LINE: Final = "\x1b[2K"
_MANY: Final = 50
"""Rows on the screen from which on it is drawn every other second: a hundred take 12 to 30 ms."""
_SLOW_STEP: Final = 2.0
"""Seconds between two drawings then."""

Size = Callable[[], os.terminal_size]


class Canvas:
    """Some lines at the bottom of a terminal that can be replaced."""

    def __init__(self, stream: TextIO, *, environ: Mapping[str, str], size: Size) -> None:
        self._stream: TextIO | None = stream
        self._size = size
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            legacy_windows=False,
            _environ=environ,
            markup=False,
            highlight=False,
        )
        self._drawn: list[int] = []
        """The columns that each drawn line takes."""
        self._last = ""

    def size(self) -> os.terminal_size:
        """Tell columns and lines."""
        return self._size()

    def replace(self, lines: list[Text]) -> None:
        """Draw these lines instead of those that are there; nothing if they are the same."""
        content = self._rendered(lines)
        if content != self._last or not content:
            height = self._height()
            self._write(_up(height) + content + _erased(height - len(lines)))
        self._drawn = [line.cell_len for line in lines]
        self._last = content

    def above(self, line: str) -> None:
        """Write a line that stays, and draw anew below it."""
        height = self._height()
        self._write(f"{_up(height)}{_erased(height)}{line}\n{self._last}")

    def forget(self) -> None:
        """Leave what is drawn where it is: somebody else wrote below it."""
        self._drawn, self._last = [], ""

    def _rendered(self, lines: list[Text]) -> str:
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line, no_wrap=True, overflow="ignore", crop=False)
        return captured.get().replace("\n", _ERASE_REST + "\n")

    def _height(self) -> int:
        """Tell how many lines of the terminal are ours; a narrower one has wrapped them since."""
        columns = max(self._size().columns, 1)
        return sum(max(-(-width // columns), 1) for width in self._drawn)

    def _write(self, text: str) -> None:
        """Write in one piece. A terminal that is gone is let go."""
        if self._stream is None or not text:
            return
        try:
            write(self._stream, redact(text))
        except (OSError, ValueError):
            self._stream = None


def _up(lines: int) -> str:
    return f"\r\x1b[{lines}A" if lines > 0 else ""


def _erased(lines: int) -> str:
    """Erase so many lines from here on, and come back.

    Line by line: where all of the screen is erased at once, tmux keeps it in its history.
    """
    return (_ERASE_LINE + "\n") * lines + _up(lines) if lines > 0 else ""


class LiveView:
    """Listens, and draws while `run` runs."""

    def __init__(
        self, stream: TextIO, *, clock: Clock, environ: Mapping[str, str], size: Size | None = None
    ) -> None:
        self._clock = clock
        self._stream = stream
        self._symbols = symbols_for(stream.encoding)
        self._state = LiveState()
        self._canvas = Canvas(stream, environ=environ, size=size or (lambda: _size_of(stream)))
        self._news = False
        self._drawn_at = float("-inf")
        self._drawn_size: os.terminal_size | None = None

    def take(self, event: Event) -> None:
        """Take note of an event; it is drawn at the next occasion."""
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
            with _told_when_continued(self._begin_anew):
                while True:
                    self.refresh()
                    await self._clock.sleep(_TICK)
        finally:
            self.close()

    def _begin_anew(self) -> None:
        self._canvas.forget()
        self._drawn_size = None

    def close(self) -> None:
        """Take it off the screen."""
        self._canvas.replace([])

    def refresh(self) -> None:
        """Draw if there is something new, or if the clock has moved on."""
        now, size = self._clock.monotonic(), self._canvas.size()
        is_large = min(len(self._state.rows), size.lines) >= _MANY
        pause, step = (_SLOW_STEP, _SLOW_STEP) if is_large else (_TICK, _CLOCK_STEP)
        age = now - self._drawn_at
        due = size != self._drawn_size or age >= (pause if self._news else step)
        if not due or not _in_foreground(self._stream):
            return
        self._news, self._drawn_at, self._drawn_size = False, now, size
        frame = Frame(max(size.columns - 1, 1), max(size.lines - 1, 1), self._symbols, now)
        self._canvas.replace(draw(self._state, frame))


def _size_of(stream: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
    return size if size.columns and size.lines else os.terminal_size((80, 24))


def _in_foreground(stream: TextIO) -> bool:
    """Whether the terminal is ours; `bg` gives it back to the shell."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return True


@contextmanager
def _told_when_continued(forget: Callable[[], None]) -> Iterator[None]:
    """After Ctrl-Z and `fg` the shell's lines stand where we drew.

    The handler is Python's and not the loop's, which would let the next drawing come first.
    """
    try:
        before = signal.signal(signal.SIGCONT, lambda *_: forget())
    except (AttributeError, ValueError):  # no such signal here, or not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, before or signal.SIG_DFL)
