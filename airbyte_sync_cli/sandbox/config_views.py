"""The resources of the Config API as JSON, named as its schemas (`ConnectionRead`)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from airbyte_sync_cli.sandbox.connection import (
    ActorKind,
    Schedule,
    SimConnection,
    SimStream,
    SimWorkspace,
    stable_id,
)
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts, StreamCounts
from airbyte_sync_cli.sandbox.job import MANUAL_CANCELLATION, JobAttempt, SimJob
from airbyte_sync_cli.sandbox.job_log import log_view
from airbyte_sync_cli.sandbox.public_views import tag_response
from airbyte_sync_cli.sandbox.responses import Json, without_nulls
from airbyte_sync_cli.sandbox.script import JobFailure
from airbyte_sync_cli.sandbox.versions import Quirks


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at this moment, in as much detail as an endpoint loads."""

    job: SimJob
    streams: Sequence[SimStream]
    """Those that jobs of its connection move."""
    quirks: Quirks

    def light(self) -> Json:
        """Return the job alone, without counts."""
        when, job = self.job.now(), self.job
        asked = [descriptor(each) for each in job.streams or self.streams]
        refresh = {"streamsToRefresh": asked} if job.type == "refresh" else None
        return without_nulls(
            {
                "id": job.id,
                "configType": job.type,
                "configId": job.connection_id,
                # Its whole catalog, whatever streams were requested (JobConverter).
                "enabledStreams": [descriptor(each) for each in self.streams],
                "resetConfig": {"streamsToReset": asked}
                if job.type == "reset_connection"
                else None,
                **self.quirks.fields("JobRead", {"refreshConfig": refresh}),
                "createdAt": int(job.created_at),
                "updatedAt": int(job.updated_at(when)),
                # Absent before the first attempt; `createdAt` is the request's time.
                "startedAt": int(job.runs_at) if job.attempts_at(when) else None,
                "status": job.status_at(when),
            }
        )

    def full(self) -> Json:
        """Return the job with the counts of all attempts together.

        Without any statistics these are 0, and no stream has any: Airbyte sums up an empty list
        (StatsAggregationHelper.getJobAggregatedStats). Its attempts show that nothing is known.
        """
        counts = self._counts().by_stream()
        resumed = self.quirks.fields("StreamStats", {"wasBackfilled": False, "wasResumed": False})
        streams = [
            {**_stream_name(stream), **self._stats("StreamStats", part), **resumed}
            for stream, part in (counts.of(self.streams) if counts else ())
        ]
        total = counts.total if counts else Counts()
        stats = {
            "aggregatedStats": self._stats("JobAggregatedStats", total),
            "streamAggregatedStats": streams,
        }
        return {**self.light(), **self.quirks.fields("JobRead", stats)}

    def with_logs(self) -> Json:
        """Return what `jobs/get` and every change of a job return: all logs, few counts."""
        return {"job": self.light(), "attempts": self.attempt_infos(logs=True)}

    def attempt_infos(self, *, logs: bool) -> list[Json]:
        """Return the attempts, each with its log if wanted."""
        views = self.attempts(listed=False)
        if not logs:
            return [{"attempt": each} for each in views]
        now = self.job.now()
        return [
            {"attempt": each, **log_view(self.job, attempt, now, self.quirks)}
            for each, attempt in zip(views, self.job.attempts_at(now), strict=True)
        ]

    def attempts(self, *, listed: bool = True) -> list[Json]:
        """Return the attempts, as a list of jobs has them, or a response about one job.

        The latter knows the attempts' output only, which is written at the end
        (JobConverter.getAttemptRead), not the table of statistics (JobHistoryHandler).
        """
        return [
            self._attempt(attempt, counts, listed=listed)
            for attempt, counts in self._counts().attempts()
        ]

    def _counts(self) -> JobCounts:
        return JobCounts(self.job, self.job.now(), self.quirks.flush_period)

    def _stats(self, schema: str, counts: Counts) -> Json:
        stats = {
            "recordsEmitted": counts.records_emitted,
            "bytesEmitted": counts.bytes_emitted,
            "recordsCommitted": counts.records_committed,
            "bytesCommitted": counts.bytes_committed,
            "recordsRejected": counts.records_rejected,
        }
        return self.quirks.fields(schema, stats)

    def _attempt(self, attempt: JobAttempt, counts: StreamCounts | None, *, listed: bool) -> Json:
        ended = math.isfinite(attempt.end)
        output = counts if ended and MANUAL_CANCELLATION not in attempt.failures else None
        shown = counts if listed else output
        total = None if output is None else output.total
        return without_nulls(
            {
                "id": attempt.number,  # from 0, and unique within the job only
                "status": attempt.status,
                "createdAt": int(attempt.start),
                "updatedAt": int(attempt.end if ended else attempt.start),
                "endedAt": int(attempt.end) if ended else None,
                # Two old fields, which are set only after the end.
                "bytesSynced": total.bytes_emitted if total and ended else None,
                "recordsSynced": total.records_emitted if total and ended else None,
                "totalStats": shown and self._attempt_total(shown.total, listed=listed),
                "streamStats": shown and self._attempt_streams(shown, listed=listed),
                "failureSummary": self._failure_summary(attempt, total),
            }
        )

    def _attempt_total(self, counts: Counts, *, listed: bool) -> Json:
        stats = self._attempt_stats(counts, listed=listed)
        return {**stats, **self._estimates()} if listed else stats

    def _attempt_streams(self, counts: StreamCounts, *, listed: bool) -> list[Json]:
        return [
            {
                **(_stream_name(stream) if listed else {"streamName": stream.name}),
                "stats": self._attempt_stats(part, listed=listed),
            }
            for stream, part in counts.of(self.streams)
        ]

    def _attempt_stats(self, counts: Counts, *, listed: bool) -> Json:
        # StatsAggregationHelper.hydrateWithStats leaves an attempt's committed bytes out, and
        # SyncStatsBuilder stores no rejected records where there are none.
        has_rejected = listed and counts.records_rejected
        left_out = {"bytesCommitted", *(() if has_rejected else ("recordsRejected",))}
        stats = self._stats("AttemptStats", counts)
        return {name: value for name, value in stats.items() if name not in left_out}

    def _estimates(self) -> Json:
        script = self.job.script
        if not script.estimate:
            return {}
        return {"estimatedRecords": script.records, "estimatedBytes": script.byte_count}

    def _failure_summary(self, attempt: JobAttempt, total: Counts | None) -> Json | None:
        if not attempt.failures:
            return None
        # Whether it committed anything; absent where the workflow got no output of it
        # (ConnectionManagerWorkflowImpl, in every version).
        partial = None if total is None else total.records_committed > 0
        reasons = [self._failure(attempt, each) for each in attempt.failures]
        return without_nulls({"failures": reasons, "partialSuccess": partial})

    def _failure(self, attempt: JobAttempt, failure: JobFailure) -> Json:
        # Before 0.57.3 the enum lacks `transient_error`, so the type is absent.
        known = failure.type and self.quirks.knows("FailureReason", failure.type)
        return without_nulls(
            {
                "failureOrigin": failure.origin or None,
                "failureType": failure.type if known else None,
                "externalMessage": failure.message or None,
                "internalMessage": failure.internal_message or None,
                "stacktrace": failure.stacktrace or None,
                "retryable": failure.retryable,
                "timestamp": int(attempt.end * 1000),  # milliseconds, unlike all other times
            }
        )


