"""What the Config API shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.sandbox.actors import config_view
from airbyte_sync_cli.sandbox.connection import Schedule, SimConnection, SimWorkspace, stable_id
from airbyte_sync_cli.sandbox.dataset import Ledger, Numbers
from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob
from airbyte_sync_cli.sandbox.logs import log_of, shown
from airbyte_sync_cli.sandbox.public_views import tag_view
from airbyte_sync_cli.sandbox.responses import Json, without_nulls
from airbyte_sync_cli.sandbox.versions import Quirks


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at this moment, shown in as much detail as an endpoint loads."""

    job: SimJob
    streams: Sequence[str]
    quirks: Quirks

    def light(self) -> Json:
        """Show the job alone: no statistics."""
        when, job = self.job.now(), self.job
        return without_nulls(
            {
                "id": job.id,
                "configType": job.type,
                "configId": job.connection_id,
                "enabledStreams": [{"name": name} for name in self.streams],
                "createdAt": int(job.created_at),
                "updatedAt": int(job.updated_at(when)),
                "startedAt": int(job.runs_at) if job.attempts_at(when) else None,
                "status": job.status_at(when),
            }
        )

    def full(self) -> Json:
        """Show the job with the statistics of all attempts together."""
        total = self.total()
        if total is None:
            return self.light()
        origin = self.quirks.fields("StreamStats", {"wasBackfilled": False, "wasResumed": False})
        streams = [{**each, **origin} for each in self.streams_of(total)]
        numbers = {
            "aggregatedStats": self.numbers("JobAggregatedStats", total),
            "streamAggregatedStats": streams,
        }
        return {**self.light(), **self.quirks.fields("JobRead", numbers)}

    def total(self) -> Numbers | None:
        """Add up the numbers of all attempts; None where nothing is known."""
        return self._ledger().total()

    def streams_of(self, total: Numbers) -> list[Json]:
        """Show each stream's part of the numbers."""
        return [
            {
                "streamName": name,
                **self.numbers("StreamStats", total.share(index, len(self.streams))),
            }
            for index, name in enumerate(self.streams)
        ]

    def numbers(self, schema: str, numbers: Numbers) -> Json:
        """Show the numbers of an attempt, of a whole job, or of one of its streams."""
        shown = {
            "recordsEmitted": numbers.records_emitted,
            "bytesEmitted": numbers.bytes_emitted,
            "recordsCommitted": numbers.records_committed,
            "bytesCommitted": numbers.bytes_committed,
            "recordsRejected": 0,
        }
        return self.quirks.fields(schema, shown)

    def attempts(self, *, live: bool = True) -> list[Json]:
        """Show the attempts, with or without the numbers of one that still runs."""
        return [
            self._attempt(attempt, numbers if live or math.isfinite(attempt.end) else None)
            for attempt, numbers in self._ledger().attempts()
        ]

    def attempt_infos(self, *, logs: bool, live: bool = True) -> list[Json]:
        """Show the attempts, each with its log where asked for."""
        views = self.attempts(live=live)
        if not logs:
            return [{"attempt": each} for each in views]
        known = self.job.attempts_at(self.job.now())
        return [
            {"attempt": each, **self._log(attempt)}
            for each, attempt in zip(views, known, strict=True)
        ]

    def numbers_of(self, number: int) -> Numbers | None:
        """Find the numbers of one attempt; None where there are none yet."""
        rows = {attempt.number: numbers for attempt, numbers in self._ledger().attempts()}
        return rows.get(number)

    def _ledger(self) -> Ledger:
        return Ledger(self.job, self.job.now(), self.quirks.flush_period)

    def _log(self, attempt: JobAttempt) -> Json:
        lines = log_of(self.job, attempt, self.job.now())
        return shown(lines, self.quirks)

    def _attempt(self, attempt: JobAttempt, numbers: Numbers | None) -> Json:
        ended = math.isfinite(attempt.end)
        return without_nulls(
            {
                "id": attempt.number,
                "status": attempt.status,
                "createdAt": int(attempt.start),
                "updatedAt": int(attempt.end if ended else attempt.start),
                "endedAt": int(attempt.end) if ended else None,
                "bytesSynced": numbers.bytes_emitted if numbers and ended else None,
                "recordsSynced": numbers.records_emitted if numbers and ended else None,
                "totalStats": numbers and self._attempt_numbers(numbers),
                "streamStats": numbers and self._stream_numbers(numbers),
                "failureSummary": self._failure_summary(attempt),
            }
        )

    def _attempt_numbers(self, numbers: Numbers) -> Json:
        script = self.job.script
        estimates = {
            "estimatedRecords": script.records if script.estimate else None,
            "estimatedBytes": script.byte_count if script.estimate else None,
        }
        return {**self._without_committed_bytes(numbers), **without_nulls(estimates)}

    def _stream_numbers(self, numbers: Numbers) -> list[Json]:
        parts = [numbers.share(index, len(self.streams)) for index in range(len(self.streams))]
        return [
            {"streamName": name, "stats": self._without_committed_bytes(part)}
            for name, part in zip(self.streams, parts, strict=True)
        ]

    def _without_committed_bytes(self, numbers: Numbers) -> Json:
        # Only `attempt/get_combined_stats` has them (JobHistoryHandler, hydrateWithStats).
        shown = self.numbers("AttemptStats", numbers)
        return {name: value for name, value in shown.items() if name != "bytesCommitted"}

    def _failure_summary(self, attempt: JobAttempt) -> Json | None:
        failure = attempt.failure
        if failure is None:
            return None
        known = self.quirks.knows("FailureReason", failure.type)
        reason = without_nulls(
            {
                "failureOrigin": failure.origin,
                "failureType": failure.type if known else None,
                "externalMessage": failure.message,
                "internalMessage": failure.internal_message or None,
                "stacktrace": failure.stacktrace or None,
                "retryable": failure.retryable,
                "timestamp": int(attempt.end * 1000),
            }
        )
        return {"failures": [reason], "partialSuccess": False}


