"""What `connections`, `workspaces` and `jobs` do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job, SwitchedOff
from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    in_session,
)
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import plain
from airbyte_sync_cli.output.listings import connections_table, jobs_table, workspaces_table
from airbyte_sync_cli.output.report import WorkspaceRow
from airbyte_sync_cli.settings.shown import require_name, shown_name
from airbyte_sync_cli.sync.anomalies import Medians
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.select import nearest
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.tasks import gather

_HISTORY: Final = 100
"""Jobs of which the medians are taken: one page of the Public API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFilter:
    """Which connections to list; all by default."""

    search: str | None = None
    tags: frozenset[str] = frozenset()

    def matches(self, connection: Connection) -> bool:
        """Return whether a connection passes."""
        if self.tags and self.tags.isdisjoint(connection.tags):
            return False
        if self.search is None:
            return True
        text = self.search.casefold()
        ends = (connection.source_name, connection.destination_name)
        return any(
            text in (part or "").casefold() for part in (connection.name, connection.id, *ends)
        )


def parse_filter(search: str | None, tags: Sequence[str] | None) -> ConnectionFilter:
    """Parse what was typed. Raises UsageError for an empty text."""
    texts = [*(tags or ()), *([search] if search is not None else [])]
    if not all(text.strip() for text in texts):
        raise UsageError("an empty --search or --tag", hint="is a shell variable unset?")
    for text in texts:
        require_name(text.strip(), where="--search" if text == search else "--tag")
    return ConnectionFilter(
        search=search.strip() if search is not None else None,
        tags=frozenset(tag.strip() for tag in tags or ()),
    )


async def list_connections(invocation: Invocation, wanted: ConnectionFilter) -> CommandResult:
    """List connections by name. Raises NotFoundError where nothing matches."""
    every = Selection()
    return await in_session(invocation, every, lambda session: _list_connections(session, wanted))


async def _list_connections(session: Session, wanted: ConnectionFilter) -> CommandResult:
    every = await session.airbyte.connections(workspace_id=session.settings.workspace_id)
    named = await session.airbyte.with_names(every)
    found = sorted((one for one in named if wanted.matches(one)), key=by_name)
    found = list(await session.airbyte.with_reasons(found))
    if not every:
        session.output.warn("no connections found that these credentials can read")
    elif not found:
        raise nothing_found(wanted, named)
    return CommandResult(
        exit_code=ExitCode.OK,
        must_be_printed=True,
        text=connections_table(found, session.output.screen),
        details={"connections": [_row(session, one) for one in found]},
    )


def by_name(connection: Connection) -> tuple[str, str]:
    """Return the key by which connections are sorted for people."""
    return connection.name.casefold(), connection.id


def _row(session: Session, connection: Connection) -> dict[str, object]:
    fields, off = asdict(connection), connection.switched_off or SwitchedOff()
    identity = {"connection_id": fields.pop("id"), "connection_name": fields.pop("name")}
    fields.pop("switched_off")
    disabled = {"disabled_reason": off.reason, "disabled_by": off.by, "disabled_at": off.at}
    url = session.airbyte.job_url(connection, None)
    return {**identity, **fields, **disabled, "url": url}


def nothing_found(wanted: ConnectionFilter, every: Sequence[Connection]) -> NotFoundError:
    """Return the error, with the most similar name or the tags in use."""
    in_use = sorted({tag for one in every for tag in one.tags})
    if wanted.tags.isdisjoint(in_use) and wanted.tags:
        tags = ", ".join(shown_name(tag, in_use) for tag in sorted(wanted.tags))
        return NotFoundError(
            f"no connection has the tag {tags}",
            hint=f"tags in use: {', '.join(in_use) or 'none'}",
        )
    if wanted.search is None:
        return NotFoundError("no connection has these tags")
    tagged = " among those tagged" if wanted.tags else ""
    return NotFoundError(
        f"no connection matches {shown_name(wanted.search)}{tagged}",
        hint=nearest(wanted.search, every) or f"without --search all {len(every)} are listed",
    )


