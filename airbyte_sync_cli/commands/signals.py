"""Signals, from the first instruction on: noted at once, acted on where it is safe.

Process 1 of a container ignores SIGTERM unless a handler is installed, so `__main__` installs
one before it imports anything that takes time.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.streams import give_up_blocked_write

if TYPE_CHECKING:
    from types import FrameType

    from airbyte_sync_cli.sync.stop import Stop

_FROM_THE_KEYBOARD: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
HANDLED: Final = (
    *_FROM_THE_KEYBOARD,
    signal.SIGTERM,
    signal.SIGHUP,  # the terminal or the ssh session was closed
    signal.SIGALRM,  # `perl -e 'alarm 3600; exec @ARGV'`, where there is no `timeout`
    signal.SIGUSR1,  # a batch system's notice, ahead of its SIGKILL
    signal.SIGUSR2,
    signal.SIGXCPU,  # `ulimit -t`, the soft limit
)
"""What ends a process unless it is handled, and is sent to end one. Not what tells of a defect
(SIGSEGV, SIGABRT …). Python itself ignores SIGPIPE and SIGXFSZ: writing raises an error instead.
"""

_TICK: Final = 0.5
"""Seconds after which a write that a signal found under way counts as blocked."""

_noted: Final[list[int]] = []
"""Signals that arrived before anybody could act on them."""


def note_signals() -> None:
    """Take note of signals from here on, instead of dying (or ignoring) at once.

    An ignored one stays ignored: that is how a shell starts background jobs, and `nohup` anything.
    """
    for number in HANDLED:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
            signal.signal(number, _note)


def _note(number: int, _frame: "FrameType | None") -> None:
    if _is_tick(number):
        give_up_blocked_write()
        return
    if _is_impatient(number):
        leave_at_once()
    _noted.append(number)
    _begin_ticks()


def _tick(number: int, _frame: "FrameType | None") -> None:
    """Let no blocked write keep the event loop, which knows of the signal, from acting on it."""
    if _is_tick(number):
        give_up_blocked_write()
    else:
        _begin_ticks()


def _begin_ticks() -> None:
    """Send SIGALRM from time to time: once a signal has arrived, it means nothing else."""
    if signal.getsignal(signal.SIGALRM) is signal.SIG_IGN:
        signal.signal(signal.SIGALRM, _note)
    give_up_blocked_write()
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)


def _is_tick(number: int) -> bool:
    return number == signal.SIGALRM and signal.getitimer(signal.ITIMER_REAL)[1] == _TICK


def _is_impatient(number: int) -> bool:
    """Whether a person presses Ctrl-C (or the key of SIGQUIT) for the second time."""
    return number in _FROM_THE_KEYBOARD and not _FROM_THE_KEYBOARD.isdisjoint(_noted)


def noted_signal() -> str | None:
    """Return the name of the first signal that arrived so far."""
    return signal.Signals(_noted[0]).name if _noted else None


def redeliver_noted() -> None:
    """Send what was noted once more, now that somebody else handles it."""
    for number in [*_noted]:
        signal.raise_signal(number)


@contextmanager
def stopping_on_signals(
    stop: "Stop", *, last_words: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Let signals wake the running event loop; those noted before count, too.

    A second Ctrl-C leaves at once, after the `last_words`.
    """
    import asyncio  # noqa: PLC0415  # --help needs no loop, and it costs 30 ms

    loop = asyncio.get_running_loop()
    taken = [n for n in HANDLED if signal.getsignal(n) is not signal.SIG_IGN]
    for number in taken:
        loop.add_signal_handler(number, _act, number, stop, last_words)
        signal.signal(number, _tick)  # beside it: the loop hears of a signal from a descriptor
    first = noted_signal()
    if first is not None:
        stop.interrupt(first)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, taken)  # a removed handler would let it die
        for number in taken:
            loop.remove_signal_handler(number)
            signal.signal(number, _note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, taken)


def _act(number: int, stop: "Stop", last_words: Callable[[], object]) -> None:
    if _noted and number == signal.SIGALRM:
        return
    if _is_impatient(number):
        with suppress(Exception):  # whatever it is, a person wants to be gone
            last_words()
        leave_at_once()
    _noted.append(number)
    stop.interrupt(signal.Signals(number).name)


def leave_at_once() -> None:
    """End the process here and now: a person pressed Ctrl-C twice."""
    with suppress(OSError, ValueError, AttributeError):  # the terminal is gone, or never was
        terminal = sys.stderr.fileno()
        if os.isatty(terminal) and select.select([], [terminal], [], 0)[1]:  # not stopped
            os.write(terminal, b"\n")  # a handler may interrupt a `write`
    os._exit(128 + signal.SIGINT)
