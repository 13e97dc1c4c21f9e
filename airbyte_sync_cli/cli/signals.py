"""Signals, from the first instruction on: noted at once, acted on where it is safe.

Process 1 of a container ignores SIGTERM unless a handler is installed, so `__main__` installs
one before it imports anything that takes time.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

    from airbyte_sync_cli.sync.stop import SignalName, Stop

_HANDLED: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = "\x1b[?25h\n"

_noted: Final[list[int]] = []
"""Signals that arrived before anybody could act on them."""


def note_signals() -> None:
    """Take note of SIGINT and SIGTERM from here on, instead of dying (or ignoring) at once.

    An ignored SIGINT stays ignored: that is how a shell starts background jobs.
    """
    for number in _HANDLED:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
            signal.signal(number, _note)


def _note(number: int, _frame: "FrameType | None") -> None:
    if number == signal.SIGINT and number in _noted:
        leave_at_once()
    _noted.append(number)


def noted_signal() -> "SignalName | None":
    """Tell the first signal that arrived so far."""
    return _name(_noted[0]) if _noted else None


@contextmanager
def stopping_on_signals(
    stop: "Stop", *, last_words: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Let signals wake the running event loop; those noted before count, too.

    A second Ctrl-C leaves at once, after the `last_words`.
    """
    import asyncio  # noqa: PLC0415  # --help needs no loop, and it costs 30 ms

    loop = asyncio.get_running_loop()
    taken = [n for n in _HANDLED if signal.getsignal(n) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, _act, number, stop, last_words)
    first = noted_signal()
    if first is not None:
        stop.interrupt(first)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, _note)


def _act(number: int, stop: "Stop", last_words: Callable[[], object]) -> None:
    if number == signal.SIGINT and number in _noted:
        with suppress(Exception):  # whatever it is, a person wants to be gone
            last_words()
        leave_at_once()
    _noted.append(number)
    stop.interrupt(_name(number))


def _name(number: int) -> "SignalName":
    return "SIGINT" if number == signal.SIGINT else "SIGTERM"


def leave_at_once() -> None:
    """End the process here and now: a person pressed Ctrl-C twice."""
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    os._exit(128 + signal.SIGINT)
