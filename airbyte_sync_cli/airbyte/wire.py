"""What Airbyte sends, as pydantic models: only the fields that are used, leniently parsed.

A field that the program can do without is None if it is malformed (`OrNone`): one odd value must
not hide a job. Unknown fields are ignored, and null equals missing (the server omits nulls). The
Public API sends ISO times, without the seconds if they are 0; the Config API sends epoch seconds,
but milliseconds in failures and log events (JobConverter.kt). What the values mean is in `models`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, ClassVar, Final, Generic, TypeVar

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

from airbyte_sync_cli.airbyte.body import load
from airbyte_sync_cli.airbyte.request import Reply
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.fast_dataclass import dataclass

LONGEST_TEXT: Final = 65_536
"""Characters of a text that are kept: some failures carry whole dumps."""
_LARGEST_EXACT: Final = 2.0**53
"""Larger floats cannot represent every integer."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:  # in the first and last hours of years 1 and 9999
        raise ValueError(str(error)) from None


def _normalized(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _exact(value: object) -> object:
    """Reject booleans, which pydantic would parse as 0 or 1, and floats that were rounded."""
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) > _LARGEST_EXACT):
        raise ValueError("not an exact number")
    return value


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValueError:
        return None


_Type = TypeVar("_Type")
JobId = Annotated[int, Field(gt=0, le=2**63 - 1), BeforeValidator(_exact)]
"""Airbyte numbers jobs from 1 (PostgreSQL's BIGSERIAL)."""
Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""A time; one without an offset is in UTC, as all of Airbyte's are."""
Word = Annotated[str, BeforeValidator(_normalized)]
"""A word such as a status, in lower case and without blanks around it."""
OrNone = Annotated[_Type | None, WrapValidator(_or_none)]
"""A value, or None if it is missing or malformed."""
Text = Annotated[str, AfterValidator(lambda text: text[:LONGEST_TEXT])]
"""A text of any length, cut."""


class WireModel(BaseModel):
    """The base of all models here. Validators are built on first use, to start faster.

    Those of models that most commands use are built with the class (`defer_build=False`): this
    module is imported while the first response is awaited (`connect.py`).
    """

    # A field may appear in any release: unknown ones must not break a wait.
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, defer_build=True
    )


_Model = TypeVar("_Model", bound=WireModel)


