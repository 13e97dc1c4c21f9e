"""One call of a command: its session with Airbyte, and the ending that it writes."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from airbyte_sync_cli.airbyte.connect import connect
from airbyte_sync_cli.airbyte.http import NOT_READY, RETRY_FOR
from airbyte_sync_cli.airbyte.models import FirstRead, as_uuid
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    BugError,
    OutOfTimeError,
    ProtocolError,
    UnavailableError,
)
from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import format_duration
from airbyte_sync_cli.output.messages import may_have_a_job
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.settings import ServerOptions, Settings, load_settings
from airbyte_sync_cli.sync.result import SyncResult, describe_missing_job
from airbyte_sync_cli.sync.stop import Stop, StoppedError, until_stopped

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte
    from airbyte_sync_cli.airbyte.models import Connection
    from airbyte_sync_cli.sync.context import Context
    from airbyte_sync_cli.sync.policy import RunPolicy
    from airbyte_sync_cli.sync.state import SyncState


_COLLECT_GARBAGE_AT: Final = (700, 10, 10)
"""Those of Python 3.11, restored after the start: a wait makes garbage with every poll."""
T = TypeVar("T")
_NO_URL: Final = (
    "no URL is set, so the default was tried: `airbyte-sync config init` asks for one, "
    "or set AIRBYTE_URL"
)
_FIRST_PAUSE: Final = 0.5
"""Seconds from the first failed connection to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """The result of a command, to be written by `conclude`."""

    syncs: Sequence[SyncResult] = ()
    error: AirbyteSyncError | None = None
    exit_code: ExitCode
    text: str | None = None
    """What `--output text` prints instead of the syncs' summary."""
    quiet: bool = False
    """Whether the error is not written to stderr, as after Ctrl-C in `logs --follow`."""
    must_be_printed: bool = False
    """Whether printing is all that the command does, so that it fails without it."""
    details: Mapping[str, object] | None = None
    """The keys that only this command's report has; see `output.report`."""

    @classmethod
    def of(cls, states: "Sequence[SyncState]") -> "CommandResult":
        """Combine the syncs: the lowest code is the exit code, and its error is shown."""
        undecided = [state for state in states if state.exit_code is None]
        for state in undecided:  # a bug of ours: without a code it would count as a success
            hint = (
                f"run `airbyte-sync wait {state.job.id}` to get its outcome" if state.job else None
            )
            state.error = BugError(f"{state.name} ended without an outcome", hint=hint)
        code = verdict(state.exit_code for state in states if state.exit_code is not None)
        error = next(
            (state.error for state in states if state.error and state.exit_code is code), None
        )
        return cls(syncs=[state.result() for state in states], error=error, exit_code=code)

    @classmethod
    def of_error(cls, error: Exception) -> "CommandResult":
        """End with an error; an exception of another class is a bug."""
        expected = error if isinstance(error, AirbyteSyncError) else BugError.of(error)
        return cls(error=expected, exit_code=expected.exit_code)


