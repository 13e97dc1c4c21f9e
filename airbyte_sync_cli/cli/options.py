"""Options of the server and the network, each said once. Secrets are never options.

The environment is read by `settings`, which remembers where each value came from, not by Typer.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

SERVER = "Server and network"


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
        Literal["auto", "public", "config"] | None,
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
            "[env: AIRBYTE_TRIGGER_TIMEOUT; default: 180s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="A table of the config file. [env: AIRBYTE_PROFILE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    airflow_conn: Annotated[
        str | None,
        typer.Option(
            "--airflow-conn",
            metavar="NAME",
            help="Read this Airflow connection from the environment. [env: AIRBYTE_AIRFLOW_CONN]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="'K: V'",
            help="Extra header. Repeatable; secrets belong into the environment. "
            "[env: AIRBYTE_HEADERS]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    iap_audience: Annotated[
        str | None,
        typer.Option(
            "--iap-audience",
            metavar="CLIENT_ID",
            help="Client id of a Google IAP in front. [env: AIRBYTE_IAP_AUDIENCE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None,
        typer.Option(
            "--ca-bundle",
            metavar="FILE",
            help="Trust this private CA, too (PEM). [env: AIRBYTE_CA_BUNDLE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    client_cert: Annotated[
        Path | None,
        typer.Option(
            "--client-cert",
            metavar="FILE",
            help="Certificate for mutual TLS (PEM). [env: AIRBYTE_CLIENT_CERT]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    client_key: Annotated[
        Path | None,
        typer.Option(
            "--client-key",
            metavar="FILE",
            help="Its key, if that is another file. [env: AIRBYTE_CLIENT_KEY]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Do not check certificates; warns each time.",
            rich_help_panel=SERVER,
        ),
    ] = False,
) -> None:
    """Carry the options of the server; see `command.with_common_options`."""
