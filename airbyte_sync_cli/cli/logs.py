"""`airbyte-sync logs`: what Airbyte logged for a job, while it runs or afterwards."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Work


@with_common_options
def logs(
    *,
    common: Common,
    job_id: Annotated[
        str | None, typer.Argument(metavar="JOB_ID", help="A job's id. Or give --conn.")
    ] = None,
    conn: opt.LatestOf = None,
    attempt: Annotated[
        int | None,
        typer.Option(
            "--attempt",
            metavar="N",
            min=1,
            help="Which attempt, counted from 1.",
            show_default="the latest",
        ),
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(
            "--tail", metavar="N", min=0, help="Only the last N lines.", show_default="all"
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on with new lines until the job has ended."),
    ] = False,
    level: Annotated[
        Literal["trace", "debug", "info", "warn", "error"],
        typer.Option("--level", help="Only lines of this level or above."),
    ] = "trace",
) -> ExitCode:
    """Show what Airbyte logged for a job.

    This needs Airbyte's Config API; where that cannot be reached, the job's page in the web UI
    is named. `--follow` goes on over all attempts that begin meanwhile; Ctrl-C ends it and
    leaves the job alone. Exit 0 if the log could be read, however the job ended.
    """

    def prepare(environ: Mapping[str, str]) -> "Work":
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import logs as logs_reading  # noqa: PLC0415  # --help needs no HTTP

        wanted = logs_reading.Wanted(
            job=targets.one_job(job_id, conn, environ), attempt=attempt, tail=tail, level=level
        )
        if follow:
            return lambda session: logs_reading.follow_log(session, wanted)
        return lambda session: logs_reading.show_log(session, wanted)

    return common.perform("logs", prepare, stops_itself=follow)