Work = Coroutine[None, None, CommandResult]
"""What a command does, up to its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of a command, before Airbyte is contacted."""

    wiring: Wiring
    server: ServerOptions = field(default_factory=ServerOptions)
    """As typed; `settings` are what they were resolved to."""
    settings: Settings
    output: Output
    stop: Stop
    asked_about: "list[SyncState]" = field(default_factory=list)
    """The jobs and connections that the result names after a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The jobs, or the connections, that the command line names."""

    job_ids: Sequence[int] = ()
    connections: Sequence[str] = ()
    """Ids or exact names."""
    tags: Sequence[str] = ()
    streams: Sequence[str] = ()
    """Of these connections, to clear or refresh; none: all."""
    reads_streams: bool = True
    """Whether the states of the jobs' streams are read: that needs the jobs' workspace."""

    @classmethod
    def of(cls, one: int | str) -> "Selection":
        """Select a job by its id, or a connection by its id or name."""
        return cls(job_ids=[one]) if isinstance(one, int) else cls(connections=[one])

    def first_read(self, workspace: str | None) -> FirstRead:
        """Return what resolving this selection reads first."""
        if self.job_ids:
            with_workspaces = self.reads_streams and not as_uuid(workspace or "")
            return FirstRead(job_id=self.job_ids[0], with_workspaces=with_workspaces)
        ids = [as_uuid(one) for one in self.connections]
        # Names and tags are looked up in the list of all connections.
        if self.tags or not ids or None in ids:
            return FirstRead(workspace=workspace)
        return FirstRead(connection_id=ids[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open connection to Airbyte."""

    airbyte: "Airbyte"
    settings: Settings
    output: Output
    clock: Clock
    stop: Stop
    asked_about: "list[SyncState]"
    began: float
    """Monotonic seconds, before connecting: that may have taken long."""

    async def select(self, wanted: Selection) -> "Sequence[Connection]":
        """Resolve names and tags to connections."""
        from airbyte_sync_cli.sync.select import select_connections  # noqa: PLC0415  # as needed

        return await select_connections(
            self.airbyte,
            wanted.connections,
            tags=wanted.tags,
            workspace_id=self.settings.workspace_id,
            warn=self.output.warn,
        )

    def time_left(self, timeout: float | None) -> float | None:
        """Return the seconds left of `--timeout`, which counts from before connecting."""
        if timeout is None:
            return None
        return max(timeout - (self.clock.monotonic() - self.began), 0.0)

    def context(self, policy: "RunPolicy") -> "Context":
        """Return the context of syncs under this policy."""
        from airbyte_sync_cli.sync.context import Context, TriggerSlots  # noqa: PLC0415  # as needed

        limits = replace(policy.wait, timeout=self.time_left(policy.wait.timeout))
        return Context(
            airbyte=self.airbyte,
            clock=self.clock,
            emit=self.output,
            stop=self.stop,
            slots=TriggerSlots(self.clock),
            policy=replace(policy, wait=limits),
            numbers_every=self.output.numbers_every,
        )


def perform(
    command: str,
    start: Callable[[Invocation], Work],
    *,
    wiring: Wiring,
    server: ServerOptions | None,
    options: OutputOptions,
    settled: bool = True,
) -> ExitCode:
    """Run a command, and write its ending whatever happens.

    `start` reads the command's own options, which may raise UsageError: after the settings, so
    that their warnings come first. Without `server` options no settings are read, nor if the
    command reads them itself (`settled` is False).
    """
    output = wiring.output(command, options)
    try:
        settings = load_settings(server, wiring.environ) if server and settled else Settings()
        for warning in settings.warnings:
            output.warn(warning)
        work = start(
            Invocation(
                wiring=wiring,
                server=server or ServerOptions(),
                settings=settings,
                output=output,
                stop=Stop(wiring.clock),
            )
        )
        with asyncio.Runner(loop_factory=_Loop) as runner:
            result = runner.run(work)
    except Exception as error:  # noqa: BLE001  # the one place that must catch all
        result = CommandResult.of_error(error)
    return conclude(output, result)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that does not wait for its threads: `__main__` ends the process with them."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> "asyncio.Future[T]":
        """Resolve a host name in a thread, or blocking if no thread can be started.

        That is so where the number of processes is limited (`ulimit -u`).
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
        """Do not wait: resolving a name can take half a minute."""


def conclude(output: Output, result: CommandResult) -> ExitCode:
    """Write the result; if that fails because of a bug, still name the jobs."""
    if isinstance(result.error, BugError):
        output.write_traceback(result.error.__cause__ or result.error)
    try:
        return output.conclude(
            result.syncs,
            error=result.error,
            exit_code=result.exit_code,
            stdout_text=result.text,
            details=result.details,
            quiet=result.quiet,
            must_be_printed=result.must_be_printed,
        )
    except Exception as error:  # noqa: BLE001  # name the jobs before anything else
        output.write_traceback(error)
        return output.conclude((), error=_unwritten(result, error), exit_code=ExitCode.BUG)


def _unwritten(result: CommandResult, cause: Exception) -> BugError:
    """Return the error for a result that could not be written, with its job ids."""
    ids = [str(sync.job_id) for sync in result.syncs if sync.job_id is not None]
    named = f"; job {', '.join(ids)}" if ids else ""
    doubts = {describe_missing_job(one.start) for one in result.syncs if may_have_a_job(one)}
    named += "".join(f"; {doubt}" for doubt in doubts)
    hint = f"run `airbyte-sync wait {' '.join(ids)}` to get the outcome" if ids else None
    return BugError(f"{BugError.of(cause).message}{named}", hint=hint)


async def in_session(
    invocation: Invocation, wanted: Selection | None, work: Callable[[Session], Work]
) -> CommandResult:
    """Open a session and do the work, which a signal ends where it stands.

    For work that starts nothing. Work that does needs to wind down: `commands.run` opens its own
    session.
    """
    try:
        async with open_session(invocation, wanted) as session:
            return await until_stopped(work(session), stop=session.stop)
    except StoppedError:
        known = [state.result() for state in invocation.asked_about]
        if not known and wanted:  # the first read comes before the work
            known = [SyncResult(job_id=one, adopted=True) for one in wanted.job_ids]
        return interrupted(invocation.stop, known)


class Followed(Protocol):
    """Something that is shown as it changes, and knows what was shown."""

    async def follow(self) -> None:
        """Show it until it has ended, or stdout is closed."""
        ...

    def result(self) -> CommandResult:
        """Return what was shown so far."""
        ...


async def follow(
    invocation: Invocation, wanted: Selection, begin: Callable[[Session], Followed]
) -> CommandResult:
    """Open a session and follow something until it ends, or a signal ends it."""
    followed: Followed | None = None
    try:
        async with open_session(invocation, wanted) as session:
            followed = begin(session)
            await until_stopped(followed.follow(), stop=session.stop)
            return followed.result()
    except StoppedError:
        if followed is None:
            return interrupted(invocation.stop)
        result = followed.result()
        ending = interrupted(invocation.stop, result.syncs)
        # Ctrl-C is the usual way to end it: that is no error.
        quiet = ending.exit_code is ExitCode.SIGINT
        return replace(result, syncs=ending.syncs, exit_code=ending.exit_code, quiet=quiet)


@asynccontextmanager
async def open_session(
    invocation: Invocation,
    wanted: Selection | None,
    *,
    retry_for: float = RETRY_FOR,
    time_limit: float | None = None,
) -> AsyncIterator[Session]:
    """Connect, show signs of life, and close at the end, with signals acted on at any moment.

    The first contact is retried for `retry_for` seconds; it reads what is `wanted`, if that is
    what the command reads first. Raises what the last failure means, StoppedError after a signal,
    and DeadlineError after `time_limit` seconds.
    """
    clock, output, stop = invocation.wiring.clock, invocation.output, invocation.stop
    began = clock.monotonic()
    with invocation.wiring.signals.stopping(stop, last_words=output.leave):
        airbyte = await until_stopped(
            _connect(invocation, wanted, retry_for), stop=stop, seconds=time_limit
        )
        gc.freeze()  # or the next collection searches all that was imported: 13 ms
        gc.set_threshold(*_COLLECT_GARBAGE_AT)  # `__main__` raised it for the imports
        try:
            async with output.alive():
                yield Session(
                    airbyte=airbyte,
                    settings=invocation.settings,
                    output=output,
                    clock=clock,
                    stop=stop,
                    asked_about=invocation.asked_about,
                    began=began,
                )
        finally:
            await airbyte.aclose()


async def _connect(
    invocation: Invocation, wanted: Selection | None, retry_for: float
) -> "Airbyte":
    """Connect; on a temporary error, warn and retry for that many seconds."""
    settings, wiring, output = invocation.settings, invocation.wiring, invocation.output
    first = wanted.first_read(settings.workspace_id) if wanted else None
    try:
        # Once without retries, so that the warning comes before the wait, not after it.
        return await connect(
            settings, clock=wiring.clock, first=first, retry_for=0, transport=wiring.transport
        )
    except ProtocolError as error:
        if not error.may_pass:
            raise
        limit = min(retry_for, NOT_READY)
        _warn_of_retries(output, error, limit)
        pause = min(_FIRST_PAUSE, retry_for)
    except UnavailableError as error:
        if error.lasting:
            raise
        _warn_of_retries(output, error, retry_for)
        pause = min(max(error.retry_after or 0.0, _FIRST_PAUSE), retry_for)
    await wiring.clock.sleep(pause)
    try:
        return await connect(
            settings, clock=wiring.clock, retry_for=retry_for - pause, transport=wiring.transport
        )
    except UnavailableError as error:
        if settings.origins.get("url") == "default":
            error.hint = _NO_URL
        raise


def _warn_of_retries(output: Output, error: AirbyteSyncError, seconds: float) -> None:
    message = f"{error.message}: retrying for up to {format_duration(seconds)}"
    output.warn(message, in_report=False)


def out_of_time(asked_for: Sequence[SyncResult]) -> CommandResult:
    """End a run whose `--timeout` passed before Airbyte could be asked."""
    code = ExitCode.TIMEOUT
    ended = {"exit_code": code, "outcome": code.outcome}
    first = next(iter(asked_for), None)
    name, fate = (first.name, describe_missing_job(first.start)) if first else (None, None)
    message = ": ".join(
        filter(None, [name, "--timeout passed before Airbyte could be read", fate])
    )
    return CommandResult(
        syncs=[one.model_copy(update=ended) for one in asked_for],
        error=OutOfTimeError(message, hint="raise --timeout"),
        exit_code=code,
    )


def interrupted(stop: Stop, asked_for: Sequence[SyncResult] = ()) -> CommandResult:
    """Return the result after a signal, with what is known of the syncs."""
    code = stop.interrupted.exit_code if stop.interrupted else ExitCode.SIGTERM
    undecided = {"exit_code": code, "outcome": code.outcome}
    return CommandResult(
        syncs=[
            one.model_copy(update=undecided) if one.exit_code is None else one for one in asked_for
        ],
        exit_code=code,
    )
