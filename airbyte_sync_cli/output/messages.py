"""The last messages of a command, for people: why each sync failed, the error and its hint."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import FAILED, FINAL_STATUSES, Failure, Job
from airbyte_sync_cli.errors import AirbyteSyncError, bug_hint, project_urls
from airbyte_sync_cli.exit_codes import BY_SIGNAL, ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import format_duration, format_records, plain
from airbyte_sync_cli.sync.result import (
    AttemptFailure,
    ErrorResult,
    FailureResult,
    Start,
    SyncResult,
    describe_missing_job,
    hint_for_missing_job,
)

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.logs import AttemptLine
    from airbyte_sync_cli.sync.state import Snapshot

LABELLED: Final = 9
"""The column at which the text after a label begins."""
_MOST_FINDINGS: Final = 10
_RETRY = {
    True: "yes (per Airbyte)",
    False: "no (per Airbyte)",
}


def age(job: Job, wall: datetime | None) -> str:
    """Return since when a job exists, to follow its status: `, created 5m 00s ago`."""
    if job.created_at is None or wall is None:
        return ""
    return f", created {format_duration((wall - job.created_at).total_seconds())} ago"


def waiting_for(sync: "Snapshot", other: Job, wall: datetime | None) -> str:
    """Return which job has to end before ours can start, and what is done then."""
    kind = "" if other.type == "sync" else f"{other.type}, "
    state = f"({kind}{other.status}{age(other, wall)})"
    if sync.job is not None and sync.job.id == other.id:  # such as a pending reset
        text = f"Airbyte runs job {other.id} {state} first; the sync is started when it has ended"
        return plain(text)
    name = f" of {plain(sync.connection.name)!r}" if sync.connection else ""
    return plain(f"waiting for job {other.id}{name} {state} to finish, then starting ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureDetails:
    """What is known of an outcome beyond its result."""

    error: AirbyteSyncError | None = None
    failure: Failure | None = None
    sync: "Snapshot | None" = None
    log_tail: "Sequence[AttemptLine]" = ()


def failure_lines(
    syncs: Sequence[tuple[SyncResult, FailureDetails]], *, with_trace: bool
) -> list[str]:
    """Return a block of lines for each sync that failed or has an error of its own.

    `with_trace` (`-v`) adds stack traces, and the streams of all syncs.
    """
    alone = len(syncs) == 1
    return [
        line
        for sync, details in syncs
        if _has_block(sync, details, alone=alone) or (with_trace and sync.streams)
        for line in _block(sync, details, alone=alone, with_trace=with_trace)
    ]


def _has_block(sync: SyncResult, details: FailureDetails, *, alone: bool) -> bool:
    """Return whether a sync has a block; the error of a single sync is the `error:` line."""
    if sync.status == FAILED or sync.failure is not None or sync.verification.findings:
        return True
    return details.error is not None and not alone


def _block(
    sync: SyncResult, details: FailureDetails, *, alone: bool, with_trace: bool
) -> list[str]:
    after = f" after {format_duration(sync.duration_seconds)}" if sync.duration_seconds else ""
    tries = f", in {sync.attempts} attempts" if (sync.attempts or 0) > 1 else ""
    lines = [plain(f"{sync.name} {phrase(sync)}{after}{tries}")]
    lines += [f"  {label:<6} {plain(text)}" for label, text in _fields(sync, details)]
    from airbyte_sync_cli.output.streams import stream_lines  # noqa: PLC0415  # at the end only

    lines += stream_lines(sync.streams or (), show_all=with_trace)
    if sync.job_id is not None and not alone:  # a single sync has it in the hint
        lines.append(f"  log    airbyte-sync logs {sync.job_id}")
    lines += _log_tail(details.log_tail)
    if with_trace and details.failure is not None:
        lines += _trace(details.failure)
    return lines


def _fields(sync: SyncResult, details: FailureDetails) -> list[tuple[str, str]]:
    fields = [("why", why) for why in _whys(sync, details)]
    fields += [*_details(sync.failure), *_attempts(sync)]
    if details.error is not None and details.error.hint:
        fields.append(("hint", details.error.hint))
    if sync.url and sync.job_id is not None:
        fields.append(("job", sync.url))
    return [(label, text) for label, text in fields if text]


def _whys(sync: SyncResult, details: FailureDetails) -> list[str]:
    findings = [finding.message for finding in sync.verification.findings]
    if findings:
        more = len(findings) - _MOST_FINDINGS
        return findings[:_MOST_FINDINGS] + ([f"and {more} more"] if more > 0 else [])
    if sync.failure is not None and sync.failure.message:
        return [sync.failure.message]
    if details.error is not None:
        return [details.error.message]
    if sync.status != FAILED:
        return []
    return ["no reason in the API response; see the job in Airbyte's web UI"]


def _attempts(sync: SyncResult) -> list[tuple[str, str]]:
    """Return why the attempts before the last one failed, and what was loaded all the same."""
    earlier = [one for one in sync.attempt_failures or () if one.attempt != sync.attempts]
    fields = [("before", f"attempt {one.attempt}: {attempt_reason(one)}") for one in earlier]
    if sync.partial_success:
        fields.append(("partly", f"{_loaded(sync)} all the same (partial success, per Airbyte)"))
    return fields


def _loaded(sync: SyncResult) -> str:
    records = sync.records_synced
    what = "records" if records is None else format_records(records)
    return f"{what} {'was' if records == 1 else 'were'} written"


def attempt_reason(failure: AttemptFailure) -> str:
    """Return why an attempt failed, in one line."""
    where = " ".join(filter(None, [failure.origin, failure.type]))
    message = failure.message or "no reason in the API response"
    return message + (f" ({where})" if where else "")


def _details(failure: FailureResult | None) -> list[tuple[str, str]]:
    if failure is None:
        return []
    stream = f"stream {failure.stream}" if failure.stream else None
    where = ", ".join(filter(None, [failure.origin, failure.type, stream]))
    retry = "" if failure.retryable is None else _RETRY[failure.retryable]
    inner = failure.internal_message or ""
    said = inner in (failure.message or "")
    return [("inner", "" if said else inner), ("where", where), ("retry", retry)]


def _log_tail(lines: "Sequence[AttemptLine]") -> list[str]:
    """Return the last warnings and errors of Airbyte's log, marked as Airbyte's."""
    if not lines:
        return []
    # Imported with the first failure only: it compiles a pattern.
    from airbyte_sync_cli.output.airbyte_log import MARK, short_line  # noqa: PLC0415

    head = f"  log    the last warnings and errors of attempt {lines[0].attempt}:"
    return [head, *(f"  {MARK}{short_line(one)}" for one in lines)]


def _trace(failure: Failure) -> list[str]:
    """Return the lines of a stack trace, without what would move a cursor."""
    if not failure.stacktrace:
        return []
    return ["  trace", *(f"    {plain(line)}" for line in failure.stacktrace.splitlines())]


_HINTS: Final = {
    ExitCode.USAGE: "`airbyte-sync COMMAND --help` shows every option",
    ExitCode.FAILED: "`airbyte-sync logs {job}` shows the job's log",
    ExitCode.CANCELLED: "cancelled by another user or by Airbyte; start it again if needed",
    ExitCode.TIMEOUT: "run `airbyte-sync wait {job}` to resume waiting, or raise --timeout",
    ExitCode.DENIED: "`airbyte-sync check` finds the step that fails",
    ExitCode.NOT_FOUND: "`airbyte-sync connections` lists all visible connections",
    ExitCode.CONFLICT: "--if-running wait starts a sync afterwards, attach waits for that job",
    ExitCode.UNAVAILABLE: "safe to retry",
    ExitCode.PROTOCOL: "`airbyte-sync check` finds the step that fails",
    ExitCode.REJECTED: "run `airbyte-sync check --conn ID` to check the connection",
    ExitCode.UNKNOWN: (
        "run `airbyte-sync wait {job}` to get its outcome; a retry with --since adopts it"
    ),
    ExitCode.SUSPECT: "check the job in Airbyte before using its data",
}
"""The next step for each outcome; `{job}` is the job's id."""

