"""`airbyte-sync check`: the way to Airbyte, one step at a time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Play


@with_common_options
def check(*, common: Common, conn: opt.Connections = None) -> ExitCode:
    """Check the connection to Airbyte, and say what is broken.

    One step at a time, up to the first that fails, with how to fix it:
    address, name, port, TLS, proxy or login page, API, sign-in, version; with --conn also the
    connection and its latest job. Starts nothing. Exit 0 if every step passes.
    """

    def prepare(environ: Mapping[str, str]) -> "Play":
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import check as checks  # noqa: PLC0415  # --help needs no HTTP

        names = targets.connections_if_any(conn, environ)
        return lambda settings, output: checks.walk(settings, output, names)

    return common.play("check", prepare)
