"""From events to entries: what is worth a line in a log."""

from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job, Progress
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output import format as words
from airbyte_sync_cli.output.log import Entry, Level
from airbyte_sync_cli.output.messages import fate
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import SyncResult

_STALE: Final = 60.0
"""Seconds after which a status is told as one of the past."""


@dataclass(slots=True)
class ConnectionLog:
    """What was told of one connection."""

    connection: Connection | None = None
    job: Job | None = None
    adopted: bool = False
    progress: Progress | None = None
    ended: bool = False
    told: str = ""
    doing: str | None = None
    """What goes on while there is no job of its own."""
    read_at: float = 0.0
    """When the job was read (monotonic): a heartbeat claims no more than that."""


class LogEntries:
    """Remembers what was told, so that only changes are told again."""

    def __init__(self) -> None:
        self.logs: dict[str, ConnectionLog] = {}
        self._unread: set[str] = set()
        """The connections that an outage keeps from being read: it is told once for all."""

    def entries(self, event: ev.Event, *, now: float = 0.0) -> list[Entry]:
        """Tell an event at a moment (monotonic): nothing, or a line."""
        if isinstance(event, ev.OutageBegan | ev.OutageEnded) and not self._is_news(event):
            return []
        if isinstance(event, ev.JobKnown | ev.Polled):
            self._log(event.key).read_at = now
        entry = self._entry(event)
        return [entry] if entry else []

    def heartbeat(self, *, now: float = 0.0) -> Entry | None:
        """Tell in one line what is still going on, and of what was read long ago, when."""
        alive = {
            key: log for key, log in self.logs.items() if (log.job or log.doing) and not log.ended
        }
        if len(alive) == 1:
            [(key, log)] = alive.items()
            return _entry(log, "heartbeat", f"still {self._beat(key, log, now)}")
        if not alive:
            return None
        states: dict[str, int] = {}
        for key, log in alive.items():
            status = log.doing or (log.job.status if log.job else "unknown")
            if not log.doing and self._is_old(key, log, now):
                status = f"{status} when last read"
            states[status] = states.get(status, 0) + 1
        told = ", ".join(f"{number} {status}" for status, number in sorted(states.items()))
        return Entry(event="heartbeat", message=f"still going on: {told}")

    def _beat(self, key: str, log: ConnectionLog, now: float) -> str:
        if log.doing:
            return log.doing + (", but Airbyte cannot be read" if key in self._unread else "")
        if not self._is_old(key, log, now):
            return _state(log)
        ago = words.duration(now - log.read_at)
        return f"waiting: {_state(log)} when last read, {ago} ago"

    def _is_old(self, key: str, log: ConnectionLog, now: float) -> bool:
        return key in self._unread or now - log.read_at > _STALE

    def _entry(self, event: ev.Event) -> Entry | None:  # noqa: PLR0911  # one case a kind
        match event:
            case ev.Planned() | ev.Provisional():
                return None
            case ev.Interrupted(signal=signal):
                return Entry(event="interrupted", message=f"{signal}: stopping", level="warning")
            case ev.Warned(key=key, message=message):
                log = self._log(key) if key else ConnectionLog()
                return _entry(log, "warning", message, level="warning")
            case ev.DryRun(key=key, words=said):
                return _entry(self._log(key), "dry-run", said)
            case ev.Resolved(key=key, connection=connection):
                self._log(key).connection = connection
                return None
            case ev.Polled(key=key, job=job, progress=progress):
                return self._polled(self._log(key), job, progress)
            case ev.Finished(key=key, result=result):
                log = self._log(key)
                log.ended = True
                if _is_only_started(log, result):
                    return None
                entry = _entry(log, "finished", _ending(result), level=_weight(result))
                return replace(entry, job_id=result.job_id)  # known also of one never seen
            case ev.JobKnown(key=key, job=job, adopted=adopted, url=url, named=named):
                log = self._log(key)
                log.job, log.adopted, log.told, log.doing = job, adopted, job.status, None
                verb = "watching" if named else "adopted" if adopted else "started"
                said = _not_started(job) if event.since else f"{verb}: {job.status}"
                return replace(_entry(log, verb, said), url=url)
            case _:
                log = self._log(event.key)
                log.doing = _doing(event) or log.doing
                return _entry(log, *_said(event))

    def _is_news(self, event: ev.OutageBegan | ev.OutageEnded) -> bool:
        """Whether it is the first to be cut off, or the last to be back."""
        before = len(self._unread)
        if isinstance(event, ev.OutageBegan):
            self._unread.add(event.key)
            return before == 0
        self._unread.discard(event.key)
        return before > 0 and not self._unread

    def _log(self, key: str) -> ConnectionLog:
        return self.logs.setdefault(key, ConnectionLog())

    def _polled(self, log: ConnectionLog, job: Job, progress: Progress | None) -> Entry | None:
        log.job, log.progress = job, progress
        if job.is_final:  # the ending is told with its numbers
            return None
        attempts = progress.attempts if progress else None
        told = job.status + (f", attempt {attempts}" if (attempts or 0) > 1 else "")
        if told == log.told:
            return None
        log.told = told
        return _entry(log, "status", _state(log))


