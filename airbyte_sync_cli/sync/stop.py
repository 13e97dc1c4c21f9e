"""Stop requests: by a signal, by a deadline, or because another sync failed (--fail-fast)."""

import asyncio
from collections.abc import Coroutine
from typing import Final, TypeVar

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass

INTERRUPT_GRACE: Final = 4.0
"""Seconds from a signal to the end of all requests: Airflow 3 escalates every 5 s."""
STOP_GRACE: Final = 30.0
"""Seconds to find and cancel a job after --timeout or --fail-fast, where no SIGKILL follows."""

_T = TypeVar("_T")
_EXIT_CODES: Final = {
    "SIGHUP": ExitCode.SIGHUP,
    "SIGINT": ExitCode.SIGINT,
    "SIGQUIT": ExitCode.SIGINT,  # from the keyboard, too
}
"""Any other signal ends like SIGTERM; the log has its name."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A signal arrived."""

    signal: str
    """Its name, such as `SIGTERM`."""
    at: float
    """Monotonic seconds."""

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of a process that it ends."""
        return _EXIT_CODES.get(self.signal, ExitCode.SIGTERM)


class Stop:
    """The stop request, shared by everything that runs. A signal outranks --fail-fast."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Two events: only a signal, not --fail-fast, has provisional results written.
        self._requested = asyncio.Event()
        self._interrupted = asyncio.Event()
        self.interrupted: Interrupt | None = None

    def interrupt(self, signal: str) -> None:
        """Request a stop by a signal. Only the first one counts."""
        # A later one must not begin the grace period again: a launcher counts from the first.
        if self.interrupted is None:
            self.interrupted = Interrupt(signal, self._clock.monotonic())
            self._interrupted.set()
            self._requested.set()

    def fail_fast(self) -> None:
        """Request a stop because another sync failed."""
        self._requested.set()

    @property
    def is_requested(self) -> bool:
        """Return whether a stop was requested."""
        return self._requested.is_set()

    async def wait(self) -> None:
        """Wait until a stop is requested."""
        await self._requested.wait()

    async def wait_for_signal(self) -> None:
        """Wait until a signal arrives."""
        await self._interrupted.wait()

    def grace_left(self, since: float) -> float:
        """Return the seconds left for winding down what was stopped at `since`."""
        # A signal may arrive while --timeout is being wound down: then its grace is shorter.
        end = since + STOP_GRACE
        if self.interrupted is not None:
            end = min(end, self.interrupted.at + INTERRUPT_GRACE)
        return end - self._clock.monotonic()


class StoppedError(Exception):
    """The work was cancelled by a stop request."""


class DeadlineError(StoppedError):
    """A time limit has passed; `limit` is the option that set it.

    `at` is when, in monotonic seconds, where it was noticed later: after one last poll.
    """

    def __init__(self, limit: str = "--timeout", *, at: float | None = None) -> None:
        super().__init__(limit)
        self.limit = limit
        self.at = at


async def until_stopped(
    work: Coroutine[None, None, _T], *, stop: Stop, seconds: float | None = None
) -> _T:
    """Return what `work` returns, unless a stop or the end of `seconds` comes first.

    Then the work is cancelled where it is, and StoppedError or DeadlineError raised: what must
    outlive a stop has to run in a task of its own.
    """
    async with asyncio.TaskGroup() as group:
        body = group.create_task(_outcome(work))
        request = group.create_task(stop.wait())
        await asyncio.wait({body, request}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        request.cancel()
        if not body.done():  # done at the same moment as the stop: its result counts
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
    """Return an error as a value: raised in a task group it would come wrapped in a group."""
    try:
        return await work, None
    except Exception as error:  # noqa: BLE001  # the caller raises it
        return None, error
