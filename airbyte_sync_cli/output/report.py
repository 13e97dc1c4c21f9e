"""The JSON reports with more keys than `Report`, one pydantic model per kind, and the schemas."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, PlainSerializer

from airbyte_sync_cli.sync.result import FailureResult, Frozen, Report, UtcSecond


class StepRow(Frozen):
    """One step of the check."""

    name: str = Field(description="address, dns, tcp, tls, api, sign-in, version, connection, job")
    outcome: Literal["ok", "warning", "failed"] = Field(description="the outcome of the step")
    message: str = Field(description="the finding")
    hint: str | None = Field(default=None, description="how to fix it")
    seconds: float = Field(description="duration")


class CheckReport(Report):
    """The report of `check`."""

    steps: tuple[StepRow, ...] = Field(
        default=(), description="in order, up to the first that failed"
    )


class SettingRow(Frozen):
    """One setting."""

    name: str = Field(description="as in a profile")
    value: str | None = Field(description="redacted for a secret; null if not set")
    origin: str = Field(description="the source of the value")
    secret: bool = Field(description="whether the value is redacted")


class ConfigReport(Report):
    """The report of `config show`."""

    values: tuple[SettingRow, ...] = Field(default=(), description="every setting")


class ConnectionRow(Frozen):
    """One connection. What is unknown is null."""

    connection_id: str = Field(description="Airbyte's id, a UUID")
    connection_name: str = Field(description="its name")
    status: str = Field(description="Airbyte's connection status")
    workspace_id: str | None = Field(description="the workspace's id")
    source_id: str | None = Field(description="a UUID")
    source_name: str | None = Field(description="null if names cannot be read")
    destination_id: str | None = Field(description="a UUID")
    destination_name: str | None = Field(description="null if names cannot be read")
    schedule_type: str | None = Field(description="manual, basic or cron")
    schedule: str | None = Field(description="the schedule as text")
    tags: tuple[str, ...] = Field(description="tag names")
    disabled_reason: str | None = Field(
        description="why Airbyte switched it off, in its own word (since 0.64)"
    )
    disabled_by: str | None = Field(description="the user who switched it off (since 0.64)")
    disabled_at: UtcSecond | None = Field(description="when it was switched off, UTC")
    url: str | None = Field(description="the connection in Airbyte's web UI")


class ConnectionsReport(Report):
    """The report of `connections`."""

    connections: tuple[ConnectionRow, ...] = Field(
        default=(), description="by name; empty if they could not be read"
    )

    def rows(self) -> tuple[type[Frozen], Sequence[Frozen]]:
        """Return the connections."""
        return ConnectionRow, self.connections

    def ids(self) -> list[str]:
        """List the connections' ids."""
        return [row.connection_id for row in self.connections]


class WorkspaceRow(Frozen):
    """One workspace. What is unknown is null."""

    workspace_id: str = Field(description="Airbyte's id, a UUID")
    workspace_name: str | None = Field(description="its name; names need not be unique")
    connections: int | None = Field(description="number of connections that can be read")


class WorkspacesReport(Report):
    """The report of `workspaces`."""

    workspaces: tuple[WorkspaceRow, ...] = Field(
        default=(), description="by name; empty if they could not be read"
    )

    def rows(self) -> tuple[type[Frozen], Sequence[Frozen]]:
        """Return the workspaces."""
        return WorkspaceRow, self.workspaces

    def ids(self) -> list[str]:
        """List the workspaces' ids."""
        return [row.workspace_id for row in self.workspaces]


def _as_utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


UtcMilli = Annotated[
    datetime, PlainSerializer(_as_utc_text, return_type=str, when_used="json-unless-none")
]
"""To the millisecond, as in logs."""


class LogRow(Frozen):
    """One line of a log."""

    attempt: int = Field(description="attempt number, from 1")
    level: str | None = Field(description="trace, debug, info, warn or error")
    source: str | None = Field(description="source, destination, platform …")
    at: UtcMilli | None = Field(description="time of the entry")
    message: str = Field(description="without control characters")


class LogsReport(Report):
    """The report of `logs`; the job itself is in `syncs`."""

    lines: tuple[LogRow, ...] = Field(
        default=(),
        description="in the order of the log; empty if it could not be read, and with --follow, "
        "which prints each line as an object of its own before",
    )


REPORTS: Final[Mapping[str, type[Report]]] = {
    "connections": ConnectionsReport,
    "workspaces": WorkspacesReport,
    "check": CheckReport,
    "config init": CheckReport,
    "config show": ConfigReport,
    "logs": LogsReport,
}
"""By command; all others have the plain `Report`."""


def csv_text(report: Report) -> str:
    """Return the rows of a report as CSV (RFC 4180, with a header), without a final newline.

    Objects within a row are left out, but for the message of a failure: they have no cell.
    """
    model, rows = report.rows()
    names = [name for name, field in model.model_fields.items() if _has_cell(field.annotation)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = row.model_dump(mode="json")
        writer.writerow([_cell(values[name]) for name in names])
    return text.getvalue().removesuffix("\n")


def _has_cell(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return issubclass(annotation, FailureResult)
    return all(_has_cell(part) for part in get_args(annotation))


def _cell(value: object) -> object:
    match value:
        case bool():
            return "true" if value else "false"  # as in JSON
        case list():
            return ", ".join(map(str, value))
        case {"message": message}:
            return message
        case _:
            return value  # None becomes an empty cell


def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Generate the schema of each kind of report from its model."""
    return {
        "result": _schema(Report, "airbyte-sync result"),
        "connections": _schema(ConnectionsReport, "airbyte-sync connections"),
        "workspaces": _schema(WorkspacesReport, "airbyte-sync workspaces"),
        "check": _schema(CheckReport, "airbyte-sync check"),
        "config": _schema(ConfigReport, "airbyte-sync config show"),
        "logs": _schema(LogsReport, "airbyte-sync logs"),
    }


def _schema(model: type[Report], title: str) -> Mapping[str, Any]:
    content = model.model_json_schema(mode="serialization")
    return {**content, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