_PHRASES: Final = {
    ExitCode.FAILED: "failed",
    ExitCode.CANCELLED: "was cancelled",
    ExitCode.TIMEOUT: "did not end within the time limit",
    ExitCode.SUSPECT: "succeeded, but did not pass verification",
    **dict.fromkeys(BY_SIGNAL, "was interrupted"),
    ExitCode.UNKNOWN: "may still be running: its outcome is unknown",
    ExitCode.SKIPPED: "was not started: another job is active",
}


_WITHOUT_A_JOB: Final = {
    ExitCode.TIMEOUT: "timed out without a job",
    **dict.fromkeys(BY_SIGNAL, "was interrupted"),
    ExitCode.UNKNOWN: "has an unknown outcome",
    ExitCode.BUG: "failed because of a bug in airbyte-sync",
}
"""The phrase for a sync without a job; what may exist is added to it."""
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED, None}
_MOST_NAMES: Final = 10


def error_result(
    code: ExitCode, syncs: Sequence[SyncResult], error: AirbyteSyncError | None
) -> ErrorResult | None:
    """Return what went wrong and what to do next; None for a success."""
    if code in {ExitCode.OK, ExitCode.SKIPPED}:
        return None
    concerned = [sync for sync in syncs if sync.exit_code == code]
    hint: str | None = None
    if code == ExitCode.BUG and error is not None:
        message, hint = _bug(error.message, syncs)
    elif error is not None:
        message, hint = _first_and_more(error.message, concerned), error.hint
    elif code in BY_SIGNAL:
        message, hint = interruption(concerned), what_is_left(concerned)
    else:
        message = _summed_up(concerned, syncs)
    message, hint = _with_what_may_exist(message, hint or _hint(code, concerned), syncs)
    return ErrorResult(
        kind=code.outcome,
        message=plain(message or code.outcome),
        hint=plain(hint) if hint else None,
    )


