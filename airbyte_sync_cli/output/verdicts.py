"""What a result means in words: the reason of an ending, and what to do next."""

from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output import words
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.sync.result import ErrorResult, SyncResult

_HINTS: Final = {
    ExitCode.BUG: "this is our bug: please report it, with the traceback above",
    ExitCode.USAGE: "`airbyte-sync COMMAND --help` shows every option",
    ExitCode.FAILED: "`airbyte-sync logs {job}` shows what Airbyte logged",
    ExitCode.CANCELLED: "somebody, or Airbyte itself, cancelled it: run it again if it is wanted",
    ExitCode.TIMEOUT: "--timeout gives more time; `airbyte-sync wait {job}` goes on waiting",
    ExitCode.DENIED: "`airbyte-sync check` walks the path to Airbyte step by step",
    ExitCode.NOT_FOUND: "`airbyte-sync connections` lists what can be seen",
    ExitCode.CONFLICT: "--if-running wait starts ours afterwards, attach waits for that one",
    ExitCode.UNAVAILABLE: "nothing was started, so trying again is safe",
    ExitCode.PROTOCOL: "`airbyte-sync check` walks the path to Airbyte step by step",
    ExitCode.REJECTED: "`airbyte-sync check --conn ID` looks at the connection",
    ExitCode.UNKNOWN: "`airbyte-sync wait {job}` learns the outcome; --since adopts it in a retry",
    ExitCode.SUSPECT: "look at the job in Airbyte before you trust its data",
    ExitCode.SIGINT: "`airbyte-sync status {job}` tells how it stands",
    ExitCode.SIGTERM: "`airbyte-sync status {job}` tells how it stands",
}
"""The next step for each ending; `{job}` is the job's id."""

_PHRASES: Final = {
    ExitCode.FAILED: "failed",
    ExitCode.CANCELLED: "was cancelled",
    ExitCode.TIMEOUT: "had not ended when the time was up",
    ExitCode.SUSPECT: "succeeded, but its numbers are not what was asked for",
    ExitCode.SIGINT: "was interrupted",
    ExitCode.SIGTERM: "was interrupted",
    ExitCode.UNKNOWN: "may go on: its outcome could not be learned",
    ExitCode.SKIPPED: "was not started: another job is active",
}


_MOST_REASONS: Final = 3
_MOST_NAMES: Final = 10


def error_result(
    code: ExitCode, syncs: Sequence[SyncResult], error: AirbyteSyncError | None
) -> ErrorResult | None:
    """Say what went wrong and what to do next; None where nothing did."""
    if code in {ExitCode.OK, ExitCode.SKIPPED}:
        return None
    concerned = [sync for sync in syncs if sync.exit_code == code]
    message = _first_and_more(error.message, concerned) if error else _reasons(concerned)
    hint = (error.hint if error else None) or _hint(code, concerned)
    return ErrorResult(
        kind=code.outcome,
        message=redact(words.plain(message or code.outcome)),
        hint=redact(words.plain(hint)) if hint else None,
    )


def _first_and_more(message: str, concerned: Sequence[SyncResult]) -> str:
    more = len(concerned) - 1
    return f"{message} (and {more} more like it)" if more > 0 else message


def _reasons(concerned: Sequence[SyncResult]) -> str:
    """Give reasons while they can be read; of many, the names."""
    if len(concerned) <= _MOST_REASONS:
        return "; ".join(reason(sync) for sync in concerned)
    told = ", ".join(name(sync) for sync in concerned[:_MOST_NAMES])
    rest = len(concerned) - _MOST_NAMES
    more = f" and {rest} more" if rest > 0 else ""
    return f"{len(concerned)} syncs {phrase(concerned[0])}: {told}{more}"


def _hint(code: ExitCode, concerned: Sequence[SyncResult]) -> str | None:
    job = next((str(sync.job_id) for sync in concerned if sync.job_id is not None), "JOB_ID")
    template = _HINTS.get(code)
    return template.format(job=job) if template else None


def reason(sync: SyncResult) -> str:
    """Say in one sentence how a sync ended, and why."""
    sentence = f"{name(sync)} {phrase(sync)}"
    if sync.cancel is not None and sync.cancel.requested:
        sentence += "; " + ("cancelled" if sync.cancel.confirmed else "its cancel is unconfirmed")
    if sync.failure is not None and sync.failure.message:
        where = " ".join(filter(None, [sync.failure.origin, sync.failure.type]))
        sentence += f": {sync.failure.message}" + (f" ({where})" if where else "")
    elif sync.exit_code == ExitCode.FAILED:
        sentence += ": Airbyte does not tell why here" + (f", see {sync.url}" if sync.url else "")
    return words.plain(sentence)


def phrase(sync: SyncResult) -> str:
    """Say how a sync ended, after its name."""
    code = None if sync.exit_code is None else ExitCode(sync.exit_code)
    said = None if code is None else _PHRASES.get(code)
    return said or sync.status or (code.outcome if code is not None else "ended")


def name(sync: SyncResult) -> str:
    """Name a sync: its job, its connection, or both."""
    connection = sync.connection_name or sync.connection_id
    if sync.job_id is None:
        return repr(connection) if connection else "the sync"
    return f"job {sync.job_id}" + (f" of {connection!r}" if connection else "")
