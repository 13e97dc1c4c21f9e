"""Find the job that a trigger made when its answer does not tell."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job
from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.sync.context import Context

_JOBS_READ: Final = 20
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Looks for a job of the connection that is newer than all there were before."""

    context: Context
    connection: Connection
    baseline: int
    """The newest job id, over all types, before our first trigger."""

    async def look(self) -> Job | None:
        """Look once. Raises what reading the jobs raises."""
        return self.first_newer(await self._read())

    async def look_for(self, seconds: float) -> Job | None:
        """Look for a while, and once more at its end. An outage does not count as looking.

        Raises UnavailableError once the outage outlasts `--max-outage`, and any other error
        that reading the jobs raises.
        """
        clock = self.context.clock
        began, pause = clock.monotonic(), _FIRST_PAUSE
        while True:
            over = clock.monotonic() - began >= seconds
            jobs = await self._read_if_possible(began)
            job = self.first_newer(jobs or ())
            if job is not None or (over and jobs is not None):
                return job
            await clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def glance(self, seconds: float) -> Job | None:
        """Look once and quickly; not being able to is the same as not having seen."""
        try:
            async with asyncio.timeout(seconds):
                return await self.look()
        except (AirbyteSyncError, TimeoutError):
            return None

    def first_newer(self, jobs: Sequence[Job]) -> Job | None:
        """Tell the first job after the baseline: ours made no other."""
        newer = [job for job in jobs if job.id > self.baseline]
        return min(newer, key=lambda job: job.id, default=None)

    async def _read(self) -> Sequence[Job]:
        return await self.context.airbyte.jobs(self.connection.id, limit=_JOBS_READ, patience=0)

    async def _read_if_possible(self, began: float) -> Sequence[Job] | None:
        try:
            return await self._read()
        except UnavailableError:
            outage = self.context.clock.monotonic() - began
            if outage >= self.context.policy.wait.max_outage:
                raise
            return None
