"""The Config API's shapes of what has a name: connections with their catalogs, workspaces."""

from airbyte_sync_cli.sandbox.answers import Json, without_nulls
from airbyte_sync_cli.sandbox.connection import Schedule, SimConnection, SimWorkspace, stable_id
from airbyte_sync_cli.sandbox.public_views import tag_view


def connection_view(connection: SimConnection) -> Json:
    """Show a connection with its whole catalog."""
    return without_nulls(
        {
            "connectionId": connection.id,
            "name": connection.name,
            "namespaceDefinition": "destination",
            "sourceId": connection.source_id,
            "destinationId": connection.destination_id,
            "operationIds": [],
            "syncCatalog": {"streams": [_stream(name) for name in connection.streams]},
            **_schedule(connection.schedule),
            "status": connection.status,
            "breakingChange": False,
            "created_at": int(connection.created_at),
            "workspaceId": connection.workspace_id,
            "tags": [tag_view(tag) for tag in connection.tags],
        }
    )


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
