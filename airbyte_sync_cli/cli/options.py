"""The options that every command has: server and output."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

if TYPE_CHECKING:
    from airbyte_sync_cli.output.options import OutputOptions
    from airbyte_sync_cli.settings import ServerOptions

SERVER: Final = "Server and network"
CREDENTIALS: Final = (
    "From the environment or a profile, never from options. None is the default.",
    "Otherwise one of these kinds:",
    "  AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET  an application",
    "  AIRBYTE_TOKEN                                a bearer token",
    "  AIRBYTE_USERNAME and AIRBYTE_PASSWORD        basic authentication",
    "Each can also name a file that holds it: AIRBYTE_TOKEN_FILE=PATH, and so on.",
)
"""The lines of each help about them."""


def server_options(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Airbyte's address, as pasted from a browser. "
            "[env: AIRBYTE_URL; default: http://localhost:8000]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    api: Annotated[
        Literal["auto", "public", "config"] | None,
        typer.Option(
            "--api",
            help="Which of Airbyte's APIs to use; auto finds out. [env: AIRBYTE_API]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            "--workspace",
            metavar="ID|NAME",
            help="Look for names and tags in this workspace only. [env: AIRBYTE_WORKSPACE_ID]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    request_timeout: Annotated[
        str | None,
        typer.Option(
            "--request-timeout",
            metavar="DURATION",
            help="Longest time for one request. [env: AIRBYTE_REQUEST_TIMEOUT; default: 30s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    trigger_timeout: Annotated[
        str | None,
        typer.Option(
            "--trigger-timeout",
            metavar="DURATION",
            help="The same for a request that starts a job: Airbyte may take over a minute. "
            "[env: AIRBYTE_TRIGGER_TIMEOUT; default: 180s]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Take settings from this profile of the config file. [env: AIRBYTE_PROFILE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    airflow_conn: Annotated[
        str | None,
        typer.Option(
            "--airflow-conn",
            metavar="NAME",
            help="Take address and credentials from the variable AIRFLOW_CONN_NAME. "
            "[env: AIRBYTE_AIRFLOW_CONN]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="'K: V'",
            help="Send this header, too. Repeatable. Put secrets into the environment instead. "
            "[env: AIRBYTE_HEADERS]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    iap_audience: Annotated[
        str | None,
        typer.Option(
            "--iap-audience",
            metavar="CLIENT_ID",
            help="Client id of the Google Identity-Aware Proxy before Airbyte. "
            "[env: AIRBYTE_IAP_AUDIENCE]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None,
        typer.Option(
            "--ca-bundle",
            metavar="FILE",
            help="Trust the private CA in this PEM file, too. [env: AIRBYTE_CA_BUNDLE]",
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
            help="Key of --client-cert, if in another file. [env: AIRBYTE_CLIENT_KEY]",
            rich_help_panel=SERVER,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Do not check the server's certificate; warns each time.",
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
    environ: Mapping[str, str],
    /,
    *,
    output: Annotated[
        Literal["text", "json", "id"] | None,
        typer.Option(
            "--output",
            "-o",
            help="The result on stdout: for people, one line of JSON, or bare job ids. "
            "[env: AIRBYTE_OUTPUT; default: text]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option("--log-format", help="Form of the lines on stderr.", rich_help_panel=OUTPUT),
    ] = "text",
    heartbeat: Annotated[
        str,
        typer.Option(
            "--heartbeat",
            metavar="DURATION",
            help="After so long without news, say on stderr that it goes on; 0 is never.",
            rich_help_panel=OUTPUT,
        ),
    ] = "60s",
    result_file: Annotated[
        Path | None,
        typer.Option(
            "--result-file",
            metavar="PATH",
            help="Write the result as JSON to this file, too.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Only warnings and errors on stderr.", rich_help_panel=OUTPUT
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="-v explains more, -vv shows every request.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = 0,
) -> "OutputOptions":
    """Parse what was typed about the output. Raises UsageError."""
    from airbyte_sync_cli.output.options import parse_output_options  # noqa: PLC0415  # as above

    return parse_output_options(
        output=output,
        log_format=log_format,
        heartbeat=heartbeat,
        result_file=result_file,
        quiet=quiet,
        verbose=verbose,
        environ=environ,
    )
