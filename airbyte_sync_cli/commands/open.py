"""What `open` does."""

from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    in_session,
)
from airbyte_sync_cli.commands.status import read_job
from airbyte_sync_cli.errors import NotFoundError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sync.state import SyncState


async def open_in_browser(invocation: Invocation, wanted: int | str) -> CommandResult:
    """Print the link to a job (by id) or a connection, and open it if stdout is a terminal.

    Raises NotFoundError where the address of the web UI is not known.
    """

    async def find(session: Session) -> CommandResult:
        state = await _find(session, wanted)
        if state.url is None:
            raise NotFoundError(
                "the address of the web UI is unknown",
                hint="set --url to the root of the server instead of its API",
            )
        # A link in a pipe is for a program; a browser would open on the wrong machine.
        if invocation.output.is_for_people and invocation.wiring.open_browser is not None:
            invocation.wiring.open_browser(state.url)
        return CommandResult(
            syncs=[state.result()], exit_code=ExitCode.OK, text=state.url, must_be_printed=True
        )

    return await in_session(invocation, Selection.of(wanted), find)


async def _find(session: Session, wanted: int | str) -> SyncState:
    if isinstance(wanted, int):
        return await read_job(session, wanted)
    [connection] = await session.select(Selection.of(wanted))
    url = session.airbyte.job_url(connection, None)
    return SyncState(key=connection.id, connection=connection, adopted=True, url=url)
