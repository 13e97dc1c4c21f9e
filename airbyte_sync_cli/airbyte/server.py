"""A whole Airbyte: one API for the truth, the Config API beside it for what only it knows."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from airbyte_sync_cli.airbyte.api import TriggerAnswer
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import Gate
from airbyte_sync_cli.airbyte.models import Connection, Failure, Job, JobType, LogLine, Progress
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)

LOG: Final = logging.getLogger("airbyte_sync_cli.server")
_LONGEST_ASIDE: Final = 5.0
"""Seconds for what is nice to know while a job is being waited for."""
_T = TypeVar("_T")


class Server:
    """Implements `api.Airbyte`. What the Config API cannot tell is None, and said once."""

    def __init__(
        self, gate: Gate, main: PublicApi | ConfigApi, aside: ConfigApi | None, *, ui: str | None
    ) -> None:
        self._gate = gate
        self._main = main
        self._aside = main if isinstance(main, ConfigApi) else aside
        self._ui = ui

    async def aclose(self) -> None:
        """Close all connections."""
        await self._gate.aclose()

    @property
    def flavour(self) -> str:
        """Which API tells the truth: `public` or `config`."""
        return "config" if isinstance(self._main, ConfigApi) else "public"

    async def connection(self, connection_id: str, *, patience: float = 15.0) -> Connection:
        """Read one connection."""
        return await self._main.connection(connection_id, patience=patience)

    async def connections(
        self, *, workspace_id: str | None = None, patience: float = 15.0
    ) -> Sequence[Connection]:
        """Read all connections that may be seen."""
        return await self._main.connections(workspace_id=workspace_id, patience=patience)

    async def job(self, job_id: int, *, patience: float = 15.0) -> Job:
        """Read one job."""
        return await self._main.job(job_id, patience=patience)

    async def jobs(
        self,
        connection_id: str,
        *,
        limit: int = 20,
        status: str | None = None,
        patience: float = 15.0,
    ) -> Sequence[Job]:
        """Read a connection's jobs of every type, newest first."""
        return await self._main.jobs(connection_id, limit=limit, status=status, patience=patience)

    async def trigger(self, connection_id: str, job_type: JobType) -> TriggerAnswer:
        """Ask for one job, once; only the Config API knows how to refresh."""
        api = self._aside if job_type == "refresh" and self._aside else self._main
        return await api.trigger(connection_id, job_type)

    async def cancel(self, job_id: int) -> None:
        """Ask to cancel the connection's active job."""
        await self._main.cancel(job_id)

    async def progress(self, job_id: int) -> Progress | None:
        """Read live numbers; None where the Config API is out of reach or slow."""
        if self._aside is None:
            return None
        return await self._ask_aside(self._aside.progress(job_id))

    async def failure(self, job: Job) -> Failure | None:
        """Find out why a job failed; without the Config API, say where to look."""
        progress = await self.progress(job.id)
        if progress is not None:
            return progress.failure
        return None

    async def logs(self, job_id: int, *, attempt: int | None = None) -> Sequence[LogLine]:
        """Read what an attempt logged, the last one by default.

        Raises ProtocolError where the Config API cannot be reached.
        """
        if self._aside is None:
            raise ProtocolError(
                "only the Config API has logs, and it cannot be reached at this address",
                hint="give the address of the whole server (its root), or look into the web UI",
            )
        if attempt is None:
            progress = await self._aside.progress(job_id)
            if not progress.attempts:
                raise NotFoundError(f"job {job_id} has no attempt yet, so it has no log")
            attempt = progress.attempts - 1
        return await self._aside.logs(job_id, attempt=attempt)

    def job_url(self, connection: Connection | None, job_id: int | None) -> str | None:
        """Tell the address of the job in the web UI (LinkToAttemptButton.tsx)."""
        if self._ui is None or connection is None or connection.workspace_id is None:
            return None
        page = f"{self._ui}/workspaces/{connection.workspace_id}/connections/{connection.id}"
        return page if job_id is None else f"{page}/timeline?openLogs=true&jobId={job_id}"

    async def _ask_aside(self, question: Awaitable[_T]) -> _T | None:
        """Ask the Config API beside the truth. A lasting no is not asked twice."""
        try:
            async with asyncio.timeout(_LONGEST_ASIDE):
                return await question
        except TimeoutError:
            LOG.info("the Config API takes too long")
        except (UnavailableError, NotFoundError) as error:
            LOG.info("the Config API: %s", error.message)
        except AirbyteSyncError as error:
            LOG.info("the Config API is out of reach, so numbers are coarse: %s", error.message)
            if self._aside is not self._main:
                self._aside = None
        return None
