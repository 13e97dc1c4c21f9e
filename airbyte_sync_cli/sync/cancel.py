"""Cancel one job, although Airbyte cancels by connection and its 200 proves nothing.

Cancelling a job that has ended would kill its successor (SchedulerHandler.kt,
submitCancellationToWorker), and a cancel sent before the first attempt is silently lost
(ConnectionManagerWorkflowImpl.kt, cancelJob). So: read, cancel only what is still active,
read again, and repeat while it stays active. Some versions start a scheduled successor at once:
it is named, and left alone.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from airbyte_sync_cli.airbyte.models import CANCELLED, Job
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.result import CancelResult
from airbyte_sync_cli.sync.state import SyncState

LOG: Final = logging.getLogger("airbyte_sync_cli.cancel")

_MAX_READ: Final = 3.0
_MAX_SEND: Final = 1.5
"""Seconds. The server answers a cancel only when the work has stopped, which may be never."""
_RESERVED_FOR_SEND: Final = 0.5
"""Seconds of the grace period that the last read before a cancel leaves for sending it."""
_BETWEEN_SENDS: Final = 1.0
# The first request leaves before `on_sent` writes files, which blocks the event loop.
_HEAD_START: Final = 0.1
_FIRST_PAUSE: Final = 0.2
_MAX_PAUSE: Final = 2.0


async def cancel_job(
    context: Context,
    state: SyncState,
    *,
    grace_left: Callable[[], float],
    on_sent: Callable[[], None],
) -> None:
    """Cancel the state's job and confirm it, as far as `grace_left()` seconds allow.

    Sets `state.job` and `state.cancel`; `on_sent` is called after the first request, before
    anything is confirmed. Does not raise: what could not be done stays in the state.
    """
    await _Cancellation(context, state, grace_left=grace_left, on_sent=on_sent).run()


class _Cancellation:
    def __init__(
        self,
        context: Context,
        state: SyncState,
        *,
        grace_left: Callable[[], float],
        on_sent: Callable[[], None],
    ) -> None:
        self._context = context
        self._airbyte = context.airbyte
        self._clock = context.clock
        self._state = state
        self._grace_left = grace_left
        self._on_sent = on_sent
        self._sent_at: float | None = None

    async def run(self) -> None:
        self._note(confirmed=False)
        pause = _FIRST_PAUSE
        while self._grace_left() > 0:
            # Read before every cancel: sent to a job that has ended, it would kill the next one.
            job = await self._read()
            if job is not None and job.is_final:
                break
            if job is not None and self._may_send():
                await self._send(job)
            await self._clock.sleep(min(pause, max(self._grace_left(), 0.0)))
            pause = min(pause * 1.5, _MAX_PAUSE)
        # "succeeded" or "failed" is no confirmation: the job ended before the cancel took effect.
        final = self._state.job
        self._note(confirmed=final is not None and final.status == CANCELLED)
        if final is not None and self._state.cancel is not None and self._state.cancel.confirmed:
            await self._name_successor(final)
        elif self._state.cancel_refusal and final is not None and final.is_active:
            self._context.warn(
                self._state,
                f"the cancel of job {final.id} failed: {self._state.cancel_refusal}",
            )

    async def _read(self) -> Job | None:
        job = self._state.job
        if job is None:
            return None
        try:
            async with asyncio.timeout(self._max_read()):
                self._state.job = await self._airbyte.job(job.id, retry_for=0)
        except (AirbyteSyncError, TimeoutError) as error:
            LOG.info("job %s cannot be read before its cancel: %s", job.id, _reason(error))
            return None
        return self._state.job

    def _max_read(self) -> float:
        """Return a read's limit: shorter where another one fits, else until a cancel must go."""
        left = self._grace_left()
        if self._sent_at is not None or left > 2 * _MAX_READ:
            return min(_MAX_READ, left)
        return left - _RESERVED_FOR_SEND

    def _may_send(self) -> bool:
        now = self._clock.monotonic()
        return self._sent_at is None or now - self._sent_at >= _BETWEEN_SENDS

    async def _send(self, job: Job) -> None:
        """Send one cancel. The first is reported while its response is still awaited.

        The response may never come, and the process may be killed before.
        """
        is_first, self._sent_at = self._sent_at is None, self._clock.monotonic()
        self._note(confirmed=False)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._request(job))
            if is_first:
                await self._clock.sleep(_HEAD_START)
                self._on_sent()

    async def _request(self, job: Job) -> None:
        try:
            async with asyncio.timeout(min(_MAX_SEND, max(self._grace_left(), 0.0))):
                await self._airbyte.cancel(job.id)
        except (AirbyteSyncError, TimeoutError) as error:
            LOG.info("cancel of job %s: %s", job.id, _reason(error))
            # A timeout is no refusal: the server responds only when the work has stopped.
            if isinstance(error, AirbyteSyncError):
                self._state.cancel_refusal = error.message
        else:
            self._state.cancel_refusal = None

    async def _name_successor(self, cancelled: Job) -> None:
        """Read once whether Airbyte has started another job, and warn of it: it is not ours."""
        try:
            async with asyncio.timeout(min(_MAX_READ, max(self._grace_left(), 0.0))):
                # Only for a warning: unlike before a trigger, an unreadable row may be missing.
                jobs = await self._airbyte.jobs(
                    cancelled.connection_id, retry_for=0, skip_unreadable=True
                )
        except (AirbyteSyncError, TimeoutError) as error:
            LOG.info("jobs after job %s cannot be read: %s", cancelled.id, _reason(error))
            return
        for job in jobs:
            if job.id > cancelled.id and job.is_active:
                self._context.warn(
                    self._state,
                    f"job {cancelled.id} is cancelled, and Airbyte has since started job {job.id} "
                    f"({job.type}, {job.status}): that job keeps running",
                )

    def _note(self, *, confirmed: bool) -> None:
        requested = self._sent_at is not None
        self._state.cancel = CancelResult(requested=requested, confirmed=requested and confirmed)


def _reason(error: AirbyteSyncError | TimeoutError) -> str:
    return "no response in time" if isinstance(error, TimeoutError) else error.message