def _with_what_may_exist(
    message: str, hint: str | None, syncs: Sequence[SyncResult]
) -> tuple[str, str | None]:
    """Add the jobs that may exist without a known id, unless the error names them."""
    open_ = [sync for sync in syncs if may_have_a_job(sync)]
    doubts = {fate(sync): hint_for_missing_job(sync.start, sync.connection_id) for sync in open_}
    for doubt, next_step in doubts.items():
        if doubt and doubt not in message:
            who = f"{_names([it for it in open_ if fate(it) == doubt])}: "
            message += f"; {who if len(syncs) > 1 else ''}{doubt}"
        if next_step and "airbyte-sync status --conn" not in (hint or ""):
            hint = "; ".join(filter(None, [next_step, hint]))
    return message, hint


def may_have_a_job(sync: SyncResult) -> bool:
    """Return whether a job of this sync may exist whose id is unknown."""
    return sync.job_id is None and sync.start in {Start.POSSIBLE, Start.STARTED}


def interruption(syncs: Sequence[SyncResult]) -> str:
    """Return what a signal has left: nothing, or jobs that were cancelled or not."""
    if not syncs:
        return "interrupted"
    if len(syncs) == 1:
        return ": ".join(filter(None, [f"{syncs[0].name} was interrupted", fate(syncs[0])]))
    fates: dict[str | None, list[SyncResult]] = {}
    for sync in syncs:
        fates.setdefault(fate(sync), []).append(sync)
    parts = (
        f"{len(some)} {state}" if state == _CANCELLED else f"{_names(some)}: {state}"
        for state, some in fates.items()
        if state
    )
    return ": ".join(filter(None, [f"{len(syncs)} syncs were interrupted", "; ".join(parts)]))


