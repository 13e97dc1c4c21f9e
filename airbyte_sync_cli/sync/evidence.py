"""Whether Airbyte's own evidence supports a success. Pure: from what was read to findings.

A finding contradicts the success. What the evidence cannot say (an older version, no permission, a
source without stream statuses, numbers that have not arrived) is unknown, and never a finding.

The sources of the rules, in airbytehq/airbyte-platform (read at v0.50.34, v0.63.0, v1.0.0, v1.8.0,
v2.0.0 and 310e6cb), are named at each rule. Three facts hold for all of them:

- `jobs/get_without_logs` returns an attempt's numbers from the output that the attempt has left
  (JobConverter.getTotalAttemptStats). They are written in the transaction before the attempt
  succeeds (JobsHandler.jobSuccessWithAttemptNumber: `writeOutput`, then `succeedAttempt`).
- For an attempt that completed, this output has by construction committed = emitted - filtered
  out - rejected, per stream and in all (SyncStatsBuilder.kt), whatever the destination does with
  the records afterwards: deduplication takes nothing away.
- The numbers of the *job* are sums over attempts, 0 where a number is missing
  (StatsAggregationHelper.kt); a retry that reads records again counts them again. They are used
  as those of an attempt only where the job had no other attempt.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

from airbyte_sync_cli.airbyte.models import (
    FAILED,
    SUCCEEDED,
    Attempt,
    Job,
    Progress,
    StreamId,
    StreamProgress,
    StreamStatus,
)
from airbyte_sync_cli.fast_dataclass import dataclass

FindingKind = Literal[
    "no-attempt",
    "no-statistics",
    "attempt-not-succeeded",
    "not-written",
    "rejected",
    "stream-incomplete",
    "stream-missing",
    "min-records",
    "max-rejected",
    "require-stream",
]
_LOADING: Final = frozenset({"sync", "refresh"})
"""Job types that move records. A clear or reset replaces the source by an empty one
(EmptyAirbyteSource.kt): it reads nothing, and its streams say nothing about the data."""
_RANK: Final = {"incomplete": 1, "complete": 2}
"""The states that are final; `complete` outranks the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One contradiction to a success."""

    kind: FindingKind
    message: str
    stream: StreamId | None = None
    is_required: bool = False
    """An option asked for it (`--min-records` …): it counts without `--verify`, too."""
    may_pass: bool = False
    """Numbers that arrive later may take it away."""

    @property
    def is_unfinished(self) -> bool:
        """Whether it says that a stream did not complete."""
        return self.kind in {"stream-incomplete", "stream-missing"}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was read of a job after its end. None is what could not be read."""

    job: Job
    progress: Progress | None = None
    statuses: Sequence[StreamStatus] | None = None
    """Of all attempts."""
    filters_rows: bool | None = None
    """Whether the connection drops records by a mapper of its own (since 1.2)."""

    @cached_property
    def final(self) -> Progress | None:
        """The progress, unless it was read while the job was still running."""
        progress = self.progress
        return progress if progress and progress.status == self.job.status else None

    @cached_property
    def last(self) -> Attempt | None:
        """The last attempt, the one that succeeded."""
        return self.final.last_attempt if self.final else None

    @cached_property
    def is_loading(self) -> bool:
        """Whether the job was to move records."""
        return self.job.type in _LOADING

    @cached_property
    def is_only_attempt(self) -> bool:
        """Whether the job's numbers are those of a single attempt."""
        return self.final is not None and self.final.attempts == 1

    @property
    def records_read(self) -> int | None:
        """The records that all attempts together have read."""
        return self.final.records_emitted if self.final else None

    @cached_property
    def of_last_attempt(self) -> Mapping[StreamId, str]:
        """The streams' states in the last attempt: each attempt reads all streams again.

        If an orchestrator was started twice, a stream has two rows: it completed if one says so.
        """
        last = self.last.number if self.last else None
        rows = [row for row in self.statuses or () if row.attempt == last]
        return {
            row.stream: row.state for row in sorted(rows, key=lambda row: _RANK.get(row.state, 0))
        }


def contradictions(evidence: Evidence) -> Iterator[Finding]:
    """Yield what contradicts the success of a job."""
    yield from _missing_work(evidence)
    yield from _unsuccessful_attempt(evidence)
    if evidence.is_loading:
        yield from _unwritten(evidence)
        yield from _rejected(evidence)
        yield from unfinished_streams(evidence)


