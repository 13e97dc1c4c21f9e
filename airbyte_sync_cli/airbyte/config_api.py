"""The Config API: internal to Airbyte, but the only one with failures, live numbers and logs."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

from airbyte_sync_cli.airbyte import mapping, wire
from airbyte_sync_cli.airbyte.body import (
    BULKY_IN_CATALOG,
    LARGEST,
    TOO_LARGE,
    Sieve,
    elements,
)
from airbyte_sync_cli.airbyte.error_response import (
    MAY_NOT_CANCEL,
    MAY_NOT_READ,
    MAY_NOT_START,
    NO_ENDPOINT,
    expect_success,
    no_such_job,
)
from airbyte_sync_cli.airbyte.http import LOG, RETRY_FOR, HttpClient
from airbyte_sync_cli.airbyte.models import (
    Connection,
    Job,
    JobPage,
    JobType,
    LogLine,
    Progress,
    ReadLog,
    Started,
    StreamId,
    StreamStatus,
    SwitchedOff,
    TriggerResponse,
    Workspace,
)
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.airbyte.trigger_response import classify_trigger
from airbyte_sync_cli.errors import (
    DeniedError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.tasks import gather

_T = TypeVar("_T")
_LOG_LIMIT: Final = 300.0
"""Seconds for a whole log: it can be hundreds of megabytes."""
_LOG_RETRY_FOR: Final = 10.0
"""Seconds: a log is read for a person who waits."""
_ALL_TYPES: Final = ("sync", "reset_connection", "refresh", "clear")
_OLD_TYPES: Final = ("sync", "reset_connection")
"""All types before 0.60; those servers reject a list that names another."""
_ACTOR_PAGE: Final = 1000
"""Rows of the one page that is read of sources and destinations, only for their names."""
_JOB_PAGE: Final = 200
"""Jobs read at a time from servers that ignore the status filter."""
_WORKSPACE_JOB_PAGE: Final = 500
"""Jobs of one response about whole workspaces; with numbers and failures some 2 kB each."""
_RUNNING_PAGE: Final = 2000
"""Running jobs of which numbers are read with one request."""
_ATTEMPT: Final = re.compile(rb'"attempt"\s*:\s*\{[^{}]*?"id"\s*:\s*(\d{1,18})\s*[,}]')
"""The number of an attempt, which is AttemptRead's id (JobConverter.getAttemptRead)."""
_ATTEMPT_HEAD: Final = 4096
"""Bytes in which a response names its attempt: it precedes the log."""
_STATUS_PAGE: Final = 10_000
"""Rows of the one page that is read of stream statuses: 500 streams in 20 attempts."""
_ROW_FILTER: Final = re.compile(rb'"(syncCatalog)"|"type"\s*:\s*"(row-filtering)"')
"""A catalog, and a mapper in it that drops records (StreamMapperType)."""
_LONGEST_FILTER: Final = 64
"""Bytes of it that may be in the piece before."""
_CANCELS_READ: Final = 20
"""The newest cancels of a connection: more than a job gets."""
_BARE_500: Final = re.compile(r": 500(?: \(errorId [^ )]+\))?$")
"""The end of a message for a 500 without a reason."""


