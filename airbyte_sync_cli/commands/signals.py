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
"""What ends a process unless it is handled, and is sent to end one. Not what reports a defect
(SIGSEGV, SIGABRT …). Python itself ignores SIGPIPE and SIGXFSZ: writing raises an error instead.
"""
_TICK: Final = 0.5
"""Seconds after which a write that a signal found under way counts as blocked."""


class Signals:
    """The signals that this process received, in order."""

    def __init__(self) -> None:
        self._noted: list[int] = []

    def note(self) -> None:
        """Note signals from here on, instead of dying (or ignoring them) at once.

        An ignored one stays ignored: so a shell starts background jobs, and `nohup` anything.
        """
        for number in HANDLED:
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM:
                signal.signal(number, self._note)

    @contextmanager
    def stopping(
        self, stop: "Stop", *, last_words: Callable[[], object] = lambda: None
    ) -> Iterator[None]:
        """Let signals stop the work on the running event loop; those noted before count, too.

        A second Ctrl-C exits at once, after the `last_words`.
        """
        import asyncio  # noqa: PLC0415  # --help needs no loop, and it costs 30 ms

        loop = asyncio.get_running_loop()
        taken = [n for n in HANDLED if signal.getsignal(n) is not signal.SIG_IGN]
        for number in taken:
            loop.add_signal_handler(number, self._act, number, stop, last_words)
            signal.signal(number, self._tick)  # the loop itself reads signals from a descriptor
        if self._noted:
            stop.interrupt(signal.Signals(self._noted[0]).name)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, taken)  # between two handlers it would die
            for number in taken:
                loop.remove_signal_handler(number)
                signal.signal(number, self._note)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, taken)

    def redeliver(self) -> None:
        """Send what was noted once more, now that another handler is installed."""
        # A copy: where the handler is still `_note`, the list grows.
        for number in [*self._noted]:
            signal.raise_signal(number)

    def _note(self, number: int, _frame: "FrameType | None") -> None:
        if _is_tick(number):
            give_up_blocked_write()
            return
        if self._is_second_key(number):
            _exit_at_once()
        self._noted.append(number)
        self._begin_ticks()

    def _tick(self, number: int, _frame: "FrameType | None") -> None:
        """Free the event loop from a blocked write, so that it can act on the signal."""
        if _is_tick(number):
            give_up_blocked_write()
        else:
            self._begin_ticks()

    def _begin_ticks(self) -> None:
        """Send SIGALRM twice a second: once a signal has arrived, it means nothing else."""
        if signal.getsignal(signal.SIGALRM) is signal.SIG_IGN:
            signal.signal(signal.SIGALRM, self._note)
        give_up_blocked_write()
        signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)

    def _act(self, number: int, stop: "Stop", last_words: Callable[[], object]) -> None:
        if self._noted and number == signal.SIGALRM:
            return
        if self._is_second_key(number):
            with suppress(Exception):  # whatever it is, a person wants the prompt back
                last_words()
            _exit_at_once()
        self._noted.append(number)
        stop.interrupt(signal.Signals(number).name)

    def _is_second_key(self, number: int) -> bool:
        """Return whether a person presses Ctrl-C (or the key of SIGQUIT) a second time."""
        return number in _FROM_THE_KEYBOARD and not _FROM_THE_KEYBOARD.isdisjoint(self._noted)


def _is_tick(number: int) -> bool:
    return number == signal.SIGALRM and signal.getitimer(signal.ITIMER_REAL)[1] == _TICK


def _exit_at_once() -> None:
    """End the process here and now: a person pressed Ctrl-C twice."""
    with suppress(OSError, ValueError, AttributeError):  # the terminal is gone, or never was
        terminal = sys.stderr.fileno()
        if os.isatty(terminal) and select.select([], [terminal], [], 0)[1]:  # not stopped
            os.write(terminal, b"\n")  # a handler may interrupt a `write`
    os._exit(128 + signal.SIGINT)
