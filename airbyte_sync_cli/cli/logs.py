"""`airbyte-sync logs`: the log of a job, while it runs or afterwards."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import JobId, LatestOf

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("logs")
def logs(
    invocation: "Invocation",
    /,
    *,
    job_id: JobId = None,
    conn: LatestOf = None,
    attempt: Annotated[
        int | None,
        typer.Option(
            "--attempt",
            metavar="N",
            min=1,
            help="Attempt number, from 1.",
            show_default="the latest",
        ),
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(
            "--tail", metavar="N", min=0, help="Show only the last N lines.", show_default="all"
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Print new lines until the job ends."),
    ] = False,
    level: Annotated[
        Literal["trace", "debug", "info", "warn", "error"],
        typer.Option("--level", help="Show only lines of this level or above."),
    ] = "trace",
) -> "Work":
    """Print Airbyte's log of a job.

    Needs Airbyte's Config API; if it is unreachable, the URL of the job in the web UI is printed.
    `--follow` includes later attempts; Ctrl-C stops it, but not the job. Exit 0 if the log could
    be read, whatever the job's outcome. With `--follow -o json`, each line is a JSON object, and
    the report comes last.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.logs import LogOptions, show_log  # noqa: PLC0415  # the same

    job = arguments.parse_one_job(job_id, conn, invocation.wiring.environ)
    options = LogOptions(job=job, attempt=attempt, tail=tail, level=level, follow=follow)
    return show_log(invocation, options)
