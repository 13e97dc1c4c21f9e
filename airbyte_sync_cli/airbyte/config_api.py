"""The Config API: internal to Airbyte, but the only one that knows why, how far, and the logs."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final, TypeVar

from airbyte_sync_cli.airbyte import config_mapping as mapping
from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.body import elements
from airbyte_sync_cli.airbyte.error_response import (
    MAY_NOT_CANCEL,
    MAY_NOT_READ,
    MAY_NOT_START,
    expect_success,
    no_such_job,
)
from airbyte_sync_cli.airbyte.http import LOG, RETRY_FOR, HttpClient
from airbyte_sync_cli.airbyte.models import (
    Connection,
    Job,
    JobType,
    LogLine,
    Progress,
    ReadLog,
    Started,
    TriggerResponse,
    Workspace,
)
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.airbyte.trigger_response import judge_trigger
from airbyte_sync_cli.errors import (
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.tasks import gather

_T = TypeVar("_T")
_LONGEST_LOG: Final = 300.0
"""Seconds for a whole log: it can be hundreds of megabytes."""
_EVERY_TYPE: Final = ("sync", "reset_connection", "refresh", "clear")
_OLD_TYPES: Final = ("sync", "reset_connection")
"""Servers before 0.60 know no other, and reject a list that names one."""
_MANY: Final = 1000
"""Newer servers page their lists of sources: one page is enough for names."""
_ABSENT: Final = (NotFoundError, ProtocolError, RejectedError)
"""What the answer means where this server does not have the endpoint."""
_ATTEMPT: Final = re.compile(rb'"attempt"\s*:\s*\{[^{}]*?"id"\s*:\s*(\d{1,18})\s*[,}]')
"""The number of an attempt, which is AttemptRead's id (JobConverter.getAttemptRead)."""
_HEAD: Final = 4096
"""Bytes in which an answer names its attempt: it comes before the log."""
_PAGE: Final = 200
"""Jobs read at a time where the server ignores a filter."""
_BARE: Final = re.compile(r": 500(?: \(errorId [^ )]+\))?$")
"""A 500 without words."""


