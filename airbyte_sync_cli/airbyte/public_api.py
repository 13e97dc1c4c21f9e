"""The Public API: supported and stable, but without failures, live numbers and logs."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from math import inf
from typing import Final, TypeVar

from airbyte_sync_cli.airbyte import mapping, wire
from airbyte_sync_cli.airbyte.error_response import (
    MAY_NOT_CANCEL,
    MAY_NOT_START,
    expect_success,
    no_such_job,
)
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import (
    Connection,
    Job,
    JobPage,
    JobType,
    ListedJob,
    TriggerResponse,
    Workspace,
)
from airbyte_sync_cli.airbyte.request import PAGE, Reply, Request, page_query
from airbyte_sync_cli.airbyte.trigger_response import classify_trigger
from airbyte_sync_cli.errors import NotFoundError, RejectedError, UnavailableError
from airbyte_sync_cli.tasks import gather

_Row = TypeVar("_Row", bound=wire.WireModel)
_HIDDEN_TYPES: Final = ("refresh", "clear")
"""Up to 2.0, lists without a job type leave these out (airbyte-platform commit 2c2663d)."""


class PublicApi:
    """`/api/public/v1`, and Cloud's `/v1`."""

    def __init__(self, http: HttpClient, root: str, *, trigger_limit: float) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._trigger_limit = trigger_limit
        self._hidden_types: Sequence[str] = _HIDDEN_TYPES
        self._broken_types: set[str] = set()
        """Types that were a 500 for a whole `retry_for`: they are not retried again."""

    async def connection(self, connection_id: str, *, retry_for: float) -> Connection:
        """Read one connection. An unknown one is a 500 in 1.2 and 1.3."""
        try:
            reply = await self._get(f"connections/{connection_id}", retry_for=retry_for)
        except UnavailableError as error:
            if "Could not find" in error.message:
                raise NotFoundError(error.message) from error
            raise
        return mapping.connection(wire.read(wire.PublicConnection, reply))

    async def connections(
        self, *, workspace_id: str | None, retry_for: float
    ) -> Sequence[Connection]:
        """Read all connections, or those of one workspace."""
        rows = await self._rows(
            "connections",
            {"workspaceIds": workspace_id} if workspace_id else {},
            wire.Page[wire.PublicConnection],
            key=lambda row: row.connection_id,
            retry_for=retry_for,
        )
        return [mapping.connection(row) for row in rows]

    async def workspaces(self, *, retry_for: float) -> Sequence[Workspace]:
        """Read all workspaces that the credentials can see."""
        rows = await self._rows(
            "workspaces",
            {},
            wire.Page[wire.WireWorkspace],
            key=lambda row: row.workspace_id,
            retry_for=retry_for,
        )
        return [mapping.workspace(row) for row in rows]

    async def sole_workspace(self) -> str | None:
        """Read the id of the workspace if there is only one, as in most self-managed servers."""
        reply = await self._get("workspaces", page_query({}, size=2), retry_for=0)
        rows = wire.read(wire.Page[wire.WireWorkspace], reply).data
        return rows[0].workspace_id if len(rows) == 1 and rows[0] else None

    async def actor_names(self, workspace_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of sources and destinations by id: connections only have the ids."""
        query = {"workspaceIds": workspace_ids[0]} if len(workspace_ids) == 1 else {}
        pages = await gather(
            *(
                self._rows(
                    kind,
                    query,
                    wire.Page[wire.Actor],
                    key=lambda row: row.source_id or row.destination_id,
                    retry_for=0,
                )
                for kind in ("sources", "destinations")
            )
        )
        return {
            row.source_id or row.destination_id or "": row.name for page in pages for row in page
        }

    async def job(self, job_id: int, *, retry_for: float) -> Job:
        """Read one job. An unknown one is answered with 409 (ConfigClientErrorHandler.kt)."""
        try:
            reply = await self._get(f"jobs/{job_id}", retry_for=retry_for)
        except RejectedError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            raise no_such_job(job_id, error) from error
        return mapping.public_job(wire.read(wire.PublicJob, reply))

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int,
        status: str | None,
        retry_for: float,
        skip_unreadable: bool = False,
    ) -> Sequence[Job]:
        """Read the newest jobs of all types; types that older servers hide, one by one."""
        query = {"connectionId": connection_id} | ({"status": status} if status else {})
        require_all = not skip_unreadable
        pages = await gather(
            self._newest(query, limit=limit, retry_for=retry_for, require_all=require_all),
            *(
                self._hidden(
                    query, kind, limit=limit, retry_for=retry_for, require_all=require_all
                )
                for kind in self._hidden_types
            ),
        )
        # A newer server, which lists all types at once.
        if any(job.type in _HIDDEN_TYPES for job in pages[0]):
            self._hidden_types = ()
        found = {job.id: job for page in pages for job in page}
        # By id: `startTime` has whole seconds only, so two jobs can share one.
        return sorted(found.values(), key=lambda job: job.id, reverse=True)[:limit]

    async def _newest(
        self, query: Mapping[str, str], *, limit: int, retry_for: float, require_all: bool
    ) -> Sequence[Job]:
        """Read jobs newest first: the API's default is oldest first (JobsHelper.kt)."""
        rows = await self._rows(
            "jobs",
            {**query, "orderBy": "createdAt|DESC"},
            wire.Page[wire.PublicJobRow],
            key=lambda row: row.job_id,
            most=limit,
            retry_for=retry_for,
            require_all=require_all,
        )
        return [mapping.public_job(row, connection_id=query["connectionId"]) for row in rows]

    async def _hidden(
        self,
        query: Mapping[str, str],
        kind: str,
        *,
        limit: int,
        retry_for: float,
        require_all: bool,
    ) -> Sequence[Job]:
        """Read jobs of one type; none if the server does not know the type.

        Any other error is raised, a single 500 included: a job that is missing in the baseline
        would later look new, and so ours.
        """
        known_broken = kind in self._broken_types
        try:
            return await self._newest(
                {**query, "jobType": kind},
                limit=limit,
                retry_for=0 if known_broken else retry_for,
                require_all=require_all,
            )
        except RejectedError:
            return []
        except UnavailableError as error:
            is_lasting = known_broken or retry_for > 0
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR or not is_lasting:
                raise
            self._broken_types.add(kind)
            return []

    @property
    def listed_separately(self) -> Sequence[str]:
        """The job types that a list of all types may leave out."""
        return self._hidden_types

    async def workspace_jobs(
        self,
        workspace_ids: Sequence[str],
        *,
        changed_since: datetime | None,
        job_type: str | None,
        offset: int,
        require_all: bool,
        retry_for: float,
    ) -> JobPage:
        """Read a page of jobs: newest first, or those changed since then, newest change first."""
        query = {"workspaceIds": ",".join(workspace_ids), "orderBy": "createdAt|DESC"}
        if changed_since is not None:
            query["orderBy"] = "updatedAt|DESC"
            query["updatedAtStart"] = mapping.query_time(changed_since)
        if job_type:
            query["jobType"] = job_type
        page = page_query(query, offset=offset)
        reply = await self._get("jobs", page, retry_for=retry_for)
        listed = wire.read(wire.Page[wire.PublicJobRow], reply).data
        rows = self._http.readable_rows(listed, reply, require_all=require_all)
        jobs = [mapping.public_job(row) for row in rows]
        # A newer server, which lists all types at once.
        if job_type is None and any(job.type in _HIDDEN_TYPES for job in jobs):
            self._hidden_types = ()
        return JobPage(
            rows=[ListedJob(job=job) for job in jobs],
            next_offset=offset + PAGE if len(listed) >= PAGE else None,
        )

    async def trigger(
        self, connection_id: str, job_type: JobType, *, may_send: Callable[[], bool]
    ) -> TriggerResponse:
        """Request one job, once: a trigger is never retried here."""
        if job_type == "refresh":
            raise RejectedError(
                "the Public API cannot start a refresh",
                hint="--job-type refresh needs the Config API: --api config",
            )
        # Every version knows `reset`; `clear` came later and means the same.
        type_name = "reset" if job_type == "clear" else job_type
        request = Request(
            method="POST",
            url=f"{self._root}/jobs",
            json={"connectionId": connection_id, "jobType": type_name},
            limit=self._trigger_limit,
            forbidden_hint=MAY_NOT_START,
            may_send=may_send,
        )
        return await classify_trigger(
            self._http.send(request),
            read_job=lambda reply: mapping.public_job(wire.read(wire.PublicJob, reply)),
        )

    async def cancel(self, job_id: int) -> None:
        """Cancel whatever is running on the job's connection: Airbyte ignores which job."""
        request = Request(
            method="DELETE", url=f"{self._root}/jobs/{job_id}", forbidden_hint=MAY_NOT_CANCEL
        )
        expect_success(await self._http.send(request))

    async def _rows(
        self,
        path: str,
        query: Mapping[str, str],
        page_type: type[wire.Page[_Row]],
        *,
        key: Callable[[_Row], object],
        most: float = inf,
        retry_for: float,
        require_all: bool = False,
    ) -> Sequence[_Row]:
        """Read page after page, by offset: the `next` link names another host, without filters.

        A short page is the last one, and so is one without new rows: some servers repeat one.
        """
        found: dict[object, _Row] = {}
        size = int(min(most, PAGE))
        for offset in itertools.count(step=size):
            page = page_query(query, size=size, offset=offset)
            reply = await self._get(path, page, retry_for=retry_for)
            listed = wire.read(page_type, reply).data
            known = len(found)
            rows = self._http.readable_rows(listed, reply, require_all=require_all)
            # By key: a row that is created meanwhile shifts the others to the next page.
            found |= {key(row): row for row in rows}
            if len(listed) < size or len(found) == known or len(found) >= most:
                break
        return list(found.values())

    async def _get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, retry_for: float
    ) -> Reply:
        return await self._http.read(self._request(path, query), retry_for=retry_for)

    def _request(self, path: str, query: Mapping[str, str | int] | None = None) -> Request:
        return Request(method="GET", url=f"{self._root}/{path}", params=query or {})
