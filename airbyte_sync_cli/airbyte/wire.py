"""What crosses the wire, of both APIs: as little as is used, as tolerant as it must be.

Unknown fields are ignored and null equals missing (the server leaves nulls out). The Public
API writes ISO times, with the seconds left out when they are 0; the Config API writes epoch
seconds, but milliseconds in failures and log events (JobConverter.kt).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from airbyte_sync_cli.airbyte.exchange import Reply
from airbyte_sync_cli.errors import ProtocolError


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A time; one without an offset is UTC, as all of Airbyte's are."""


class Wire(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, defer_build=True
    )


_Answer = TypeVar("_Answer", bound=Wire)


def read(answer: type[_Answer], reply: Reply) -> _Answer:
    """Read an answer. Raises ProtocolError where it has another shape than Airbyte's."""
    try:
        return answer.model_validate_json(reply.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ProtocolError(
            f"{reply.request}: not the answer of Airbyte's API ({where}: {first['msg']})",
            hint="is a proxy in between, or another program at this address? "
            "`airbyte-sync check` finds the step that fails",
        ) from error


class PublicJob(Wire):
    """JobResponse of the Public API."""

    job_id: int
    status: str
    job_type: str
    connection_id: str
    start_time: Moment
    last_updated_at: Moment | None = None
    bytes_synced: int | None = None
    rows_synced: int | None = None


class PublicJobs(Wire):
    """A page of jobs; its `next` link is wrong in several ways and never followed."""

    data: Sequence[PublicJob]


class PublicSchedule(Wire):
    """When a connection starts by itself."""

    schedule_type: str | None = None
    cron_expression: str | None = None
    basic_timing: str | None = None


class Tag(Wire):
    """A label on a connection."""

    name: str


class PublicConnection(Wire):
    """A connection, without its streams, which can be very many."""

    connection_id: str
    name: str
    status: str
    workspace_id: str | None = None
    source_id: str | None = None
    destination_id: str | None = None
    schedule: PublicSchedule | None = None
    tags: Sequence[Tag] | None = None


class PublicConnections(Wire):
    """A page of connections."""

    data: Sequence[PublicConnection]


class Actor(Wire):
    """A source or a destination, of either API: one of the two ids is filled."""

    name: str
    source_id: str | None = None
    destination_id: str | None = None


class PublicActors(Wire):
    """A page of sources or of destinations."""

    data: Sequence[Actor]


class ConfigActors(Wire):
    """The sources or the destinations of a workspace."""

    sources: Sequence[Actor] = ()
    destinations: Sequence[Actor] = ()


class Stats(Wire):
    """Numbers of a job, an attempt, or a stream. Emitted: read; committed: confirmed."""

    records_emitted: int | None = None
    bytes_emitted: int | None = None
    records_committed: int | None = None
    bytes_committed: int | None = None


class StreamStats(Stats):
    """Numbers of one stream of a job."""

    stream_name: str
    stream_namespace: str | None = None


class FailureReason(Wire):
    """Why an attempt failed: only the time is always there."""

    failure_origin: str | None = None
    failure_type: str | None = None
    external_message: str | None = None
    internal_message: str | None = None
    stacktrace: str | None = None
    retryable: bool | None = None


class FailureSummary(Wire):
    """All failures of an attempt; the first is the one to show (JobNotifier.kt)."""

    failures: Sequence[FailureReason] = ()


class Attempt(Wire):
    """One of the server's own tries."""

    total_stats: Stats | None = None
    failure_summary: FailureSummary | None = None


class ConfigAttempt(Wire):
    """The Config API wraps each attempt."""

    attempt: Attempt


class ConfigJob(Wire):
    """JobRead of the Config API."""

    id: int
    config_type: str
    config_id: str
    status: str
    created_at: Moment
    updated_at: Moment | None = None
    aggregated_stats: Stats | None = None
    stream_aggregated_stats: Sequence[StreamStats] | None = None


class ConfigJobInfo(Wire):
    """A job with its attempts."""

    job: ConfigJob
    attempts: Sequence[ConfigAttempt] | None = None


class ConfigRefresh(Wire):
    """The answer to a refresh; `job` is missing where the destination cannot refresh."""

    job: ConfigJob | None = None


class ConfigEvent(Wire):
    """One entry of a connection's timeline: `SYNC_STARTED` exists for manual starts only."""

    event_type: str


class ConfigEvents(Wire):
    """The timeline's entries about one job."""

    events: Sequence[ConfigEvent]


class ConfigJobRow(Wire):
    """A job in a list: here the attempts are not wrapped."""

    job: ConfigJob
    attempts: Sequence[Attempt] | None = None


class ConfigJobs(Wire):
    """A page of jobs, newest first."""

    jobs: Sequence[ConfigJobRow]


class ConfigBasicSchedule(Wire):
    """Every so many units."""

    time_unit: str | None = None
    units: int | None = None


class ConfigCron(Wire):
    """A cron expression in Quartz's form."""

    cron_expression: str | None = None


class ConfigScheduleData(Wire):
    """One of the two is filled, by the schedule's type."""

    basic_schedule: ConfigBasicSchedule | None = None
    cron: ConfigCron | None = None


class ConfigConnection(Wire):
    """ConnectionRead of the Config API."""

    connection_id: str
    name: str
    status: str
    workspace_id: str | None = None
    source_id: str | None = None
    destination_id: str | None = None
    schedule_type: str | None = None
    schedule_data: ConfigScheduleData | None = None
    schedule: ConfigBasicSchedule | None = None
    tags: Sequence[Tag] | None = None


class ConfigConnections(Wire):
    """All connections of a workspace."""

    connections: Sequence[ConfigConnection]


class Workspace(Wire):
    """A workspace; both APIs name it alike."""

    workspace_id: str


class ConfigWorkspaces(Wire):
    """All workspaces that may be seen."""

    workspaces: Sequence[Workspace]


@dataclass(slots=True, config=Wire.model_config)
class LogEvent:
    """A structured line (since 1.2); the time is in milliseconds.

    A dataclass, because a log may have a million of them: a model takes five times the memory.
    """

    timestamp: Moment | None = None
    message: str | None = None
    level: str | None = None
    log_source: str | None = None
    stack_trace: str | None = None


class Logs(Wire):
    """One of the two shapes; `logType` may be missing, so the keys decide."""

    log_lines: Sequence[str] | None = None
    events: Sequence[LogEvent] | None = None


class ConfigAttemptInfo(Wire):
    """One attempt with its logs."""

    attempt: Attempt
    logs: Logs | None = None


class Health(Wire):
    """The Config API's sign of life."""

    available: bool


class InstanceAuth(Wire):
    """none, simple, or oidc."""

    mode: str | None = None


class Instance(Wire):
    """What a self-managed server tells anybody about itself."""

    version: str | None = None
    edition: str | None = None
    auth: InstanceAuth | None = None