class ConfigApi:
    """`/api/v1`: everything is a POST."""

    def __init__(self, http: HttpClient, root: str, *, trigger_limit: float) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._trigger_limit = trigger_limit
        self._seen: set[int] = set()
        """Jobs that exist: they were read before."""

    async def connection(self, connection_id: str, *, retry_for: float) -> Connection:
        """Read one connection."""
        reply = await self._post(
            "connections/get", {"connectionId": connection_id}, retry_for=retry_for
        )
        return mapping.connection(wire.read(wire.ConfigConnection, reply))

    async def connections(
        self, *, workspace_id: str | None, retry_for: float
    ) -> Sequence[Connection]:
        """Read the connections of one workspace, or of all workspaces.

        A workspace that the credentials may not read is left out with a warning; DeniedError is
        raised if none may be read.
        """
        if workspace_id:
            rows = await self._connections_of(workspace_id, retry_for)
        else:
            rows = await self._all_connections(retry_for)
        found = {row.connection_id: mapping.connection(row) for row in rows}
        return list(found.values())

    async def _all_connections(self, retry_for: float) -> Sequence[wire.ConfigConnection]:
        workspaces = await self.workspaces(retry_for=retry_for)
        found: list[wire.ConfigConnection] = []
        refused: list[DeniedError] = []
        for workspace in workspaces:  # not all at once: with catalogs they are large
            try:
                found += await self._connections_of(workspace.id, retry_for)
            except DeniedError as error:
                refused.append(error)
                LOG.warning(
                    "skipping the connections of workspace %s: %s",
                    workspace.name or workspace.id,
                    error.message,
                )
        if refused and len(refused) == len(workspaces):
            raise refused[0]
        return found

    async def workspaces(self, *, retry_for: float) -> Sequence[Workspace]:
        """Read the workspaces of a self-managed server: those of its default user.

        `workspaces/list` was removed in 1.7; older servers need it.
        """
        user_id = await self._default_user(retry_for)
        found = await self._workspaces_of(user_id, retry_for) if user_id else []
        if found:
            return found
        try:
            reply = await self._post("workspaces/list", {}, retry_for=retry_for)
        except NO_ENDPOINT as error:
            if user_id:
                return []
            raise ProtocolError(
                f"this Config API cannot list workspaces ({error.message})",
                hint="select one with --workspace (AIRBYTE_WORKSPACE_ID), or use the Public API",
            ) from error
        return _workspaces(reply)

    async def actor_names(self, workspace_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of sources and destinations by id: connections only have the ids."""
        replies = await gather(
            *(
                self._post(
                    f"{kind}/list", {"workspaceId": one, "pageSize": _ACTOR_PAGE}, retry_for=0
                )
                for one in workspace_ids
                for kind in ("sources", "destinations")
            )
        )
        found = [wire.read(wire.ConfigActors, reply) for reply in replies]
        actors = [
            actor for each in found for actor in (*each.sources, *each.destinations) if actor
        ]
        return {actor.source_id or actor.destination_id or "": actor.name for actor in actors}

    async def job(self, job_id: int, *, retry_for: float) -> Job:
        """Read one job with its numbers.

        From 2.0 on, an unknown job is a 500 without a reason, as any crash of the server is: if
        the server reports itself healthy, the job is unknown (JobHistoryHandler.kt).
        """
        try:
            return (await self._info(job_id, retry_for=retry_for))[0]
        except UnavailableError as error:
            is_bare = _BARE_500.search(error.message) and job_id not in self._seen
            is_unknown = is_bare and await self._is_healthy(error)
            if is_unknown or "Could not find job" in error.message:
                raise no_such_job(job_id, error) from error
            raise

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int,
        status: str | None,
        retry_for: float,
        skip_unreadable: bool = False,
    ) -> Sequence[Job]:
        """Read the newest jobs of all types that the server knows.

        Servers before 0.57.3 ignore `statuses`: the jobs are then filtered here, page by page.
        """
        found: dict[int, Job] = {}
        offset, size = 0, limit
        while True:
            page = {"pageSize": size, "rowOffset": offset}
            try:
                reply = await self._list(
                    connection_id, _ALL_TYPES, page=page, status=status, retry_for=retry_for
                )
            except RejectedError:  # an old server, or a status that it does not know
                reply = await self._list(
                    connection_id, _OLD_TYPES, page=page, status=status, retry_for=retry_for
                )
            listed = wire.read(wire.ConfigJobs, reply).jobs
            rows = self._http.readable_rows(listed, reply, require_all=not skip_unreadable)
            known = len(found)  # by id: a job that starts meanwhile shifts the pages
            self._seen.update(row.job.id for row in rows)
            found |= {
                row.job.id: mapping.config_job(row, connection_id=connection_id) for row in rows
            }
            wanted = [job for job in found.values() if status in {None, job.status}]
            is_last = len(listed) < size or len(found) == known
            if status is None or is_last or len(wanted) >= limit:
                break
            offset, size = offset + size, max(size, _JOB_PAGE)
        return sorted(wanted, key=lambda job: job.id, reverse=True)[:limit]

    @property
    def listed_separately(self) -> Sequence[str]:
        """The job types that a list of all types may leave out: none."""
        return ()

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
        body: dict[str, object] = {
            "workspaceIds": list(workspace_ids),
            "pagination": {"pageSize": _WORKSPACE_JOB_PAGE, "rowOffset": offset},
            "orderByField": "createdAt",
            "orderByMethod": "DESC",
        }
        if changed_since is not None:
            body["orderByField"] = "updatedAt"
            body["updatedAtStart"] = mapping.query_time(changed_since)
        types = [job_type] if job_type else _ALL_TYPES
        try:
            reply = await self._workspace_page(body, types, retry_for)
        except RejectedError:  # a server that does not know all types
            reply = await self._workspace_page(body, _OLD_TYPES, retry_for)
        listed = wire.read(wire.ConfigJobs, reply).jobs
        rows = self._http.readable_rows(listed, reply, require_all=require_all)
        self._seen.update(row.job.id for row in rows)
        return JobPage(
            rows=[mapping.listed_job(row) for row in rows],
            next_offset=offset + _WORKSPACE_JOB_PAGE
            if len(listed) >= _WORKSPACE_JOB_PAGE
            else None,
        )

    async def running_numbers(self, workspace_ids: Sequence[str]) -> Mapping[int, Progress]:
        """Read the live numbers of the running jobs of some workspaces, in one page."""
        body: dict[str, object] = {
            "workspaceIds": list(workspace_ids),
            # Servers before 0.57.3 ignore it: then it is the newest jobs of any status.
            "statuses": ["running", "incomplete"],
            "pagination": {"pageSize": _RUNNING_PAGE, "rowOffset": 0},
            "orderByField": "createdAt",
            "orderByMethod": "DESC",
        }
        try:
            reply = await self._workspace_page(body, _ALL_TYPES, 0)
        except RejectedError:  # a server that does not know all types
            reply = await self._workspace_page(body, _OLD_TYPES, 0)
        rows = wire.read(wire.ConfigJobs, reply).jobs
        return {row.job.id: mapping.progress(row) for row in rows if row}

    async def _workspace_page(
        self, body: Mapping[str, object], types: Sequence[str], retry_for: float
    ) -> Reply:
        return await self._post(
            "jobs/list_for_workspaces",
            {**body, "configTypes": list(types)},
            retry_for=retry_for,
        )

    async def streams(self, connection_id: str, *, retry_for: float) -> Sequence[StreamId]:
        """Read the streams that a connection syncs. Raises ProtocolError for a huge catalog."""
        kept = bytearray()

        async def keep(pieces: AsyncIterator[bytes]) -> None:
            sieve = Sieve(BULKY_IN_CATALOG)
            kept.clear()  # a retry reads again
            async for piece in pieces:
                kept.extend(sieve.feed(piece))
                if len(kept) > LARGEST:
                    raise ProtocolError(f"{request}: the catalog is {TOO_LARGE}")
            kept.extend(sieve.end())

        request = self._request("connections/get", {"connectionId": connection_id})
        request = replace(request, stream_to=keep)
        reply = await self._http.read(request, retry_for=retry_for)
        found = wire.read(wire.ConnectionCatalog, replace(reply, body=bytes(kept)))
        if found.connection_id.lower() != connection_id.lower():
            raise ProtocolError(f"{request}: received connection {found.connection_id}")
        return [
            mapping.stream_id(row.stream)
            for row in found.sync_catalog.streams
            if row.config is None or row.config.selected is not False
        ]

    async def trigger(
        self,
        connection_id: str,
        job_type: JobType,
        *,
        streams: Collection[StreamId] = (),
        may_send: Callable[[], bool],
    ) -> TriggerResponse:
        """Request one job, once: a trigger is never retried here. No streams means all of them."""
        body: dict[str, object] = {"connectionId": connection_id}
        # Names that every version knows; newer ones have `clear` and `clear/stream` as well.
        path: str = "reset" if job_type == "clear" else job_type
        # Merge keeps the records that are loaded already.
        if job_type == "refresh":
            body |= {"refreshMode": "Merge", "streams": _descriptors(streams)}
        elif streams:
            path, body["streams"] = "reset/stream", _descriptors(streams)
        request = Request(
            method="POST",
            url=f"{self._root}/connections/{path}",
            json=body,
            limit=self._trigger_limit,
            forbidden_hint=MAY_NOT_START,
            may_send=may_send,
        )
        read_job = _read_refresh if job_type == "refresh" else _read_started
        response = await classify_trigger(self._http.send(request), read_job=read_job)
        # If a later 500 is about this job, the server crashed: the job is not unknown.
        if isinstance(response, Started):
            self._seen.add(response.job.id)
        return response

    async def cancel(self, job_id: int) -> None:
        """Cancel whatever is running on the job's connection: Airbyte ignores which job."""
        request = self._request("jobs/cancel", {"id": job_id})
        expect_success(await self._http.send(replace(request, forbidden_hint=MAY_NOT_CANCEL)))

    async def was_started_by_hand(self, job_id: int) -> bool:
        """Return True if the timeline has the event of a manual start (since 2.0)."""
        reply = await self._post("connections/events/list_for_job", {"id": job_id}, retry_for=0)
        kinds = [event.event_type for event in wire.read(wire.ConfigEvents, reply).events]
        return any(kind.endswith("_STARTED") for kind in kinds)

    async def cancelled_by(self, job: Job) -> str | None:
        """Read who cancelled a job (since 0.64); None if Airbyte did, or it is not recorded."""
        body: dict[str, object] = {
            "connectionId": job.connection_id,
            "eventTypes": [f"{kind}_CANCELLED" for kind in ("SYNC", "REFRESH", "CLEAR")],
            "pagination": {"pageSize": _CANCELS_READ, "rowOffset": 0},
        }
        if job.created_at is not None:
            body["createdAtStart"] = mapping.query_time(job.created_at)
        reply = await self._post("connections/events/list", body, retry_for=0)
        return mapping.canceller(wire.read(wire.ConfigEvents, reply).events, job)

    async def status_flags(self, connection_id: str) -> SwitchedOff:
        """Read what a connection itself says of why it is not synced."""
        reply = await self._post("connections/get", {"connectionId": connection_id}, retry_for=0)
        row = wire.read(wire.ConfigConnection, reply)
        return SwitchedOff(reason=row.status_reason, breaking_change=row.breaking_change)

    async def switched_off(self, connection_id: str) -> SwitchedOff:
        """Read the event of a connection's latest switching off (since 0.64)."""
        body = {
            "connectionId": connection_id,
            "eventTypes": ["CONNECTION_ENABLED", "CONNECTION_DISABLED"],
            "pagination": {"pageSize": 1, "rowOffset": 0},
        }
        reply = await self._post("connections/events/list", body, retry_for=0)
        latest = next(iter(wire.read(wire.ConfigEvents, reply).events), None)
        return mapping.switched_off(latest)

    async def progress(self, job_id: int) -> Progress:
        """Read live numbers, attempts, and the failure if there is one."""
        return (await self._info(job_id, retry_for=0))[1]

    async def stream_statuses(
        self, *, workspace_id: str, connection_id: str, job_id: int
    ) -> Sequence[StreamStatus]:
        """Read the states of a job's streams in all attempts. Raises ProtocolError if too many."""
        body = {
            "workspaceId": workspace_id,
            "connectionId": connection_id,
            "jobId": job_id,
            "pagination": {"pageSize": _STATUS_PAGE, "rowOffset": 0},
        }
        reply = await self._post("stream_statuses/list", body, retry_for=0)
        page = wire.read(wire.ConfigStreamStatuses, reply)
        if len(page.stream_statuses or ()) >= _STATUS_PAGE:  # in no order: the rest may matter
            raise ProtocolError(f"{reply.request}: too many stream statuses")
        return mapping.stream_statuses(page, job_id=job_id)

    async def filters_rows(self, connection_id: str) -> bool:
        """Return whether a mapper drops records of any stream (since 1.2)."""
        found: set[bytes] = set()

        async def search(pieces: AsyncIterator[bytes]) -> None:
            rest = b""
            async for piece in pieces:
                rest = rest[-_LONGEST_FILTER:] + piece
                found.update(match[1] or match[2] for match in _ROW_FILTER.finditer(rest))

        # As a stream: the catalog is left out of every other response, because of its size.
        request = self._request("connections/get", {"connectionId": connection_id})
        await self._http.read(replace(request, stream_to=search), retry_for=0)
        if b"syncCatalog" not in found:
            raise ProtocolError(f"{request}: the response has no catalog")
        return b"row-filtering" in found

    async def logs(self, job_id: int, *, attempt: int, read: ReadLog[_T]) -> _T:
        """Pass an attempt's log to `read` as it arrives; from the start again after a retry."""
        found: list[_T] = []  # a retry reads again: the last result counts

        async def stream_to(pieces: AsyncIterator[bytes]) -> None:
            found[:] = [await read(_lines(_of_attempt(pieces, attempt, request)))]

        body = {"jobId": job_id, "attemptNumber": attempt}
        request = self._request("attempt/get_for_job", body)
        request = replace(request, stream_to=stream_to, limit=_LOG_LIMIT)
        await self._http.read(request, retry_for=_LOG_RETRY_FOR)
        if not found:
            raise ProtocolError(f"{request}: not a response of Airbyte's API")
        return found[0]

    async def _info(self, job_id: int, *, retry_for: float) -> tuple[Job, Progress]:
        # `jobs/get` would send the logs of all attempts with every poll.
        reply = await self._post("jobs/get_without_logs", {"id": job_id}, retry_for=retry_for)
        info = wire.read(wire.ConfigJobInfo, reply)
        if info.job.id != job_id:  # as `Airbyte.job` checks; `progress` returns no id to check
            raise ProtocolError(
                f"{reply.request}: requested job {job_id}, received job {info.job.id}"
            )
        self._seen.add(job_id)
        return mapping.config_job(info), mapping.progress(info)

    async def require_health(self, *, retry_404: bool = True) -> None:
        """Raise an error unless this is a Config API."""
        health = Request(method="GET", url=f"{self._root}/health")
        reply = await self._http.read(health, retry_for=RETRY_FOR, retry_404=retry_404)
        wire.read(wire.Health, reply)

    async def _is_healthy(self, error: UnavailableError) -> bool:
        """True if the server that sent a 500 reports itself healthy."""
        if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return False
        try:
            reply = await self._http.send(Request(method="GET", url=f"{self._root}/health"))
            return wire.read(wire.Health, reply).available
        except (UnavailableError, ProtocolError):
            return False

    async def _list(
        self,
        connection_id: str,
        types: Sequence[str],
        *,
        page: Mapping[str, int],
        status: str | None,
        retry_for: float,
    ) -> Reply:
        body: dict[str, object] = {
            "configTypes": list(types),
            "configId": connection_id,
            "pagination": page,
            "orderByField": "createdAt",
            "orderByMethod": "DESC",
        }
        if status:
            body["statuses"] = [status]
        return await self._post("jobs/list", body, retry_for=retry_for)

    async def _workspaces_of(self, user_id: str, retry_for: float) -> Sequence[Workspace]:
        """Read one user's workspaces; none if the server does not have the endpoint."""
        try:
            reply = await self._post(
                "workspaces/list_by_user_id", {"userId": user_id}, retry_for=retry_for
            )
        except NO_ENDPOINT:
            return []
        return _workspaces(reply)

    async def _default_user(self, retry_for: float) -> str | None:
        """Read the owner of a self-managed server; None if it has none, as Cloud."""
        request = Request(method="GET", url=f"{self._root}/instance_configuration")
        try:
            reply = await self._http.read(request, retry_for=retry_for)
            return wire.read(wire.InstanceConfiguration, reply).default_user_id
        except NO_ENDPOINT:
            return None

    async def _connections_of(
        self, workspace_id: str, retry_for: float
    ) -> Sequence[wire.ConfigConnection]:
        request = self._request("connections/list", {"workspaceId": workspace_id})
        reply = await self._http.read(
            replace(request, forbidden_hint=MAY_NOT_READ), retry_for=retry_for
        )
        rows = self._http.readable_rows(
            wire.read(wire.ConfigConnections, reply).connections, reply
        )
        # The rows do not name their workspace in every version.
        return [row.model_copy(update={"workspace_id": workspace_id}) for row in rows]

    def _request(self, path: str, body: Mapping[str, object]) -> Request:
        return Request(method="POST", url=f"{self._root}/{path}", json=body)

    async def _post(self, path: str, body: Mapping[str, object], *, retry_for: float) -> Reply:
        return await self._http.read(self._request(path, body), retry_for=retry_for)


def _workspaces(reply: Reply) -> Sequence[Workspace]:
    rows = wire.read(wire.ConfigWorkspaces, reply).workspaces
    return [mapping.workspace(row) for row in rows if row]


def _descriptors(streams: Collection[StreamId]) -> list[dict[str, str]]:
    """Return them as ConnectionStreams; a namespace that is missing is left out."""
    return [
        {"streamName": one.name} | ({"streamNamespace": one.namespace} if one.namespace else {})
        for one in sorted(streams, key=str)
    ]


def _read_started(reply: Reply) -> Job:
    return mapping.config_job(wire.read(wire.ConfigJobInfo, reply))


def _read_refresh(reply: Reply) -> Job:
    """Read the response to a refresh. Raises RejectedError if none was started.

    Up to 1.1 the response to a started refresh names no job: ProtocolError, so that the job is
    looked for.
    """
    response = wire.read(wire.ConfigRefresh, reply)
    if response.job is not None:
        return mapping.config_job(wire.ConfigJobInfo(job=response.job))
    if response.value:
        raise ProtocolError(f"{reply.request}: a refresh was started, but the response has no job")
    # Airbyte never answers 409 here: while a job runs, it keeps the refresh for the next one, with
    # the same empty response (StreamRefreshesHandler.createRefreshesForConnection).
    raise RejectedError(
        f"{reply.request}: no refresh was started: the destination does not support refreshes, or "
        "another job had just begun",
        hint="try again when no job is active; where refreshes are not supported, use --job-type "
        "clear, then run a sync",
    )


async def _of_attempt(
    pieces: AsyncIterator[bytes], attempt: int, request: Request
) -> AsyncIterator[bytes]:
    """Yield the response unchanged. Raises ProtocolError if it is about another attempt."""
    head, named = b"", None
    async for piece in pieces:
        head += piece
        named = _ATTEMPT.search(head)
        if named or len(head) > _ATTEMPT_HEAD:
            break
    if named and int(named[1]) != attempt:
        raise ProtocolError(
            f"{request}: requested attemptNumber {attempt}, received {int(named[1])}"
        )
    yield head
    async for piece in pieces:
        yield piece


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[LogLine]:
    async for part in elements(pieces, rb"logLines|events"):
        for line in mapping.log_lines(wire.read_log(part)):
            yield line
