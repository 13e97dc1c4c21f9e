"""The Public API: supported, stable, and silent about why a job failed."""

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.error_response import (
    MAY_NOT_CANCEL,
    MAY_NOT_START,
    expect_success,
    no_such_job,
)
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import (
    UNKNOWN,
    Connection,
    Job,
    JobType,
    TriggerResponse,
    Workspace,
)
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.airbyte.trigger_response import judge_trigger
from airbyte_sync_cli.errors import NotFoundError, RejectedError, UnavailableError
from airbyte_sync_cli.tasks import gather

PAGE: Final = 100
"""The most rows that the API gives at a time."""
_HIDDEN_TYPES: Final = ("refresh", "clear")
"""Left out of lists without a type up to 2.0 (airbyte-platform commit 2c2663d)."""


class PublicApi:
    """`/api/public/v1`, and Cloud's `/v1`."""

    def __init__(self, http: HttpClient, root: str, *, trigger_limit: float) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._trigger_limit = trigger_limit
        self._hidden_types: Sequence[str] = _HIDDEN_TYPES
        self._broken_types: set[str] = set()
        """Those that were a 500 for as long as there was patience: it is not spent again."""

    async def connection(self, connection_id: str, *, retry_for: float) -> Connection:
        """Read one connection. An unknown one is a 500 in 1.2 and 1.3."""
        try:
            reply = await self._get(f"connections/{connection_id}", retry_for=retry_for)
        except UnavailableError as error:
            if "Could not find" in error.message:
                raise NotFoundError(error.message) from error
            raise
        return _connection(wire.read(wire.PublicConnection, reply))

    async def connections(
        self, *, workspace_id: str | None, retry_for: float
    ) -> Sequence[Connection]:
        """Read every page, once each: pages may repeat rows."""
        query = {"workspaceIds": workspace_id} if workspace_id else {}
        found: dict[str, Connection] = {}
        async for reply in self._pages("connections", query, retry_for=retry_for):
            page = wire.read(wire.PublicConnections, reply).data
            known = len(found)
            rows = self._http.readable(page, reply)
            found |= {row.connection_id: _connection(row) for row in rows}
            if len(page) < PAGE or len(found) == known:
                break
        return list(found.values())

    async def workspaces(self, *, retry_for: float) -> Sequence[Workspace]:
        """Read every workspace that may be seen."""
        found: dict[str, Workspace] = {}
        async for reply in self._pages("workspaces", {}, retry_for=retry_for):
            page = wire.read(wire.PublicWorkspaces, reply).data
            known = len(found)
            found |= {
                row.workspace_id: Workspace(id=row.workspace_id, name=row.name)
                for row in self._http.readable(page, reply)
            }
            if len(page) < PAGE or len(found) == known:
                break
        return list(found.values())

    async def actor_names(self, workspace_ids: Sequence[str]) -> Mapping[str, str]:
        """Tell the names of sources and destinations by id: connections only have their ids."""
        query = {"workspaceIds": workspace_ids[0]} if len(workspace_ids) == 1 else {}
        found = await gather(
            *(self._names_of(kind, query) for kind in ("sources", "destinations"))
        )
        return found[0] | found[1]

    async def _names_of(self, kind: str, query: Mapping[str, str]) -> dict[str, str]:
        names: dict[str, str] = {}
        async for reply in self._pages(kind, query, retry_for=0):
            page = wire.read(wire.PublicActors, reply).data
            known = len(names)
            rows = self._http.readable(page, reply)
            names |= {row.source_id or row.destination_id or "": row.name for row in rows}
            if len(page) < PAGE or len(names) == known:
                break
        return names

    async def job(self, job_id: int, *, retry_for: float) -> Job:
        """Read one job. An unknown one is answered with 409 (ConfigClientErrorHandler.kt)."""
        try:
            reply = await self._get(f"jobs/{job_id}", retry_for=retry_for)
        except RejectedError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            raise no_such_job(job_id, error) from error
        return _job(wire.read(wire.PublicJob, reply))

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int,
        status: str | None,
        retry_for: float,
        skip_unreadable: bool = False,
    ) -> Sequence[Job]:
        """Read the newest jobs of every type: those that older servers hide are asked for."""
        query = {"connectionId": connection_id} | ({"status": status} if status else {})
        pages = await gather(
            self._newest(query, limit=limit, retry_for=retry_for, every=not skip_unreadable),
            *(
                self._hidden(
                    query, kind, limit=limit, retry_for=retry_for, every=not skip_unreadable
                )
                for kind in self._hidden_types
            ),
        )
        if any(job.type in _HIDDEN_TYPES for job in pages[0]):
            self._hidden_types = ()
        found = {job.id: job for page in pages for job in page}
        return sorted(found.values(), key=lambda job: job.id, reverse=True)[:limit]

    async def trigger(
        self, connection_id: str, job_type: JobType, *, may_send: Callable[[], bool]
    ) -> TriggerResponse:
        """Ask for one job, once."""
        if job_type == "refresh":
            raise RejectedError(
                "the Public API cannot start a refresh",
                hint="--job-type refresh needs the Config API: --api config",
            )
        request = Request(
            method="POST",
            url=f"{self._root}/jobs",
            json={"connectionId": connection_id, "jobType": _asked(job_type)},
            limit=self._trigger_limit,
            forbidden_hint=MAY_NOT_START,
            may_send=may_send,
        )
        return await judge_trigger(
            lambda: self._http.send(request),
            read_job=lambda reply: _job(wire.read(wire.PublicJob, reply)),
            retry_after=self._http.retry_after,
        )

    async def cancel(self, job_id: int) -> None:
        """Ask to cancel whatever runs on the job's connection."""
        request = Request(
            method="DELETE", url=f"{self._root}/jobs/{job_id}", forbidden_hint=MAY_NOT_CANCEL
        )
        reply = await self._http.send(request)
        expect_success(reply, retry_after=self._http.retry_after(reply))

    async def _newest(
        self, query: Mapping[str, str], *, limit: int, retry_for: float, every: bool
    ) -> Sequence[Job]:
        """Newest first must be asked for: the default is oldest first (JobsHelper.kt)."""
        found: dict[int, Job] = {}
        query = {**query, "orderBy": "createdAt|DESC"}
        size = min(limit, PAGE)
        async for reply in self._pages("jobs", query, size=size, retry_for=retry_for):
            page = wire.read(wire.PublicJobs, reply).data
            known = len(found)
            rows = self._http.readable(page, reply, every=every)
            found |= {row.job_id: _job(row, connection_id=query["connectionId"]) for row in rows}
            if len(page) < size or len(found) >= limit or len(found) == known:
                break
        return list(found.values())

    async def _hidden(
        self, query: Mapping[str, str], kind: str, *, limit: int, retry_for: float, every: bool
    ) -> Sequence[Job]:
        """Read jobs of one type; a server that has never heard of it has none of them.

        Any other trouble is raised, a single 500 included: a job that was overlooked would later
        seem to be new.
        """
        known_broken = kind in self._broken_types
        try:
            wanted = {**query, "jobType": kind}
            return await self._newest(
                wanted, limit=limit, retry_for=0 if known_broken else retry_for, every=every
            )
        except RejectedError:
            return []
        except UnavailableError as error:
            lasting = known_broken or retry_for > 0
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR or not lasting:
                raise
            self._broken_types.add(kind)
            return []

    async def _pages(
        self, path: str, query: Mapping[str, str], *, size: int = PAGE, retry_for: float
    ) -> AsyncIterator[Reply]:
        """Count offsets: the `next` link names another host and drops filters.

        Without end: a short page is the last one, and so is one that brings nothing new.
        """
        for offset in itertools.count(step=size):
            page: dict[str, str | int] = {**query, "limit": size, "offset": offset}
            yield await self._get(path, page, retry_for=retry_for)

    async def _get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, retry_for: float
    ) -> Reply:
        request = Request(method="GET", url=f"{self._root}/{path}", params=query or {})
        return await self._http.read(request, retry_for=retry_for)


def _asked(job_type: JobType) -> str:
    """`reset` is the word that every version knows; `clear` came later and means the same."""
    return "reset" if job_type == "clear" else job_type


def _job(row: wire.PublicJobRow, *, connection_id: str = "") -> Job:
    """Return a job; a row of a list may not name the connection whose jobs were asked for."""
    return Job(
        id=row.job_id,
        connection_id=row.connection_id or connection_id,
        type=row.job_type or UNKNOWN,
        status=row.status or UNKNOWN,
        created_at=row.start_time,
        ended_at=row.last_updated_at,
        records_synced=row.rows_synced,
        bytes_synced=row.bytes_synced,
    )


def _connection(row: wire.PublicConnection) -> Connection:
    schedule = row.schedule or wire.PublicSchedule()
    return Connection(
        id=row.connection_id,
        name=row.name or row.connection_id,
        status=row.status or UNKNOWN,
        workspace_id=row.workspace_id,
        source_id=row.source_id,
        destination_id=row.destination_id,
        schedule_type=schedule.schedule_type,
        schedule=schedule.cron_expression or schedule.basic_timing,
        tags=tuple(tag.name for tag in row.tags or () if tag),
    )