def read(model: type[_Model], reply: Reply) -> _Model:
    """Parse a response. Raises ProtocolError if it has not the shape of Airbyte's."""
    try:
        return model.model_validate(load(reply.body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        reason = f"{where}: {first['msg']}"
    except ValueError as error:
        reason = str(error)
    raise ProtocolError(
        f"{reply.request}: not a response of Airbyte's API ({reason})",
        hint="is a proxy in between, or another program at this address? "
        "`airbyte-sync check` finds the step that fails",
    )


class Page(WireModel, Generic[_Model]):
    """A page of any list of the Public API. Its `next` link is wrong and never followed."""

    data: Sequence[OrNone[_Model]]


class PublicJobRow(WireModel):
    """A job in a list: if only its id can be parsed, it still counts as a job."""

    job_id: JobId
    status: OrNone[Word] = None
    job_type: OrNone[Word] = None
    connection_id: OrNone[str] = None
    start_time: OrNone[Moment] = None
    last_updated_at: OrNone[Moment] = None
    duration: OrNone[timedelta] = None
    bytes_synced: OrNone[int] = None
    rows_synced: OrNone[int] = None


class PublicJob(PublicJobRow, defer_build=False):
    """JobResponse: a response about one job must have its connection and status."""

    status: Word
    connection_id: str


class PublicSchedule(WireModel):
    """When Airbyte starts the connection's syncs by itself."""

    schedule_type: OrNone[Word] = None
    cron_expression: OrNone[str] = None
    basic_timing: OrNone[str] = None


class Tag(WireModel):
    """A label on a connection."""

    name: str


class PublicConnection(WireModel, defer_build=False):
    """ConnectionResponse, without its streams: there can be thousands."""

    connection_id: str
    name: OrNone[str] = None
    status: OrNone[Word] = None
    workspace_id: OrNone[str] = None
    source_id: OrNone[str] = None
    destination_id: OrNone[str] = None
    schedule: OrNone[PublicSchedule] = None
    tags: OrNone[Sequence[OrNone[Tag]]] = None


class Actor(WireModel):
    """A source or a destination, of either API: one of the two ids is set."""

    name: str
    source_id: OrNone[str] = None
    destination_id: OrNone[str] = None


class ConfigActors(WireModel):
    """The sources or the destinations of a workspace."""

    sources: Sequence[OrNone[Actor]] = ()
    destinations: Sequence[OrNone[Actor]] = ()


class Stats(WireModel):
    """Numbers of a job, an attempt, or a stream. Emitted: read; committed: written."""

    records_emitted: OrNone[int] = None
    bytes_emitted: OrNone[int] = None
    records_committed: OrNone[int] = None
    bytes_committed: OrNone[int] = None
    records_rejected: OrNone[int] = None
    """Since 1.8."""


class StreamStats(Stats):
    """Numbers of one stream of a job."""

    stream_name: str
    stream_namespace: OrNone[str] = None


class AttemptStreamStats(WireModel):
    """Numbers of one stream of an attempt: nested, unlike those of a job."""

    stream_name: str
    stream_namespace: OrNone[str] = None
    stats: OrNone[Stats] = None


class StreamDescriptor(WireModel):
    """A stream of a job's catalog."""

    name: str
    namespace: OrNone[str] = None


class FailureReason(WireModel):
    """Why an attempt failed: Airbyte requires only its timestamp."""

    failure_origin: OrNone[Text] = None
    failure_type: OrNone[Text] = None
    external_message: OrNone[Text] = None
    internal_message: OrNone[Text] = None
    stacktrace: OrNone[Text] = None
    retryable: OrNone[bool] = None


class FailureSummary(WireModel):
    """All failures of an attempt; Airbyte's own notifications use the first (JobNotifier.kt)."""

    failures: Sequence[OrNone[FailureReason]] = ()
    partial_success: OrNone[bool] = None


class WireAttempt(WireModel):
    """AttemptRead. `id` is the number of the attempt, from 0."""

    id: OrNone[int] = None
    status: OrNone[Word] = None
    total_stats: OrNone[Stats] = None
    stream_stats: OrNone[Sequence[OrNone[AttemptStreamStats]]] = None
    failure_summary: OrNone[FailureSummary] = None


class ConfigAttempt(WireModel):
    """AttemptInfoRead: an attempt beside its logs."""

    attempt: WireAttempt


class ResetConfig(WireModel):
    """What a reset was requested for; a clear is one."""

    streams_to_reset: Sequence[StreamDescriptor]


class RefreshConfig(WireModel):
    """What a refresh was requested for (since 0.63)."""

    streams_to_refresh: Sequence[StreamDescriptor]


class ConfigListedJob(WireModel):
    """JobRead in a list: if only its id can be parsed, it still counts as a job."""

    id: JobId
    config_type: OrNone[Word] = None
    config_id: OrNone[str] = None
    status: OrNone[Word] = None
    created_at: OrNone[Moment] = None
    updated_at: OrNone[Moment] = None
    enabled_streams: OrNone[Sequence[OrNone[StreamDescriptor]]] = None
    aggregated_stats: OrNone[Stats] = None
    stream_aggregated_stats: OrNone[Sequence[OrNone[StreamStats]]] = None
    reset_config: OrNone[ResetConfig] = None
    refresh_config: OrNone[RefreshConfig] = None


class ConfigJob(ConfigListedJob):
    """JobRead: a response about one job must have its connection and status."""

    config_id: str
    status: Word


class ConfigJobInfo(WireModel, defer_build=False):
    """JobInfoRead: a job with its attempts."""

    job: ConfigJob
    attempts: OrNone[Sequence[OrNone[ConfigAttempt]]] = None


class ConfigRefresh(WireModel):
    """The response to a refresh; `job` is missing if the destination does not support it.

    Up to 1.1 there is only `value`: true if a refresh was started.
    """

    job: ConfigJob | None = None
    value: OrNone[bool] = None


class EventSummary(WireModel):
    """What an event is about, as far as it is used."""

    job_id: OrNone[int] = None
    disabled_reason: OrNone[Text] = None


class EventUser(WireModel):
    """UserReadInConnectionEvent."""

    name: OrNone[Text] = None
    email: OrNone[Text] = None


class ConfigEvent(WireModel):
    """One entry of a connection's timeline: `SYNC_STARTED` exists for manual starts only."""

    event_type: str
    summary: OrNone[EventSummary] = None
    created_at: OrNone[Moment] = None
    user: OrNone[EventUser] = None


class ConfigEvents(WireModel):
    """Entries of the timeline."""

    events: Sequence[ConfigEvent]


class ConfigQuota(WireModel):
    """StreamStatusRateLimitedMetadata."""

    quota_reset: OrNone[Moment] = None


class WireStreamStatus(WireModel):
    """StreamStatusRead: one stream in one attempt; its number counts from 0."""

    stream_name: str
    stream_namespace: OrNone[str] = None
    job_id: JobId
    attempt_number: int
    run_state: Word
    metadata: OrNone[ConfigQuota] = None


class ConfigStreamStatuses(WireModel, defer_build=False):
    """A page of them, in no order."""

    stream_statuses: OrNone[Sequence[OrNone[WireStreamStatus]]] = None


class ConfigJobRow(WireModel):
    """JobWithAttemptsRead: in a list, the attempts are not wrapped."""

    job: ConfigListedJob
    attempts: OrNone[Sequence[OrNone[WireAttempt]]] = None


class ConfigJobs(WireModel):
    """A page of jobs, newest first."""

    jobs: Sequence[OrNone[ConfigJobRow]]


class ConfigBasicSchedule(WireModel):
    """A fixed interval, such as 24 hours."""

    time_unit: OrNone[str] = None
    units: OrNone[int] = None


class ConfigCron(WireModel):
    """A cron expression in Quartz's format."""

    cron_expression: OrNone[str] = None


class ConfigScheduleData(WireModel):
    """One of the two is set, by the schedule's type."""

    basic_schedule: OrNone[ConfigBasicSchedule] = None
    cron: OrNone[ConfigCron] = None


class ConfigConnection(WireModel):
    """ConnectionRead."""

    connection_id: str
    name: OrNone[str] = None
    status: OrNone[Word] = None
    workspace_id: OrNone[str] = None
    source_id: OrNone[str] = None
    destination_id: OrNone[str] = None
    schedule_type: OrNone[Word] = None
    schedule_data: OrNone[ConfigScheduleData] = None
    schedule: OrNone[ConfigBasicSchedule] = None
    tags: OrNone[Sequence[OrNone[Tag]]] = None
    breaking_change: OrNone[bool] = None
    status_reason: OrNone[Text] = None
    """Why it is locked (since 2.1)."""


class StreamSelection(WireModel):
    """What is used of AirbyteStreamConfiguration."""

    selected: OrNone[bool] = None


class CatalogStream(WireModel):
    """A stream of a connection's catalog; `config` says whether it is selected."""

    stream: StreamDescriptor
    config: OrNone[StreamSelection] = None


class Catalog(WireModel):
    """AirbyteCatalog."""

    streams: Sequence[CatalogStream]


class ConnectionCatalog(WireModel):
    """ConnectionRead, of which only the catalog is wanted."""

    connection_id: str
    sync_catalog: Catalog


class ConfigConnections(WireModel):
    """All connections of a workspace."""

    connections: Sequence[OrNone[ConfigConnection]]


class WireWorkspace(WireModel):
    """A workspace, of either API."""

    workspace_id: str
    name: OrNone[str] = None


class ConfigWorkspaces(WireModel):
    """All workspaces that the credentials can see."""

    workspaces: Sequence[OrNone[WireWorkspace]]


@dataclass(slots=True)
class LogEvent:
    """A structured line (since 1.2); the time is in milliseconds.

    A dataclass with slots: a log may have a million lines, and a model takes five times the
    memory of one.
    """

    __pydantic_config__: ClassVar = WireModel.model_config

    timestamp: OrNone[Moment] = None
    message: OrNone[str] = None
    level: OrNone[Word] = None
    log_source: OrNone[str] = None
    stack_trace: OrNone[str] = None


@cache
def _log() -> TypeAdapter[list[str | LogEvent | None]]:
    """Return the validator of a log's lines: few commands read a log, and it takes 2 ms."""
    return TypeAdapter(list[OrNone[str | LogEvent]])


def read_log(elements: bytes) -> Sequence[str | LogEvent | None]:
    """Parse elements of a log, a JSON array. Raises ProtocolError if it is not JSON."""
    try:
        return _log().validate_python(load(elements))
    except ValueError as error:
        raise ProtocolError(f"the log is not valid JSON ({error})") from error


class Health(WireModel):
    """HealthCheckRead."""

    available: bool


class InstanceAuth(WireModel):
    """The server's authentication."""

    mode: OrNone[Word] = None
    """none, simple, or oidc."""


class InstanceConfiguration(WireModel):
    """What a self-managed server publishes about itself, without authentication."""

    version: OrNone[str] = None
    edition: OrNone[str] = None
    default_user_id: OrNone[str] = None
    """The user that owns the workspaces of a self-managed server."""
    auth: OrNone[InstanceAuth] = None
