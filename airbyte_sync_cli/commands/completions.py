"""Values for completion: from a cache of five minutes, or from Airbyte."""

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import platformdirs

from airbyte_sync_cli.airbyte.connect import connect
from airbyte_sync_cli.airbyte.models import Connection, FirstRead
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.settings import ServerOptions, Settings, load_settings

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_FRESH: Final = 300.0
"""Seconds for which the cache is valid."""
_WHO: Final = ("client_id", "username")

_MOST_JOBS: Final = 30
Kind = Literal["connections", "tags", "workspaces", "jobs"]
Pairs = Sequence[tuple[str, str]]
"""Name and id of each connection or workspace; each tag, or job id, and what it is."""


def values_of(kind: Kind, options: ServerOptions, wiring: Wiring, *, limit: float) -> Pairs:
    """Return what there is of a kind, read within `limit` seconds. Raises any error."""
    settings = load_settings(options, wiring.environ)
    cache = _file_for(kind, settings)
    found = _read(cache, wiring.clock)
    if found is None:
        found = asyncio.run(_ask(kind, settings, wiring, limit))
        if kind != "jobs":  # a job that was just started is the one that is wanted
            _write(cache, found)
    return found


async def _ask(kind: Kind, settings: Settings, wiring: Wiring, limit: float) -> Pairs:
    async with asyncio.timeout(limit):
        first = FirstRead(workspace=settings.workspace_id)
        airbyte = await connect(
            settings, clock=wiring.clock, first=first, transport=wiring.transport
        )
        try:
            if kind == "workspaces":
                workspaces = await airbyte.workspaces(retry_for=0)
                return sorted((one.name or "", one.id) for one in workspaces)
            found = await airbyte.connections(workspace_id=settings.workspace_id, retry_for=0)
            if kind == "tags":
                return [(tag, "") for tag in sorted({tag for one in found for tag in one.tags})]
            if kind == "jobs":
                return await _newest_jobs(airbyte, found)
            return sorted((one.name, one.id) for one in found)
        finally:
            await airbyte.aclose()


async def _newest_jobs(airbyte: "Airbyte", connections: Sequence[Connection]) -> Pairs:
    names = {one.id.lower(): one.name for one in connections}
    workspaces = sorted({one.workspace_id for one in connections if one.workspace_id})
    page = await airbyte.workspace_jobs(workspaces, retry_for=0)
    return [
        (str(row.job.id), f"{names.get(row.job.connection_id.lower(), '?')} {row.job.status}")
        for row in page.rows[:_MOST_JOBS]
    ]


def _file_for(kind: Kind, settings: Settings) -> Path:
    """Return the cache file: its name depends on server, workspace and user, not on secrets."""
    who = [str(getattr(settings.credentials, name, "")) for name in _WHO]
    parts = [settings.url, settings.api, settings.workspace_id or "", *who]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    folder = platformdirs.user_cache_path("airbyte-sync", appauthor=False)
    return folder / f"{kind}-{digest}.json"


def _read(cache: Path, clock: Clock) -> Pairs | None:
    try:
        age = clock.now().timestamp() - cache.stat().st_mtime
        rows = json.loads(cache.read_text(encoding="utf-8"))
        names = [(str(name), str(one)) for name, one in rows]
    except (OSError, ValueError, TypeError):
        return None
    # Below 0: the clock was set back, and the file would stay valid for too long.
    return names if names and 0 <= age < _FRESH else None


def _write(cache: Path, names: Pairs) -> None:
    """Write the cache atomically; ignore a file system that does not allow it."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One for each process: two shells may complete at the same moment.
        draft = cache.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(names), encoding="utf-8")
        draft.replace(cache)
    except OSError:
        return
