"""The result of one sync, as reports show it, and what is known of its start."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticSerializationError

from airbyte_sync_cli.exit_codes import ExitCode, verdict
from airbyte_sync_cli.foreign_text import json_line


class Start(StrEnum):
    """What this process has started. Without a job id there may still be a job."""

    NOT_SENT = "not-sent"
    REFUSED = "refused"
    POSSIBLE = "possible"
    STARTED = "started"


_MAY_EXIST: Final = "a job may have been started, but none was found"
_WITHOUT_JOB: Final = {
    Start.NOT_SENT: "nothing was started",
    Start.REFUSED: "the trigger was rejected",  # a gateway may deliver it despite its 503
    Start.POSSIBLE: _MAY_EXIST,
    Start.STARTED: _MAY_EXIST,
}


def describe_missing_job(start: Start | None) -> str | None:
    """Return what is known of a start without a job id; None where nothing was to be started."""
    return None if start is None else _WITHOUT_JOB[start]


def hint_for_missing_job(start: Start | None, connection: str | None) -> str | None:
    """Return what to do about a job that may exist, by connection id; None where none can."""
    if start not in {Start.POSSIBLE, Start.STARTED}:
        return None
    which = connection or "ID"
    return (
        f"`airbyte-sync status --conn {which}` shows whether a job appears later, "
        f"`airbyte-sync cancel --conn {which}` cancels it; with --since a retry adopts it"
    )


def _as_utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


UtcSecond = Annotated[
    datetime, PlainSerializer(_as_utc_text, return_type=str, when_used="json-unless-none")
]
"""Airbyte's dates are in whole seconds, and so are ours."""


StartWord = Annotated[
    Start, WithJsonSchema({"type": "string", "enum": [str(one) for one in Start]})
]
"""A plain string in the schema, like all other values there."""


class Frozen(BaseModel):
    """The base of all results: immutable, without unknown fields."""

    # Built at first use: a command writes one kind of report, and building all takes 5 ms.
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="null", defer_build=True
    )


class CancelResult(Frozen):
    """What a cancel has achieved."""

    requested: bool = Field(description="a cancel request was sent to Airbyte")
    confirmed: bool = Field(description="the job was read as cancelled afterwards")


class FailureResult(Frozen):
    """Why a job failed, in Airbyte's own words."""

    origin: str | None = Field(description="source, destination, replication, airbyte_platform …")
    type: str | None = Field(description="config_error, system_error, transient_error …")
    message: str | None = Field(description="Airbyte's external message")
    internal_message: str | None = Field(default=None, description="the message for developers")
    retryable: bool | None = Field(description="whether Airbyte considers a retry useful")
    stream: str | None = Field(description="the stream that failed, if known")


class AttemptFailure(Frozen):
    """Why one attempt failed; Airbyte may have retried."""

    attempt: int = Field(description="attempt number, from 1")
    origin: str | None = Field(description="as in `failure`")
    type: str | None = Field(description="as in `failure`")
    message: str | None = Field(description="as in `failure`")


class StreamResult(Frozen):
    """One stream of a job. What is unknown is null."""

    name: str = Field(description="the stream's name")
    namespace: str | None = Field(description="null if it has none")
    status: str | None = Field(
        description="of the last attempt: complete or incomplete; pending, running or "
        "rate_limited while the job is active"
    )
    records_read: int | None = Field(description="read from the source, in all attempts")
    records_written: int | None = Field(description="committed to the destination")
    records_rejected: int | None = Field(
        description="read, but rejected by the destination (since 1.8)"
    )


class FindingResult(Frozen):
    """What contradicts a success, or an option that it does not fulfil."""

    kind: str = Field(
        description="no-attempt, no-statistics, attempt-not-succeeded, not-written, rejected, "
        "stream-incomplete, stream-missing; min-records, max-rejected, require-stream"
    )
    stream: str | None = Field(description="the stream that it is about, if it is about one")
    message: str = Field(description="the finding, for people")


class VerificationResult(Frozen):
    """Whether Airbyte's own evidence supports the success."""

    outcome: str = Field(
        default="unknown",
        description="passed, failed (there are findings), or unknown (no success, or the "
        "evidence could not be read)",
    )
    findings: tuple[FindingResult, ...] = Field(default=(), description="what contradicts it")


