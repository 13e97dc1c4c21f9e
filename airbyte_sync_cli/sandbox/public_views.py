"""The resources of the Public API as JSON, named as its schemas (`ConnectionResponse`)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from airbyte_sync_cli.sandbox.connection import (
    ActorKind,
    Schedule,
    SimConnection,
    SimStream,
    SimTag,
    SimWorkspace,
    stable_id,
)
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts
from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.responses import Json, without_nulls
from airbyte_sync_cli.sandbox.script import FINAL
from airbyte_sync_cli.sandbox.versions import Quirks


def java_time(epoch: float) -> str:
    """Format a time as Java's `OffsetDateTime.toString()`: without seconds when they are 0."""
    moment = datetime.fromtimestamp(int(epoch), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if moment.second else "%Y-%m-%dT%H:%MZ")


def java_duration(seconds: float) -> str:
    """Format a duration as Java's `Duration.toString()`: hours are the largest unit."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "H"), (minutes, "M"), (rest, "S")]
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def public_type(stored: str) -> str:
    """Return a job type as the Public API names it."""
    return "reset" if stored == "reset_connection" else stored


def job_response(job: SimJob, quirks: Quirks, *, counted: bool) -> Json:
    """Return a job. Responses to POST and DELETE are not `counted`: they load no statistics."""
    when = job.now()
    status, updated = job.status_at(when), job.updated_at(when)
    counts = (JobCounts(job, when, quirks.flush_period).total() or Counts()) if counted else None
    return without_nulls(
        {
            "jobId": job.id,
            "status": status,
            "jobType": public_type(job.type),
            "startTime": java_time(job.created_at),
            "connectionId": job.connection_id,
            # Both only move with the status (JobResponseMapper): useless as progress.
            "lastUpdatedAt": java_time(updated) if status in FINAL else None,
            "duration": _duration(job, updated) if status != "pending" else None,
            # Committed, not emitted; 0 where the Config API has no statistics at all.
            "bytesSynced": counts.bytes_committed if counts else None,
            "rowsSynced": counts.records_committed if counts else None,
        }
    )


def _duration(job: SimJob, updated: float) -> str:
    # Frozen between two changes of status: Airbyte subtracts creation from the last update.
    return java_duration(int(updated) - int(job.created_at))


def connection_response(connection: SimConnection, quirks: Quirks) -> Json:
    """Return a connection."""
    return quirks.fields(
        "ConnectionResponse",
        {
            "connectionId": connection.id,
            "name": connection.name,
            "sourceId": connection.source_id,
            "destinationId": connection.destination_id,
            "workspaceId": connection.workspace_id,
            "status": connection.status,
            "schedule": _schedule(connection.schedule),
            "dataResidency": "auto",
            "configurations": {
                "streams": [_stream(stream, quirks) for stream in connection.selected]
            },
            "createdAt": int(connection.created_at),
            "tags": [tag_response(tag) for tag in connection.tags],
            "nonBreakingSchemaUpdatesBehavior": "ignore",
            "namespaceDefinition": "destination",
        },
    )


def _stream(stream: SimStream, quirks: Quirks) -> Json:
    own = {"name": stream.name, "namespace": stream.namespace, "syncMode": "incremental_append"}
    return quirks.fields("StreamConfiguration", own)


def _schedule(schedule: Schedule) -> Json:
    if schedule.type == "basic":
        timing = f"Every {schedule.units} {schedule.time_unit.upper()}"
        return {"scheduleType": "basic", "basicTiming": timing}
    if schedule.type == "cron":
        expression = f"{schedule.cron} {schedule.zone}"
        return {"scheduleType": "cron", "cronExpression": expression}
    return {"scheduleType": "manual"}


def actor_response(kind: ActorKind, connection: SimConnection, quirks: Quirks) -> Json:
    """Return a connection's source or destination."""
    name = connection.actor_name(kind)
    newer = {
        "definitionId": stable_id(f"{kind}-definition", name),
        "createdAt": int(connection.created_at),
    }
    return {
        f"{kind}Id": connection.actor_id(kind),
        "name": name,
        f"{kind}Type": name.lower(),
        "workspaceId": connection.workspace_id,
        "configuration": {},
        **quirks.fields("SourceResponse", newer),
    }


def workspace_response(workspace: SimWorkspace, quirks: Quirks) -> Json:
    """Return a workspace."""
    return quirks.fields(
        "WorkspaceResponse",
        {
            "workspaceId": workspace.id,
            "name": workspace.name,
            "dataResidency": "auto",
            "notifications": {},
        },
    )


def tag_response(tag: SimTag) -> Json:
    """Return a tag; it is the same in both APIs."""
    return {
        "tagId": tag.id,
        "workspaceId": tag.workspace_id,
        "name": tag.name,
        "color": tag.color,
    }


def page_response(rows: Sequence[Json], *, url: str, limit: int, offset: int) -> Json:
    """Return one page. `next` is set whenever the page has rows, so on the last page too.

    Its host is a setting of the server, and it drops most filters: a client cannot follow it.
    """

    def link(start: int) -> str:
        return f"{url}limit={limit}&offset={start}"

    return {
        "previous": link(max(offset - limit, 0)) if offset > 0 else "",
        "next": link(offset + limit) if rows else "",
        "data": list(rows),
    }
