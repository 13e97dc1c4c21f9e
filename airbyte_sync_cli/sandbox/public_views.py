"""The shapes of the Public API: jobs, connections, workspaces, tags."""

from collections.abc import Sequence
from datetime import UTC, datetime

from airbyte_sync_cli.sandbox.connection import Schedule, SimConnection, SimTag, SimWorkspace
from airbyte_sync_cli.sandbox.dataset import Ledger, Numbers
from airbyte_sync_cli.sandbox.job import FINAL, SimJob
from airbyte_sync_cli.sandbox.responses import Json, without_nulls
from airbyte_sync_cli.sandbox.versions import Quirks


def java_time(epoch: float) -> str:
    """Write a time as Java's `OffsetDateTime.toString()`: without seconds when they are 0."""
    moment = datetime.fromtimestamp(int(epoch), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if moment.second else "%Y-%m-%dT%H:%MZ")


def java_duration(seconds: float) -> str:
    """Write a duration as Java's `Duration.toString()`: hours are the largest unit."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "H"), (minutes, "M"), (rest, "S")]
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def public_type(stored: str) -> str:
    """Name a job's type as the Public API does."""
    return "reset" if stored == "reset_connection" else stored


def job_view(job: SimJob, quirks: Quirks, *, numbers: bool) -> Json:
    """Show a job. `numbers` is False in answers to POST and DELETE, which do not load them."""
    when = job.now()
    status, updated = job.status_at(when), job.updated_at(when)
    moved = (Ledger(job, when, quirks.flush_period).total() or Numbers()) if numbers else None
    return without_nulls(
        {
            "jobId": job.id,
            "status": status,
            "jobType": public_type(job.type),
            "startTime": java_time(job.created_at),
            "connectionId": job.connection_id,
            "lastUpdatedAt": java_time(updated) if status in FINAL else None,
            "duration": _duration(job, updated) if status != "pending" else None,
            "bytesSynced": moved.bytes_committed if moved else None,
            "rowsSynced": moved.records_committed if moved else None,
        }
    )


def _duration(job: SimJob, updated: float) -> str:
    # Frozen between two changes of status: Airbyte subtracts creation from the last update.
    return java_duration(int(updated) - int(job.created_at))


def connection_view(connection: SimConnection, quirks: Quirks) -> Json:
    """Show a connection."""
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
                "streams": [
                    {"name": stream, "syncMode": "incremental_append"}
                    for stream in connection.streams
                ]
            },
            "createdAt": int(connection.created_at),
            "tags": [tag_view(tag) for tag in connection.tags],
            "nonBreakingSchemaUpdatesBehavior": "ignore",
            "namespaceDefinition": "destination",
        },
    )


def _schedule(schedule: Schedule) -> Json:
    if schedule.type == "basic":
        timing = f"Every {schedule.units} {schedule.time_unit.upper()}"
        return {"scheduleType": "basic", "basicTiming": timing}
    if schedule.type == "cron":
        expression = f"{schedule.cron} {schedule.zone}"
        return {"scheduleType": "cron", "cronExpression": expression}
    return {"scheduleType": "manual"}


def workspace_view(workspace: SimWorkspace, quirks: Quirks) -> Json:
    """Show a workspace."""
    return quirks.fields(
        "WorkspaceResponse",
        {
            "workspaceId": workspace.id,
            "name": workspace.name,
            "dataResidency": "auto",
            "notifications": {},
        },
    )


def tag_view(tag: SimTag) -> Json:
    """Show a tag; both APIs show it alike."""
    return {
        "tagId": tag.id,
        "workspaceId": tag.workspace_id,
        "name": tag.name,
        "color": tag.color,
    }


def page_view(rows: Sequence[Json], *, url: str, query: str, limit: int, offset: int) -> Json:
    """Show one page. `next` is filled whenever the page is not empty, so on the last one too.

    Its host is the server's own setting and it drops most filters: nothing to follow.
    """

    def link(start: int) -> str:
        return f"{url}?{query}limit={limit}&offset={start}"

    return {
        "previous": link(max(offset - limit, 0)) if offset > 0 else "",
        "next": link(offset + limit) if rows else "",
        "data": list(rows),
    }
