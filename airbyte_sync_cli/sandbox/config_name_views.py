"""The Config API's shapes of what has a name: connections with their catalogs, workspaces."""

from collections.abc import Sequence

from airbyte_sync_cli.sandbox.actors import config_view
from airbyte_sync_cli.sandbox.answers import Json
from airbyte_sync_cli.sandbox.connection import Schedule, SimConnection, SimWorkspace, stable_id
from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.public_views import tag_view
from airbyte_sync_cli.sandbox.versions import Quirks


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
