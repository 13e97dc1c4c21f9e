"""`airbyte-sync config show`: every setting and its origin."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli.command import command

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("config show", without={"heartbeat"})  # it is over at once
def config(
    invocation: "Invocation",
    /,
    *,
    action: Annotated[
        Literal["show"], typer.Argument(help="show: print all settings.", metavar="show")
    ],
) -> "Work":
    """Print every setting and its source.

    Secrets are redacted, and no request is sent. Precedence: option, environment, Airflow
    connection, profile, default.
    """
    from airbyte_sync_cli.commands.config import show_config  # noqa: PLC0415  # --help is light

    del action  # there is only one
    return show_config(invocation)
