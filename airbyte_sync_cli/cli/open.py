"""`airbyte-sync open`: the page of a job or a connection in Airbyte's web UI."""

from typing import TYPE_CHECKING

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import Connections, JobId

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("open")
def open_page(
    invocation: "Invocation", /, *, job_id: JobId = None, conn: Connections = None
) -> "Work":
    """Open a job or a connection in Airbyte's web UI.

    The link is always printed; on a terminal it is opened in a browser, if there is one.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.open import open_in_browser  # noqa: PLC0415  # the same

    wanted = arguments.parse_one_job(job_id, conn, invocation.wiring.environ)
    return open_in_browser(invocation, wanted)
