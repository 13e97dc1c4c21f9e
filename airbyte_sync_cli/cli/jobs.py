"""`airbyte-sync jobs`: a connection's history, so that a slow night is seen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Work


Status = Literal["pending", "queued", "running", "incomplete", "succeeded", "failed", "cancelled"]
"""Airbyte's words for the state of a job."""


@with_common_options
def jobs(
    *,
    common: Common,
    conn: opt.Connections = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many jobs.")
    ] = 20,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only jobs in this state.")
    ] = None,
) -> ExitCode:
    """List a connection's jobs, newest first, the slow ones marked.

    Each has a bar for how long it took. A run is marked as slow that took more than twice the
    median of the succeeded jobs of its type among the newest 100, and as small if it succeeded
    with less than half of their median of records; with fewer than five such jobs nothing is
    marked.
    """

    def prepare(environ: Mapping[str, str]) -> "Work":
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import listings  # noqa: PLC0415  # --help needs no HTTP

        names, _ = targets.wanted_connections(conn, None, environ, hint=targets.ONE_BY_ONE)
        return lambda session: listings.list_jobs(session, names, limit=limit, status=status)

    return common.perform("jobs", prepare)