class ConfigApi:
    """`/api/v1`: everything is a POST."""

    def __init__(self, http: HttpClient, root: str, *, trigger_limit: float) -> None:
        self._http = http
        self._root = root.rstrip("/")
        self._trigger_limit = trigger_limit
        self._seen: set[int] = set()
        """Jobs that surely exist, because they were read before."""

    async def connection(self, connection_id: str, *, retry_for: float) -> Connection:
        """Read one connection."""
        reply = await self._ask(
            "connections/get", {"connectionId": connection_id}, retry_for=retry_for
        )
        return mapping.connection(wire.read(wire.ConfigConnection, reply))

    async def connections(
        self, *, workspace_id: str | None, retry_for: float
    ) -> Sequence[Connection]:
        """Read the connections of one workspace, or of all that may be seen.

        One that may not be read is left out, with a warning, unless that leaves none.
        """
        if workspace_id:
            rows = await self._connections_of(workspace_id, retry_for)
        else:
            rows = await self._every_connection(retry_for)
        return list({row.connection_id: mapping.connection(row) for row in rows}.values())

    async def _every_connection(self, retry_for: float) -> Sequence[wire.ConfigConnection]:
        workspaces = await self.workspaces(retry_for=retry_for)
        found: list[wire.ConfigConnection] = []
        refused: list[DeniedError] = []
        for workspace in workspaces:  # one after another: with catalogs they are large
            try:
                found += await self._connections_of(workspace.id, retry_for)
            except DeniedError as error:
                refused.append(error)
                LOG.warning(
                    "the connections of workspace %s are left out: %s",
                    workspace.name or workspace.id,
                    error.message,
                )
        if refused and len(refused) == len(workspaces):
            raise refused[0]
        return found

    async def workspaces(self, *, retry_for: float) -> Sequence[Workspace]:
        """Read the workspaces of a self-managed server: those of its default user.

        `workspaces/list` was removed in 1.7; it is asked only where the other way leads nowhere.
        """
        user_id = await self._default_user(retry_for)
        found = await self._workspaces_of(user_id, retry_for) if user_id else []
        if found:
            return found
        try:
            return mapping.workspaces(await self._ask("workspaces/list", {}, retry_for=retry_for))
        except _ABSENT as error:
            if user_id:
                return []
            raise ProtocolError(
                f"this Config API does not list its workspaces ({error.message})",
                hint="name one with --workspace (AIRBYTE_WORKSPACE_ID), or use the Public API",
            ) from error

    async def actor_names(self, workspace_ids: Sequence[str]) -> Mapping[str, str]:
        """Tell the names of sources and destinations by id: connections only have their ids."""
        replies = await gather(
            *(
                self._ask(f"{kind}/list", {"workspaceId": one, "pageSize": _MANY}, retry_for=0)
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

        From 2.0 on an unknown job is a 500 without words, the same as any crash: so the API's
        own health decides (JobHistoryHandler.kt, section "unknown job id").
        """
        try:
            return (await self._info(job_id, retry_for=retry_for))[0]
        except UnavailableError as error:
            is_bare = _BARE.search(error.message) and job_id not in self._seen
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
        """Read the newest jobs of every type that the server knows.

        Servers before 0.57.3 ignore `statuses`: then the jobs are picked here, page after page.
        """
        found: dict[int, Job] = {}
        offset, size = 0, limit
        while True:
            page = {"pageSize": size, "rowOffset": offset}
            try:
                reply = await self._list(
                    connection_id, _EVERY_TYPE, page=page, status=status, retry_for=retry_for
                )
            except RejectedError:
                reply = await self._list(
                    connection_id, _OLD_TYPES, page=page, status=status, retry_for=retry_for
                )
            listed = wire.read(wire.ConfigJobs, reply).jobs
            rows = self._http.readable(listed, reply, every=not skip_unreadable)
            known = len(found)
            self._seen.update(row.job.id for row in rows)
            found |= {row.job.id: mapping.job(row, connection_id=connection_id) for row in rows}
            wanted = [job for job in found.values() if status in {None, job.status}]
            is_last = len(listed) < size or len(found) == known
            if status is None or is_last or len(wanted) >= limit:
                break
            offset, size = offset + size, max(size, _PAGE)
        return sorted(wanted, key=lambda job: job.id, reverse=True)[:limit]

    async def trigger(
        self, connection_id: str, job_type: JobType, *, may_send: Callable[[], bool]
    ) -> TriggerResponse:
        """Ask for one job, once."""
        body: dict[str, object] = {"connectionId": connection_id}
        if job_type == "refresh":
            body |= {"refreshMode": "Merge", "streams": []}
        path = "reset" if job_type == "clear" else job_type
        request = Request(
            method="POST",
            url=f"{self._root}/connections/{path}",
            json=body,
            limit=self._trigger_limit,
            forbidden_hint=MAY_NOT_START,
            may_send=may_send,
        )
        answer = await judge_trigger(
            lambda: self._http.send(request),
            read_job=mapping.read_refresh if job_type == "refresh" else mapping.read_started,
            retry_after=self._http.retry_after,
        )
        if isinstance(answer, Started):
            self._seen.add(answer.job.id)
        return answer

    async def cancel(self, job_id: int) -> None:
        """Ask to cancel whatever runs on the job's connection."""
        request = self._request("jobs/cancel", {"id": job_id})
        reply = await self._http.send(replace(request, forbidden_hint=MAY_NOT_CANCEL))
        expect_success(reply, retry_after=self._http.retry_after(reply))

    async def was_started_by_hand(self, job_id: int) -> bool:
        """Return whether the job has an event that only a manual start leaves (from 2.0)."""
        reply = await self._ask("connections/events/list_for_job", {"id": job_id}, retry_for=0)
        kinds = [event.event_type for event in wire.read(wire.ConfigEvents, reply).events]
        return any(kind.endswith("_STARTED") for kind in kinds)

    async def progress(self, job_id: int) -> Progress:
        """Read live numbers, attempts, and the failure if there is one."""
        return (await self._info(job_id, retry_for=0))[1]

    async def logs(self, job_id: int, *, attempt: int, read: ReadLog[_T]) -> _T:
        """Have one attempt's log read as it arrives, of either shape; anew where it broke off."""
        found: list[_T] = []

        async def take(pieces: AsyncIterator[bytes]) -> None:
            found[:] = [await read(_lines(_of_attempt(pieces, attempt, request)))]

        body = {"jobId": job_id, "attemptNumber": attempt}
        request = self._request("attempt/get_for_job", body)
        request = replace(request, take=take, limit=_LONGEST_LOG)
        await self._http.read(request, retry_for=10)
        if not found:
            raise ProtocolError(f"{request}: not the answer of Airbyte's API")
        return found[0]

    async def _info(self, job_id: int, *, retry_for: float) -> tuple[Job, Progress]:
        reply = await self._ask("jobs/get_without_logs", {"id": job_id}, retry_for=retry_for)
        info = wire.read(wire.ConfigJobInfo, reply)
        if info.job.id != job_id:
            raise ProtocolError(f"{reply.request}: asked for job {job_id}, got {info.job.id}")
        self._seen.add(job_id)
        return mapping.job(info), mapping.progress(info)

    async def require_health(self) -> None:
        """Raise what the API's answer means where it is not there."""
        request = Request(method="GET", url=f"{self._root}/health")
        wire.read(wire.Health, await self._http.read(request, retry_for=RETRY_FOR))

    async def _is_healthy(self, error: UnavailableError) -> bool:
        """Whether a 500 speaks of the job alone: the same server calls itself well."""
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
        return await self._ask("jobs/list", body, retry_for=retry_for)

    async def _workspaces_of(self, user_id: str, retry_for: float) -> Sequence[Workspace]:
        """Read one user's workspaces; none where the server cannot list them so."""
        try:
            reply = await self._ask(
                "workspaces/list_by_user_id", {"userId": user_id}, retry_for=retry_for
            )
        except _ABSENT:
            return []
        return mapping.workspaces(reply)

    async def _default_user(self, retry_for: float) -> str | None:
        """Read who owns a self-managed server; None where it does not tell, as on Cloud."""
        request = Request(method="GET", url=f"{self._root}/instance_configuration")
        try:
            reply = await self._http.read(request, retry_for=retry_for)
            return wire.read(wire.InstanceConfiguration, reply).default_user_id
        except _ABSENT:
            return None

    async def _connections_of(
        self, workspace_id: str, retry_for: float
    ) -> Sequence[wire.ConfigConnection]:
        request = self._request("connections/list", {"workspaceId": workspace_id})
        reply = await self._http.read(
            replace(request, forbidden_hint=MAY_NOT_READ), retry_for=retry_for
        )
        rows = self._http.readable(wire.read(wire.ConfigConnections, reply).connections, reply)
        return [row.model_copy(update={"workspace_id": workspace_id}) for row in rows]

    def _request(self, path: str, body: Mapping[str, object]) -> Request:
        return Request(method="POST", url=f"{self._root}/{path}", json=body)

    async def _ask(self, path: str, body: Mapping[str, object], *, retry_for: float) -> Reply:
        return await self._http.read(self._request(path, body), retry_for=retry_for)


async def _of_attempt(
    pieces: AsyncIterator[bytes], attempt: int, request: Request
) -> AsyncIterator[bytes]:
    """Pass an attempt's answer on. Raises ProtocolError where it names another attempt."""
    head, named = b"", None
    async for piece in pieces:
        head += piece
        named = _ATTEMPT.search(head)
        if named or len(head) > _HEAD:
            break
    if named and int(named[1]) != attempt:
        raise ProtocolError(f"{request}: asked for attemptNumber {attempt}, got {int(named[1])}")
    yield head
    async for piece in pieces:
        yield piece


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[LogLine]:
    async for some in elements(pieces, rb"logLines|events"):
        for line in mapping.lines(wire.read_log(some)):
            yield line
