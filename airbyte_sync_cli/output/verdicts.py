"""What a result means in words: the reason of an ending, and what to do next."""

from collections.abc import Sequence
from typing import Final

from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output import words
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
    ExitCode.CANCELLED: "was cancelled, not by us",
    ExitCode.TIMEOUT: "had not ended when the time was up",
    ExitCode.SUSPECT: "succeeded, but its numbers are not what was asked for",
    ExitCode.SIGINT: "was interrupted",
    ExitCode.SIGTERM: "was interrupted",
    ExitCode.UNKNOWN: "may go on: its outcome could not be learned",
    ExitCode.SKIPPED: "was not started: another job is active",
}


def error_result(
    code: ExitCode, syncs: Sequence[SyncResult], error: AirbyteSyncError | None
) -> ErrorResult | None:
    """Say what went wrong and what to do next; None where nothing did."""
    if code in {ExitCode.OK, ExitCode.SKIPPED}:
        return None
    concerned = [sync for sync in syncs if sync.exit_code == code]
    message = error.message if error else "; ".join(reason(sync) for sync in concerned)
    hint = (error.hint if error else None) or _hint(code, concerned)
    return ErrorResult(
        kind=code.outcome,
        message=words.plain(message or code.outcome),
        hint=words.plain(hint) if hint else None,
    )


def _hint(code: ExitCode, concerned: Sequence[SyncResult]) -> str | None:
    job = next((str(sync.job_id) for sync in concerned if sync.job_id is not None), "JOB_ID")
    template = _HINTS.get(code)
    return template.format(job=job) if template else None


def reason(sync: SyncResult) -> str:
    """Say in one sentence how a sync ended, and why."""
    code = ExitCode(sync.exit_code) if sync.exit_code is not None else None
    phrase = _PHRASES.get(code) if code is not None else None
    sentence = f"{name(sync)} {phrase or sync.status or 'ended'}"
    if sync.cancel is not None and sync.cancel.requested:
        sentence += "; " + ("cancelled" if sync.cancel.confirmed else "its cancel is unconfirmed")
    if sync.failure is not None and sync.failure.message:
        where = " ".join(filter(None, [sync.failure.origin, sync.failure.type]))
        sentence += f": {sync.failure.message}" + (f" ({where})" if where else "")
    elif code is ExitCode.FAILED:
        sentence += ": Airbyte does not tell why here" + (f", see {sync.url}" if sync.url else "")
    return words.plain(sentence)


def name(sync: SyncResult) -> str:
    """Name a sync: its job, its connection, or both."""
    connection = sync.connection_name or sync.connection_id
    if sync.job_id is None:
        return repr(connection) if connection else "the sync"
    return f"job {sync.job_id}" + (f" of {connection!r}" if connection else "")


def summary(syncs: Sequence[SyncResult]) -> str:
    """Write what stdout shows a person: a line for each sync, and a total for several."""
    lines = [_line(sync) for sync in syncs]
    if len(syncs) > 1:
        good = sum(sync.exit_code == ExitCode.OK for sync in syncs)
        lines.append(f"{good} of {len(syncs)} ok")
    return "\n".join(lines)


def _line(sync: SyncResult) -> str:
    parts = [
        sync.status or sync.outcome or "unknown",
        sync.connection_name or sync.connection_id,
        f"job {sync.job_id}" if sync.job_id is not None else None,
        words.duration(sync.duration_seconds) if sync.duration_seconds is not None else None,
        f"{words.count(sync.records_synced)} records" if sync.records_synced is not None else None,
        words.size(sync.bytes_synced) if sync.bytes_synced is not None else None,
        f"{sync.attempts} attempts" if (sync.attempts or 0) > 1 else None,
        "adopted" if sync.adopted and sync.outcome else None,
        sync.outcome if sync.outcome not in {None, "ok", sync.status} else None,
    ]
    return "  ".join(words.plain(part) for part in parts if part)
