"""`Airbyte`: read and write through the API that a server has."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.error_response import NO_ENDPOINT, no_such_connection
from airbyte_sync_cli.airbyte.http import LOG, RETRY_FOR, HttpClient
from airbyte_sync_cli.airbyte.models import (
    ClockAhead,
    Connection,
    Job,
    JobPage,
    JobType,
    ListedJob,
    Progress,
    ReadLog,
    ResponseLost,
    Started,
    StreamId,
    StreamStatus,
    SwitchedOff,
    TriggerResponse,
    Workspace,
    as_uuid,
    same_name,
)
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.settings.shown import shown_name
from airbyte_sync_cli.tasks import gather

_OPTIONAL_LIMIT: Final = 5.0
"""Seconds for a request without which the wait for a job can continue."""
_READS_AT_ONCE: Final = 3
"""Two requests each; a self-managed server has other clients as well."""
_MOST_REFUSALS: Final = 3
_REFUSAL_PAUSE: Final = 300.0
"""Seconds without requests to the Config API after so many refusals in a row. A server that
always refuses should not be asked with every poll, but a proxy may only do so for minutes."""
_MANY_JOBS: Final = 200
"""The newest jobs of which attempts are read: those shown, filtered by status, may be older."""
_NAMES_SHOWN: Final = 10
_NO_LOGS: Final = "only the Config API has logs, and it cannot be used at this address"
_NO_REFRESH: Final = "a refresh needs the Config API, which cannot be used at this address"
_NO_STREAMS: Final = "--stream needs the Config API, which cannot be used at this address"
_WHOLE_SERVER_HINT: Final = "set --url to the root of the server, or see the web UI"
_T = TypeVar("_T")


class Airbyte:
    """An Airbyte server: one primary API, and the Config API for what the Public API lacks.

    The primary API alone decides the outcome of a sync. What the Config API adds is optional:
    None if it cannot be read, and a log line says why.
    """

    def __init__(
        self,
        http: HttpClient,
        primary: PublicApi | ConfigApi,
        config_api: ConfigApi | None,
        *,
        ui: str | None,
    ) -> None:
        self._http = http
        self._primary = primary
        self._config_api = primary if isinstance(primary, ConfigApi) else config_api
        self._refusals = 0
        """By the Config API, in a row."""
        self._paused_until = 0.0
        self._connection_of: dict[int, str] = {}
        """By job id: later responses about a job must name the same connection."""
        self._ui = ui
        self._workspace_lock = asyncio.Lock()
        self._sole_workspace: str | None = ""
        """Empty until it has been asked for."""

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @property
    def clock_ahead(self) -> ClockAhead | None:
        """How far Airbyte's clock is ahead of ours, by its responses so far."""
        return self._http.clock_ahead

    # -- what both APIs have

    async def connection(self, connection_id: str, *, retry_for: float = RETRY_FOR) -> Connection:
        """Read one connection."""
        try:
            found = await self._primary.connection(connection_id, retry_for=retry_for)
        except NotFoundError as error:
            raise no_such_connection(connection_id, error) from error
        _require_same(f"connection {connection_id}", found.id, connection_id)
        return found

    async def connections(
        self, *, workspace_id: str | None = None, retry_for: float = RETRY_FOR
    ) -> Sequence[Connection]:
        """Read all connections, or those of one workspace, by its id or name; each once."""
        found = await self._workspace_id(workspace_id, retry_for) if workspace_id else None
        try:
            read = await self._primary.connections(workspace_id=found, retry_for=retry_for)
        except (DeniedError, NotFoundError, RejectedError) as error:
            if workspace_id:  # an unknown or forbidden one is reported without its name
                error.message = f"workspace {workspace_id!r}: {error.message}"
            raise
        # Pages are counted by offset: a change between two of them can repeat a connection.
        return list({one.id: one for one in read}.values())

    async def sole_workspace(self) -> str | None:
        """Read the id of the workspace if there is only one; None otherwise, and if unknown.

        The Config API needs it, but cannot list workspaces in one round trip.
        """
        public = self._primary if isinstance(self._primary, PublicApi) else None
        if public is None or self._config_api is None:
            return None
        async with self._workspace_lock:
            if self._sole_workspace == "":
                self._sole_workspace = None
                with suppress(AirbyteSyncError, TimeoutError):
                    async with asyncio.timeout(_OPTIONAL_LIMIT):
                        self._sole_workspace = await public.sole_workspace()
        return self._sole_workspace

    async def workspaces(self, *, retry_for: float = RETRY_FOR) -> Sequence[Workspace]:
        """Read all workspaces that the credentials can see."""
        return await self._primary.workspaces(retry_for=retry_for)

    async def _workspace_id(self, text: str, retry_for: float) -> str:
        """Return a workspace's id, from its id or exact name."""
        if known := as_uuid(text):
            return known
        workspaces = await self.workspaces(retry_for=retry_for)
        names = [one.name for one in workspaces if one.name]
        matches = [one.id for one in workspaces if one.name and same_name(one.name, text)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NotFoundError(
                f"{len(matches)} workspaces are named {text!r}: {', '.join(matches)}",
                hint="use the id with --workspace (AIRBYTE_WORKSPACE_ID)",
            )
        raise NotFoundError(
            f"no workspace is named {shown_name(text, names)}",
            hint=f"workspaces: {', '.join(map(repr, names[:_NAMES_SHOWN])) or 'none'}",
        )

    async def with_names(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Add the names of sources and destinations; unchanged if they cannot be read."""
        workspaces = {one.workspace_id: None for one in connections if one.workspace_id}
        try:
            async with asyncio.timeout(_OPTIONAL_LIMIT):
                names = await self._primary.actor_names(list(workspaces))
        except (TimeoutError, AirbyteSyncError) as error:
            LOG.info("names of sources and destinations cannot be read: %s", error)
            return connections
        return [
            replace(
                one,
                source_name=names.get(one.source_id or ""),
                destination_name=names.get(one.destination_id or ""),
            )
            for one in connections
        ]

    async def job(self, job_id: int, *, retry_for: float = RETRY_FOR) -> Job:
        """Read one job. Raises ProtocolError for another job, or one of another connection."""
        job = await self._primary.job(job_id, retry_for=retry_for)
        _require_same(f"job {job_id}", job.id, job_id)
        # A job given by its id alone has no known connection: its first response sets it.
        known = self._connection_of.setdefault(job_id, job.connection_id)
        _require_same(f"job {job_id} of connection {known}", job.connection_id, known)
        return job

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int = 20,
        status: str | None = None,
        retry_for: float = RETRY_FOR,
        skip_unreadable: bool = False,
    ) -> Sequence[Job]:
        """Read a connection's jobs of all types, newest first.

        One row of another connection makes the whole list a ProtocolError, and so does one that
        cannot be parsed: if a list came back empty by mistake, any job would look new, and ours.
        """
        found = await self._primary.jobs(
            connection_id,
            limit=limit,
            status=status,
            retry_for=retry_for,
            skip_unreadable=skip_unreadable,
        )
        for job in found:
            _require_same(f"jobs of connection {connection_id}", job.connection_id, connection_id)
        self._connection_of |= {job.id: connection_id for job in found}
        return found

    @property
    def listed_separately(self) -> Sequence[str]:
        """The job types that `workspace_jobs` may leave out, unless one is named."""
        return self._primary.listed_separately

    async def workspace_jobs(
        self,
        workspace_ids: Sequence[str],
        *,
        changed_since: datetime | None = None,
        job_type: str | None = None,
        offset: int = 0,
        require_all: bool = False,
        retry_for: float = RETRY_FOR,
    ) -> JobPage:
        """Read a page of the jobs of some workspaces, newest first.

        With `changed_since` (by Airbyte's clock) those whose status has changed since then, newest
        change first. A row of a known job that names another connection is left out: reading that
        job alone shows whether responses are mixed up.
        """
        page = await self._primary.workspace_jobs(
            workspace_ids,
            changed_since=changed_since,
            job_type=job_type,
            offset=offset,
            require_all=require_all,
            retry_for=retry_for,
        )
        return replace(page, rows=[row for each in page.rows if (row := self._listed(each))])

    def _listed(self, row: ListedJob) -> ListedJob | None:
        """Return a row with its connection; None if it contradicts what is known of the job."""
        known = self._connection_of.get(row.job.id)
        if known is None or row.job.connection_id.lower() == known.lower():
            return row
        if row.job.connection_id:
            return None
        return replace(row, job=replace(row.job, connection_id=known))

    async def trigger(
        self,
        connection_id: str,
        job_type: JobType,
        *,
        streams: Collection[StreamId] = (),
        may_send: Callable[[], bool],
    ) -> TriggerResponse:
        """Request one job, once. The Config API alone has refreshes, and jobs for some streams."""
        if job_type == "refresh" or streams:
            config = await self._require_config_api(_NO_STREAMS if streams else _NO_REFRESH)
            answer = await config.trigger(
                connection_id, job_type, streams=streams, may_send=may_send
            )
        else:
            answer = await self._primary.trigger(connection_id, job_type, may_send=may_send)
        if isinstance(answer, Started):
            # A response about another connection: ours is lost, but our job may be started.
            try:
                wanted = f"a {job_type} of connection {connection_id}"
                _require_same(wanted, answer.job.connection_id, connection_id)
            except ProtocolError as error:
                return ResponseLost(message=error.message)
            self._connection_of[answer.job.id] = connection_id
        return answer

    async def use_config_api(self) -> None:
        """Send every request to the Config API from now on: it alone names the streams of jobs.

        Raises RejectedError where there is none.
        """
        self._primary = await self._require_config_api(_NO_STREAMS)

    async def _require_config_api(self, reason: str) -> ConfigApi:
        """Raise RejectedError now, rather than take a web page for a lost response later."""
        if self._config_api is None:
            raise RejectedError(reason, hint=_WHOLE_SERVER_HINT)
        if self._config_api is self._primary:
            return self._config_api
        try:
            await self._config_api.require_health()
        except UnavailableError:
            raise
        except AirbyteSyncError as error:
            message = f"{reason}: {error.message}"
            raise RejectedError(message, hint=_WHOLE_SERVER_HINT) from error
        return self._config_api

    async def streams(
        self, connection_id: str, *, retry_for: float = RETRY_FOR
    ) -> Sequence[StreamId]:
        """Read the streams that a connection syncs, from the Config API."""
        config = await self._require_config_api(_NO_STREAMS)
        return await config.streams(connection_id, retry_for=retry_for)

    async def cancel(self, job_id: int) -> None:
        """Cancel whatever is running on the job's connection."""
        await self._primary.cancel(job_id)

    def job_url(self, connection: Connection | None, job_id: int | None) -> str | None:
        """Return the job's page in the web UI (LinkToAttemptButton.tsx)."""
        if self._ui is None or connection is None or connection.workspace_id is None:
            return None
        page = f"{self._ui}/workspaces/{connection.workspace_id}/connections/{connection.id}"
        return page if job_id is None else f"{page}/timeline?openLogs=true&jobId={job_id}"

    # -- what only the Config API has: optional

    @property
    def has_config_api(self) -> bool:
        """Return whether there is a Config API to ask, be it without success."""
        return self._config_api is not None

    async def with_attempts(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Add the number of attempts to jobs of one connection; None if it cannot be read."""
        if self._config_api is None or self._config_api is self._primary or not jobs:
            return jobs
        reading = self._config_api.jobs(
            jobs[0].connection_id,
            limit=max(len(jobs), _MANY_JOBS),
            status=None,
            retry_for=0,
            skip_unreadable=True,
        )
        known = {job.id: job.attempts for job in await self._optional(reading) or ()}
        return [replace(job, attempts=known.get(job.id)) for job in jobs]

    async def was_started_by_hand(self, job_id: int) -> bool:
        """Return True if Airbyte has recorded that a person or a client started the job."""
        if self._config_api is None:
            return False
        return await self._optional(self._config_api.was_started_by_hand(job_id)) is True

    async def cancelled_by(self, job: Job) -> str | None:
        """Read who cancelled a job; None if that is not known."""
        if self._config_api is None:
            return None
        return await self._optional(self._config_api.cancelled_by(job))

    async def with_reasons(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Add how inactive connections were switched off, as far as that can be read soon."""
        known: dict[str, SwitchedOff | None] = {}
        slots = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(connection_id: str) -> None:
            async with slots:
                known[connection_id] = await self.switched_off(connection_id)

        with suppress(TimeoutError):
            async with asyncio.timeout(_OPTIONAL_LIMIT):
                await gather(*(read(one.id) for one in connections if not one.is_active))
        return [replace(one, switched_off=known.get(one.id)) for one in connections]

    async def switched_off(self, connection_id: str) -> SwitchedOff | None:
        """Read why and when a connection was switched off; None if nothing can be read."""
        if self._config_api is None:
            return None
        event, flags = await gather(
            self._optional(self._config_api.switched_off(connection_id)),
            self._optional(self._config_api.status_flags(connection_id)),
        )
        if event is None or flags is None:
            return event or flags
        # Its own field is about now; the event may be of an earlier time.
        reason = flags.reason or event.reason
        return replace(event, reason=reason, breaking_change=flags.breaking_change)

    async def progress(self, job_id: int, *, of_final_job: bool = False) -> Progress | None:
        """Read a job's live numbers and its failure; None if they cannot be read.

        After repeated refusals the Config API is not asked with every poll, but once for a final
        job: nothing else knows why it failed.
        """
        is_paused = self._http.clock.monotonic() < self._paused_until and not of_final_job
        if self._config_api is None or is_paused:
            return None
        return await self._optional(self._config_api.progress(job_id))

    async def stream_statuses(
        self, job: Job, workspace_id: str | None
    ) -> Sequence[StreamStatus] | None:
        """Read the states of a job's streams; None if they cannot be read."""
        if self._config_api is None or workspace_id is None:
            return None
        reading = self._config_api.stream_statuses(
            workspace_id=workspace_id, connection_id=job.connection_id, job_id=job.id
        )
        return await self._optional(reading)

    async def filters_rows(self, connection_id: str) -> bool | None:
        """Return whether the connection drops records of its own accord; None if unknown."""
        if self._config_api is None:
            return None
        return await self._optional(self._config_api.filters_rows(connection_id))

    async def running_numbers(self, workspace_ids: Sequence[str]) -> Mapping[int, Progress] | None:
        """Read the numbers of all running jobs of some workspaces; None if they cannot be read."""
        is_paused = self._http.clock.monotonic() < self._paused_until
        if self._config_api is None or is_paused:
            return None
        return await self._optional(self._config_api.running_numbers(workspace_ids))

    async def _optional(self, reading: Awaitable[_T]) -> _T | None:
        """Return what the Config API returns, None on any error; pause after many refusals."""
        try:
            async with asyncio.timeout(_OPTIONAL_LIMIT):
                found = await reading
        except TimeoutError:
            LOG.info("the Config API timed out")
        except (UnavailableError, NotFoundError) as error:  # no refusal: the next one may work
            LOG.info("the Config API: %s", error.message)
        except AirbyteSyncError as error:
            LOG.info("the Config API cannot be used, so statistics are limited: %s", error.message)
            self._refusals += 1
            # The primary API is never paused: it decides the outcome.
            if self._refusals >= _MOST_REFUSALS and self._config_api is not self._primary:
                self._paused_until = self._http.clock.monotonic() + _REFUSAL_PAUSE
        else:
            self._refusals = 0
            return found
        return None

    # -- logs: only the Config API has them, and the user asked for them

    async def attempts(self, job_id: int) -> int:
        """Read how many attempts have begun. Raises as `logs` does."""
        progress = await self._for_logs(lambda config: config.progress(job_id))
        return progress.attempts or 0

    async def logs(self, job_id: int, *, attempt: int, read: ReadLog[_T]) -> _T:
        """Pass an attempt's log to `read`. Attempts count from 1, as in Airbyte's UI.

        Raises ProtocolError or DeniedError if the Config API cannot be used.
        """
        return await self._for_logs(
            lambda config: config.logs(job_id, attempt=attempt - 1, read=read)
        )

    async def _for_logs(self, ask: Callable[[ConfigApi], Awaitable[_T]]) -> _T:
        """Return what the Config API returns; raise its errors with a hint that fits."""
        if self._config_api is None:
            raise ProtocolError(_NO_LOGS, hint=_WHOLE_SERVER_HINT)
        if self._config_api is self._primary:
            return await ask(self._config_api)
        try:
            return await ask(self._config_api)
        except NO_ENDPOINT as error:  # not a missing job: the primary API has it
            message = f"{_NO_LOGS}: {error.message}"
            raise ProtocolError(message, hint=_WHOLE_SERVER_HINT) from error
        except DeniedError as error:
            message = f"{_NO_LOGS}: {error.message}"
            raise DeniedError(message, hint=_WHOLE_SERVER_HINT) from error


def _require_same(asked: str, found: object, wanted: object) -> None:
    """Raise ProtocolError if a response is about something else than was requested."""
    if str(found).lower() != str(wanted).lower():  # UUIDs compare without case (RFC 9562)
        raise ProtocolError(
            f"requested {asked}, but the response is about {found}",
            hint="does a proxy or a cache in between mix up responses? "
            "`airbyte-sync check` finds the step that fails",
        )
