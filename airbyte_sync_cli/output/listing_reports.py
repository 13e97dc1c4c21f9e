"""The reports of `connections` and `logs`."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, PlainSerializer

from airbyte_sync_cli.sync.result import Frozen, Report


class ConnectionRow(Frozen):
    """One connection. What is unknown is null."""

    connection_id: str = Field(description="Airbyte's id, a UUID")
    connection_name: str = Field(description="its name")
    status: str = Field(description="Airbyte's word")
    workspace_id: str | None = Field(description="where it lives")
    source_id: str | None = Field(description="a UUID")
    source_name: str | None = Field(description="null where names cannot be read")
    destination_id: str | None = Field(description="a UUID")
    destination_name: str | None = Field(description="null where names cannot be read")
    schedule_type: str | None = Field(description="manual, basic or cron")
    schedule: str | None = Field(description="the schedule for people")
    tags: tuple[str, ...] = Field(description="their names")
    url: str | None = Field(description="the connection in Airbyte's web UI")


class ConnectionsReport(Report):
    """What `connections` has to say."""

    connections: tuple[ConnectionRow, ...] = Field(
        default=(), description="by name; empty where they could not be read"
    )

    def ids(self) -> list[str]:
        """List the connections' ids."""
        return [row.connection_id for row in self.connections]


def _as_utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


UtcMilli = Annotated[
    datetime, PlainSerializer(_as_utc_text, return_type=str, when_used="json-unless-none")
]
"""Logs tell milliseconds."""


class LogRow(Frozen):
    """One line of a log."""

    attempt: int = Field(description="from 1")
    level: str | None = Field(description="trace, debug, info, warn or error")
    source: str | None = Field(description="source, destination, platform …")
    at: UtcMilli | None = Field(description="when it was written")
    message: str = Field(description="without control characters")


class LogsReport(Report):
    """What `logs` has to say; the job itself stands in `syncs`."""

    lines: tuple[LogRow, ...] = Field(
        default=(), description="in the order of the log; empty where it could not be read"
    )
