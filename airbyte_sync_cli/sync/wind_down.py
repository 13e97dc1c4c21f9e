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

LOG: Final = logging.getLogger("airbyte_sync_cli.wind_down")

_MORE_TIME: Final = "raise --timeout"
_MORE_TIME_OR_LEAVE: Final = f"{_MORE_TIME}, or use --on-timeout leave to leave the job running"


class WindDown:
    """Ends the work on a connection that was stopped.

    `on_change` is called when there is something to report before anything is confirmed.
    """

    def __init__(self, context: Context, *, on_change: Callable[[], None]) -> None:
        self._context = context
        self._policy = context.policy
        self._stop = context.stop
        self._on_change = on_change

    async def run(
        self, state: SyncState, stopped: StoppedError, our_job: OurJob | None = None
    ) -> None:
        """Find the job that may be ours, cancel it unless it may stay, and note the ending."""
        since = self._context.clock.monotonic()
        if isinstance(stopped, DeadlineError) and stopped.at is not None:
            since = stopped.at  # the last poll is part of the grace period
        grace_left = partial(self._stop.grace_left, since)
        # First: a job without a name can be neither cancelled nor reported.
        if our_job is not None:
            await our_job.find_before_stop(grace_left)
        # Before the cancel: the provisional results, which are reported during it, need the code.
        state.ended_as = self._ending(state, stopped, our_job)
        if state.job is not None and not state.adopted and self._must_cancel(stopped):
            because = self._because(stopped)
            self._context.emit(Cancelling(sync=state.snapshot(), because=because))
            await cancel_job(self._context, state, grace_left=grace_left, on_sent=self._on_change)
        if state.job is not None and state.job.is_final and state.exit_code is not state.ended_as:
            # It ended by itself, before the cancel or in spite of it.
            await complete(self._context, state, seconds=0.0)
        if isinstance(state.error, OutOfTimeError):
            state.error = self._with_cancel(state, state.error)
        self._on_change()

    async def after_bug(self, our_job: OurJob) -> None:
        """Find a job that has no name yet. It is left running.

        What broke is unknown, so nothing more is sent to Airbyte: the result names the job.
        """
        grace_left = partial(self._stop.grace_left, self._context.clock.monotonic())
        try:
            await our_job.find_before_stop(grace_left)
        except Exception as error:  # noqa: BLE001  # may be the same bug, which is reported already
            LOG.info("the search for a job failed: %s", error)

    def _ending(self, state: SyncState, stopped: StoppedError, our_job: OurJob | None) -> ExitCode:
        if self._stop.interrupted is not None:
            return self._stop.interrupted.exit_code
        if isinstance(stopped, DeadlineError):
            # The error that Wait has raised also has the job's last status.
            state.error = state.error or _out_of_time(state)
            return ExitCode.TIMEOUT
        if our_job is not None and our_job.is_unresolved():
            state.error = our_job.unknown_outcome("another sync failed meanwhile (--fail-fast)")
            return ExitCode.UNKNOWN
        # 99 and 143 never outrank a failure: the sync that failed decides the exit code.
        return ExitCode.SKIPPED if state.job is None else ExitCode.SIGTERM

    def _must_cancel(self, stopped: StoppedError) -> bool:
        if isinstance(stopped, DeadlineError):
            # What came first decides, although a later signal sets the exit code.
            return self._policy.on_timeout == "cancel"
        if self._stop.interrupted is not None:
            return self._policy.on_interrupt == "cancel"
        return True  # --fail-fast

    def _because(self, stopped: StoppedError) -> str:
        if isinstance(stopped, DeadlineError):
            return f"{stopped.limit} passed"
        interrupted = self._stop.interrupted is not None
        return "interrupted" if interrupted else "another sync failed (--fail-fast)"

    def _with_cancel(self, state: SyncState, error: OutOfTimeError) -> OutOfTimeError | None:
        """Return the error with what the cancel achieved; None where the job ended by itself."""
        if state.job is None or state.cancel is None:
            return error
        if state.exit_code is not ExitCode.TIMEOUT:
            return None
        if state.cancel.confirmed:
            more_time = _MORE_TIME if self._policy.trigger_only else _MORE_TIME_OR_LEAVE
            hint = error.hint if error.limit == "--start-timeout" else more_time
            return OutOfTimeError(f"{error.message}: cancelled", hint=hint, limit=error.limit)
        requested = state.cancel.requested
        effect = "cancel not confirmed" if requested else "no cancel could be sent"
        refusal = f": {state.cancel_refusal}" if state.cancel_refusal else ""
        cure = f"{error.hint}; " if error.limit == "--start-timeout" and error.hint else ""
        return OutOfTimeError(
            f"{error.message}; {effect}, it may still be running{refusal}",
            hint=f"{cure}run `airbyte-sync cancel {state.job.id}` to cancel it, "
            f"or see `airbyte-sync status {state.job.id}`",
            limit=error.limit,
        )


def _out_of_time(state: SyncState) -> OutOfTimeError:
    """Return the error for `--timeout`, where no wait has raised one."""
    if state.job is not None:
        return OutOfTimeError(f"--timeout passed before {state.name} had ended", hint=_MORE_TIME)
    connection = state.connection.id if state.connection else None
    missing = describe_missing_job(state.start) or "no job was read"
    obstacle = f" ({state.obstacle})" if state.obstacle else ""
    return OutOfTimeError(
        f"{state.name}: {missing} when --timeout passed{obstacle}",
        hint=hint_for_missing_job(state.start, connection) or _MORE_TIME,
    )


_BETWEEN_REPORTS: Final = 0.25
"""Seconds: each report has all syncs, and a hundred of them are cancelled in a second."""


class InterruptReporter:
    """Reports provisional results once a signal has arrived; none before."""

    def __init__(self, context: Context, states: Sequence[SyncState]) -> None:
        self._clock = context.clock
        self._stop = context.stop
        self._emit = context.emit
        self._states = states
        self._reported_at = float("-inf")
        self._is_due = False
        """Whether something has changed since the last report, which was just before."""

    async def run(self) -> None:
        """Report a signal, and later what `report` has postponed, until cancelled."""
        await self._stop.wait_for_signal()
        if self._stop.interrupted is not None:
            self._emit(Interrupted(signal=self._stop.interrupted.signal))
        self.report()
        self._reported_at = float("-inf")  # so that the first cancel is reported at once
        while True:
            await self._clock.sleep(_BETWEEN_REPORTS)
            if self._is_due:
                self.report()

    def report(self) -> None:
        """Report what is known: now, or a little later if the last report was just before."""
        interrupted, now = self._stop.interrupted, self._clock.monotonic()
        if interrupted is None:
            return
        self._is_due = now - self._reported_at < _BETWEEN_REPORTS
        if self._is_due:
            return
        self._reported_at = now
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
