"""What `logs` does."""

from collections.abc import Sequence
from contextlib import aclosing

from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    follow,
    in_session,
)
from airbyte_sync_cli.commands.status import read_job
from airbyte_sync_cli.errors import AirbyteSyncError, DeniedError, NotFoundError, ProtocolError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import format_log_line
from airbyte_sync_cli.output.listings import log_text
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync.logs import AttemptLine, Follower, LogReader
from airbyte_sync_cli.sync.state import SyncState


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Which lines to show."""

    job: int | str
    """A job's id, or the connection whose latest job it is."""
    attempt: int | None = None
    """None: the latest."""
    tail: int | None = None
    """None: all lines."""
    level: str = "trace"
    follow: bool = False


async def show_log(invocation: Invocation, options: LogOptions) -> CommandResult:
    """Show the log of a job so far, or new lines until the job has ended."""
    wanted = Selection.of(options.job)
    if options.follow:
        return await follow(invocation, wanted, lambda session: ShownLog(session, options))
    return await in_session(invocation, wanted, lambda session: _show_log(session, options))


async def _show_log(session: Session, options: LogOptions) -> CommandResult:
    shown = ShownLog(session, options)
    await shown.show()
    return shown.result()


async def _job_id(session: Session, wanted: Selection) -> int:
    """Find the job. Raises NotFoundError where the connection has none."""
    if wanted.job_ids:
        return wanted.job_ids[0]
    connection = (await session.select(wanted))[0]
    jobs = await session.airbyte.jobs(connection.id, limit=1)
    if not jobs:
        hint = "`airbyte-sync run` starts one"
        raise NotFoundError(f"{connection.name!r} has no job yet", hint=hint)
    return jobs[0].id


class ShownLog:
    """Prints a log; knows what was printed so far."""

    def __init__(self, session: Session, options: LogOptions) -> None:
        self._session = session
        self._options = options
        self._state: SyncState | None = None
        self._lines: list[AttemptLine] = []
        """All of them if the report contains them, else the last one."""
        self._prints_rows = options.follow and session.output.is_json
        """One JSON object a line as it comes: then the report at the end has none of them."""

    async def show(self) -> None:
        """Print the log as it is now."""
        state, job_id, reader = await self._open()
        try:
            await reader.read_news()
        except (ProtocolError, DeniedError) as error:
            raise _with_link(error, state.url) from error
        reader.check()
        if not self._lines:
            self._session.output.warn(_nothing(reader.read, self._options, job_id))

    async def follow(self) -> None:
        """Print new lines, of later attempts as well."""
        session = self._session
        state, job_id, reader = await self._open()
        follower = Follower(airbyte=session.airbyte, clock=session.clock, warn=session.output.warn)
        try:
            # A stop leaves the generator half-way: close it here, not when it is collected.
            async with aclosing(follower.follow(reader, job_id)) as looks:
                async for job in looks:
                    state.job = job
        except (ProtocolError, DeniedError) as error:
            raise _with_link(error, state.url) from error
        if reader.is_read:
            reader.check()

    async def _open(self) -> tuple[SyncState, int, LogReader]:
        session, options = self._session, self._options
        job_id = await _job_id(session, Selection.of(options.job))
        state = self._state = await read_job(session, job_id)
        reader = LogReader(
            session.airbyte,
            job_id,
            show=self._show,
            attempt=options.attempt,
            least=options.level,
            tail=options.tail,
        )
        return state, job_id, reader

    def _show(self, lines: Sequence[AttemptLine]) -> bool:
        """Print new lines; return False if stdout is closed."""
        output = self._session.output
        if self._prints_rows:
            return output.show_rows([_row(found) for found in lines])
        text = _text(output.screen, self._lines, lines)
        if not output.keeps_reports:
            self._lines.clear()
        self._lines += lines if output.keeps_reports else lines[-1:]
        return output.show(text)

    def result(self) -> CommandResult:
        """Return what was shown; it stands on stdout already where that is for people."""
        if self._state is None:
            asked = [state.result() for state in self._session.asked_about]
            return CommandResult(syncs=asked, exit_code=ExitCode.UNKNOWN, text="")
        return _ending(self._session, self._state, self._lines, text="")


def _text(screen: Screen, shown: Sequence[AttemptLine], lines: Sequence[AttemptLine]) -> str:
    """Write lines, with a line between the attempts of what is followed."""
    current = next((one.attempt for one in (*shown[-1:], *lines)), None)
    parts = []
    for line in lines:
        if line.attempt != current:
            current = line.attempt
            parts.append(screen.paint(f"--- attempt {current} ---", "bold"))
        parts.append(log_text(line, screen))
    return "\n".join(parts)


def _ending(
    session: Session, state: SyncState, lines: Sequence[AttemptLine], *, text: str
) -> CommandResult:
    """Tell what was shown; a log can be long, so its rows are made only if they are read."""
    rows = [_row(found) for found in lines] if session.output.keeps_reports else []
    return CommandResult(
        syncs=[state.result()],
        exit_code=ExitCode.OK,
        must_be_printed=True,
        text=text,
        details={"lines": rows},
    )


def _row(found: AttemptLine) -> dict[str, object]:
    line = found.line
    return {
        "attempt": found.attempt,
        "level": line.level,
        "source": line.source,
        "at": line.at,
        "message": format_log_line(line.message),
    }


def _nothing(read: int, options: LogOptions, job_id: int) -> str:
    if not read:
        return f"job {job_id} has no log lines yet"
    return f"none of the {read} lines is at level {options.level} or above"


def _with_link(error: ProtocolError | DeniedError, url: str | None) -> AirbyteSyncError:
    """Say where to look instead."""
    hint = f"see the job in the web UI: {url}" if url else error.hint
    return type(error)(error.message, hint=hint)