def _doing(event: ev.Event) -> str | None:
    match event:
        case ev.BlockedBy(job=job):
            return f"waiting for job {job.id} to end first"
        case ev.Triggering():
            return "starting a job"
        case ev.LookingForJob():
            return "looking for the job"
        case ev.Refused():
            return "retrying to start a job"
        case _:
            return None


def _not_started(job: Job) -> str:
    """Format why `--since` starts nothing: which job counts, and since when it exists."""
    at = job.created_at
    created = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "at an unknown time"
    now = "has already succeeded" if job.status == "succeeded" else f"is already {job.status}"
    return f"not started: job {job.id}, created {created}, {now}"


def _said(  # noqa: PLR0911  # one case a kind
    event: ev.BlockedBy
    | ev.Triggering
    | ev.Refused
    | ev.LookingForJob
    | ev.OutageBegan
    | ev.OutageEnded
    | ev.AwaitingNumbers
    | ev.Cancelling,
) -> tuple[str, str, Level]:
    match event:
        case ev.BlockedBy(job=job):
            said = f"waiting for job {job.id} ({job.type}, {job.status}) to end first"
            return "blocked", said, "info"
        case ev.Triggering(number=number):
            again = f" again (attempt {number})" if number > 1 else ""
            return "triggering", f"starting a job{again}", "info"
        case ev.Refused(words=said, seconds=seconds):
            limit = words.duration(seconds)
            return (
                "refused",
                f"refused ({said}), nothing is running, retrying for up to {limit}",
                "warning",
            )
        case ev.LookingForJob(words=said):
            return "looking", f"the answer names no job, looking for one: {said}", "warning"
        case ev.OutageBegan(words=said):
            return "outage", f"Airbyte cannot be read, still trying: {said}", "warning"
        case ev.OutageEnded(seconds=seconds):
            return (
                "recovered",
                f"Airbyte can be read again after {words.duration(seconds)}",
                "info",
            )
        case ev.AwaitingNumbers(seconds=seconds):
            limit = words.duration(seconds)
            return "counting", f"succeeded, waiting for its numbers ({limit} at most)", "info"
        case ev.Cancelling(job=job, because=because):
            return "cancelling", f"cancelling job {job.id}: {because}", "warning"


def _state(log: ConnectionLog) -> str:
    job, progress = log.job, log.progress
    if job is None:
        return "waiting"
    parts = [job.status]
    if progress and (progress.attempts or 0) > 1:
        parts.append(f"attempt {progress.attempts}")
    if progress and progress.records_emitted is not None:
        parts.append(f"{words.records(progress.records_emitted)} read")
    if progress and progress.bytes_emitted is not None:
        parts.append(words.size(progress.bytes_emitted))
    return ", ".join(parts)


def _is_only_started(log: ConnectionLog, result: SyncResult) -> bool:
    """Whether a job goes on without us, as it was told when it became known (`trigger`)."""
    return result.exit_code == ExitCode.OK and log.told == result.status


def _ending(result: SyncResult) -> str:
    if result.exit_code == ExitCode.SKIPPED and result.job_id is not None:
        return f"skipped: job {result.job_id} is {result.status}"
    parts = [_how_it_ended(result)]
    if result.duration_seconds is not None:
        parts.append(f"after {words.duration(result.duration_seconds)}")
    if result.records_synced is not None:
        parts.append(words.records(result.records_synced))
    if result.bytes_synced is not None:
        parts.append(words.size(result.bytes_synced))
    return ", ".join(parts)


def _how_it_ended(result: SyncResult) -> str:
    """Say it in Airbyte's word, after ours where that says something else."""
    if result.job_id is None and not _is_fine(result):
        return ": ".join(filter(None, [result.outcome or "ended", fate(result)]))
    if result.status is None or result.outcome in {None, "ok", result.status}:
        return result.status or result.outcome or "ended"
    return f"{result.outcome}: {result.status}"


def _weight(result: SyncResult) -> Level:
    return "info" if _is_fine(result) else "error"


def _is_fine(result: SyncResult) -> bool:
    return result.exit_code in {ExitCode.OK, ExitCode.SKIPPED}


def _entry(log: ConnectionLog, event: str, message: str, level: Level = "info") -> Entry:
    connection, job = log.connection, log.job
    return Entry(
        event=event,
        message=message,
        level=level,
        connection_id=connection.id if connection else (job.connection_id if job else None),
        connection_name=connection.name if connection else None,
        job_id=job.id if job else None,
        status=job.status if job else None,
    )