def _missing_work(evidence: Evidence) -> Iterator[Finding]:
    """A launch failure that was recorded as a success (airbyte #85355, #84961, #72448).

    Not of a sync without new data: whenever the orchestrator returns, the attempt's output has
    totals, if only zeros (ReplicationWorkerHelper.getReplicationOutput), and without an output
    Airbyte itself logs "doesn't have any output for the attempt" (JobsHandler.kt). Connectors do
    not matter: the platform counts. Any other trace of work makes it unknown: a number of the job,
    a stream with statistics, a status of a stream.
    """
    progress, last = evidence.final, evidence.last
    if progress is None or progress.attempt_list is None:
        return
    if last is None and not evidence.job.records_synced:
        message = "Airbyte reports succeeded, but the job had no attempt: a failed launch"
        yield Finding(kind="no-attempt", message=f"{message} can look like this", may_pass=True)
    if last is None or last.has_statistics or not evidence.is_loading:
        return
    if not _has_trace(evidence, progress):
        message = (
            "Airbyte reports succeeded, but has no statistics of the last attempt: a failed launch"
        )
        yield Finding(kind="no-statistics", message=f"{message} can look like this", may_pass=True)


def _has_trace(evidence: Evidence, progress: Progress) -> bool:
    """Return whether anything but statistics shows that the last attempt has worked."""
    if evidence.of_last_attempt:
        return True
    read, written = progress.records_emitted or 0, evidence.job.records_synced or 0
    earlier = [one for one in progress.attempt_list or () if one.has_statistics]
    # Where this server shows what an earlier attempt has left, the job's numbers may be that.
    if earlier and evidence.statuses is not None:
        is_more_read = read > sum(one.records_emitted or 0 for one in earlier)
        return is_more_read or written > sum(one.records_committed or 0 for one in earlier)
    return bool(read or written or progress.streams)


def _unsuccessful_attempt(evidence: Evidence) -> Iterator[Finding]:
    """The last attempt failed, or is still running.

    Not by a read between two writes: DefaultJobPersistence.succeedAttempt sets the job's status
    and the attempt's in one transaction, and both are read with one query (getJob).
    """
    last = evidence.last
    if last is not None and last.status in {FAILED, "running"}:
        message = f"Airbyte reports succeeded, but the last attempt (number {last.number})"
        state = "failed" if last.status == FAILED else "has not ended"
        yield Finding(kind="attempt-not-succeeded", message=f"{message} {state}", may_pass=True)


def _unwritten(evidence: Evidence) -> Iterator[Finding]:
    """Records were read and none of them was written.

    Only for 0 written: a completed attempt writes all it read except what was filtered out or
    rejected, and the API does not show the number that was filtered out, so a part may be missing
    for a good reason. If everything is missing, a filter is the only good reason left: so not
    where the connection has one (RowFilteringMapper.kt, since 1.2) or where that is unknown. Not
    of numbers of several attempts, not where those of the job say otherwise, and not of records
    that are reported as rejected: that is a finding of its own.
    """
    if evidence.filters_rows is not False or not is_nothing_written(evidence):
        return
    read, written = _own_numbers(evidence)
    if read and written == 0:
        if not _are_all_rejected(
            read, evidence.final.records_rejected if evidence.final else None
        ):
            message = f"{_count(read)} read by the last attempt, but 0 were written"
            yield Finding(kind="not-written", message=message, may_pass=True)
        return
    for stream in _unwritten_streams(evidence):
        message = f"stream {stream.id}: {_count(stream.records_emitted or 0)} read, but 0 written"
        yield Finding(kind="not-written", message=message, stream=stream.id, may_pass=True)


def _unwritten_streams(evidence: Evidence) -> Iterator[StreamProgress]:
    """Yield the streams of which the last attempt's own numbers say that nothing was written."""
    rejected = {
        stream.name: stream.records_rejected
        for stream in (evidence.final.streams if evidence.final else ())
    }
    for stream in evidence.last.streams if evidence.last else ():
        if stream.records_emitted and stream.records_committed == 0:
            known = stream.records_rejected or rejected.get(stream.name)
            if not _are_all_rejected(stream.records_emitted, known):
                yield stream


def is_nothing_written(evidence: Evidence) -> bool:
    """Return whether records are missing that a filter could explain: worth a request."""
    read, written = _own_numbers(evidence)
    if evidence.is_only_attempt and written == 0 and evidence.job.records_synced:
        return False  # the job's numbers are this attempt's, and say otherwise
    is_all_missing = bool(read) and written == 0
    return evidence.is_loading and (is_all_missing or any(_unwritten_streams(evidence)))


def _own_numbers(evidence: Evidence) -> tuple[int | None, int | None]:
    """Return what the last attempt has read and written, both by the same source."""
    last = evidence.last
    if last is None:
        return None, None
    if last.has_statistics:
        return last.records_emitted, last.records_committed
    if evidence.is_only_attempt and evidence.final:
        return evidence.final.records_emitted, evidence.final.records_committed
    return None, None


def _are_all_rejected(read: int, rejected: int | None) -> bool:
    return rejected is not None and rejected >= read