async def list_workspaces(invocation: Invocation) -> CommandResult:
    """List workspaces by name, each with its number of connections."""
    return await in_session(invocation, None, _list_workspaces)


async def _list_workspaces(session: Session) -> CommandResult:
    workspaces = await session.airbyte.workspaces()
    counts = await _connection_counts(session)
    rows = [
        WorkspaceRow(
            workspace_id=one.id,
            workspace_name=one.name,
            connections=None if counts is None else counts[one.id],
        )
        for one in sorted(workspaces, key=lambda one: ((one.name or "").casefold(), one.id))
    ]
    if not rows:
        session.output.warn("these credentials have access to no workspace")
    return CommandResult(
        exit_code=ExitCode.OK,
        must_be_printed=True,
        text=workspaces_table(rows, session.output.screen),
        details={"workspaces": rows},
    )


async def _connection_counts(session: Session) -> Counter[str | None] | None:
    """Count the connections of each workspace; None if they cannot be read."""
    try:
        connections = await session.airbyte.connections()
    except AirbyteSyncError as error:
        session.output.warn(f"the numbers of connections are unknown: {error.message}")
        return None
    return Counter(one.workspace_id for one in connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOptions:
    """Which jobs of each connection to list."""

    limit: int = 20
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """The jobs to show of one connection, and the medians of its history."""

    connection: Connection
    jobs: Sequence[Job]
    usual: Medians


async def list_jobs(
    invocation: Invocation, wanted: Selection, options: JobsOptions
) -> CommandResult:
    """List the jobs of one connection, or of several one after the other."""
    return await in_session(
        invocation, wanted, lambda session: _list_jobs(session, wanted, options)
    )


async def _list_jobs(session: Session, wanted: Selection, options: JobsOptions) -> CommandResult:
    connections = await session.select(wanted)
    pasts = await gather(*(_history(session, one, options) for one in connections))
    for past in pasts:
        if not past.jobs:
            kind = f"{options.status} job" if options.status else "job"
            session.output.warn(f"{past.connection.name!r} has no {kind} yet")
    tables = [_titled_table(session, past, alone=len(pasts) == 1) for past in pasts if past.jobs]
    syncs = [_sync(session, past.connection, job) for past in pasts for job in past.jobs]
    text = "\n\n".join(tables)
    return CommandResult(syncs=syncs, exit_code=ExitCode.OK, text=text, must_be_printed=True)


def _titled_table(session: Session, past: JobHistory, *, alone: bool) -> str:
    table = jobs_table(
        past.jobs, past.usual, now=session.clock.now(), screen=session.output.screen
    )
    one = past.connection
    return table if alone else f"{plain(one.name)} ({plain(one.id)})\n{table}"


def _sync(session: Session, connection: Connection, job: Job) -> SyncResult:
    url = session.airbyte.job_url(connection, job.id)
    return SyncState(
        key=connection.id, connection=connection, job=job, adopted=True, url=url
    ).result()


async def _history(session: Session, connection: Connection, options: JobsOptions) -> JobHistory:
    """Read the jobs to show, and the history; one request if the list is not filtered."""
    airbyte, limit = session.airbyte, options.limit
    # Unreadable rows are left out: nothing is started or cancelled by these lists.
    if options.status is None:
        read = await airbyte.jobs(connection.id, limit=max(limit, _HISTORY), skip_unreadable=True)
        shown, past = read[:limit], read[:_HISTORY]
    else:
        shown, past = await gather(
            airbyte.jobs(connection.id, limit=limit, status=options.status, skip_unreadable=True),
            airbyte.jobs(connection.id, limit=_HISTORY, skip_unreadable=True),
        )
    jobs = await airbyte.with_attempts(shown)
    return JobHistory(connection=connection, jobs=jobs, usual=Medians(past))
