"""After a signal, a timeout or --fail-fast: cancel the job, or leave it running and name it."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from airbyte_sync_cli.errors import OutOfTimeError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.cancel import cancel_job
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.events import Cancelling, Interrupted, Provisional
from airbyte_sync_cli.sync.finish import complete
from airbyte_sync_cli.sync.our_job import OurJob
from airbyte_sync_cli.sync.result import describe_missing_job, hint_for_missing_job
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import DeadlineError, StoppedError

_PAUSE: Final = 0.25
"""Seconds between two reports: each tells all syncs, and a hundred are cancelled in a second."""


class InterruptReporter:
    """Reports provisionally once a signal has come; silent before."""

    def __init__(self, context: Context, states: Sequence[SyncState]) -> None:
        self._clock = context.clock
        self._stop = context.stop
        self._emit = context.emit
        self._states = states
        self._told_at = float("-inf")
        self._is_late = False
        """Something has changed that was not told, because the last report was just before."""

    async def run(self) -> None:
        """Tell of a signal, and then what `tell` has put off, until cancelled."""
        await self._stop.wait_for_signal()
        if self._stop.interrupted is not None:
            self._emit(Interrupted(signal=self._stop.interrupted.signal))
        self.tell()
        self._told_at = float("-inf")  # the first cancel that is sent is told at once
        while True:
            await self._clock.sleep(_PAUSE)
            if self._is_late:
                self.tell()

    def tell(self) -> None:
        """Report what is known: at once, if the last report is long enough ago."""
        interrupted, now = self._stop.interrupted, self._clock.monotonic()
        if interrupted is None:
            return
        self._is_late = now - self._told_at < _PAUSE
        if self._is_late:
            return
        self._told_at = now
        code = interrupted.exit_code
        undecided = {"exit_code": code, "outcome": code.outcome}
        results = [state.result() for state in self._states]
        self._emit(
            Provisional(
                results=tuple(
                    one.model_copy(update=undecided) if one.exit_code is None else one
                    for one in results
                )
            )
        )


LOG: Final = logging.getLogger("airbyte_sync_cli.wind_down")

_MORE_TIME: Final = "--timeout gives more time"
_MORE_TIME_OR_LEAVE: Final = f"{_MORE_TIME}, --on-timeout leave lets the job go on"


class WindDown:
    """Ends the work on a connection that was stopped.

    `on_news` is called when there is something to report before anything is confirmed.
    """

    def __init__(self, context: Context, *, on_news: Callable[[], None]) -> None:
        self._context = context
        self._policy = context.policy
        self._stop = context.stop
        self._on_news = on_news

    async def run(
        self, state: SyncState, stopped: StoppedError, our_job: OurJob | None = None
    ) -> None:
        """Find what may be ours, cancel it if it is unwanted, and say what became of it."""
        since = self._context.clock.monotonic()
        if isinstance(stopped, DeadlineError) and stopped.at is not None:
            since = stopped.at  # the last look is part of the grace
        grace_left = partial(self._stop.grace_left, since)
        if our_job is not None:
            await our_job.find_before_stop(grace_left)
        state.ended_as = self._ending(state, stopped, our_job)
        if state.job is not None and not state.adopted and self._unwanted(stopped):
            because = self._because(stopped)
            self._context.emit(Cancelling(sync=state.snapshot(), because=because))
            await cancel_job(self._context, state, grace_left=grace_left, on_sent=self._on_news)
        if state.job is not None and state.job.is_final and state.exit_code is not state.ended_as:
            # It ended by itself, before the cancel or in spite of it.
            await complete(self._context, state, seconds=0.0)
        if isinstance(state.error, OutOfTimeError):
            more_time = _MORE_TIME if self._policy.trigger_only else _MORE_TIME_OR_LEAVE
            state.error = _with_its_cancel(state, state.error, more_time)
        self._on_news()

    async def after_bug(self, our_job: OurJob) -> None:
        """Find a job that is not named yet, whatever else is broken; it is left running.

        Nobody knows what broke, so nothing is sent any more: the ending names the job.
        """
        grace_left = partial(self._stop.grace_left, self._context.clock.monotonic())
        try:
            await our_job.find_before_stop(grace_left)
        except Exception as error:  # noqa: BLE001  # the first one is told; this may be the same
            LOG.info("no job could be looked for: %s", error)

    def _ending(self, state: SyncState, stopped: StoppedError, our_job: OurJob | None) -> ExitCode:
        if self._stop.interrupted is not None:
            return self._stop.interrupted.exit_code
        if isinstance(stopped, DeadlineError):
            state.error = state.error or _too_late(state)
            return ExitCode.TIMEOUT
        if our_job is not None and our_job.is_unresolved():
            state.error = our_job.unknown_outcome("another sync failed meanwhile (--fail-fast)")
            return ExitCode.UNKNOWN
        return ExitCode.SKIPPED if state.job is None else ExitCode.SIGTERM

    def _because(self, stopped: StoppedError) -> str:
        if isinstance(stopped, DeadlineError):
            return f"{stopped.limit} passed"
        interrupted = self._stop.interrupted is not None
        return "interrupted" if interrupted else "another sync failed (--fail-fast)"

    def _unwanted(self, stopped: StoppedError) -> bool:
        """Whether a job of ours shall not go on without us."""
        if isinstance(stopped, DeadlineError):
            return self._policy.on_timeout == "cancel"
        if self._stop.interrupted is not None:
            return self._policy.on_interrupt == "cancel"
        return True  # a sibling failed, and --fail-fast was asked for


def _too_late(state: SyncState) -> OutOfTimeError:
    """Say what `--timeout` cut short, where nobody has said it yet."""
    if state.job is not None:
        return OutOfTimeError(f"--timeout passed before {state.name} had ended", hint=_MORE_TIME)
    connection = state.connection.id if state.connection else None
    fate = describe_missing_job(state.start) or "no job was read"
    last = f" ({state.obstacle})" if state.obstacle else ""
    hint = hint_for_missing_job(state.start, connection) or _MORE_TIME
    return OutOfTimeError(f"{state.name}: {fate} when --timeout passed{last}", hint=hint)


def _with_its_cancel(
    state: SyncState, error: OutOfTimeError, more_time: str
) -> OutOfTimeError | None:
    """Say what became of the job that was out of time; None where it had ended by itself."""
    if state.job is None or state.cancel is None:
        return error
    if state.exit_code is not ExitCode.TIMEOUT:
        return None
    if state.cancel.confirmed:
        hint = error.hint if error.limit == "--start-timeout" else more_time
        return OutOfTimeError(f"{error.message}: cancelled", hint=hint, limit=error.limit)
    fate = "cancel not confirmed" if state.cancel.requested else "no cancel could be sent"
    refusal = f": {state.cancel_refusal}" if state.cancel_refusal else ""
    return OutOfTimeError(
        f"{error.message}; {fate}, it may still be running{refusal}",
        hint=f"`airbyte-sync status {state.job.id}` tells how it stands, "
        f"`airbyte-sync cancel {state.job.id}` cancels it again",
        limit=error.limit,
    )
