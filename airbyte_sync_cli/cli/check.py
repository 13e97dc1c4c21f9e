"""`airbyte-sync check`: check the connection to Airbyte, step by step."""

from typing import TYPE_CHECKING

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import Connections

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("check")
def check(invocation: "Invocation", /, *, conn: Connections = None) -> "Work":
    """Test the connection to Airbyte step by step.

    Stops at the first step that fails, and prints how to fix it. Steps: URL, DNS, TCP, TLS, proxy
    or login page, API, authentication, version; with --conn also the connection and its latest
    job. Starts no sync. Exit 0 if every step passes.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.check import check_access  # noqa: PLC0415  # the same

    wanted = arguments.parse_optional_connections(conn, invocation.wiring.environ)
    return check_access(invocation, wanted.connections)
