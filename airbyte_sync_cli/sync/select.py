"""Select connections by id, exact name or tag."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from string import hexdigits
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Connection, StreamId, as_uuid, same_name
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, UsageError
from airbyte_sync_cli.settings.shown import shown_name
from airbyte_sync_cli.tasks import gather

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_STREAMS_SHOWN: Final = 10


_NEAR: Final = 3
"""Names in a hint at most."""


def as_connection_id(text: str) -> str | None:
    """Return a UUID in its usual form; None where the text is a name.

    Raises UsageError for a mistyped UUID.
    """
    known = as_uuid(text)
    if known is None and _is_mistyped_id(text):
        raise UsageError(
            f"{text!r} is not a connection id",
            hint="an id looks like e735894a-e773-4938-969f-45f53957b75b; "
            "`airbyte-sync connections` lists them",
        )
    return known


def _is_mistyped_id(text: str) -> bool:
    # Nearly all hexadecimal: names with four hyphens are common, such names are not.
    bare = text.replace("-", "")
    typos = sum(letter not in hexdigits for letter in bare)
    return text.count("-") == 4 and len(bare) >= 24 and typos <= 2  # noqa: PLR2004  # 8-4-4-4-12


async def select_connections(
    airbyte: "Airbyte",
    wanted: Sequence[str],
    *,
    tags: Sequence[str] = (),
    workspace_id: str | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Sequence[Connection]:
    """Return the connections, once each, in the order in which they were given.

    `warn` is called for those that have a tag and are not active, and so are left out. Raises
    NotFoundError for a name that no connection has, or several have, and for a tag without an
    active connection: before anything is started.
    """
    by_id = [as_connection_id(text) for text in wanted]
    every: Sequence[Connection] = ()
    # Airbyte cannot search by name, nor before 1.6 by tag: all are read, once.
    if tags or None in by_id:
        every = await airbyte.connections(workspace_id=workspace_id)
    read = await gather(
        *(airbyte.connection(one) for one in dict.fromkeys(by_id) if one is not None)
    )
    known = {connection.id: connection for connection in read}
    found = [
        known[one] if one is not None else await _by_name(airbyte, text, every, workspace_id)
        for one, text in zip(by_id, wanted, strict=True)
    ]
    for tag in tags:
        found += _by_tag(tag, every)
        idle = [one.name for one in every if tag in one.tags and not one.is_active]
        if idle:
            warn(f"--tag {tag} skips connections that are not active: {', '.join(idle)}")
    # Named twice, such as by name and by tag, a connection would be synced twice.
    return list({connection.id: connection for connection in found}.values())


async def _by_name(
    airbyte: "Airbyte", name: str, every: Sequence[Connection], workspace: str | None
) -> Connection:
    alike = [connection for connection in every if same_name(connection.name, name)]
    exact = [connection for connection in alike if connection.name == name]
    # Two names may differ only in blanks: then the one that was typed is meant.
    matches = exact or alike
    if len(matches) == 1:
        return matches[0]
    where = f" in workspace {workspace!r}" if workspace else ""
    if matches:
        raise NotFoundError(
            f"{len(matches)} connections have the name {name!r}{where}: "
            f"{await _list_clashing(airbyte, matches)}",
            hint="use the id, or narrow the search with --workspace",
        )
    list_hint = f"`airbyte-sync connections` lists the visible ones ({len(every)})"
    shown = shown_name(name, (one.name for one in every))
    raise NotFoundError(
        f"connection {shown} not found{where}", hint=nearest(name, every) or list_hint
    )


async def _list_clashing(airbyte: "Airbyte", clashing: Sequence[Connection]) -> str:
    """List connections of the same name with id, workspace and status."""
    names: dict[str | None, str | None] = {}
    with suppress(AirbyteSyncError):  # then the ids of the workspaces are listed
        names = {one.id: one.name for one in await airbyte.workspaces(retry_for=0)}
    return ", ".join(
        f"{one.id} (workspace {names.get(one.workspace_id) or one.workspace_id}, {one.status})"
        for one in clashing
    )


def nearest(name: str, every: Sequence[Connection]) -> str | None:
    """Return a hint with similar names; None where no name is similar."""
    # Only the hint ignores case: a match that did could start another connection's sync.
    by_folded = {connection.name.casefold(): connection for connection in every}
    typed = name.casefold()
    near = [one for one in by_folded if typed in one][:_NEAR]
    near = near or get_close_matches(typed, by_folded, n=_NEAR, cutoff=0.5)
    if not near:
        return None
    names = ", or ".join(f"{by_folded[one].name!r} ({by_folded[one].id})" for one in near)
    return f"did you mean {names}?"


def _by_tag(tag: str, every: Sequence[Connection]) -> Sequence[Connection]:
    tagged = [one for one in every if tag in one.tags and one.is_active]
    if not tagged:
        tags = sorted({tag for one in every for tag in one.tags})
        raise NotFoundError(
            f"no active connection has the tag {shown_name(tag, tags)}",
            hint=f"tags in use: {', '.join(tags) or 'none'}",
        )
    return tagged


async def select_streams(
    airbyte: "Airbyte", connections: Sequence[Connection], names: Sequence[str]
) -> Mapping[str, frozenset[StreamId]]:
    """Return the named streams of each connection, by its id; nothing without names.

    From here on every request is sent to the Config API. Raises NotFoundError for a name that a
    connection does not sync, or has in several namespaces: Airbyte would accept any, and keep it
    for a later job.
    """
    if not names:
        return {}
    await airbyte.use_config_api()
    catalogs = await gather(*(airbyte.streams(one.id) for one in connections))
    return {
        connection.id: frozenset(_stream(name, connection, catalog) for name in names)
        for connection, catalog in zip(connections, catalogs, strict=True)
    }


def _stream(name: str, connection: Connection, catalog: Sequence[StreamId]) -> StreamId:
    found = [one for one in catalog if str(one) == name] or [
        one for one in catalog if one.name == name
    ]
    if len(found) == 1:
        return found[0]
    known = sorted(map(str, catalog))
    if found:
        raise NotFoundError(
            f"{len(found)} streams of connection {connection.name!r} are named {name!r}",
            hint=f"add the namespace: {', '.join(sorted(map(str, found)))}",
        )
    near = get_close_matches(name, {*known, *(one.name for one in catalog)}, n=3, cutoff=0.5)
    shown = ", ".join(known[:_STREAMS_SHOWN])
    more = f" and {len(known) - _STREAMS_SHOWN} more" if len(known) > _STREAMS_SHOWN else ""
    raise NotFoundError(
        f"connection {connection.name!r} does not sync a stream {shown_name(name, known)}",
        hint=f"did you mean {', or '.join(map(repr, near))}?"
        if near
        else f"its streams: {shown or 'none'}{more}",
    )
