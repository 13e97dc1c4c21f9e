"""`airbyte-sync status` and `cancel`, for jobs and connections."""

from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import Connections, JobIds, Tags

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("status")
def status(
    invocation: "Invocation",
    /,
    *,
    job_ids: JobIds = None,
    conn: Connections = None,
    tag: Tags = None,
    exit_status: Annotated[
        bool,
        typer.Option("--exit-status", help="Exit with the job's exit code."),
    ] = False,
) -> "Work":
    """Show jobs, or the latest job of connections.

    Exit 0 if the status could be read. With --exit-status the exit code is the job's, as in `run`;
    12 if it is still running, and 7 if the connection has no job.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.status import show_status  # noqa: PLC0415  # the same

    wanted = arguments.parse_jobs_or_connections(
        job_ids, conn, tag, invocation.wiring.environ, hint=arguments.OR_LATEST_JOB
    )
    return show_status(invocation, wanted, exit_status=exit_status)


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
