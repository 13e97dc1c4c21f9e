"""The resources of the Config API as JSON, named as its schemas (`ConnectionRead`)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from airbyte_sync_cli.sandbox.connection import (
    ActorKind,
    Schedule,
    SimConnection,
    SimWorkspace,
    stable_id,
)
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts
from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob
from airbyte_sync_cli.sandbox.job_log import log_view
from airbyte_sync_cli.sandbox.public_views import tag_response
from airbyte_sync_cli.sandbox.responses import Json, without_nulls
from airbyte_sync_cli.sandbox.versions import Quirks


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at this moment, in as much detail as an endpoint loads."""

    job: SimJob
    streams: Sequence[str]
    quirks: Quirks

    def light(self) -> Json:
        """Return the job alone, without counts."""
        when, job = self.job.now(), self.job
        return without_nulls(
            {
                "id": job.id,
                "configType": job.type,
                "configId": job.connection_id,
                "enabledStreams": [{"name": name} for name in self.streams],
                "createdAt": int(job.created_at),
                "updatedAt": int(job.updated_at(when)),
                # Absent before the first attempt; `createdAt` is the request's time.
                "startedAt": int(job.runs_at) if job.attempts_at(when) else None,
                "status": job.status_at(when),
            }
        )

    def full(self) -> Json:
        """Return the job with the counts of all attempts together."""
        total = self._counts().total()
        if total is None:  # no statistics at all: the fields are absent, not 0
            return self.light()
        resumed = self.quirks.fields("StreamStats", {"wasBackfilled": False, "wasResumed": False})
        streams = [
            {"streamName": name, **self._stats("StreamStats", part), **resumed}
            for name, part in self._by_stream(total)
        ]
        stats = {
            "aggregatedStats": self._stats("JobAggregatedStats", total),
            "streamAggregatedStats": streams,
        }
        return {**self.light(), **self.quirks.fields("JobRead", stats)}

    def with_logs(self) -> Json:
        """Return what `jobs/get` and every change of a job return: all logs, few counts."""
        return {"job": self.light(), "attempts": self.attempt_infos(logs=True, live=False)}

    def attempt_infos(self, *, logs: bool, live: bool = True) -> list[Json]:
        """Return the attempts, each with its log if wanted."""
        views = self.attempts(live=live)
        if not logs:
            return [{"attempt": each} for each in views]
        now = self.job.now()
        return [
            {"attempt": each, **log_view(self.job, attempt, now, self.quirks)}
            for each, attempt in zip(views, self.job.attempts_at(now), strict=True)
        ]

    def attempts(self, *, live: bool = True) -> list[Json]:
        """Return the attempts, with the counts of a running one if `live`."""
        return [
            self._attempt(attempt, counts if live or math.isfinite(attempt.end) else None)
            for attempt, counts in self._counts().attempts()
        ]

    def _counts(self) -> JobCounts:
        return JobCounts(self.job, self.job.now(), self.quirks.flush_period)

    def _by_stream(self, counts: Counts) -> list[tuple[str, Counts]]:
        number = len(self.streams)
        return [(name, counts.share(index, number)) for index, name in enumerate(self.streams)]

    def _stats(self, schema: str, counts: Counts) -> Json:
        stats = {
            "recordsEmitted": counts.records_emitted,
            "bytesEmitted": counts.bytes_emitted,
            "recordsCommitted": counts.records_committed,
            "bytesCommitted": counts.bytes_committed,
            "recordsRejected": 0,
        }
        return self.quirks.fields(schema, stats)

    def _attempt(self, attempt: JobAttempt, counts: Counts | None) -> Json:
        ended = math.isfinite(attempt.end)
        return without_nulls(
            {
                "id": attempt.number,  # from 0, and unique within the job only
                "status": attempt.status,
                "createdAt": int(attempt.start),
                "updatedAt": int(attempt.end if ended else attempt.start),
                "endedAt": int(attempt.end) if ended else None,
                # Two old fields, which are set only after the end.
                "bytesSynced": counts.bytes_emitted if counts and ended else None,
                "recordsSynced": counts.records_emitted if counts and ended else None,
                "totalStats": counts and {**self._attempt_stats(counts), **self._estimates()},
                "streamStats": counts
                and [
                    {"streamName": name, "stats": self._attempt_stats(part)}
                    for name, part in self._by_stream(counts)
                ],
                "failureSummary": self._failure_summary(attempt),
            }
        )

    def _attempt_stats(self, counts: Counts) -> Json:
        # JobHistoryHandler.hydrateWithStats leaves an attempt's committed bytes out.
        stats = self._stats("AttemptStats", counts)
        return {name: value for name, value in stats.items() if name != "bytesCommitted"}

    def _estimates(self) -> Json:
        script = self.job.script
        if not script.estimate:
            return {}
        return {"estimatedRecords": script.records, "estimatedBytes": script.byte_count}

    def _failure_summary(self, attempt: JobAttempt) -> Json | None:
        failure = attempt.failure
        if failure is None:
            return None
        # Before 0.57.3 the enum lacks `transient_error`, so the type is absent.
        known = self.quirks.knows("FailureReason", failure.type)
        reason = without_nulls(
            {
                "failureOrigin": failure.origin,
                "failureType": failure.type if known else None,
                "externalMessage": failure.message,
                "internalMessage": failure.internal_message or None,
                "stacktrace": failure.stacktrace or None,
                "retryable": failure.retryable,
                "timestamp": int(attempt.end * 1000),  # milliseconds, unlike all other times
            }
        )
        return {"failures": [reason], "partialSuccess": False}


def connection_read(connection: SimConnection, quirks: Quirks) -> Json:
    """Return a connection with its whole catalog."""
    own = {
        "operationIds": [],
        "breakingChange": False,
        "created_at": int(connection.created_at),
        "workspaceId": connection.workspace_id,
        "tags": [tag_response(tag) for tag in connection.tags],
    }
    return {**_common(connection), **quirks.fields("ConnectionRead", own)}


def _common(connection: SimConnection) -> Json:
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "namespaceDefinition": "destination",
        "sourceId": connection.source_id,
        "destinationId": connection.destination_id,
        "syncCatalog": {"streams": [_stream(name) for name in connection.streams]},
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
        "schemaChange": "no_change",
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
    return {**_common(connection), **quirks.fields("WebBackendConnectionRead", own)}


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
        {"streamDescriptor": {"name": name}, "streamState": {"cursor": str(int(max(ends)))}}
        for name in connection.streams
    ]
    return {"connectionId": connection.id, "stateType": "stream", "streamState": streams}


def _stream(name: str) -> Json:
    return {
        "stream": {
            "name": name,
            "jsonSchema": {"type": "object", "properties": {"id": {"type": "integer"}}},
            "supportedSyncModes": ["full_refresh", "incremental"],
        },
        "config": {
            "syncMode": "incremental",
            "destinationSyncMode": "append",
            "selected": True,
            "aliasName": name,
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
