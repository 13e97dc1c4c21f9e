"""Options of the server and the network, each said once. Secrets are never options."""

from enum import StrEnum
from typing import Annotated

import typer

SERVER = "Server and network"


class ApiOption(StrEnum):
    """Which API to speak."""

    AUTO = "auto"
    PUBLIC = "public"
    CONFIG = "config"


def server_options(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Any address of Airbyte. [env: AIRBYTE_URL; default: http://localhost:8000]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    api: Annotated[
        ApiOption | None,
        typer.Option(
            "--api",
            help="Which API to speak; auto finds out. [env: AIRBYTE_API]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            "--workspace",
            metavar="ID",
            help="Look for names and tags only there. [env: AIRBYTE_WORKSPACE_ID]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    request_timeout: Annotated[
        str | None,
        typer.Option(
            "--request-timeout",
            metavar="DURATION",
            help="Limit of one request. [env: AIRBYTE_REQUEST_TIMEOUT; default: 30s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    trigger_timeout: Annotated[
        str | None,
        typer.Option(
            "--trigger-timeout",
            metavar="DURATION",
            help="Limit of a trigger, which Airbyte may hold for a minute and more. "
            "[default: 180s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
) -> None:
    """Carry the options of the server; see `command.with_common_options`."""
