"""`airbyte-sync config`: show every setting and its origin, or add a profile."""

import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


# It is over at once; and the file that `init` writes need not exist yet.
@command("config {action}", without={"heartbeat"}, unsettled={"config init"})
def config(
    invocation: "Invocation",
    /,
    *,
    action: Annotated[
        Literal["show", "init"],
        typer.Argument(help="show: print all settings; init: add a profile.", metavar="show|init"),
    ],
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="init: the profile's name.", show_default="[default]"),
    ] = None,
) -> "Work":
    """Show every setting and its source, or add a profile.

    show: secrets are redacted, and no request is sent. Precedence: option, environment, Airflow
    connection, profile, default.

    init: takes URL and credentials from options and the environment, asks for the rest on a
    terminal, tests them as `check` does, and writes the profile if every step passes.
    """
    if action == "init":
        from airbyte_sync_cli.commands.config_init import init_config  # noqa: PLC0415  # as below

        return init_config(invocation, name)
    from airbyte_sync_cli.commands.config import show_config  # noqa: PLC0415  # --help is light

    if name is not None:
        raise UsageError(
            f"unexpected: {shlex.quote(name)}", hint="to show a profile, use --profile NAME"
        )
    return show_config(invocation)
