"""`Airbyte`: connect to a server, find its APIs, and ask them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar
from uuid import UUID

from airbyte_sync_cli.airbyte import wire
from airbyte_sync_cli.airbyte.address import Address, ApiName, parse_address
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.error_response import no_such_connection
from airbyte_sync_cli.airbyte.http import LOG, NOT_READY, RETRY_FOR, HttpClient, make_http_client
from airbyte_sync_cli.airbyte.models import (
    ClockAhead,
    Connection,
    Job,
    JobType,
    Progress,
    ReadLog,
    ResponseLost,
    Started,
    TriggerResponse,
    Workspace,
    same_name,
)
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.settings import Settings
from airbyte_sync_cli.settings.shown import shown_name

_PAUSE: Final = 1.0
"""Seconds before looking again for an API that is not there yet."""
_ABSENT: Final = (NotFoundError, ProtocolError, RejectedError)


async def find_api(
    http: HttpClient, address: Address, *, retry_for: float = RETRY_FOR
) -> tuple[Address, ApiName]:
    """Ask for a sign of life: the Public API has been there since 0.50.54.

    Returns the address as it turned out to be. Raises what the Public API's answer meant where
    neither is there; before that a proxy's 404 is doubted for some seconds of `patience`.
    """
    ready_by = http.monotonic() + min(retry_for, NOT_READY)
    while True:
        try:
            return await _find_api(http, address, retry_for)
        except ProtocolError as error:
            if not error.may_pass or http.monotonic() + _PAUSE > ready_by:
                raise
        await http.sleep(_PAUSE)


async def _find_api(
    http: HttpClient, address: Address, retry_for: float
) -> tuple[Address, ApiName]:
    try:
        health = Request(method="GET", url=f"{address.public_root}/health")
        await http.read(health, retry_for=retry_for, retry_404=False)
    except _ABSENT as error:
        no_public: AirbyteSyncError = error
    else:
        return address, "public"
    if address.other_public_root and await _is_there(_ask_old_api, http, address):
        return replace(address, public_root=address.other_public_root), "public"
    if address.config_root and await _is_there(_ask_config_api, http, address):
        LOG.info("no Public API here, the Config API is used: %s", no_public.message)
        return address, "config"
    raise no_public


async def _is_there(
    ask: Callable[[HttpClient, Address], Awaitable[None]], http: HttpClient, address: Address
) -> bool:
    try:
        await ask(http, address)
    except _ABSENT:
        return False
    return True


async def _ask_old_api(http: HttpClient, address: Address) -> None:
    """The old container's health is not below `/v1`, so something small is read."""
    url = f"{address.other_public_root}/workspaces"
    request = Request(method="GET", url=url, params={"limit": 1})
    reply = await http.read(request, retry_for=RETRY_FOR, retry_404=False)
    if not reply.body.lstrip().startswith(b"{"):
        raise ProtocolError(f"{reply.request}: that is not a list of workspaces")


async def _ask_config_api(http: HttpClient, address: Address) -> None:
    health = Request(method="GET", url=f"{address.config_root}/health")
    reply = await http.read(health, retry_for=RETRY_FOR, retry_404=False)
    wire.read(wire.Health, reply)


_LONGEST_ASIDE: Final = 5.0
"""Seconds for what is nice to know while a job is being waited for."""
_MOST_REFUSALS: Final = 3
_SILENCE: Final = 300.0
"""Seconds for which the Config API is let be after so many refusals, one after another: who
always refuses need not be asked at every poll, but a proxy may be confused for a while only."""
_MANY_JOBS: Final = 200
_MOST_NAMES: Final = 10
_NO_LOGS: Final = "only the Config API has logs, and it cannot be used at this address"
_NO_REFRESH: Final = "a refresh needs the Config API, which cannot be used at this address"
_NO_LOGS_HINT: Final = "give the address of the whole server (its root), or look into the web UI"
_T = TypeVar("_T")


def _require_same(asked: str, found: object, wanted: object) -> None:
    """Raise ProtocolError for an answer about something else than what was asked."""
    if str(found).lower() != str(wanted).lower():
        raise ProtocolError(
            f"asked for {asked}, the answer is about {found}",
            hint="does a proxy or a cache in between mix up answers? "
            "`airbyte-sync check` finds the step that fails",
        )


