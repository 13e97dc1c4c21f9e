"""From events to log entries: what is worth a line."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import SUCCEEDED, Job
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import (
    format_bytes,
    format_count,
    format_duration,
    format_records,
)
from airbyte_sync_cli.output.live.state import LiveRow
from airbyte_sync_cli.output.log import Entry, Level
from airbyte_sync_cli.output.messages import age, fate, waiting_for
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.policy import LINES_PER_SECOND
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.state import Snapshot

_STALE: Final = 150.0
"""Seconds after which a status is reported as the one last read: polls are 120 s apart at most."""
_FINE: Final = frozenset({ExitCode.OK, ExitCode.SKIPPED})


@dataclass(slots=True, kw_only=True)
class _Logged:
    """What was logged of one sync, and what a heartbeat needs."""

    latest: Snapshot
    row: LiveRow
    """As the live view keeps it: since when the job exists and runs."""
    status: str = ""
    """As it was last logged."""
    activity: str | None = None
    """What the sync does while it has no job of its own."""
    activity_since: float = 0.0
    """Monotonic."""
    read_at: float = 0.0
    """When the job was last read (monotonic): a heartbeat claims no more than that."""

    def see_job(self, job: Job, now: float, wall: datetime | None) -> None:
        """Note since when the job exists; without a clock, since now."""
        self.row.see_job(job, now, wall or job.created_at or datetime.min.replace(tzinfo=UTC))

    def timing(self, now: float) -> str:
        """Return how long the job has taken, and about how long it will: `, for 12m 05s`."""
        seconds, left = self.row.seconds(now), self.row.estimate(now)
        elapsed = f", for {format_duration(seconds)}" if seconds else ""
        return elapsed + (f", {left.sentence}" if left else "")


class LogEntries:
    """Turns events into entries. Remembers what was logged, so that only changes are."""

    def __init__(self) -> None:
        self._active: dict[str, _Logged] = {}
        """The syncs that have not finished."""
        self._unreachable: set[str] = set()
        """The syncs in an outage: it is logged once for all of them."""

    def entry(  # noqa: C901, PLR0911  # one case a kind
        self, event: ev.Event, *, now: float = 0.0, wall: datetime | None = None
    ) -> Entry | None:
        """Return the line for an event at a moment; None where it is no news.

        `now` is monotonic; by the `wall` clock, an adopted job has its age.
        """
        if isinstance(event, ev.JobKnown | ev.Polled) and event.sync.job is not None:
            self._track(event).see_job(event.sync.job, now, wall)
        match event:
            case ev.Planned() | ev.Provisional() | ev.Warned():  # `Output.warn` logs warnings
                return None
            case ev.Interrupted(signal=signal):
                return Entry(event="interrupted", message=f"{signal}: stopping", level="warning")
            case ev.OutageBegan() | ev.OutageEnded():  # all syncs lose the same server at once
                self._track(event)
                return _progress_entry(event) if self._changes_outage(event) else None
            case ev.AirbyteLogged(left_out=left_out):
                return _left_out_entry(event) if left_out else None
            case ev.JobKnown():
                return self._job_known(event, now, wall)
            case ev.Polled():
                return self._polled(event, now)
            case ev.AttemptFailed():
                return _attempt_failed(event)
            case ev.Finished():
                return self._finished(event)
            case _:
                logged = self._track(event)
                activity = _activity(event)
                if activity is not None:
                    logged.activity, logged.activity_since = activity, now
                return _progress_entry(event, wall)

    def heartbeat(self, *, now: float = 0.0) -> Entry | None:
        """Return one line about everything that is active; None where nothing is."""
        active = {
            key: logged
            for key, logged in self._active.items()
            if logged.latest.job or logged.activity
        }
        if len(active) == 1:
            [(key, logged)] = active.items()
            return Entry.about(
                logged.latest, "heartbeat", f"still {self._doing(key, logged, now)}"
            )
        if not active:
            return None
        counts: dict[str, int] = {}
        for key, logged in active.items():
            status = logged.activity or (logged.latest.job.status if logged.latest.job else "")
            if not logged.activity and self._is_stale(key, logged, now):
                status = f"{status} when last read"
            counts[status] = counts.get(status, 0) + 1
        listed = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        longest = max((logged.row.seconds(now) or 0.0 for logged in active.values()), default=0.0)
        elapsed = f", the longest for {format_duration(longest)}" if longest else ""
        return Entry(event="heartbeat", message=f"still active: {listed}{elapsed}")

    def _doing(self, key: str, logged: _Logged, now: float) -> str:
        if logged.activity:
            outage = ", but Airbyte is unreachable" if key in self._unreachable else ""
            elapsed = format_duration(now - logged.activity_since)
            return f"{logged.activity}, for {elapsed}{outage}"
        if not self._is_stale(key, logged, now):
            return _status(logged.latest) + logged.timing(now)
        ago = format_duration(now - logged.read_at)
        return f"waiting: {_status(logged.latest)} when last read, {ago} ago"

    def _is_stale(self, key: str, logged: _Logged, now: float) -> bool:
        return key in self._unreachable or now - logged.read_at > _STALE

    def _track(self, event: ev.SyncEvent) -> _Logged:
        new = _Logged(latest=event.sync, row=LiveRow(sync=event.sync))
        logged = self._active.setdefault(event.sync.key, new)
        logged.latest = logged.row.sync = event.sync
        return logged

    def _changes_outage(self, event: ev.OutageBegan | ev.OutageEnded) -> bool:
        """Return whether the first sync is cut off, or the last one is back."""
        before = len(self._unreachable)
        if isinstance(event, ev.OutageBegan):
            self._unreachable.add(event.sync.key)
            return before == 0
        self._unreachable.discard(event.sync.key)
        return before > 0 and not self._unreachable

    def _job_known(self, event: ev.JobKnown, now: float, wall: datetime | None) -> Entry | None:
        logged, job = self._track(event), event.sync.job
        if job is None:
            return None
        logged.status, logged.activity, logged.read_at = job.status, None, now
        verb = "watching" if event.named else "adopted" if event.sync.adopted else "started"
        message = f"{verb}: {job.status}"
        if event.since:
            message = _not_started(job)
        elif event.sync.adopted:
            message += age(job, wall)
            message += "" if event.named else "; its outcome is reported, it is never cancelled"
        if event.named and job.is_final:
            message = _already_ended(job, wall)
        return replace(Entry.about(event.sync, verb, message), url=event.sync.url)

    def _polled(self, event: ev.Polled, now: float) -> Entry | None:
        logged, job, progress = self._track(event), event.sync.job, event.sync.progress
        logged.read_at = now
        if job is None or job.is_final:  # its end is logged with the final numbers
            return None
        # A new attempt is news; growing numbers alone are left to the heartbeat.
        attempts = progress.attempts if progress else None
        status = job.status + (f", attempt {attempts}" if (attempts or 0) > 1 else "")
        if status == logged.status:
            return None
        logged.status = status
        return Entry.about(event.sync, "status", _status(event.sync))

    def _finished(self, event: ev.Finished) -> Entry | None:
        logged, result = self._active.pop(event.sync.key, None), event.result
        if logged and result.exit_code == ExitCode.OK and logged.status == result.status:
            return None  # of `trigger`: nothing is new since the job was started
        level: Level = "info" if result.exit_code in _FINE else "error"
        entry = Entry.about(event.sync, "finished", _ending(result), level)
        url = result.url if result.exit_code == ExitCode.SKIPPED else None
        return replace(
            entry, url=url, job_id=result.job_id
        )  # `wait 7` knows it without having read it


def _attempt_failed(event: ev.AttemptFailed) -> Entry:
    """Format why an attempt failed; that Airbyte retries is only said once it does."""
    failure = event.attempt.failure
    where = " ".join(filter(None, [failure.origin, failure.type])) if failure else ""
    why = (failure.message if failure else None) or "no reason in the API response"
    then = "Airbyte retries" if event.is_retried else "Airbyte may retry"
    message = (
        f"attempt {event.attempt.number} failed: {why}{f' ({where})' if where else ''}; {then}"
    )
    return Entry.about(event.sync, "attempt-failed", message, "warning")


def _left_out_entry(event: ev.AirbyteLogged) -> Entry:
    job_id = event.sync.job.id if event.sync.job else "JOB_ID"
    message = (
        f"{format_count(event.left_out)} lines of Airbyte's log left out: more than "
        f"{LINES_PER_SECOND} a second; `airbyte-sync logs {job_id}` shows all"
    )
    return Entry.about(event.sync, "airbyte-log-cut", message, "warning")


def _activity(event: ev.Event) -> str | None:
    match event:
        case ev.BlockedBy(other=job):
            return f"waiting for job {job.id} to finish"
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
    now = "has already succeeded" if job.status == SUCCEEDED else f"is already {job.status}"
    return f"not started: job {job.id}, created {created}, {now}: it counts because of --since"


_Progress = (
    ev.BlockedBy
    | ev.Unblocked
    | ev.Triggering
    | ev.Refused
    | ev.LookingForJob
    | ev.OutageBegan
    | ev.OutageEnded
    | ev.DryRun
    | ev.AwaitingNumbers
    | ev.Cancelling
)


def _progress_entry(event: _Progress, wall: datetime | None = None) -> Entry:
    entry = Entry.about(event.sync, *_progress(event, wall))
    return replace(entry, url=event.url) if isinstance(event, ev.BlockedBy) else entry


def _progress(event: _Progress, wall: datetime | None) -> tuple[str, str, Level]:  # noqa: C901, PLR0911  # one case a kind
    """Return the name, the message and the level of an entry."""
    match event:
        case ev.BlockedBy(other=job):
            return "blocked", waiting_for(event.sync, job, wall), "info"
        case ev.Unblocked(other=job):
            took = job.duration_seconds
            after = "" if took is None else f" after {format_duration(took)}"
            return "unblocked", f"job {job.id} has ended: {job.status}{after}", "info"
        case ev.Triggering(number=number):
            again = f" again (try {number})" if number > 1 else ""
            return "triggering", f"starting a job{again}", "info"
        case ev.Refused(reason=reason, seconds=seconds):
            limit = format_duration(seconds)
            message = (
                f"trigger rejected ({reason}), nothing is running, retrying for up to {limit}"
            )
            return "refused", message, "warning"
        case ev.LookingForJob(reason=reason):
            message = f"trigger response lost or unclear ({reason}), looking for the job"
            return "looking", message, "warning"
        case ev.OutageBegan(reason=reason, seconds=seconds):
            limit = format_duration(seconds)
            what = "the job cannot be read" if event.is_denied else "Airbyte is unreachable"
            message = f"{what} ({reason}), retrying for up to {limit}"
            return "outage", message, "warning"
        case ev.OutageEnded(seconds=seconds):
            message = f"Airbyte is reachable again after {format_duration(seconds)}"
            return "recovered", message, "info"
        case ev.DryRun(message=message):
            return "dry-run", message, "info"
        case ev.AwaitingNumbers(seconds=seconds):
            limit = format_duration(seconds)
            message = f"succeeded, waiting up to {limit} for its final statistics"
            return "counting", message, "info"
        case ev.Cancelling(because=because):
            job_id = event.sync.job.id if event.sync.job else "?"
            return "cancelling", f"cancelling job {job_id}: {because}", "warning"


def _status(sync: Snapshot) -> str:
    job, progress = sync.job, sync.progress
    if job is None:
        return "waiting"
    parts = [job.status]
    if progress and (progress.attempts or 0) > 1:
        parts.append(f"attempt {progress.attempts}")
    if progress and progress.records_emitted is not None:
        parts.append(f"{format_records(progress.records_emitted)} read")
    if progress and progress.bytes_emitted is not None:
        parts.append(format_bytes(progress.bytes_emitted))
    return ", ".join(parts)


def _ending(result: SyncResult) -> str:
    if result.exit_code == ExitCode.SKIPPED and result.job_id is not None:
        created = (
            f", created {result.created_at:%Y-%m-%d %H:%M:%S} UTC" if result.created_at else ""
        )
        return f"skipped (--if-running skip): job {result.job_id} is {result.status}{created}"
    parts = [_outcome(result)]
    if result.duration_seconds is not None:
        parts.append(f"after {format_duration(result.duration_seconds)}")
    if result.records_synced is not None:
        parts.append(format_records(result.records_synced))
    if result.bytes_synced is not None:
        parts.append(format_bytes(result.bytes_synced))
    return ", ".join(parts)


def _outcome(result: SyncResult) -> str:
    """Format the outcome in Airbyte's word, after ours where that is another."""
    if result.job_id is None and result.exit_code not in _FINE:
        return ": ".join(filter(None, [result.outcome or "ended", fate(result)]))
    if result.status is None or result.outcome in {None, "ok", result.status}:
        return result.status or result.outcome or "ended"
    return f"{result.outcome}: {result.status}"


def _already_ended(job: Job, wall: datetime | None) -> str:
    """Return that nothing has to be waited for: the job may be an old one."""
    message = f"already ended: {job.status}"
    if job.ended_at is None or wall is None:
        return message
    return f"{message}, {format_duration((wall - job.ended_at).total_seconds())} ago"
