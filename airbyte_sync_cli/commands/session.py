"""What every command that talks to Airbyte goes through: one session, one ending."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from airbyte_sync_cli.airbyte.client import Airbyte, connect
from airbyte_sync_cli.airbyte.http import NOT_READY, RETRY_FOR
from airbyte_sync_cli.clock import Clock, SystemClock
from airbyte_sync_cli.commands.signals import stopping_on_signals
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    BugError,
    OutOfTimeError,
    ProtocolError,
    UnavailableError,
)
from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.output.boundary import guard, show_traceback
from airbyte_sync_cli.output.format import format_duration
from airbyte_sync_cli.output.messages import may_have_a_job
from airbyte_sync_cli.output.options import OutputOptions, read_output_options
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.settings import Settings, load_settings
from airbyte_sync_cli.sync.result import SyncResult, describe_missing_job
from airbyte_sync_cli.sync.stop import DeadlineError, Stop, StoppedError, until_stopped

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.models import Connection
    from airbyte_sync_cli.sync.context import Context
    from airbyte_sync_cli.sync.policy import RunPolicy
    from airbyte_sync_cli.sync.state import SyncState


_COLLECT_GARBAGE_AT: Final = (700, 10, 10)
"""Python's own thresholds, restored after the start: a wait makes garbage with every poll."""
T = TypeVar("T")
_FIRST_PAUSE: Final = 0.5
"""Seconds between the first contact that fails and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A server that can be asked, and everybody who wants to know."""

    airbyte: Airbyte
    settings: Settings
    output: Output
    clock: Clock
    stop: Stop
    began: float
    """When it was wished for, by the clock: connecting may have taken long."""
    asked_about: "list[SyncState]" = field(default_factory=list)
    """What a signal's ending shall name, as far as it is known by then."""

    def age(self) -> float:
        """Tell the seconds since then."""
        return self.clock.monotonic() - self.began

    async def select(self, wanted: Sequence[str], tags: Sequence[str]) -> "Sequence[Connection]":
        """Find the connections that are meant."""
        from airbyte_sync_cli.sync.select import select_connections  # noqa: PLC0415  # as needed

        return await select_connections(
            self.airbyte,
            wanted,
            tags=tags,
            workspace_id=self.settings.workspace_id,
            warn=self.output.warn,
        )

    def context(self, policy: "RunPolicy") -> "Context":
        """Equip a run."""
        from airbyte_sync_cli.sync.context import Context, TriggerSlots  # noqa: PLC0415  # as needed

        return Context(
            airbyte=self.airbyte,
            clock=self.clock,
            emit=self.output,
            stop=self.stop,
            slots=TriggerSlots(self.clock),
            policy=policy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a command leaves to be written."""

    syncs: Sequence[SyncResult] = ()
    error: AirbyteSyncError | None = None
    exit_code: ExitCode | None = None
    """None judges the syncs."""
    text: str | None = None
    """What `--output text` prints instead of the syncs' summary."""
    quiet: bool = False
    """Whether stderr is spared the error: a person pressed Ctrl-C to end what has no end."""
    must_be_printed: bool = False
    """Whether the command only shows something, so that it fails if that cannot be printed."""
    details: Mapping[str, object] | None = None
    """What the command's own kind of report has beside the keys of all; see `output.reports`."""

    @classmethod
    def of(cls, states: "Sequence[SyncState]") -> "CommandResult":
        """Sum up: the lowest code decides, and its error is the one to show."""
        code = verdict(state.exit_code for state in states if state.exit_code is not None)
        error = next(
            (state.error for state in states if state.error and state.exit_code is code), None
        )
        return cls(syncs=[state.result() for state in states], error=error, exit_code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRetry:
    """How long a work waits until Airbyte can be reached at all, and how it ends if it cannot."""

    seconds: float
    give_up: Callable[[UnavailableError], CommandResult]


Work = Callable[[Session], Coroutine[None, None, CommandResult]]
Prepare = Callable[[Mapping[str, str]], Work]
"""Reads what was typed, before anything is contacted; raises UsageError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """The values of the options that every command has."""

    server: Mapping[str, object]
    output: Mapping[str, object]


Play = Callable[[Settings, Output], Coroutine[None, None, CommandResult]]


def perform(
    command: str, prepare: Prepare, *, common: CommonOptions, stops_itself: bool
) -> ExitCode:
    """Do a command's work with a server, from its options to its written ending."""

    def with_session(environ: Mapping[str, str]) -> Play:
        work = prepare(environ)
        return lambda settings, output: hold_session(
            work, settings, output, stops_itself=stops_itself
        )

    return play(command, with_session, common=common)


def play(
    command: str, prepare: Callable[[Mapping[str, str]], Play], *, common: CommonOptions
) -> ExitCode:
    """Do what needs settings, but no session yet, from the options to the written ending."""
    early = OutputOptions(format="json" if common.output["output"] == "json" else "text")
    output = _output(command, early)

    def work() -> ExitCode:
        nonlocal output
        output = _output(command, read_output_options(common.output))
        settings = load_settings(common.server, os.environ)
        for warning in settings.warnings:
            output.warn(warning)
        return _conclude(output, _run(prepare(os.environ)(settings, output)))

    return guard(lambda: output, work)


def perform_offline(
    command: str, play: Callable[[Output, Mapping[str, str]], Coroutine[None, None, CommandResult]]
) -> ExitCode:
    """Do the work of a command that needs no server of the user's, to its written ending."""
    output = _output(command, OutputOptions())

    def work() -> ExitCode:
        return _conclude(output, _run(play(output, os.environ)))

    return guard(lambda: output, work)


class _Loop(asyncio.SelectorEventLoop):
    """A loop that leaves its threads behind, as the process does: see `__main__`."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> "asyncio.Future[T]":
        """Look a name up in a thread, or without one where none can be started.

        With a small limit of processes no thread can be: the loop stands still meanwhile.
        """
        try:
            return super().run_in_executor(executor, func, *args)
        except RuntimeError:  # can't start new thread
            future: asyncio.Future[T] = self.create_future()
            try:
                future.set_result(func(*args))
            except OSError as error:
                future.set_exception(error)
            return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the method that this replaces has it
        """Wait for no thread: one that looks a name up can hang for half a minute."""


def _run(work: Coroutine[None, None, CommandResult]) -> CommandResult:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)


def _conclude(output: Output, ending: CommandResult) -> ExitCode:
    """Write the ending; a bug in that loses the name of no job."""
    if isinstance(ending.error, BugError):
        show_traceback(ending.error.__cause__ or ending.error)
    try:
        return output.conclude(
            ending.syncs,
            error=ending.error,
            exit_code=ending.exit_code,
            stdout_text=ending.text,
            details=ending.details,
            quiet=ending.quiet,
            must_be_printed=ending.must_be_printed,
        )
    except Exception as error:  # noqa: BLE001  # tell the jobs' ids before anything else
        show_traceback(error)
        ids = [str(sync.job_id) for sync in ending.syncs if sync.job_id is not None]
        named = f"; job {', '.join(ids)}" if ids else ""
        doubts = (describe_missing_job(one.start) for one in ending.syncs if may_have_a_job(one))
        named += "".join(f"; {doubt}" for doubt in {*doubts})
        bug = BugError.of(error)
        hint = f"`airbyte-sync wait {' '.join(ids)}` shows how it ends" if ids else None
        return output.conclude(
            (), error=BugError(f"{bug.message}{named}", hint=hint), exit_code=ExitCode.BUG
        )


def _output(command: str, options: OutputOptions) -> Output:
    return Output(
        command,
        options,
        environ=os.environ,
        clock=SystemClock(),
        stdout=sys.stdout,
        stderr=sys.stderr,
    )


async def hold_session(
    work: Work,
    settings: Settings,
    output: Output,
    *,
    stops_itself: bool,
    connect_retry: ConnectRetry | None = None,
    asked_for: Sequence[SyncResult] = (),
    time_limit: float | None = None,
) -> CommandResult:
    """Connect, work, and close, with signals acted on at any moment.

    `stops_itself` is for work that winds down by itself when a stop is wished; any other work
    is ended where it stands. Without `persistence` a first contact is tried for 15 seconds.
    `asked_for` is named where a signal, or the end of `time_limit`, comes before anything is known
    of it.
    """
    clock = SystemClock()
    stop, began = Stop(clock), clock.monotonic()
    with stopping_on_signals(stop, last_words=output.leave):
        try:
            seconds = connect_retry.seconds if connect_retry else RETRY_FOR
            airbyte = await until_stopped(
                _reach(settings, output, clock, seconds), stop=stop, seconds=time_limit
            )
        except DeadlineError:
            if connect_retry is not None:
                return connect_retry.give_up(UnavailableError("no answer in time"))
            return out_of_time(asked_for)
        except StoppedError:
            return interrupted(stop, asked_for)
        except UnavailableError as error:
            if connect_retry is None or error.lasting:
                raise
            return connect_retry.give_up(error)
        gc.set_threshold(*_COLLECT_GARBAGE_AT)  # all is loaded that `__main__` has put it off for
        session = Session(
            airbyte=airbyte,
            settings=settings,
            output=output,
            clock=clock,
            stop=stop,
            began=began,
        )
        try:
            return await _do(work, session, stops_itself=stops_itself)
        finally:
            await airbyte.aclose()


async def _do(work: Work, session: Session, *, stops_itself: bool) -> CommandResult:
    """Do the work, with signs of life, until it is done or stopped."""
    try:
        async with session.output.alive():
            if stops_itself:
                return await work(session)
            return await until_stopped(work(session), stop=session.stop)
    except StoppedError:
        return interrupted(session.stop, [state.result() for state in session.asked_about])


async def _reach(settings: Settings, output: Output, clock: Clock, seconds: float) -> Airbyte:
    """Connect; where that fails for now, say so and go on trying for so many seconds."""
    try:
        return await connect(settings, clock=clock, retry_for=0)
    except ProtocolError as error:
        if not error.may_pass:
            raise
        limit = min(seconds, NOT_READY)
        output.warn(
            f"{error.message}: still trying, for {format_duration(limit)} at most", in_report=False
        )
        pause = min(_FIRST_PAUSE, seconds)
    except UnavailableError as error:
        if error.lasting:
            raise
        output.warn(
            f"{error.message}: still trying, for {format_duration(seconds)} at most",
            in_report=False,
        )
        pause = min(max(error.retry_after or 0.0, _FIRST_PAUSE), seconds)
    await clock.sleep(pause)
    return await connect(settings, clock=clock, retry_for=seconds - pause)


def out_of_time(asked_for: Sequence[SyncResult]) -> CommandResult:
    """End a run whose `--timeout` passed before it could look at anything."""
    code = ExitCode.TIMEOUT
    ended = {"exit_code": code, "outcome": code.outcome}
    first = next(iter(asked_for), None)
    name, fate = (first.name, describe_missing_job(first.start)) if first else (None, None)
    words = ": ".join(filter(None, [name, "--timeout passed before Airbyte could be asked", fate]))
    return CommandResult(
        syncs=[one.model_copy(update=ended) for one in asked_for],
        error=OutOfTimeError(words, hint="--timeout gives more time"),
        exit_code=code,
    )


def interrupted(stop: Stop, asked_for: Sequence[SyncResult] = ()) -> CommandResult:
    """End as a signal wants it; what was asked for is listed, as far as it is known."""
    code = stop.interrupted.exit_code if stop.interrupted else ExitCode.SIGTERM
    undecided = {"exit_code": code, "outcome": code.outcome}
    return CommandResult(
        syncs=[
            one.model_copy(update=undecided) if one.exit_code is None else one for one in asked_for
        ],
        exit_code=code,
    )
