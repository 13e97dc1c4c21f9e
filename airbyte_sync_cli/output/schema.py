"""The JSON schemas of the reports, for docs/*.schema.json."""

from collections.abc import Mapping
from typing import Any

from airbyte_sync_cli.output.check_reports import CheckReport, ConfigReport
from airbyte_sync_cli.output.listing_reports import ConnectionsReport, LogsReport
from airbyte_sync_cli.sync.result import Report


def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Generate the schema of each kind of report from its model."""
    return {
        "result": _schema(Report, "airbyte-sync result"),
        "connections": _schema(ConnectionsReport, "airbyte-sync connections"),
        "check": _schema(CheckReport, "airbyte-sync check"),
        "config": _schema(ConfigReport, "airbyte-sync config show"),
        "logs": _schema(LogsReport, "airbyte-sync logs"),
    }


def _schema(model: type[Report], title: str) -> Mapping[str, Any]:
    content = model.model_json_schema(mode="serialization")
    return {**content, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
