"""What is known of one sync: filled in step by step, and turned into a result at any moment."""

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from airbyte_sync_cli.airbyte.models import (
    CANCELLED,
    FAILED,
    SUCCEEDED,
    Connection,
    Failure,
    Job,
    JobType,
    Progress,
    StreamStatus,
)
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.evidence import Evidence, stream_rows
from airbyte_sync_cli.sync.policy import FULFILLED_BY
from airbyte_sync_cli.sync.result import (
    AttemptFailure,
    CancelResult,
    FailureResult,
    FindingResult,
    Start,
    StreamResult,
    SyncResult,
    VerificationResult,
)
from airbyte_sync_cli.sync.verification import Verification

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.logs import AttemptLine

# An unknown status is missing on purpose: it counts as active and has no exit code.
_BY_STATUS = {
    SUCCEEDED: ExitCode.OK,
    FAILED: ExitCode.FAILED,
    CANCELLED: ExitCode.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A sync at one moment, as every event carries it: a listener needs no copy of its own."""

    key: str
    """The same in every event of a sync."""
    connection: Connection | None = None
    job: Job | None = None
    adopted: bool = False
    history: History = field(default_factory=History)
    progress: Progress | None = None
    """Live numbers, where the Config API can be read."""
    url: str | None = None


@dataclass(slots=True, kw_only=True)
class SyncState:
    """One sync. `ended_as` is our own ending; the job's final status outranks it."""

    key: str
    job_id: int | None = None
    """The id that was given to `wait`: known before the job is."""
    connection: Connection | None = None
    requested_type: JobType | None = None
    """What is to be started; None where the job exists already, of whatever type."""
    start: Start | None = None
    """What is known of our trigger; None where nothing is to be started."""
    obstacle: str | None = None
    """Why there is no job yet, such as the last refusal."""
    job: Job | None = None
    adopted: bool = False
    history: History = field(default_factory=History)
    progress: Progress | None = None
    statuses: Sequence[StreamStatus] | None = None
    """Of the streams, in all attempts; None if they were not read."""
    filters_rows: bool | None = None
    """Whether the connection drops records by itself; None if that was not read."""
    verification: Verification = field(default_factory=Verification)
    failure: Failure | None = None
    log_tail: "Sequence[AttemptLine]" = ()
    """The last warnings and errors of Airbyte's log, where the job failed."""
    cancel: CancelResult | None = None
    cancelled_by: str | None = None
    """The user who cancelled the job, if another one did and Airbyte says so."""
    cancel_refusal: str | None = None
    """Airbyte's message, where it refused the last cancel."""
    ended_as: ExitCode | None = None
    suspect: bool = False
    error: AirbyteSyncError | None = None
    url: str | None = None

    @classmethod
    def to_start(cls, connection: Connection, job_type: JobType) -> "SyncState":
        """Return the state of a sync that is to be started."""
        return cls(
            key=connection.id, connection=connection, requested_type=job_type, start=Start.NOT_SENT
        )

    @classmethod
    def of_job(cls, job_id: int) -> "SyncState":
        """Return the state of a job that exists already; it counts as adopted."""
        return cls(key=f"job {job_id}", job_id=job_id, adopted=True)

    @property
    def exit_code(self) -> ExitCode | None:
        """Return the exit code; None while it runs. A final status outranks why we stopped."""
        # First: a suspect sync has the status succeeded, which would be 0 below.
        if self.suspect:
            return ExitCode.SUSPECT
        status = self.job.status if self.job else None
        if status == SUCCEEDED and not self.fulfils_request:
            status = None  # the reset that Airbyte does before the sync is not the sync
        # A job that our own cancel ended is a timeout or an interrupt, not "cancelled".
        by_us = self.cancel is not None and self.cancel.requested
        if status in _BY_STATUS and not (status == CANCELLED and by_us):
            return _BY_STATUS[status]
        return self.error.exit_code if self.error else self.ended_as

    @property
    def fulfils_request(self) -> bool:
        """Return whether the job does what was asked for: its success is then ours."""
        return (
            self.job is None
            or self.requested_type is None
            or self.job.type in FULFILLED_BY[self.requested_type]
        )

    @property
    def name(self) -> str:
        """Return the job and its connection, as far as they are known, for people."""
        return self.result().name

    def snapshot(self) -> Snapshot:
        """Return what listeners may know now."""
        return Snapshot(
            key=self.key,
            connection=self.connection,
            job=self.job,
            adopted=self.adopted,
            history=self.history,
            progress=self.progress,
            url=self.url,
        )

    def result(self) -> SyncResult:
        """Return what is known now."""
        job, code = self.job, self.exit_code
        return SyncResult(
            connection_id=self._connection_id,
            connection_name=self.connection.name if self.connection else None,
            job_id=job.id if job else self.job_id,
            start=self.start,
            job_type=job.type if job else None,
            outcome=code.outcome if code is not None else None,
            exit_code=code,
            status=job.status if job else None,
            adopted=self.adopted,
            created_at=job.created_at if job else None,
            ended_at=job.ended_at if job else None,
            duration_seconds=job.duration_seconds if job else None,
            records_synced=job.records_synced if job and not self._is_uncounted else None,
            bytes_synced=job.bytes_synced if job and not self._is_uncounted else None,
            records_read=self.progress.records_emitted if self.progress else None,
            records_rejected=self.progress.records_rejected if self.progress else None,
            attempts=self._attempts,
            attempt_failures=_attempt_failures(self.progress),
            partial_success=self._is_partial_success,
            retryable=self.failure.retryable if self.failure else None,
            cancel=self.cancel,
            cancelled_by=self.cancelled_by,
            failure=_failure_result(self.failure),
            streams=self._streams(),
            verification=_verification_result(self.verification),
            url=self.url,
        )

    @property
    def evidence(self) -> Evidence | None:
        """Return what is known about the job's success; None without a job."""
        if self.job is None:
            return None
        return Evidence(
            job=self.job,
            progress=self.progress,
            statuses=self.statuses,
            filters_rows=self.filters_rows,
        )

    def _streams(self) -> tuple[StreamResult, ...] | None:
        rows = stream_rows(self.evidence) if self.evidence else None
        if rows is None:
            return None
        return tuple(
            StreamResult(
                name=stream.name,
                namespace=stream.namespace,
                status=status,
                records_read=stream.records_emitted,
                records_written=stream.records_committed,
                records_rejected=stream.records_rejected,
            )
            for stream, status in rows
        )

    @property
    def _is_partial_success(self) -> bool | None:
        """Return whether a job that did not succeed has loaded a part of its records."""
        last = self.progress.last_attempt if self.progress else None
        is_over = self.job is not None and self.job.status in {FAILED, CANCELLED}
        return last.partial_success if last and is_over else None

    @property
    def workspace_id(self) -> str | None:
        """The workspace of the connection, if it is known."""
        return self.connection.workspace_id if self.connection else None

    @property
    def _connection_id(self) -> str | None:
        if self.connection:
            return self.connection.id
        return self.job.connection_id if self.job else None

    @property
    def _is_uncounted(self) -> bool:
        """Return whether a 0 of the Public API stands for an unknown number.

        Only the Config API shows the difference.
        """
        has_no_numbers = self.job is not None and not (
            self.job.records_synced or self.job.bytes_synced
        )
        return has_no_numbers and (
            self.progress is not None and self.progress.records_committed is None
        )

    @property
    def _attempts(self) -> int | None:
        if self.progress and self.progress.attempts is not None:
            return self.progress.attempts
        return self.job.attempts if self.job else None


def _failure_result(failure: Failure | None) -> FailureResult | None:
    if failure is None:
        return None
    return FailureResult(
        origin=failure.origin,
        type=failure.type,
        message=failure.message,
        internal_message=failure.internal_message,
        retryable=failure.retryable,
        stream=failure.stream,
    )


def _attempt_failures(progress: Progress | None) -> tuple[AttemptFailure, ...] | None:
    if progress is None or progress.attempt_list is None:
        return None
    return tuple(
        AttemptFailure(
            attempt=attempt.number,
            origin=attempt.failure.origin if attempt.failure else None,
            type=attempt.failure.type if attempt.failure else None,
            message=attempt.failure.message if attempt.failure else None,
        )
        for attempt in progress.attempt_list
        if attempt.status == FAILED or attempt.failure is not None
    )


def _verification_result(verification: Verification) -> VerificationResult:
    findings = tuple(
        FindingResult(
            kind=one.kind, stream=str(one.stream) if one.stream else None, message=one.message
        )
        for one in verification.findings
    )
    return VerificationResult(outcome=verification.outcome, findings=findings)
