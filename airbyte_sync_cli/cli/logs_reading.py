"""What `logs` does once there is a session."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from airbyte_sync_cli.cli.looks import look_at_job
from airbyte_sync_cli.cli.session import Ending, Session
from airbyte_sync_cli.errors import AirbyteSyncError, DeniedError, ProtocolError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output import words
from airbyte_sync_cli.output.listings import log_text
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.logs import AttemptLine, Follower, LogReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are wanted."""

    job_id: int
    attempt: int | None
    tail: int | None
    level: str

    def of(self, lines: Sequence[AttemptLine]) -> Sequence[AttemptLine]:
        """Choose by weight."""
        return [line for line in lines if line.weighs(self.level)]

    def last_of(self, lines: Sequence[AttemptLine]) -> Sequence[AttemptLine]:
        """Choose by weight, and then the last ones."""
        heavy = self.of(lines)
        return heavy if self.tail is None else heavy[max(len(heavy) - self.tail, 0) :]


async def show_log(session: Session, wanted: Wanted) -> Ending:
    """Show what there is by now."""
    case = await look_at_job(session, wanted.job_id)
    reader = LogReader(session.airbyte, wanted.job_id, attempt=wanted.attempt)
    try:
        read = await reader.news()
    except (ProtocolError, DeniedError) as error:
        raise _with_link(error, case.url) from error
    reader.check()
    lines = wanted.last_of(read)
    if not lines:
        session.output.warn(_nothing(read, wanted))
    screen = session.output.screen
    return _ending(case, lines, text="\n".join(log_text(line, screen) for line in lines))


async def follow_log(session: Session, wanted: Wanted) -> Ending:
    """Show new lines until the job has ended, or nobody reads any more."""
    case = await look_at_job(session, wanted.job_id)
    assert case.job is not None  # it was just read  # noqa: S101
    reader = LogReader(session.airbyte, wanted.job_id, attempt=wanted.attempt)
    follower = Follower(airbyte=session.airbyte, clock=session.clock, warn=session.output.warn)
    shown: list[AttemptLine] = []
    begun = False
    try:
        async with aclosing(follower.follow(reader, case.job)) as looks:
            async for job, read in looks:
                case.job = job
                lines = wanted.of(read) if begun else wanted.last_of(read)
                begun = begun or bool(read)
                if lines and not session.output.show(_text(session, shown, lines)):
                    break
                shown += lines
    except (ProtocolError, DeniedError) as error:
        raise _with_link(error, case.url) from error
    reader.check()
    return _ending(case, shown, text="")


def _text(session: Session, shown: Sequence[AttemptLine], lines: Sequence[AttemptLine]) -> str:
    """Write lines, with a line between the attempts of what is followed."""
    screen = session.output.screen
    current = shown[-1].attempt if shown else lines[0].attempt
    parts = []
    for line in lines:
        if line.attempt != current:
            current = line.attempt
            parts.append(screen.paint(f"--- attempt {current} ---", "bold"))
        parts.append(log_text(line, screen))
    return "\n".join(parts)


def _ending(case: Case, lines: Sequence[AttemptLine], *, text: str) -> Ending:
    rows = [
        {
            "attempt": found.attempt,
            "level": found.line.level,
            "source": found.line.source,
            "at": found.line.at,
            "message": words.log_line(found.line.message),
        }
        for found in lines
    ]
    return Ending(syncs=[case.result()], exit_code=ExitCode.OK, text=text, details={"lines": rows})


def _nothing(read: Sequence[AttemptLine], wanted: Wanted) -> str:
    if not read:
        return f"nothing is logged for job {wanted.job_id} yet"
    return f"none of {len(read)} lines has the level {wanted.level} or above"


def _with_link(error: ProtocolError | DeniedError, url: str | None) -> AirbyteSyncError:
    """Say where to look instead."""
    hint = f"look at the job in the web UI: {url}" if url else error.hint
    return type(error)(error.message, hint=hint)
