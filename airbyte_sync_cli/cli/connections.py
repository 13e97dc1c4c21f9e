"""`airbyte-sync connections`: what there is, so that nobody copies ids out of a browser."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Work


@with_common_options
def connections(
    *,
    common: Common,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="TEXT",
            help="Only those with this text in the name, the id, the source or the destination.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Only those with this tag. Repeatable: any of them is enough.",
        ),
    ] = None,
) -> ExitCode:
    """List connections with their ids, statuses, schedules and tags.

    `-o id` prints bare connection ids. Nothing that matches is exit 7.
    """

    def prepare(_environ: Mapping[str, str]) -> "Work":
        from airbyte_sync_cli.commands import listings  # noqa: PLC0415  # --help needs no HTTP

        wanted = listings.wanted(search, tag)
        return lambda session: listings.list_connections(session, wanted)

    return common.perform("connections", prepare)