def _rejected(evidence: Evidence) -> Iterator[Finding]:
    """The destination has rejected records (since 1.8; a server that reports none says 0).

    Not of a retry: a rejection is counted when the destination acknowledges a state
    (StatsTracker.trackStateFromDestination), so the next attempt goes on behind it; streams that
    are read anew from their start count with their last attempt only (StatsAggregationHelper.kt).
    """
    progress = evidence.final
    if progress is None or not progress.records_rejected:
        return
    streams = [stream for stream in progress.streams if stream.records_rejected]
    for stream in streams:
        what = f"stream {stream.id}: {_rejection(stream.records_rejected, stream.records_emitted)}"
        yield Finding(kind="rejected", message=what, stream=stream.id)
    if not streams:
        what = _rejection(progress.records_rejected, progress.records_emitted)
        yield Finding(kind="rejected", message=what)


def _rejection(rejected: int | None, read: int | None) -> str:
    of_all = f" of {read:,}" if read else ""
    verb = "record was" if rejected == 1 and not read else "records were"
    return f"{rejected or 0:,}{of_all} {verb} rejected by the destination"


def unfinished_streams(evidence: Evidence) -> Iterator[Finding]:
    """A selected stream that the last attempt left incomplete, or of which nothing is known.

    Only `incomplete` contradicts: the platform never changes it again (StreamStatusStateStore.kt,
    resolveRunState), and sources report it for a stream that they skip, although the job succeeds
    (airbyte #41034). A stream that is still `running` has usually completed: sources that report
    no statuses stay so, and an acknowledgement that precedes the source's last word is not
    noticed. Airbyte itself takes it for complete (STREAM_STATUS_WITH_FALLBACKS in
    StreamStatusesRepository.kt).
    """
    progress = evidence.final
    if progress is None or evidence.statuses is None or not evidence.is_loading:
        return
    selected = frozenset(progress.selected)
    for stream, state in sorted(evidence.of_last_attempt.items(), key=lambda row: str(row[0])):
        if state == "incomplete" and (stream in selected or not selected):
            message = f"stream {stream} did not complete"
            yield Finding(kind="stream-incomplete", message=message, stream=stream)
    for stream in _missing_streams(evidence, progress):
        message = f"stream {stream} was not synced: Airbyte has no status and no numbers of it"
        yield Finding(kind="stream-missing", message=message, stream=stream, may_pass=True)


def _missing_streams(evidence: Evidence, progress: Progress) -> Iterator[StreamId]:
    """Yield selected streams that left no trace, in an attempt whose other streams completed.

    Without a completed stream the source may report no statuses at all. Not of a refresh, which
    may be of some streams only, and not of a stream that completed in an earlier attempt or has
    statistics, even zeros: they are created by its first record or state (StatsTracker.kt).
    """
    states = evidence.of_last_attempt
    if evidence.job.type != "sync" or "complete" not in states.values():
        return
    completed = {row.stream for row in evidence.statuses or () if row.state == "complete"}
    of_attempt = evidence.last.streams if evidence.last else ()
    # By name alone: the numbers of an attempt have no namespaces (JobConverter.kt).
    counted = {stream.name for stream in (*progress.streams, *of_attempt)}
    for stream in progress.selected:
        if stream not in states and stream not in completed and stream.name not in counted:
            yield stream


# -- streams, for reports --------------------------------------------------------------------


def stream_states(evidence: Evidence) -> Mapping[StreamId, str]:
    """Return the state of each stream in the last attempt that has one.

    After the end of the job, a state that is not final is what Airbyte makes of it: complete in a
    success, else incomplete (STREAM_STATUS_WITH_FALLBACKS in StreamStatusesRepository.kt).
    """
    if evidence.job.is_active:
        return evidence.of_last_attempt
    at_end = "complete" if evidence.job.status == SUCCEEDED else "incomplete"
    return {
        stream: state if state in _RANK else at_end
        for stream, state in evidence.of_last_attempt.items()
    }


def stream_rows(evidence: Evidence) -> Sequence[tuple[StreamProgress, str | None]] | None:
    """Return the streams of the job with their numbers and states; None if unknown."""
    progress = evidence.progress
    if progress is None:
        return None
    states = stream_states(evidence)
    numbers = {stream.id: stream for stream in progress.streams}
    # In the order of the catalog; then those that are not, or no longer, part of it.
    ids = dict.fromkeys((*progress.selected, *numbers, *sorted(states, key=str)))
    return [
        (
            numbers.get(each) or StreamProgress(name=each.name, namespace=each.namespace),
            states.get(each),
        )
        for each in ids
    ] or None


def _count(records: int) -> str:
    return f"{records:,} records were" if records != 1 else "1 record was"
