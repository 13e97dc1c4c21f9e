"""Options of the output, each said once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

OUTPUT = "Output"


def output_options(
    *,
    output: Annotated[
        Literal["text", "json", "id"],
        typer.Option(
            "--output",
            "-o",
            envvar="AIRBYTE_OUTPUT",
            show_envvar=False,
            show_default=False,
            help="The result on stdout: for people, one line of JSON, or bare job ids. "
            "[env: AIRBYTE_OUTPUT; default: text]",
            rich_help_panel=OUTPUT,
        ),
    ] = "text",
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
) -> None:
    """Carry the options of the output; see `command.with_common_options`."""
