"""What `status` does without a job or a connection: all connections at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from airbyte_sync_cli.airbyte.models import Connection
from airbyte_sync_cli.commands.listings import ConnectionFilter, nothing_found
from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    in_session,
)
from airbyte_sync_cli.commands.status import without_outcome
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.overview import overview_text
from airbyte_sync_cli.sync.overview import OverviewReader, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewOptions:
    """What to show, and what decides the exit code."""

    failing: bool = False
    """Only those that failed, were cancelled or are stuck."""
    exit_status: bool = False


async def show_overview(
    invocation: Invocation, wanted: Selection, options: OverviewOptions
) -> CommandResult:
    """Show the latest job of each connection that is named, or of all."""
    return await in_session(invocation, wanted, lambda session: _show(session, wanted, options))


async def _show(session: Session, wanted: Selection, options: OverviewOptions) -> CommandResult:
    connections = await _select(session, wanted)
    if not connections:
        session.output.warn("no connections found that these credentials can read")
    reader = OverviewReader(session.airbyte, session.clock)
    rows = await reader.read(connections)
    for row in rows:
        if row.error is not None:
            session.output.warn(f"{row.connection.name!r}: {row.error.message}")
    shown = [row for row in rows if row.is_failing or not options.failing]
    text = overview_text(shown, every=len(rows), now=reader.now(), screen=session.output.screen)
    return replace(_result(shown, exit_status=options.exit_status), text=text)


async def _select(session: Session, wanted: Selection) -> Sequence[Connection]:
    """Return connections by name. Raises NotFoundError for a name or a tag that none has."""
    found = list(await session.select(replace(wanted, tags=()))) if wanted.connections else []
    if wanted.tags or not wanted.connections:
        every = await session.airbyte.connections(workspace_id=session.settings.workspace_id)
        for tag in wanted.tags:
            if not any(tag in one.tags for one in every):
                raise nothing_found(ConnectionFilter(tags=frozenset({tag})), every)
        tags = frozenset(wanted.tags)
        found += [one for one in every if not tags or not tags.isdisjoint(one.tags)]
    # Pages are counted by offset: a change between two of them can repeat a connection.
    unique = {one.id: one for one in found}.values()
    return sorted(unique, key=lambda one: (one.name.casefold(), one.id))


def _result(rows: Sequence[Row], *, exit_status: bool) -> CommandResult:
    states = [row.state() for row in rows]
    # A connection that is switched off need not have a job.
    counting = [one for one in states if one.job or (one.connection and one.connection.is_active)]
    if not exit_status or not counting:
        syncs = [state.result() for state in states]
        return CommandResult(syncs=syncs, exit_code=ExitCode.OK, must_be_printed=True)
    for state in counting:
        state.error = state.error or without_outcome(state)
    return replace(CommandResult.of(counting), syncs=[state.result() for state in states])
