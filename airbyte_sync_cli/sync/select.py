"""Which connections are meant: by id, by exact name, by tag."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from string import hexdigits
from typing import Final
from uuid import UUID

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.models import Connection, same_name
from airbyte_sync_cli.errors import AirbyteSyncError, NotFoundError, RejectedError, UsageError
from airbyte_sync_cli.settings.shown import shown_name
from airbyte_sync_cli.tasks import gather

_CURES: Final = {
    "inactive": "switch it on in Airbyte's UI; Airbyte itself switches off what failed too often",
    "deprecated": "it was deleted: choose another, `airbyte-sync connections` lists them",
    "locked": "Airbyte has locked it, mostly over billing: its UI says why",
}
"""What helps, by the status of a connection that cannot be started."""


def as_connection_id(text: str) -> str | None:
    """Return a UUID in its usual form; None where the text is a name.

    Raises UsageError for what was surely meant to be a UUID and is not.
    """
    try:
        return str(UUID(text))
    except ValueError:
        if _looks_like_a_broken_id(text):
            raise UsageError(
                f"{text!r} is not a connection id",
                hint="an id looks like e735894a-e773-4938-969f-45f53957b75b; "
                "`airbyte-sync connections` lists them",
            ) from None
        return None


def _looks_like_a_broken_id(text: str) -> bool:
    # Hexadecimal but for a slip or two: names with four hyphens are common.
    bare = text.replace("-", "")
    strange = sum(letter not in hexdigits for letter in bare)
    return text.count("-") == 4 and len(bare) >= 24 and strange <= 2  # noqa: PLR2004  # 8-4-4-4-12


async def select_connections(
    airbyte: Airbyte,
    wanted: Sequence[str],
    *,
    tags: Sequence[str] = (),
    workspace_id: str | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Sequence[Connection]:
    """Find every connection that is meant, once each, in the order in which they were given.

    `warn` hears of those that carry a tag, but are not active, so that they are left out.
    Raises NotFoundError for a name that none or several carry, and for a tag without an active
    connection: before anything is started.
    """
    by_id = [as_connection_id(text) for text in wanted]
    every: Sequence[Connection] = ()
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
            warn(f"--tag {tag} leaves out what is not active: {', '.join(idle)}")
    return list({connection.id: connection for connection in found}.values())


async def _by_name(
    airbyte: Airbyte, name: str, every: Sequence[Connection], workspace: str | None
) -> Connection:
    alike = [connection for connection in every if same_name(connection.name, name)]
    exact = [connection for connection in alike if connection.name == name]
    matches = exact or alike
    if len(matches) == 1:
        return matches[0]
    where = f" in workspace {workspace!r}" if workspace else ""
    if matches:
        raise NotFoundError(
            f"{len(matches)} connections are called {name!r}{where}: "
            f"{await _told_apart(airbyte, matches)}",
            hint="give the id, or narrow the search with --workspace",
        )
    nobody_near = f"`airbyte-sync connections` lists the {len(every)} that can be seen"
    told = shown_name(name, (one.name for one in every))
    raise NotFoundError(
        f"no connection is called {told}{where}", hint=nearest(name, every) or nobody_near
    )


async def _told_apart(airbyte: Airbyte, clashing: Sequence[Connection]) -> str:
    """List connections of the same name with what tells them apart."""
    names: dict[str | None, str | None] = {}
    with suppress(AirbyteSyncError):  # the ids do without
        names = {one.id: one.name for one in await airbyte.workspaces(retry_for=0)}
    return ", ".join(
        f"{one.id} (workspace {names.get(one.workspace_id) or one.workspace_id}, {one.status})"
        for one in clashing
    )


def nearest(name: str, every: Sequence[Connection]) -> str | None:
    """Guess which connections were meant, in words; None where none comes near."""
    by_folded = {connection.name.casefold(): connection for connection in every}
    near = get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.5)
    if not near:
        return None
    names = ", or ".join(f"{by_folded[one].name!r} ({by_folded[one].id})" for one in near)
    return f"did you mean {names}?"


def _by_tag(tag: str, every: Sequence[Connection]) -> Sequence[Connection]:
    tagged = [one for one in every if tag in one.tags and one.is_active]
    if not tagged:
        tags = sorted({tag for one in every for tag in one.tags})
        raise NotFoundError(
            f"no active connection carries the tag {shown_name(tag, tags)}",
            hint=f"tags in use: {', '.join(tags) or 'none that can be seen'}",
        )
    return tagged


def require_active(connection: Connection) -> None:
    """Let a connection pass that Airbyte would start; raises RejectedError for any other."""
    if not connection.is_active:
        raise RejectedError(
            f"connection {connection.name!r} ({connection.id}) is {connection.status}: "
            "Airbyte starts only active connections",
            hint=_CURES.get(connection.status, "look at it in Airbyte's UI"),
        )