def descriptor(stream: SimStream) -> Json:
    """Return a stream as a StreamDescriptor."""
    return without_nulls({"name": stream.name, "namespace": stream.namespace})


def _stream_name(stream: SimStream) -> Json:
    return without_nulls({"streamName": stream.name, "streamNamespace": stream.namespace})


def connection_read(connection: SimConnection, quirks: Quirks) -> Json:
    """Return a connection with its configured catalog, as CatalogConverter does."""
    own = {
        "operationIds": [],
        "breakingChange": connection.breaking_change,
        "statusReason": connection.status_reason,
        "created_at": int(connection.created_at),
        "workspaceId": connection.workspace_id,
        "tags": [tag_response(tag) for tag in connection.tags],
    }
    catalog = _catalog(connection.selected, quirks)
    return {**_common(connection), **catalog, **quirks.fields("ConnectionRead", own)}


def _catalog(streams: Sequence[SimStream], quirks: Quirks) -> Json:
    return {"syncCatalog": {"streams": [_stream(each, quirks) for each in streams]}}


def _common(connection: SimConnection) -> Json:
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "namespaceDefinition": "destination",
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        **_schedule(connection.schedule),
        "status": connection.status,
    }


def web_backend_read(connection: SimConnection, jobs: Sequence[SimJob], quirks: Quirks) -> Json:
    """Return a connection with everything that its page in the web app shows."""
    latest = jobs[-1] if jobs else None
    own = {
        "source": actor_read("source", connection, quirks),
        "destination": actor_read("destination", connection, quirks),
        "operations": [],
        "latestSyncJobCreatedAt": int(latest.created_at) if latest else None,
        "latestSyncJobStatus": latest.status if latest else None,
        "isSyncing": latest is not None and latest.active,
        "schemaChange": "breaking" if connection.breaking_change else "no_change",
        "notifySchemaChanges": False,
        "notifySchemaChangesByEmail": False,
        "nonBreakingChangesPreference": "ignore",
        "sourceActorDefinitionVersion": _definition_version("source", connection.source, quirks),
        "destinationActorDefinitionVersion": _definition_version(
            "destination", connection.destination, quirks
        ),
        "tags": [tag_response(tag) for tag in connection.tags],
        "onDemandEnabled": False,
    }
    # The streams that are not selected, too: it merges in what was discovered.
    catalog = _catalog(connection.streams, quirks)
    return {**_common(connection), **catalog, **quirks.fields("WebBackendConnectionRead", own)}


