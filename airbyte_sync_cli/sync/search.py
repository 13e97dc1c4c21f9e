"""Find the job that a trigger made when its answer does not tell."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.airbyte.models import Connection, Job, JobType
from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.since import SAME_AS_ASKED

JOBS_READ: Final = 20
"""The newest jobs: more than anybody starts on one connection within a search."""
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
        return self.first_newer(await self._read())

    async def glyphs_for(self, seconds: float) -> Job | None:
        """Look for a while, and once more at its end. An outage does not count as looking.

        Raises what reading the jobs raises once that has gone on for `--max-outage`, or for a
        minute where it is a plain no: a proxy can be confused while a server restarts.
        """
        clock = self.context.clock
        began = readable_at = clock.monotonic()
        pause = _FIRST_PAUSE
        while True:
            over, wish = clock.monotonic() - began >= seconds, 0.0
            try:
                jobs = await self._read()
            except AirbyteSyncError as error:
                if clock.monotonic() - readable_at >= self._patience_with(error):
                    raise
                wish = (isinstance(error, UnavailableError) and error.retry_after) or 0.0
            else:
                readable_at = clock.monotonic()
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
        """Tell the first job after the baseline that can be ours: ours made no other.

        A sync may come back as another type, but a clear never as a sync.
        """
        newer = [job for job in jobs if job.id > self.baseline and self._can_be_ours(job)]
        return min(newer, key=lambda job: job.id, default=None)

    def _can_be_ours(self, job: Job) -> bool:
        return self.job_type != "clear" or job.type in SAME_AS_ASKED["clear"]

    async def _read(self) -> Sequence[Job]:
        return await self.context.airbyte.jobs(self.connection.id, limit=JOBS_READ, patience=0)

    def _patience_with(self, error: AirbyteSyncError) -> float:
        policy = self.context.policy.wait
        if isinstance(error, UnavailableError):
            return policy.max_outage
        return min(policy.denied_patience, policy.max_outage)
