"""Options of every command: server and output."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from airbyte_sync_cli.cli.completion import complete_profile, complete_workspace

if TYPE_CHECKING:
    from airbyte_sync_cli.output.options import OutputOptions
    from airbyte_sync_cli.settings import ServerOptions

SERVER: Final = "Server and network"
CREDENTIALS: Final = (
    "From environment variables or a profile, not from options. None by default.",
    "One of these kinds:",
    "  AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET  an application",
    "  AIRBYTE_TOKEN                                a bearer token",
    "  AIRBYTE_USERNAME and AIRBYTE_PASSWORD        basic authentication",
    "Each can be read from a file: AIRBYTE_TOKEN_FILE=PATH, and so on.",
)
"""These lines are part of every help."""


def server_options(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="URL of Airbyte: server root, web UI or API. "
            "[env: AIRBYTE_URL; default: http://localhost:8000]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    api: Annotated[
        Literal["auto", "public", "config"] | None,
        typer.Option(
            "--api",
            help="Airbyte API to use; auto detects it. [env: AIRBYTE_API]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            "--workspace",
            metavar="ID|NAME",
            help="Resolve names and tags in this workspace only. [env: AIRBYTE_WORKSPACE_ID]",
            autocompletion=complete_workspace,
            rich_help_panel=SERVER,
        ),
    ] = None,
    request_timeout: Annotated[
        str | None,
        typer.Option(
            "--request-timeout",
            metavar="DURATION",
            help="Timeout of one request. [env: AIRBYTE_REQUEST_TIMEOUT; default: 30s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    trigger_timeout: Annotated[
        str | None,
        typer.Option(
            "--trigger-timeout",
            metavar="DURATION",
            help="Timeout of a trigger request; Airbyte may take more than a minute. "
            "[env: AIRBYTE_TRIGGER_TIMEOUT; default: 180s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Read settings from this profile of the config file. [env: AIRBYTE_PROFILE]",
            autocompletion=complete_profile,
            rich_help_panel=SERVER,
        ),
    ] = None,
    airflow_conn: Annotated[
        str | None,
        typer.Option(
            "--airflow-conn",
            metavar="NAME",
            help="Read URL and credentials from the environment variable AIRFLOW_CONN_NAME. "
            "[env: AIRBYTE_AIRFLOW_CONN]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="'K: V'",
            help="Also send this header. Repeatable. Use the environment variable for secrets. "
            "[env: AIRBYTE_HEADERS]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    iap_audience: Annotated[
        str | None,
        typer.Option(
            "--iap-audience",
            metavar="CLIENT_ID",
            help="OAuth client id of the Google Identity-Aware Proxy in front of Airbyte. "
            "[env: AIRBYTE_IAP_AUDIENCE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None,
        typer.Option(
            "--ca-bundle",
            metavar="FILE",
            help="Also trust the private CA in this PEM file. [env: AIRBYTE_CA_BUNDLE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    client_cert: Annotated[
        Path | None,
        typer.Option(
            "--client-cert",
            metavar="FILE",
            help="Client certificate for mutual TLS (PEM). [env: AIRBYTE_CLIENT_CERT]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    client_key: Annotated[
        Path | None,
        typer.Option(
            "--client-key",
            metavar="FILE",
            help="Private key of --client-cert, if in a separate file. [env: AIRBYTE_CLIENT_KEY]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Do not verify the server's certificate; prints a warning.",
            rich_help_panel=SERVER,
        ),
    ] = False,
) -> "ServerOptions":
    """Return what was typed about the server."""
    from airbyte_sync_cli.settings import ServerOptions  # noqa: PLC0415  # --help needs no settings

    return ServerOptions(
        url=url,
        api=api,
        workspace=workspace,
        request_timeout=request_timeout,
        trigger_timeout=trigger_timeout,
        profile=profile,
        airflow_conn=airflow_conn,
        header=header,
        iap_audience=iap_audience,
        ca_bundle=ca_bundle,
        client_cert=client_cert,
        client_key=client_key,
        insecure=insecure,
    )


OUTPUT = "Output"


def output_options(
    command: str,
    environ: Mapping[str, str],
    /,
    *,
    output: Annotated[
        Literal["text", "json", "id", "csv"] | None,
        typer.Option(
            "--output",
            "-o",
            help="Format of the result on stdout: text, one line of JSON, job ids, or CSV for a "
            "listing. "
            "[env: AIRBYTE_OUTPUT; default: text]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option("--log-format", help="Format of the log on stderr.", rich_help_panel=OUTPUT),
    ] = "text",
    heartbeat: Annotated[
        str,
        typer.Option(
            "--heartbeat",
            metavar="DURATION",
            help="Log a heartbeat after this long without changes; 0 is never.",
            rich_help_panel=OUTPUT,
        ),
    ] = "60s",
    result_file: Annotated[
        Path | None,
        typer.Option(
            "--result-file",
            metavar="PATH",
            help="Also write the JSON result to this file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Log only warnings and errors.", rich_help_panel=OUTPUT
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="-v logs more, -vv logs every request.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = 0,
) -> "OutputOptions":
    """Parse what was typed about the output. Raises UsageError."""
    from airbyte_sync_cli.output.options import parse_output_options  # noqa: PLC0415  # as above

    return parse_output_options(
        command,
        output=output,
        log_format=log_format,
        heartbeat=heartbeat,
        result_file=result_file,
        quiet=quiet,
        verbose=verbose,
        environ=environ,
    )
