"""The latest job of each of many connections, from a few pages instead of a request each."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Connection, ListedJob
from airbyte_sync_cli.errors import ProtocolError, RejectedError

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_PAGES: Final = 3
"""Pages of one list at least, before the connections that are missing are left to the caller."""
_CONNECTIONS_PER_PAGE: Final = 20
"""One more page for so many connections: it has to replace more requests than it costs."""
WORKSPACES_AT_ONCE: Final = 50
"""Workspaces in one request: their ids are in the URL, which proxies cut at 4 to 8 kB."""


async def latest_jobs(
    airbyte: "Airbyte",
    connections: Sequence[Connection],
    *,
    require_all: bool = False,
    retry_for: float,
    note: Callable[[ListedJob], None] = lambda _: None,
) -> Mapping[str, ListedJob | None]:
    """Return the newest job, over all types, by connection id; None where there is none at all.

    A connection that is missing in the result has to be read alone: its jobs are too old for these
    pages, or its workspace is unknown. `note` is called with every job of the pages. Raises what
    reading a list raises, and ProtocolError for an unreadable row if `require_all` is set.
    """
    found: dict[str, ListedJob | None] = {}
    workspaces = sorted({one.workspace_id for one in connections if one.workspace_id})
    for first in range(0, len(workspaces), WORKSPACES_AT_ONCE):
        some = workspaces[first : first + WORKSPACES_AT_ONCE]
        wanted = {one.id.lower(): one.id for one in connections if one.workspace_id in some}
        latest = _Latest(airbyte, wanted, require_all=require_all, retry_for=retry_for, note=note)
        found |= await latest.of(some)
    return found


class _Latest:
    """The latest jobs of the connections of some workspaces."""

    def __init__(
        self,
        airbyte: "Airbyte",
        wanted: Mapping[str, str],
        *,
        require_all: bool,
        retry_for: float,
        note: Callable[[ListedJob], None],
    ) -> None:
        self._airbyte = airbyte
        self._wanted = wanted
        """The ids by their lower-case form."""
        self._require_all = require_all
        self._retry_for = retry_for
        self._report = note
        self._newest: dict[str, ListedJob] = {}
        self._unread_below = 0
        """Jobs with lower ids may be missing: not every list was read to its end."""

    async def of(self, workspaces: Sequence[str]) -> Mapping[str, ListedJob | None]:
        """Read the lists; job ids ascend with time, over all connections of a server."""
        await self._read(workspaces, None)
        for job_type in self._airbyte.listed_separately:
            with suppress(RejectedError):  # a server that does not know the type has no such job
                await self._read(workspaces, job_type)
        sure: dict[str, ListedJob | None] = {
            self._wanted[key]: row
            for key, row in self._newest.items()
            if row.job.id >= self._unread_below
        }
        if self._unread_below == 0:
            sure |= {self._wanted[key]: None for key in self._wanted.keys() - self._newest.keys()}
        return sure

    async def _read(self, workspaces: Sequence[str], job_type: str | None) -> None:
        """Read one list, newest first, as far as it can still change the result."""
        offset = lowest = 0
        for _ in range(_PAGES + len(self._wanted) // _CONNECTIONS_PER_PAGE):
            page = await self._airbyte.workspace_jobs(
                workspaces,
                job_type=job_type,
                offset=offset,
                require_all=self._require_all,
                retry_for=self._retry_for,
            )
            for row in page.rows:
                self._note(row)
                self._report(row)
            if page.next_offset is None:
                return
            offset = page.next_offset
            lowest = min((row.job.id for row in page.rows), default=lowest)
            if len(self._newest) == len(self._wanted) and lowest <= self._lowest_found():
                break
        self._unread_below = max(self._unread_below, lowest)

    def _lowest_found(self) -> int:
        return min(row.job.id for row in self._newest.values())

    def _note(self, row: ListedJob) -> None:
        key = row.job.connection_id.lower()
        if not key and self._require_all:
            raise ProtocolError(f"job {row.job.id} of a list names no connection")
        known = self._newest.get(key)
        if key in self._wanted and (known is None or row.job.id > known.job.id):
            self._newest[key] = row