_CANCELLED: Final = "cancelled"


def fate(sync: SyncResult) -> str | None:
    """Return the state of a job whose sync ended before it; None where nothing is known."""
    if sync.job_id is None:
        return describe_missing_job(sync.start)
    # `wait 7` that was stopped before job 7 was read.
    if sync.cancel is None and sync.status is None:
        return "its status was not read"
    if sync.cancel is None:
        return "still active in Airbyte" if sync.status not in FINAL_STATUSES else str(sync.status)
    if sync.cancel.confirmed:
        return _CANCELLED
    if sync.cancel.requested:
        return "cancel not confirmed, it may still be running"
    return "no cancel could be sent, it may still be running"


_AGAIN: Final = "start it again when needed"
_NOTHING_RUNS: Final = f"no job of this run is active in Airbyte; {_AGAIN}"


def what_is_left(syncs: Sequence[SyncResult]) -> str:
    """Return what to do about jobs that a signal may have left."""
    alive = [
        sync for sync in syncs if sync.job_id is not None and sync.status not in FINAL_STATUSES
    ]
    # No cancel is tried for a job that is only watched or adopted: it may be somebody else's.
    ours = [str(sync.job_id) for sync in alive if sync.cancel is not None]
    if ours:
        job_ids = " ".join(ours[:_MOST_NAMES])
        return f"run `airbyte-sync cancel {job_ids}` to cancel jobs that are still running"
    if alive:
        theirs = [str(sync.job_id) for sync in alive[:_MOST_NAMES]]
        return f"run `airbyte-sync wait {' '.join(theirs)}` to resume waiting"
    unseen = [sync for sync in syncs if sync.job_id is None]
    hints = (hint_for_missing_job(sync.start, sync.connection_id) for sync in unseen)
    is_ours = any(sync.start is not None for sync in syncs)
    return next(filter(None, hints), _NOTHING_RUNS if is_ours else _AGAIN)


def _bug(message: str, syncs: Sequence[SyncResult]) -> tuple[str, str]:
    """Return the message of a bug with the jobs that it has left, which are no longer watched."""
    alive = [
        sync
        for sync in syncs
        if sync.exit_code == ExitCode.BUG
        and sync.status not in FINAL_STATUSES
        and (sync.job_id is not None or may_have_a_job(sync))
    ]
    report = bug_hint(project_urls())
    if not alive:
        return message, report
    left = "; ".join(f"{sync.name}: {fate(sync)}" for sync in alive[:_MOST_NAMES])
    return f"{message}; {left}", f"{what_is_left(alive)}; {report}"


def _first_and_more(message: str, concerned: Sequence[SyncResult]) -> str:
    more = len(concerned) - 1
    return f"{message} (and {more} more)" if more > 0 else message


def _summed_up(concerned: Sequence[SyncResult], syncs: Sequence[SyncResult]) -> str:
    """Return the reason of a single sync; of several their names, by how they ended."""
    if len(concerned) == 1 and len(syncs) == 1:
        return reason(concerned[0])
    # Also by phrase: syncs with one exit code may differ in what may still be running.
    kinds: dict[tuple[int, str], list[SyncResult]] = {}
    # First those that determine the exit code: the message begins with them.
    for sync in [*concerned, *syncs]:
        some = kinds.setdefault((sync.exit_code or 0, phrase(sync)), [])
        if sync.exit_code not in _FINE and sync not in some:
            some.append(sync)
    first, *others = [some for some in kinds.values() if some]
    return "; ".join([_many(first, f" of {len(syncs)} syncs"), *(_many(some) for some in others)])


def _many(syncs: Sequence[SyncResult], of_how_many: str = "") -> str:
    verb = phrase(syncs[0])
    verb = verb.replace("was ", "were ") if len(syncs) > 1 else verb
    return f"{len(syncs)}{of_how_many} {verb}: {_names(syncs)}"


