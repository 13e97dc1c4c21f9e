"""An event loop whose time jumps to the next timer, with no socket and no thread.

looptime's loop, which the other tests use, waits 42 cycles before each jump, for calls from other
threads. Here there are none, and without the cycles a scenario takes a third of the time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_TICK: Final = 1e-6
"""Seconds: the shortest pause that moves the time, so that what is left of one by the errors of
floating-point numbers is not slept for over and over."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Tell the virtual seconds."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let so much time pass."""
        self._now += seconds

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Schedule a call; one that is in the future is so by a tick at least."""
        if when > self._now:
            when = max(when, self._now + _TICK)
        return super().call_at(when, callback, *args, context=context)


class _Selector(selectors.SelectSelector):
    """Lets time pass instead of waiting for files, of which there are none."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump to the next timer."""
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        self._loop.jump(timeout)
        return []


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)
