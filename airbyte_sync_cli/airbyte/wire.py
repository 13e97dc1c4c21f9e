"""What crosses the wire, of both APIs: as little as is used, as tolerant as it must be.

What a program can do without is None where it is odd.

Unknown fields are ignored and null equals missing (the server leaves nulls out). The Public
API writes ISO times, with the seconds left out when they are 0; the Config API writes epoch
seconds, but milliseconds in failures and log events (JobConverter.kt).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.request import Reply
from airbyte_sync_cli.errors import ProtocolError

LONGEST_TEXT: Final = 65_536
"""Characters of a text by others that are kept: failures carry whole dumps."""
_LARGEST_EXACT: Final = 2.0**53
"""Above it not every integer has a float of its own."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:  # the first and the last hours of all years
        raise ValueError(str(error)) from None


def _tidy(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _exact(value: object) -> object:
    """Refuse a boolean, which pydantic would read as 0 or 1, and a float that was rounded."""
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) > _LARGEST_EXACT):
        raise ValueError("no exact number")
    return value


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """Take what cannot be read for missing: what is not needed is not judged."""
    try:
        return handler(value)
    except ValueError:
        return None


_Type = TypeVar("_Type")
JobId = Annotated[int, Field(gt=0, le=2**63 - 1), BeforeValidator(_exact)]
"""Airbyte numbers jobs from 1 (BIGSERIAL): what is none of these names no job."""
Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A time; one without an offset is UTC, as all of Airbyte's are."""
Word = Annotated[str, BeforeValidator(_tidy)]
"""A word of Airbyte's, such as a status: capitals and blanks around it mean nothing."""
Maybe = Annotated[_Type | None, WrapValidator(_or_none)]
"""A value that is None where it is missing or odd."""
Text = Annotated[str, AfterValidator(lambda text: text[:LONGEST_TEXT])]


class WireModel(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, defer_build=True
    )


_Answer = TypeVar("_Answer", bound=WireModel)