def _names(syncs: Sequence[SyncResult]) -> str:
    names = ", ".join(sync.name for sync in syncs[:_MOST_NAMES])
    rest = len(syncs) - _MOST_NAMES
    return names + (f" and {rest} more" if rest > 0 else "")


_OUT_OF_MEMORY: Final = ("out of memory", "outofmemory", "oomkilled", "exit code 137")
_FULL: Final = ("no space left", "disk full", "disk is full", "quota exceeded")


def _cure(failure: FailureResult) -> str | None:
    """Return what mends a failure, as far as Airbyte's words show it."""
    text = f"{failure.message} {failure.internal_message}".lower()
    where = failure.origin if failure.origin in {"source", "destination"} else None
    if any(word in text for word in _OUT_OF_MEMORY):
        return f"raise the memory limit of the {where or 'connector'} in Airbyte"
    if where and any(word in text for word in _FULL):
        return f"make room in the {where}, then start it again"
    if failure.type == "config_error":
        return (
            f"correct the settings of the {where or 'connection'} first: a retry alone fails again"
        )
    return None


def _hint(code: ExitCode, concerned: Sequence[SyncResult]) -> str | None:
    if concerned and all(sync.job_id is None for sync in concerned):
        unseen = (hint_for_missing_job(sync.start, sync.connection_id) for sync in concerned)
        hint = next(filter(None, unseen), None)
        if hint:
            return hint
    if code is ExitCode.UNAVAILABLE and all(sync.start is None for sync in concerned):
        return "safe to retry later"
    if code is ExitCode.FAILED and len(concerned) == 1 and concerned[0].failure is not None:
        cure = _cure(concerned[0].failure)
        if cure:
            return f"{cure}; `airbyte-sync logs {concerned[0].job_id}` shows the job's log"
    job = next((str(sync.job_id) for sync in concerned if sync.job_id is not None), "JOB_ID")
    template = bug_hint(project_urls()) if code is ExitCode.BUG else _HINTS.get(code)
    return template.format(job=job) if template else None


def reason(sync: SyncResult) -> str:
    """Return in one sentence how a sync ended, and why."""
    sentence = f"{sync.name} {phrase(sync)}"
    if sync.cancel is not None and sync.cancel.requested:
        sentence += "; " + ("cancelled" if sync.cancel.confirmed else "cancel not confirmed")
    if sync.failure is not None and sync.failure.message:
        where = " ".join(filter(None, [sync.failure.origin, sync.failure.type]))
        sentence += f": {sync.failure.message}" + (f" ({where})" if where else "")
    elif sync.verification.findings:
        first, *others = sync.verification.findings
        sentence += f": {first.message}" + (f" (and {len(others)} more)" if others else "")
    elif sync.exit_code == ExitCode.FAILED:
        sentence += ": no reason in the API response" + (f", see {sync.url}" if sync.url else "")
    if sync.partial_success:
        sentence += f"; {_loaded(sync)} all the same (partial success)"
    return plain(sentence)


def phrase(sync: SyncResult) -> str:
    """Return how a sync ended, to follow its name."""
    code = None if sync.exit_code is None else ExitCode(sync.exit_code)
    if sync.job_id is None and code is ExitCode.SKIPPED:
        return "was not started"
    if sync.job_id is None and code in _WITHOUT_A_JOB:
        fated = fate(sync)
        return _WITHOUT_A_JOB[code] + (f": {fated}" if fated else "")
    text = None if code is None else _PHRASES.get(code)
    if code is ExitCode.CANCELLED and sync.cancelled_by:
        text = f"was cancelled by {sync.cancelled_by}"
    text = text or sync.status or (code.outcome if code is not None else "ended")
    return f"{text}: {fate(sync)}" if may_have_a_job(sync) else text
