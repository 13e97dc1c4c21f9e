"""`airbyte-sync config show`: every setting, and where it came from."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Play


@partial(with_common_options, without={"heartbeat"})  # it is over at once
def config(
    *,
    common: Common,
    action: Annotated[
        Literal["show"], typer.Argument(help="show: print every setting.", metavar="show")
    ],
) -> ExitCode:
    """Show every setting, and where it came from.

    Secrets are masked, and nothing is contacted. The order is: option, environment, Airflow
    connection, profile, default.
    """

    def prepare(environ: Mapping[str, str]) -> "Play":
        from airbyte_sync_cli.commands import config as configs  # noqa: PLC0415  # --help needs no settings

        return lambda settings, output: configs.show(settings, output, environ)

    return common.play(f"config {action}", prepare)
