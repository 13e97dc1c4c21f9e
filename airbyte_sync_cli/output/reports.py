"""The reports of commands that list something: everybody's keys, and one of their own.

Each such command names its model here; its extra key is there in every ending, empty in an
early one. The models are made only for the command that needs them.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, PlainSerializer

from airbyte_sync_cli.sync.result import Frozen, Report


class ConnectionRow(Frozen):
    """One connection. What is unknown is null."""

    connection_id: str
    connection_name: str
    status: str = Field(description="Airbyte's word")
    workspace_id: str | None
    source_id: str | None
    source_name: str | None
    destination_id: str | None
    destination_name: str | None
    schedule_type: str | None = Field(description="manual, basic or cron")
    schedule: str | None = Field(description="the schedule for people")
    tags: tuple[str, ...]
    url: str | None = Field(description="the connection in Airbyte's web UI")


class ConnectionsReport(Report):
    """What `connections` has to say."""

    connections: tuple[ConnectionRow, ...] = ()

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
    at: UtcMilli | None
    message: str


class LogsReport(Report):
    """What `logs` has to say; the job itself stands in `syncs`."""

    lines: tuple[LogRow, ...] = ()


def report_class(command: str | None) -> type[Report]:
    """Tell the model of a command's report."""
    match command:
        case "connections":
            return ConnectionsReport
        case "logs":
            return LogsReport
        case _:
            return Report
