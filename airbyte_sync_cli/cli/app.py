"""The command line: which commands there are, and how they are called."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from airbyte_sync_cli import __version__
from airbyte_sync_cli.cli.demo import demo
from airbyte_sync_cli.cli.run import run as run_command
from airbyte_sync_cli.cli.run import trigger
from airbyte_sync_cli.cli.sandbox import sandbox_command
from airbyte_sync_cli.cli.status import cancel, status
from airbyte_sync_cli.cli.wait import wait
from airbyte_sync_cli.exit_codes import ExitCode

NAME: Final = "airbyte-sync"
SYNCS: Final = "Syncs"
OFFLINE: Final = "Without a server"

app = typer.Typer(
    name=NAME,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run", rich_help_panel=SYNCS)(run_command)
app.command("trigger", rich_help_panel=SYNCS)(trigger)
app.command("wait", rich_help_panel=SYNCS)(wait)
app.command("status", rich_help_panel=SYNCS)(status)
app.command("cancel", rich_help_panel=SYNCS)(cancel)
app.command("demo", rich_help_panel=OFFLINE)(demo)
app.command("sandbox", rich_help_panel=OFFLINE)(sandbox_command)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # Typer's form of a callback
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[  # its callback does the work
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Start Airbyte syncs, wait for them, and tell the truth about them."""


def run(argv: Sequence[str]) -> int:
    """Run a command line to its exit code; what is wrong with it is said as everything else."""
    command = typer.main.get_command(app)
    try:
        code = command.main(list(argv) or ["--help"], prog_name=NAME, standalone_mode=False)
    except TyperException as error:
        return _wrong_usage(argv, error)
    except typer.Abort:  # a question was answered with Ctrl-C
        return ExitCode.SIGINT
    return code if isinstance(code, int) else ExitCode.OK


def _wrong_usage(argv: Sequence[str], error: TyperException) -> int:
    from airbyte_sync_cli.clock import SystemClock  # noqa: PLC0415  # only on this way out
    from airbyte_sync_cli.errors import UsageError  # noqa: PLC0415
    from airbyte_sync_cli.output.options import early_options  # noqa: PLC0415
    from airbyte_sync_cli.output.output import Output  # noqa: PLC0415

    context = getattr(error, "ctx", None)
    path = context.command_path if context else NAME
    output = Output(
        path.removeprefix(NAME).strip() or None,
        early_options(argv, os.environ),
        environ=os.environ,
        clock=SystemClock(),
        stdout=sys.stdout,
        stderr=sys.stderr,
    )
    problem = UsageError(error.format_message().rstrip("."), hint=f"`{path} --help` shows more")
    return output.conclude((), error=problem, exit_code=problem.exit_code)
