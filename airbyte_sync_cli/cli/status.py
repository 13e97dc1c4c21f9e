"""`airbyte-sync status` and `cancel`: one look, or an end, for jobs and connections."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Work


@with_common_options
def status(
    *,
    common: Common,
    job_ids: opt.JobIds = None,
    conn: opt.Connections = None,
    tag: opt.Tags = None,
    exit_status: Annotated[
        bool,
        typer.Option("--exit-status", help="Let the exit code speak for the job."),
    ] = False,
) -> ExitCode:
    """Look once: at jobs, or at the latest job of connections.

    Exit 0 if it could be read, whatever the job's state. With --exit-status a job speaks as in
    `run`; one that still goes on is 12, and a connection without a job is 7.
    """

    def prepare(environ: Mapping[str, str]) -> "Work":
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import status as looks  # noqa: PLC0415  # --help needs no HTTP

        if job_ids:
            numbers = targets.job_numbers_alone(job_ids, conn, tag)
            return lambda session: looks.look_at_jobs(session, numbers, exit_status=exit_status)
        wanted, tags = targets.wanted_connections(conn, tag, environ, hint=targets.OR_LATEST_JOB)
        return lambda session: looks.look_at_connections(
            session, wanted, tags, exit_status=exit_status
        )

    return common.perform("status", prepare)


@with_common_options
def cancel(
    *,
    common: Common,
    job_ids: opt.JobIds = None,
    conn: opt.Connections = None,
    tag: opt.Tags = None,
) -> ExitCode:
    """Cancel active jobs, by id or by connection.

    Each is read first: what has ended already needs nothing and is exit 0. The cancel is
    confirmed by reading again.
    """

    def prepare(environ: Mapping[str, str]) -> "Work":
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import status as looks  # noqa: PLC0415  # --help needs no HTTP

        if job_ids:
            numbers = targets.job_numbers_alone(job_ids, conn, tag)
            return lambda session: looks.cancel_jobs(session, numbers)
        wanted, tags = targets.wanted_connections(conn, tag, environ, hint=targets.OR_ACTIVE_JOB)
        return lambda session: looks.cancel_connections(session, wanted, tags)

    return common.perform("cancel", prepare)
