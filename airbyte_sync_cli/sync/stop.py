"""Being asked to stop: by a signal, by a deadline, or because a sibling failed."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final, TypeVar

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.exit_codes import ExitCode

INTERRUPT_GRACE: Final = 4.0
"""Seconds from a signal to the end of all requests: Airflow 3 escalates every 5 s."""
STOP_GRACE: Final = 30.0
"""Seconds to find and cancel a job when nobody is about to kill us."""

_T = TypeVar("_T")
_EXIT_CODES: Final = {
    "SIGHUP": ExitCode.SIGHUP,
    "SIGINT": ExitCode.SIGINT,
    "SIGQUIT": ExitCode.SIGINT,  # from the keyboard, too
}
"""Any other signal asks for the same as SIGTERM; its name stands in the log."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A signal arrived."""

    signal: str
    """Its name, such as `SIGTERM`."""
    at: float
    """Monotonic seconds."""

    @property
    def exit_code(self) -> ExitCode:
        """The code of its ending."""
        return _EXIT_CODES.get(self.signal, ExitCode.SIGTERM)


class Stop:
    """One wish to stop, shared by everything that runs. A signal outranks the rest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wished = asyncio.Event()
        self._interrupted = asyncio.Event()
        self.interrupted: Interrupt | None = None

    def interrupt(self, signal: str) -> None:
        """Note a signal. Only the first counts."""
        if self.interrupted is None:
            self.interrupted = Interrupt(signal, self._clock.monotonic())
            self._interrupted.set()
            self._wished.set()

    def fail_fast(self) -> None:
        """Note that a sibling failed and the others are not wanted any more."""
        self._wished.set()

    @property
    def is_requested(self) -> bool:
        """Whether anybody wants us to stop."""
        return self._wished.is_set()

    async def wait(self) -> None:
        """Wait until somebody wants us to stop."""
        await self._wished.wait()

    async def wait_for_signal(self) -> None:
        """Wait until a signal arrives."""
        await self._interrupted.wait()

    def grace_left(self, since: float) -> float:
        """Tell the seconds left for winding down what was asked to stop at `since`."""
        end = since + STOP_GRACE
        if self.interrupted is not None:
            end = min(end, self.interrupted.at + INTERRUPT_GRACE)
        return end - self._clock.monotonic()


class StoppedError(Exception):
    """The work was ended from outside, at a point where it could be."""


class DeadlineError(StoppedError):
    """The time that the user gave is over; `limit` is the option that gave it.

    `at` is when, in monotonic seconds, where that was noticed later: after a last look.
    """

    def __init__(self, limit: str = "--timeout", *, at: float | None = None) -> None:
        super().__init__(limit)
        self.limit = limit
        self.at = at


async def until_stopped(
    work: Coroutine[None, None, _T], *, stop: Stop, seconds: float | None = None
) -> _T:
    """Do some work until it is done or a stop is wished, whichever comes first.

    Raises StoppedError, or DeadlineError when `seconds` are over. The work is then cancelled
    where it stands: what must outlive that has to run in a task of its own.
    """
    async with asyncio.TaskGroup() as group:
        body = group.create_task(_outcome(work))
        wish = group.create_task(stop.wait())
        await asyncio.wait({body, wish}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        wish.cancel()
        if not body.done():
            body.cancel()
    if body.cancelled():
        raise StoppedError if stop.is_requested else DeadlineError
    value, error = body.result()
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # without an error there is a value


async def _outcome(
    work: Coroutine[None, None, _T],
) -> tuple[_T | None, Exception | None]:
    """Keep an error as a value, so that it leaves the task group as itself."""
    try:
        return await work, None
    except Exception as error:  # noqa: BLE001  # raised again by the caller, unchanged
        return None, error
