"""How it ended: one frozen result a sync, one report a command. Their JSON is the contract."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from airbyte_sync_cli.exit_codes import ExitCode, verdict


def _as_utc_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


UtcSecond = Annotated[
    datetime, PlainSerializer(_as_utc_text, return_type=str, when_used="json-unless-none")
]
"""Airbyte tells whole seconds, so do we."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class CancelResult(_Frozen):
    """What became of our wish to cancel."""

    requested: bool = Field(description="a cancel request was sent to Airbyte")
    confirmed: bool = Field(description="the job was seen to be cancelled afterwards")


class FailureResult(_Frozen):
    """Why a job failed, in Airbyte's own words."""

    origin: str | None = Field(description="source, destination, replication, airbyte_platform …")
    type: str | None = Field(description="config_error, system_error, transient_error …")
    message: str | None = Field(description="Airbyte's message for people")
    retryable: bool | None = Field(description="whether Airbyte says that a retry can help")
    stream: str | None = Field(description="the stream that failed, where Airbyte tells")


class SyncResult(_Frozen):
    """One connection's ending. What is unknown is null, never missing and never 0."""

    connection_id: str | None = None
    connection_name: str | None = None
    job_id: int | None = None
    job_type: str | None = None
    outcome: str | None = Field(default=None, description="a name of the exit-code table")
    exit_code: int | None = None
    status: str | None = Field(default=None, description="Airbyte's word for the job's state")
    adopted: bool = Field(default=False, description="the job was not started by this process")
    created_at: UtcSecond | None = None
    ended_at: UtcSecond | None = None
    duration_seconds: float | None = None
    records_synced: int | None = None
    bytes_synced: int | None = None
    attempts: int | None = None
    retryable: bool | None = None
    cancel: CancelResult | None = None
    failure: FailureResult | None = None
    url: str | None = Field(default=None, description="the job in Airbyte's web UI")


class ErrorResult(_Frozen):
    """What went wrong, for programs and for people."""

    kind: str = Field(description="a name of the exit-code table")
    message: str
    hint: str | None = None


class Report(_Frozen):
    """Everything that a command has to say: the same keys in every ending."""

    schema_version: Literal[1] = 1
    command: str | None
    exit_code: int
    outcome: str = Field(description="the exit code's name")
    syncs: tuple[SyncResult, ...]
    warnings: tuple[str, ...]
    error: ErrorResult | None


def overall(syncs: Iterable[SyncResult]) -> ExitCode:
    """Judge all syncs together."""
    return verdict(ExitCode(sync.exit_code) for sync in syncs if sync.exit_code is not None)