class Airbyte:
    """An Airbyte server. What the Config API cannot tell is None, and said once."""

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
        """Of the Config API, one after another."""
        self._asked_again_at = 0.0
        self._connection_of: dict[int, str] = {}
        """By job: answers about a job that is known must name its connection."""
        self._ui = ui

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @property
    def clock_ahead(self) -> ClockAhead | None:
        """How far Airbyte's clock is ahead of ours, by its answers so far."""
        return self._http.clock_ahead

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
        """Read all connections that may be seen, or those of one workspace, by id or name."""
        if not workspace_id:
            return await self._primary.connections(workspace_id=None, retry_for=retry_for)
        found = await self._workspace(workspace_id, retry_for)
        try:
            return await self._primary.connections(workspace_id=found, retry_for=retry_for)
        except (DeniedError, NotFoundError, RejectedError) as error:
            error.message = f"workspace {workspace_id!r}: {error.message}"
            raise

    async def workspaces(self, *, retry_for: float = RETRY_FOR) -> Sequence[Workspace]:
        """Read all workspaces that may be seen."""
        return await self._primary.workspaces(retry_for=retry_for)

    async def _workspace(self, text: str, retry_for: float) -> str:
        """Find a workspace's id by its id or exact name."""
        with suppress(ValueError):
            return str(UUID(text))
        every = await self.workspaces(retry_for=retry_for)
        matches = [one.id for one in every if one.name and same_name(one.name, text)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NotFoundError(
                f"{len(matches)} workspaces are called {text!r}: {', '.join(matches)}",
                hint="give the id with --workspace (AIRBYTE_WORKSPACE_ID)",
            )
        names = ", ".join(repr(one.name) for one in every[:_MOST_NAMES] if one.name)
        raise NotFoundError(
            f"no workspace is called {shown_name(text, (one.name for one in every if one.name))}",
            hint=f"workspaces that can be seen: {names or 'none'}",
        )

    async def with_names(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Add the names of sources and destinations; without them, their ids must do."""
        workspaces = {one.workspace_id: None for one in connections if one.workspace_id}
        try:
            async with asyncio.timeout(_LONGEST_ASIDE):
                names = await self._primary.actor_names(list(workspaces))
        except (TimeoutError, AirbyteSyncError) as error:
            LOG.info("sources and destinations have no names here: %s", error)
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
        """Read one job: this one, of the connection that it belonged to before."""
        job = await self._primary.job(job_id, retry_for=retry_for)
        _require_same(f"job {job_id}", job.id, job_id)
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
        """Read a connection's jobs of every type, newest first.

        With a row of another connection the whole list is not believed: as an empty list it
        would make every job of ours a new one. So it is with a row that names no job at all.
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

    async def with_attempts(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Add how many attempts each job of one connection has had: only the Config API knows."""
        if self._config_api is None or self._config_api is self._primary or not jobs:
            return jobs
        question = self._config_api.jobs(
            jobs[0].connection_id,
            limit=max(len(jobs), _MANY_JOBS),
            status=None,
            retry_for=0,
            skip_unreadable=True,
        )
        known = {job.id: job.attempts for job in await self._ask_aside(question) or ()}
        return [replace(job, attempts=known.get(job.id)) for job in jobs]

    async def trigger(
        self, connection_id: str, job_type: JobType, *, may_send: Callable[[], bool]
    ) -> TriggerResponse:
        """Ask for one job, once; only the Config API knows how to refresh."""
        api = self._primary
        if job_type == "refresh" and self._config_api is not None:
            api = self._config_api
            await self._require_config_api()
        answer = await api.trigger(connection_id, job_type, may_send=may_send)
        if isinstance(answer, Started):
            try:
                wanted = f"a {job_type} of connection {connection_id}"
                _require_same(wanted, answer.job.connection_id, connection_id)
            except ProtocolError as error:
                return ResponseLost(message=error.message)
            self._connection_of[answer.job.id] = connection_id
        return answer

    async def cancel(self, job_id: int) -> None:
        """Ask to cancel the connection's active job."""
        await self._primary.cancel(job_id)

    async def was_started_by_hand(self, job_id: int) -> bool:
        """Return True where Airbyte has recorded that a person or a client started the job."""
        if self._config_api is None:
            return False
        return await self._ask_aside(self._config_api.was_started_by_hand(job_id)) is True

    async def progress(self, job_id: int, *, of_final_job: bool = False) -> Progress | None:
        """Read a job's live numbers and its failure; None where the Config API is out of reach.

        After repeated refusals the Config API is not asked at each poll, but once for a final job:
        nothing else knows why it failed.
        """
        is_paused = self._http.monotonic() < self._asked_again_at and not of_final_job
        if self._config_api is None or is_paused:
            return None
        return await self._ask_aside(self._config_api.progress(job_id))

    async def attempts(self, job_id: int) -> int:
        """Tell how many attempts have begun. Raises as `logs` does."""
        progress = await self._ask_for_logs(lambda config: config.progress(job_id))
        return progress.attempts or 0

    async def logs(self, job_id: int, *, attempt: int, read: ReadLog[_T]) -> _T:
        """Have an attempt's log read (attempts from 1, as Airbyte's pages count) as it is now.

        Raises ProtocolError or DeniedError where the Config API cannot be used.
        """
        return await self._ask_for_logs(
            lambda config: config.logs(job_id, attempt=attempt - 1, read=read)
        )

    def job_url(self, connection: Connection | None, job_id: int | None) -> str | None:
        """Tell the address of the job in the web UI (LinkToAttemptButton.tsx)."""
        if self._ui is None or connection is None or connection.workspace_id is None:
            return None
        page = f"{self._ui}/workspaces/{connection.workspace_id}/connections/{connection.id}"
        return page if job_id is None else f"{page}/timeline?openLogs=true&jobId={job_id}"

    async def _ask_for_logs(self, ask: Callable[[ConfigApi], Awaitable[_T]]) -> _T:
        """Ask the only API that has logs; the job is known to exist from the other one."""
        if self._config_api is None:
            raise ProtocolError(_NO_LOGS, hint=_NO_LOGS_HINT)
        if self._config_api is self._primary:
            return await ask(self._config_api)
        try:
            return await ask(self._config_api)
        except (NotFoundError, ProtocolError, RejectedError) as error:
            raise ProtocolError(f"{_NO_LOGS}: {error.message}", hint=_NO_LOGS_HINT) from error
        except DeniedError as error:
            raise DeniedError(f"{_NO_LOGS}: {error.message}", hint=_NO_LOGS_HINT) from error

    async def _require_config_api(self) -> None:
        """Raise RejectedError where nothing but a web page or a refusal would answer a refresh."""
        if self._config_api is None or self._config_api is self._primary:
            return
        try:
            await self._config_api.require_health()
        except UnavailableError:
            raise
        except AirbyteSyncError as error:
            raise RejectedError(f"{_NO_REFRESH}: {error.message}", hint=_NO_LOGS_HINT) from error

    async def _ask_aside(self, question: Awaitable[_T]) -> _T | None:
        """Ask the Config API beside the truth. Who says no again and again is let be."""
        try:
            async with asyncio.timeout(_LONGEST_ASIDE):
                answer = await question
        except TimeoutError:
            LOG.info("the Config API takes too long")
        except (UnavailableError, NotFoundError) as error:
            LOG.info("the Config API: %s", error.message)
        except AirbyteSyncError as error:
            LOG.info("the Config API is out of reach, so numbers are coarse: %s", error.message)
            self._refusals += 1
            if self._refusals >= _MOST_REFUSALS and self._config_api is not self._primary:
                self._asked_again_at = self._http.monotonic() + _SILENCE
        else:
            self._refusals = 0
            return answer
        return None


async def connect(settings: Settings, *, clock: Clock, retry_for: float = RETRY_FOR) -> Airbyte:
    """Find the server's APIs, within `patience` seconds where it cannot be reached at first.

    Raises UsageError, and what the first contact means.
    """
    address = parse_address(settings.url)
    LOG.info("%s", address.explain())
    http = make_http_client(settings, address, clock)
    try:
        return await discover(http, settings, address, retry_for=retry_for)
    except BaseException:
        await http.aclose()
        raise


async def discover(
    http: HttpClient, settings: Settings, address: Address, *, retry_for: float
) -> Airbyte:
    """Find out, over a gate that stands, which API answers. Raises as `connect` does."""
    limit = settings.trigger_timeout
    api = settings.api if settings.api != "auto" else address.api
    if api is None:
        address, api = await find_api(http, address, retry_for=retry_for)
    public = address.public_root and PublicApi(http, address.public_root, trigger_limit=limit)
    config = address.config_root and ConfigApi(http, address.config_root, trigger_limit=limit)
    primary = public if api == "public" else config
    if not primary:
        raise ProtocolError(f"this address has no {api} API", hint="give the server's root")
    return Airbyte(http, primary, config or None, ui=address.ui_root)
