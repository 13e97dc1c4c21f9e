"""`airbyte-sync connections`, `workspaces` and `jobs`: list what Airbyte has."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.completion import complete_tag
from airbyte_sync_cli.cli.run_options import Connections

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work

Status = Literal["pending", "queued", "running", "incomplete", "succeeded", "failed", "cancelled"]
"""Airbyte's words for the status of a job."""


@command("connections")
def connections(
    invocation: "Invocation",
    /,
    *,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="TEXT",
            help="Only connections with this text in their name, id, source or destination.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Only connections with this tag. Repeatable: with any of the tags.",
            autocompletion=complete_tag,
        ),
    ] = None,
) -> "Work":
    """List connections with their ids, statuses, schedules and tags.

    `-o id` prints connection ids only. Exit 7 if none matches.
    """
    from airbyte_sync_cli.commands.listings import (  # noqa: PLC0415  # --help needs no HTTP
        list_connections,
        parse_filter,
    )

    return list_connections(invocation, parse_filter(search, tag))


@command("workspaces")
def workspaces(invocation: "Invocation", /) -> "Work":
    """List workspaces with their ids and numbers of connections.

    `-o id` prints workspace ids only, for --workspace.
    """
    from airbyte_sync_cli.commands.listings import list_workspaces  # noqa: PLC0415  # as above

    return list_workspaces(invocation)


@command("jobs")
def jobs(
    invocation: "Invocation",
    /,
    *,
    conn: Connections = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="Maximum number of jobs.")
    ] = 20,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only jobs with this status.")
    ] = None,
) -> "Work":
    """List a connection's jobs, newest first; slow ones are marked.

    A bar shows each job's duration. A job is marked as slow if it took more than twice the median
    of the succeeded jobs of its type among the newest 100, and as small if it succeeded with less
    than half of their median records. With fewer than five such jobs, nothing is marked.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.listings import JobsOptions, list_jobs  # noqa: PLC0415

    wanted = arguments.parse_connections(
        conn, None, invocation.wiring.environ, hint=arguments.ONE_BY_ONE
    )
    return list_jobs(invocation, wanted, JobsOptions(limit=limit, status=status))
