"""Airbyte's log within a run: streamed with `--logs`, and its last lines after a failure.

Whatever goes wrong here changes no outcome, and after a stop nothing more is read.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from airbyte_sync_cli.airbyte.models import FAILED, LogLine
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.foreign_text import LONGEST_MESSAGE
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import AirbyteLogged
from airbyte_sync_cli.sync.logs import PAUSE, AttemptLine, Completion, LogReader
from airbyte_sync_cli.sync.policy import LINES_PER_SECOND
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped

BURST: Final = 500
"""Lines that may come at once, as with the first read of a job that has run for a while."""
_LONGEST_PAUSE: Final = 15.0
"""Seconds between two reads of a log that stays as it is."""
_AT_THE_END: Final = 10.0
"""Seconds for lines that arrive after the job's end, and for the reason of a failure with all
that belongs to it."""
_QUIET_READS: Final = 2
"""Reads without new lines after the end until the log counts as complete."""
_FROM: Final = "warn"
"""The least level of the last lines that are shown after a failure."""


@asynccontextmanager
async def streamed_log(context: Context, state: SyncState, job_id: int) -> AsyncIterator[None]:
    """Stream the log of a job while the work inside waits for its end (`--logs`)."""
    level = context.policy.log_level or "trace"
    stream = _LogStream(context, state, job_id, level=level)
    task = asyncio.create_task(stream.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    # Only after the job's end: an error or a stop of the work has left at the `yield`.
    with suppress(StoppedError):
        await until_stopped(stream.finish(), stop=context.stop)


class _LogStream:
    """Reads a log again and again, and reports its new lines: all attempts, none twice."""

    def __init__(self, context: Context, state: SyncState, job_id: int, *, level: str) -> None:
        self._context = context
        self._state = state
        self._job_id = job_id
        self._clock = context.clock
        self._reader = LogReader(context.airbyte, job_id, show=self._show, first=1, least=level)
        # Apart, so that no flood of other lines hides an error.
        self._limits = {is_bad: RateLimit(context.clock) for is_bad in (False, True)}
        self._left_out = 0
        self._error: AirbyteSyncError | None = None
        """Why the last read failed."""
        self._has_warned = False

    async def run(self) -> None:
        """Report new lines until cancelled."""
        pause = PAUSE
        while True:
            began = self._clock.monotonic()
            await self._read()
            took = self._clock.monotonic() - began
            # Each read brings the whole log: a long one is read less often.
            pause = PAUSE if self._reader.news else min(pause * 1.5, _LONGEST_PAUSE)
            await self._clock.sleep(max(pause, 10 * took))

    async def finish(self) -> None:
        """Report what is left after the job's end, and whether that is incomplete."""
        quiet_reads, limit = 0, self._clock.monotonic() + _AT_THE_END
        try:
            async with asyncio.timeout(_AT_THE_END):
                while quiet_reads < _QUIET_READS and self._clock.monotonic() < limit:
                    await self._read()
                    quiet_reads = 0 if self._reader.news else quiet_reads + 1
                    if quiet_reads < _QUIET_READS:
                        await self._clock.sleep(PAUSE)
        except TimeoutError:
            if self._error is None:
                self._warn(f"the end of Airbyte's log could not be read in time: {self._rest}")
        if self._error is not None:
            self._warn(f"Airbyte's log could not be read: {self._error.message}")

    async def _read(self) -> None:
        """Read once; an error is kept for the end, but for one that a retry seldom mends."""
        try:
            await self._reader.read_news()
        except AirbyteSyncError as error:
            self._error = error
            # An outage is reported by the wait for the job.
            if not self._has_warned and not isinstance(error, UnavailableError):
                self._has_warned = True
                self._warn(f"Airbyte's log cannot be read now: {error.message}")
        except Exception as error:  # noqa: BLE001  # a bug here must not end the sync
            self._warn(f"Airbyte's log cannot be shown: {type(error).__name__}: {error}")
        else:
            self._error = None
        finally:  # also of a read that is cut short at the job's end
            if self._left_out:
                self._emit(left_out=self._left_out)
                self._left_out = 0

    def _show(self, lines: Sequence[AttemptLine]) -> bool:
        kept = [one for one in lines if self._limits[one.weighs(_FROM)].admits()]
        self._left_out += len(lines) - len(kept)
        if kept:
            self._emit(kept)
        return True

    def _emit(self, lines: Sequence[AttemptLine] = (), *, left_out: int = 0) -> None:
        event = AirbyteLogged(sync=self._state.snapshot(), lines=lines, left_out=left_out)
        self._context.emit(event)

    def _warn(self, message: str) -> None:
        self._context.warn(self._state, message)

    @property
    def _rest(self) -> str:
        return f"`airbyte-sync logs {self._job_id}` shows all"


class RateLimit:
    """A token bucket: admits a burst, and then so many lines a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._at = clock.monotonic()

    def admits(self) -> bool:
        """Return whether one more line may pass."""
        now = self._clock.monotonic()
        self._left = min(self._left + (now - self._at) * LINES_PER_SECOND, BURST)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def read_tail(context: Context, state: SyncState, *, since: float) -> None:
    """Read the last warnings and errors of a failed job, at most 10 s after `since`.

    Not with `--logs`, which has shown them.
    """
    job, most = state.job, context.policy.log_tail
    attempts = state.progress.attempts if state.progress else None
    if job is None or job.status != FAILED or not attempts or not most:
        return
    if context.policy.log_level is None:
        left = since + _AT_THE_END - context.clock.monotonic()
        reading = _read_tail(context, job.id, attempt=attempts, seconds=left)
        with suppress(StoppedError, TimeoutError, AirbyteSyncError):
            state.log_tail = await until_stopped(reading, stop=context.stop)


async def _read_tail(
    context: Context, job_id: int, *, attempt: int, seconds: float
) -> Sequence[AttemptLine]:
    async def read(lines: AsyncIterator[LogLine]) -> Sequence[AttemptLine]:
        return await _last_of(lines, attempt=attempt, most=context.policy.log_tail)

    async with asyncio.timeout(seconds), context.log_slots:
        return await context.airbyte.logs(job_id, attempt=attempt, read=read)


async def _last_of(
    lines: AsyncIterator[LogLine], *, attempt: int, most: int
) -> Sequence[AttemptLine]:
    """Return the last lines that tell something: not the frames of stack traces."""
    complete = Completion()
    found: deque[AttemptLine] = deque(maxlen=most)
    async for line in lines:
        one = AttemptLine(attempt=attempt, line=complete(line))
        if one.weighs(_FROM) and line.message[:1].strip():
            cut = replace(one.line, message=line.message[:LONGEST_MESSAGE])
            found.append(replace(one, line=cut))
    return tuple(found)