def progress_view(connection: SimConnection, view: JobView | None) -> Json:
    """Show `sync_progress`; when nothing runs, next to nothing (the schema asks for more)."""
    if view is None:
        return {"connectionId": connection.id, "streams": []}
    total, job, type_ = view.total(), view.light(), {"configType": view.job.type}
    streams = view.streams_of(total) if total else [{"streamName": each} for each in view.streams]
    started = "createdAt" if view.quirks.dates_progress_by_creation else "startedAt"
    return without_nulls(
        {
            "connectionId": connection.id,
            "jobId": view.job.id,
            **type_,
            "syncStartedAt": job.get(started),
            **(view.numbers("ConnectionSyncProgressRead", total) if total else {}),
            "streams": [{**each, **type_} for each in streams],
        }
    )


def debug_view(view: JobView, connection: SimConnection) -> Json:
    """Show `get_debug_info`: little of the job, but logs, numbers and connector definitions."""
    job = view.light()
    return {
        "job": {
            **{name: job[name] for name in ("id", "configType", "configId", "status")},
            "airbyteVersion": view.quirks.release,
            "sourceDefinition": _definition("source", connection.source),
            "destinationDefinition": {
                **_definition("destination", connection.destination),
                **view.quirks.fields("DefinitionRead", _OLD_DESTINATION),
            },
        },
        "attempts": view.attempt_infos(logs=True),
        "workflowState": {"running": view.job.active},
    }


_OLD_DESTINATION: Final = {
    "supportsDbt": False,
    "normalizationConfig": {"supported": False},
    "supportRefreshes": True,
}
"""What a destination's definition told in older versions."""


def _definition(kind: str, name: str) -> Json:
    return {
        f"{kind}DefinitionId": stable_id(f"{kind}-definition", name),
        "name": name,
        "dockerRepository": f"airbyte/{kind}-{name.lower()}",
        "dockerImageTag": "1.0.0",
        "documentationUrl": f"https://docs.airbyte.com/integrations/{kind}s/{name.lower()}",
    }


def connection_view(connection: SimConnection, quirks: Quirks) -> Json:
    """Show a connection with its whole catalog."""
    own = {
        "operationIds": [],
        "breakingChange": False,
        "created_at": int(connection.created_at),
        "workspaceId": connection.workspace_id,
        "tags": [tag_view(tag) for tag in connection.tags],
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


def web_view(connection: SimConnection, jobs: Sequence[SimJob], quirks: Quirks) -> Json:
    """Show a connection with all that a web page about it needs."""
    latest = jobs[-1] if jobs else None
    own = {
        "source": config_view("source", connection, quirks),
        "destination": config_view("destination", connection, quirks),
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
        "tags": [tag_view(tag) for tag in connection.tags],
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


def state_view(connection: SimConnection, jobs: Sequence[SimJob]) -> Json:
    """Show the state: per stream, a cursor at the end of the latest success."""
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


def workspace_view(workspace: SimWorkspace) -> Json:
    """Show a workspace."""
    return {
        "workspaceId": workspace.id,
        "customerId": stable_id("customer", workspace.name),
        "organizationId": stable_id("organization", "default"),
        "name": workspace.name,
        "slug": workspace.name.lower().replace(" ", "-"),
        "initialSetupComplete": True,
    }
