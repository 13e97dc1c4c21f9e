"""The reports of commands that list something: everybody's keys, and one of their own.

Each such command names its model here; its extra key is there in every ending, empty in an
early one. The models are made only for the command that needs them.
"""

from airbyte_sync_cli.sync.result import Report


def report_class(command: str | None) -> type[Report]:
    """Tell the model of a command's report."""
    match command:
        case "connections":
            from airbyte_sync_cli.output import listing_reports  # noqa: PLC0415  # as needed

            return listing_reports.ConnectionsReport
        case "check":
            from airbyte_sync_cli.output import check_reports  # noqa: PLC0415  # as needed

            return check_reports.CheckReport
        case "config show":
            from airbyte_sync_cli.output import check_reports  # noqa: PLC0415  # as needed

            return check_reports.ConfigReport
        case "logs":
            from airbyte_sync_cli.output import listing_reports  # noqa: PLC0415  # as needed

            return listing_reports.LogsReport
        case _:
            return Report
