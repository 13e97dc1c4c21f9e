"""`airbyte-sync status` and `cancel`, for jobs and connections."""

from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import SELECT, Connections, JobIds, Tags, TagsOfAll
from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("status")
def status(
    invocation: "Invocation",
    /,
    *,
    job_ids: JobIds = None,
    conn: Connections = None,
    tag: TagsOfAll = None,
    failing: Annotated[
        bool,
        typer.Option(
            "--failing",
            help="Only connections whose latest job failed, was cancelled or is stuck, or which "
            "Airbyte disabled.",
            rich_help_panel=SELECT,
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Look again every 10 seconds until Ctrl-C; in a pipe, print what changes.",
        ),
    ] = False,
    exit_status: Annotated[
        bool,
        typer.Option("--exit-status", help="Exit with the job's exit code."),
    ] = False,
) -> "Work":
    """Show all connections with their latest job, or single jobs.

    Without arguments, or with --tag, --failing or --watch: a table, the failed ones last. A job
    is stuck if it is pending for more than 15 minutes, or running for three times its usual
    duration and 15 minutes above it. The usual duration is the median of the latest successes.

    Exit 0 if the status could be read. With --exit-status the exit code is the job's, as in `run`;
    12 if it is still running, and 7 if the connection has no job.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP

    wanted = arguments.parse_jobs_or_connections(
        job_ids, conn, tag, invocation.wiring.environ, hint=None
    )
    if wanted.job_ids and (failing or watch):
        raise UsageError(
            "--failing and --watch are for connections, not for jobs",
            hint="`airbyte-sync wait JOB_ID` follows a job",
        )
    if watch and exit_status:
        raise UsageError("--watch and --exit-status exclude each other", hint="use one of them")
    if (wanted.job_ids or wanted.connections) and not (wanted.tags or failing or watch):
        from airbyte_sync_cli.commands.status import show_status  # noqa: PLC0415  # as above

        return show_status(invocation, wanted, exit_status=exit_status)
    from airbyte_sync_cli.commands.overview import (  # noqa: PLC0415  # as above
        OverviewOptions,
        show_overview,
    )

    options = OverviewOptions(failing=failing, exit_status=exit_status, watch=watch)
    return show_overview(invocation, wanted, options)


@command("cancel")
def cancel(
    invocation: "Invocation",
    /,
    *,
    job_ids: JobIds = None,
    conn: Connections = None,
    tag: Tags = None,
) -> "Work":
    """Cancel active jobs, by id or by connection.

    Each job is read first; if it has already ended, no cancel is sent, and the exit code is 0. A
    cancel is confirmed by reading the job again.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.status import cancel_jobs  # noqa: PLC0415  # the same

    wanted = arguments.parse_jobs_or_connections(
        job_ids, conn, tag, invocation.wiring.environ, hint=arguments.OR_ACTIVE_JOB
    )
    return cancel_jobs(invocation, wanted)