def _definition_version(kind: str, name: str, quirks: Quirks) -> Json:
    version = {
        "dockerRepository": f"airbyte/{kind}-{name.lower()}",
        "dockerImageTag": "1.0.0",
        "supportsRefreshes": kind == "destination",
        "isVersionOverrideApplied": False,
        "supportState": "supported",
        "supportsFileTransfer": False,
        "supportsDataActivation": False,
    }
    return quirks.fields("DefinitionVersionRead", version)


def actor_read(kind: ActorKind, connection: SimConnection, quirks: Quirks) -> Json:
    """Return a connection's source or destination."""
    name = connection.actor_name(kind)
    return {
        f"{kind}Id": connection.actor_id(kind),
        "name": name,
        f"{kind}Name": name,
        f"{kind}DefinitionId": stable_id(f"{kind}-definition", name),
        "workspaceId": connection.workspace_id,
        "connectionConfiguration": {},
        **quirks.fields("SourceRead", {"createdAt": int(connection.created_at)}),
    }


def state_read(connection: SimConnection, jobs: Sequence[SimJob]) -> Json:
    """Return the state: per stream, a cursor at the end of the latest success."""
    ends = [job.ends_at for job in jobs if job.status == "succeeded"]
    if not ends:
        return {"connectionId": connection.id, "stateType": "not_set"}
    streams = [
        {"streamDescriptor": descriptor(each), "streamState": {"cursor": str(int(max(ends)))}}
        for each in connection.selected
    ]
    return {"connectionId": connection.id, "stateType": "stream", "streamState": streams}


def _stream(stream: SimStream, quirks: Quirks) -> Json:
    mappers = [{"type": each, "mapperConfiguration": {}} for each in stream.mappers]
    return {
        "stream": {
            **descriptor(stream),
            "jsonSchema": {"type": "object", "properties": {"id": {"type": "integer"}}},
            "supportedSyncModes": ["full_refresh", "incremental"],
        },
        "config": {
            "syncMode": "incremental",
            "destinationSyncMode": "append",
            "selected": stream.selected,
            "aliasName": stream.name,
            **quirks.fields("AirbyteStreamConfiguration", {"mappers": mappers}),
        },
    }


def _schedule(schedule: Schedule) -> Json:
    if schedule.type == "basic":
        basic = {"units": schedule.units, "timeUnit": schedule.time_unit}
        return {"scheduleType": "basic", "scheduleData": {"basicSchedule": basic}}
    if schedule.type == "cron":
        cron = {"cronExpression": schedule.cron, "cronTimeZone": schedule.zone}
        return {"scheduleType": "cron", "scheduleData": {"cron": cron}}
    return {"scheduleType": "manual"}


def workspace_read(workspace: SimWorkspace) -> Json:
    """Return a workspace."""
    return {
        "workspaceId": workspace.id,
        "customerId": stable_id("customer", workspace.name),
        "organizationId": stable_id("organization", "default"),
        "name": workspace.name,
        "slug": workspace.name.lower().replace(" ", "-"),
        "initialSetupComplete": True,
    }
