"""Find the job that a trigger made when its answer does not tell."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job, JobType
from airbyte_sync_cli.errors import AirbyteSyncError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.policy import DOES
from airbyte_sync_cli.sync.trouble import Trouble

JOBS_READ: Final = 20
"""The newest jobs: more than anybody starts on one connection within a search."""
_PATIENCE: Final = 5.0
"""Seconds that one look may repeat its requests: some gateways let few through at a time."""
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
    job_type: JobType
    """What we asked for."""

    async def look(self) -> Job | None:
        """Look once. Raises what reading the jobs raises."""
        return self.first_newer(await self._read(patience=0))

    async def look_for(self, seconds: float) -> Job | None:
        """Look for a while, and once more at its end. An outage does not count as looking.

        Raises what reading the jobs raises once that has gone on for `--max-outage`, or for a
        minute where it is a plain no: a proxy can be confused while a server restarts.
        """
        clock = self.context.clock
        began, pause, trouble = clock.monotonic(), _FIRST_PAUSE, Trouble()
        while True:
            over, wish = clock.monotonic() - began >= seconds, 0.0
            try:
                jobs = await self._read(_PATIENCE)
            except AirbyteSyncError as error:
                trouble.note(error, clock.monotonic())
                if trouble.exhausts(self.context.policy.wait, clock.monotonic()):
                    raise
                wish = trouble.retry_after or 0.0
            else:
                trouble = Trouble()
                job = self.first_newer(jobs)
                if job is not None or over:
                    return job
            await clock.sleep(max(pause, wish))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    async def glance(self, seconds: float) -> Job | None:
        """Look once and quickly; not being able to is the same as not having seen."""
        try:
            async with asyncio.timeout(seconds):
                return await self.look()
        except (AirbyteSyncError, TimeoutError):
            return None

    def first_newer(self, jobs: Sequence[Job]) -> Job | None:
        """Return the first job after the baseline that does what was asked for.

        A reset that our trigger brought about instead does not: it is in the way, and waited for.
        """
        does = DOES[self.job_type]
        newer = [job for job in jobs if job.id > self.baseline and job.type in does]
        return min(newer, key=lambda job: job.id, default=None)

    async def _read(self, patience: float) -> Sequence[Job]:
        return await self.context.airbyte.jobs(
            self.connection.id, limit=JOBS_READ, patience=patience
        )