class SyncResult(Frozen):
    """One connection's ending. What is unknown is null, never missing and never 0."""

    connection_id: str | None = Field(default=None, description="Airbyte's id, a UUID")
    connection_name: str | None = Field(default=None, description="null if it could not be read")
    job_id: int | None = Field(
        default=None, description="null if there is no job, or none was found: see `start`"
    )
    start: StartWord | None = Field(
        default=None,
        description="whether this command started the job: not-sent (no trigger was sent), "
        "refused (nothing was started), possible (a job may exist, or appear later), started; "
        "null for commands that start nothing",
    )
    job_type: str | None = Field(
        default=None, description="Airbyte's job type: sync, refresh, reset or clear"
    )
    outcome: str | None = Field(default=None, description="a name from the exit code table")
    exit_code: int | None = Field(default=None, description="the exit code of this sync")
    status: str | None = Field(default=None, description="Airbyte's job status")
    adopted: bool = Field(default=False, description="the job was not started by this run")
    created_at: UtcSecond | None = Field(default=None, description="when the job was created, UTC")
    ended_at: UtcSecond | None = Field(default=None, description="when the job ended, UTC")
    duration_seconds: float | None = Field(
        default=None, description="from the job's creation to its end"
    )
    records_synced: int | None = Field(default=None, description="committed to the destination")
    bytes_synced: int | None = Field(default=None, description="committed to the destination")
    records_read: int | None = Field(
        default=None, description="read from the source, in all attempts"
    )
    records_rejected: int | None = Field(
        default=None, description="read, but rejected by the destination (since 1.8)"
    )
    attempts: int | None = Field(default=None, description="number of attempts within the job")
    attempt_failures: tuple[AttemptFailure, ...] | None = Field(
        default=None, description="why attempts failed, also those that Airbyte retried"
    )
    partial_success: bool | None = Field(
        default=None, description="whether a job that failed has committed records all the same"
    )
    retryable: bool | None = Field(
        default=None, description="whether Airbyte considers another job useful"
    )
    cancel: CancelResult | None = Field(
        default=None, description="null unless this run tried to cancel the job"
    )
    cancelled_by: str | None = Field(
        default=None, description="the user who cancelled the job, if another one did (since 0.64)"
    )
    failure: FailureResult | None = Field(default=None, description="why it failed, if known")
    streams: tuple[StreamResult, ...] | None = Field(
        default=None, description="the job's streams, in the order of the catalog"
    )
    verification: VerificationResult = Field(
        default_factory=VerificationResult, description="whether the success is believable"
    )
    url: str | None = Field(default=None, description="the job in Airbyte's web UI")

    @property
    def name(self) -> str:
        """Return the job, its connection, or both, for people."""
        connection = self.connection_name or self.connection_id
        if self.job_id is None:
            return repr(connection) if connection else "the sync"
        return f"job {self.job_id}" + (f" ({connection})" if connection else "")


class ErrorResult(Frozen):
    """What went wrong, for programs and for people."""

    kind: str = Field(description="a name from the exit code table")
    message: str = Field(description="what happened, to which job")
    hint: str | None = Field(default=None, description="what to do next")


class Report(Frozen):
    """The result of a command: the same keys in every ending."""

    schema_version: Literal[1] = Field(
        default=1, description="increased when a key is changed or removed"
    )
    command: str | None = Field(description="null if the command line could not be parsed")
    exit_code: int = Field(description="the exit code of the program")
    outcome: str = Field(description="the exit code's name")
    syncs: tuple[SyncResult, ...] = Field(description="one per connection or job")
    warnings: tuple[str, ...] = Field(description="warnings, which do not change the exit code")
    error: ErrorResult | None = Field(description="null without an error")

    def rows(self) -> "tuple[type[Frozen], Sequence[Frozen]]":
        """Return what `--output csv` prints: the model of a row, and the rows."""
        return SyncResult, self.syncs

    def ids(self) -> list[str]:
        """Return what `--output id` prints: the job ids."""
        return [str(sync.job_id) for sync in self.syncs if sync.job_id is not None]

    def json_line(self) -> str:
        """Return it as JSON in one line, without control characters for a terminal."""
        try:
            line = self.model_dump_json()
        except PydanticSerializationError:  # a lone surrogate: of an argument that is not UTF-8
            fields = self.model_dump(mode="json")
            line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return json_line(line)


def overall(syncs: Iterable[SyncResult]) -> ExitCode:
    """Return the exit code of all syncs together. Raises ValueError if none has one."""
    return verdict(ExitCode(sync.exit_code) for sync in syncs if sync.exit_code is not None)