def read(answer: type[_Answer], reply: Reply) -> _Answer:
    """Read an answer. Raises ProtocolError where it has another shape than Airbyte's."""
    try:
        return answer.model_validate(load(reply.body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        why = f"{where}: {first['msg']}"
    except ValueError as error:
        why = str(error)
    raise ProtocolError(
        f"{reply.request}: not the answer of Airbyte's API ({why})",
        hint="is a proxy in between, or another program at this address? "
        "`airbyte-sync check` finds the step that fails",
    )


class PublicJobRow(WireModel):
    """A job in a list: where only its id can be read, it still counts as a job."""

    job_id: JobId
    status: Maybe[Word] = None
    job_type: Maybe[Word] = None
    connection_id: Maybe[str] = None
    start_time: Maybe[Moment] = None
    last_updated_at: Maybe[Moment] = None
    bytes_synced: Maybe[int] = None
    rows_synced: Maybe[int] = None


class PublicJob(PublicJobRow):
    """JobResponse of the Public API: an answer about one job must say whose, and how it is."""

    status: Word
    connection_id: str


class PublicJobs(WireModel):
    """A page of jobs; its `next` link is wrong in several ways and never followed."""

    data: Sequence[Maybe[PublicJobRow]]


class PublicSchedule(WireModel):
    """When a connection starts by itself."""

    schedule_type: Maybe[Word] = None
    cron_expression: Maybe[str] = None
    basic_timing: Maybe[str] = None


class Tag(WireModel):
    """A label on a connection."""

    name: str


class PublicConnection(WireModel):
    """A connection, without its streams, which can be very many."""

    connection_id: str
    name: Maybe[str] = None
    status: Maybe[Word] = None
    workspace_id: Maybe[str] = None
    source_id: Maybe[str] = None
    destination_id: Maybe[str] = None
    schedule: Maybe[PublicSchedule] = None
    tags: Maybe[Sequence[Maybe[Tag]]] = None


class PublicConnections(WireModel):
    """A page of connections."""

    data: Sequence[Maybe[PublicConnection]]


class Actor(WireModel):
    """A source or a destination, of either API: one of the two ids is filled."""

    name: str
    source_id: Maybe[str] = None
    destination_id: Maybe[str] = None


class PublicActors(WireModel):
    """A page of sources or of destinations."""

    data: Sequence[Maybe[Actor]]


class ConfigActors(WireModel):
    """The sources or the destinations of a workspace."""

    sources: Sequence[Maybe[Actor]] = ()
    destinations: Sequence[Maybe[Actor]] = ()


class Stats(WireModel):
    """Numbers of a job, an attempt, or a stream. Emitted: read; committed: confirmed."""

    records_emitted: Maybe[int] = None
    bytes_emitted: Maybe[int] = None
    records_committed: Maybe[int] = None
    bytes_committed: Maybe[int] = None


class StreamStats(Stats):
    """Numbers of one stream of a job."""

    stream_name: str
    stream_namespace: Maybe[str] = None


class FailureReason(WireModel):
    """Why an attempt failed: only the time is always there."""

    failure_origin: Maybe[Text] = None
    failure_type: Maybe[Text] = None
    external_message: Maybe[Text] = None
    internal_message: Maybe[Text] = None
    stacktrace: Maybe[Text] = None
    retryable: Maybe[bool] = None


class FailureSummary(WireModel):
    """All failures of an attempt; the first is the one to show (JobNotifier.kt)."""

    failures: Sequence[Maybe[FailureReason]] = ()


class WireAttempt(WireModel):
    """One of the server's own tries."""

    total_stats: Maybe[Stats] = None
    failure_summary: Maybe[FailureSummary] = None


class ConfigAttempt(WireModel):
    """The Config API wraps each attempt."""

    attempt: WireAttempt


class ConfigListedJob(WireModel):
    """JobRead in a list: where only its id can be read, it still counts as a job."""

    id: JobId
    config_type: Maybe[Word] = None
    config_id: Maybe[str] = None
    status: Maybe[Word] = None
    created_at: Maybe[Moment] = None
    updated_at: Maybe[Moment] = None
    aggregated_stats: Maybe[Stats] = None
    stream_aggregated_stats: Maybe[Sequence[Maybe[StreamStats]]] = None


class ConfigJob(ConfigListedJob):
    """JobRead of the Config API: an answer about one job must say whose, and how it is."""

    config_id: str
    status: Word


class ConfigJobInfo(WireModel):
    """A job with its attempts."""

    job: ConfigJob
    attempts: Maybe[Sequence[Maybe[ConfigAttempt]]] = None


class ConfigRefresh(WireModel):
    """The answer to a refresh; `job` is missing where the destination cannot refresh.

    Up to 1.1 there is only `value`: true where a refresh was started.
    """

    job: ConfigJob | None = None
    value: Maybe[bool] = None


class ConfigEvent(WireModel):
    """One entry of a connection's timeline: `SYNC_STARTED` exists for manual starts only."""

    event_type: str


class ConfigEvents(WireModel):
    """The timeline's entries about one job."""

    events: Sequence[ConfigEvent]


class ConfigJobRow(WireModel):
    """A job in a list: here the attempts are not wrapped."""

    job: ConfigListedJob
    attempts: Maybe[Sequence[Maybe[WireAttempt]]] = None


class ConfigJobs(WireModel):
    """A page of jobs, newest first."""

    jobs: Sequence[Maybe[ConfigJobRow]]


class ConfigBasicSchedule(WireModel):
    """Every so many units."""

    time_unit: Maybe[str] = None
    units: Maybe[int] = None


class ConfigCron(WireModel):
    """A cron expression in Quartz's form."""

    cron_expression: Maybe[str] = None


class ConfigScheduleData(WireModel):
    """One of the two is filled, by the schedule's type."""

    basic_schedule: Maybe[ConfigBasicSchedule] = None
    cron: Maybe[ConfigCron] = None


class ConfigConnection(WireModel):
    """ConnectionRead of the Config API."""

    connection_id: str
    name: Maybe[str] = None
    status: Maybe[Word] = None
    workspace_id: Maybe[str] = None
    source_id: Maybe[str] = None
    destination_id: Maybe[str] = None
    schedule_type: Maybe[Word] = None
    schedule_data: Maybe[ConfigScheduleData] = None
    schedule: Maybe[ConfigBasicSchedule] = None
    tags: Maybe[Sequence[Maybe[Tag]]] = None


class ConfigConnections(WireModel):
    """All connections of a workspace."""

    connections: Sequence[Maybe[ConfigConnection]]


class WireWorkspace(WireModel):
    """A workspace; both APIs name it alike."""

    workspace_id: str
    name: Maybe[str] = None


class PublicWorkspaces(WireModel):
    """A page of workspaces."""

    data: Sequence[Maybe[WireWorkspace]]


class ConfigWorkspaces(WireModel):
    """All workspaces that may be seen."""

    workspaces: Sequence[Maybe[WireWorkspace]]


@dataclass(slots=True, config=WireModel.model_config)
class LogEvent:
    """A structured line (since 1.2); the time is in milliseconds.

    A dataclass, because a log may have a million of them: a model takes five times the memory.
    """

    timestamp: Maybe[Moment] = None
    message: Maybe[str] = None
    level: Maybe[Word] = None
    log_source: Maybe[str] = None
    stack_trace: Maybe[str] = None


_LOG: Final = TypeAdapter(list[Maybe[str | LogEvent]])


def read_log(elements: bytes) -> Sequence[str | LogEvent | None]:
    """Read some elements of a log. Raises ProtocolError for what is no JSON."""
    try:
        return _LOG.validate_python(load(elements))
    except ValueError as error:
        raise ProtocolError(f"the log is no JSON ({error})") from error


class Health(WireModel):
    """The Config API's sign of life."""

    available: bool


class InstanceAuth(WireModel):
    """none, simple, or oidc."""

    mode: Maybe[Word] = None


class InstanceConfiguration(WireModel):
    """What a self-managed server tells anybody about itself."""

    version: Maybe[str] = None
    edition: Maybe[str] = None
    default_user_id: Maybe[str] = None
    """Who owns the workspaces of a self-managed server."""
    auth: Maybe[InstanceAuth] = None
