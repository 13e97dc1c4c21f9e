"""The connection names for completion: from a cache of five minutes, or from Airbyte."""

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs

from airbyte_sync_cli.airbyte.client import connect
from airbyte_sync_cli.airbyte.models import FirstRead
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.settings import ServerOptions, Settings, load_settings

_FRESH: Final = 300.0
"""Seconds for which the cache is valid."""
_WHO: Final = ("client_id", "username")

Names = Sequence[tuple[str, str]]
"""Name and id of each connection."""


def connection_names(options: ServerOptions, wiring: Wiring, *, limit: float) -> Names:
    """Return names and ids, read within `limit` seconds. Raises any error."""
    settings = load_settings(options, wiring.environ)
    cache = _file_for(settings)
    names = _read(cache, wiring.clock)
    if names is None:
        names = asyncio.run(_ask(settings, wiring, limit))
        _write(cache, names)
    return names


async def _ask(settings: Settings, wiring: Wiring, limit: float) -> Names:
    async with asyncio.timeout(limit):
        first = FirstRead(workspace=settings.workspace_id)
        airbyte = await connect(
            settings, clock=wiring.clock, first=first, transport=wiring.transport
        )
        try:
            found = await airbyte.connections(workspace_id=settings.workspace_id, retry_for=0)
        finally:
            await airbyte.aclose()
    return sorted((one.name, one.id) for one in found)


def _file_for(settings: Settings) -> Path:
    """Return the cache file: its name depends on server, workspace and user, not on secrets."""
    who = [str(getattr(settings.credentials, name, "")) for name in _WHO]
    parts = [settings.url, settings.api, settings.workspace_id or "", *who]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    folder = platformdirs.user_cache_path("airbyte-sync", appauthor=False)
    return folder / f"connections-{digest}.json"


def _read(cache: Path, clock: Clock) -> Names | None:
    try:
        age = clock.now().timestamp() - cache.stat().st_mtime
        rows = json.loads(cache.read_text(encoding="utf-8"))
        names = [(str(name), str(one)) for name, one in rows]
    except (OSError, ValueError, TypeError):
        return None
    # Below 0: the clock was set back, and the file would stay valid for too long.
    return names if names and 0 <= age < _FRESH else None


def _write(cache: Path, names: Names) -> None:
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
