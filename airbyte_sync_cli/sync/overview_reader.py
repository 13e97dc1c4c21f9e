"""Read all connections with their latest job, in a few requests."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from airbyte_sync_cli.airbyte.http import RETRY_FOR
from airbyte_sync_cli.airbyte.latest_jobs import WORKSPACES_AT_ONCE, latest_jobs
from airbyte_sync_cli.airbyte.models import (
    FAILED,
    Connection,
    Job,
    JobPage,
    ListedJob,
    Progress,
    SwitchedOff,
)
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import AirbyteSyncError, UnavailableError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.anomalies import LEAST, history_of
from airbyte_sync_cli.sync.overview import OverviewRow, stuck
from airbyte_sync_cli.tasks import gather

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_AT_ONCE: Final = 4
"""Requests at a time: a self-managed server has five threads for its Public API."""
_PAST_PAGES: Final = 15
"""Pages of past jobs at most, for the usual durations: 1,500 jobs, or 7,500 (Config API)."""
_PAST: Final = 30
"""Past jobs that are kept of each connection."""
_ONE_BY_ONE: Final = 20
"""Connections that need a request of their own: for the reason of a failure, the past of an active
job, or who switched them off."""
_LONG_AGO: Final = timedelta(minutes=5)
"""After it, lists may no longer reach back to the job that was the latest."""
_T = TypeVar("_T")


@dataclass(slots=True)
class _Known:
    """What was read of one connection, now or before."""

    job: Job | None = None
    is_read: bool = False
    error: AirbyteSyncError | None = None
    past: dict[int, Job] = field(default_factory=dict)
    past_is_read: bool = False
    """Whether a list of this connection alone was read."""
    off: SwitchedOff | None = None
    off_is_read: bool = False

    def set_job(self, job: Job | None) -> None:
        """Set the latest job."""
        self.job, self.is_read, self.error = job, True, None

    def note(self, jobs: Sequence[Job]) -> None:
        """Keep the newest of its jobs."""
        self.past |= {job.id: job for job in jobs}
        for job_id in sorted(self.past)[:-_PAST]:
            del self.past[job_id]

    def usual_seconds(self, job: Job) -> float | None:
        """Return the median of earlier jobs of the same type, if there are enough."""
        earlier = [one for one in self.past.values() if one.id != job.id]
        past = history_of(earlier, job_type=job.type)
        return past.typical if len(past.durations) >= LEAST else None


class OverviewReader:
    """Reads the latest job of many connections, with a few requests; again as often as wanted.

    Keeps what it has read: final jobs do not change, so only their successors are read again.
    """

    def __init__(self, airbyte: "Airbyte", clock: Clock) -> None:
        self._airbyte = airbyte
        self._clock = clock
        self._known: dict[str, _Known] = {}
        """By connection id, in lower case."""
        self._progress: dict[int, Progress | None] = {}
        """Of final jobs, by id."""
        self._workspaces: dict[str | None, str | None] = {}
        """Names by id, once they were needed."""
        self._listed = 0
        """Jobs in the lists so far."""
        self._read_at: datetime | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def read(self, connections: Sequence[Connection]) -> Sequence[OverviewRow]:
        """Return a row for each connection, in their order. Raises what reading the first does.

        The error of a single connection stays in its row, unless no job can be read at all.
        """
        is_first = not self._known
        self._forget_if_old()
        missing = await self._read_lists(connections)
        await gather(*(self._limited(self._read_alone(one)) for one in missing))
        errors = [known.error for one in connections if (known := self._of(one)).error]
        if errors and len(errors) == len(connections):
            raise errors[0]
        if is_first and len(missing) < len(connections):
            await self._read_past(connections)
        await self._read_past_of_active(connections)
        await gather(
            self._read_reasons(connections),
            self._read_switched_off(connections),
            self._read_workspaces(connections),
        )
        return [self._row(one) for one in connections]

    def _forget_if_old(self) -> None:
        """Read everything again after a long pause, such as that of a suspended laptop."""
        now = self._clock.now()
        if self._read_at is not None and now - self._read_at > _LONG_AGO:
            for known in self._known.values():
                known.is_read = False
        self._read_at = now

    def _of(self, connection: Connection) -> _Known:
        return self._known.setdefault(connection.id.lower(), _Known())

    async def _limited(self, work: Awaitable[_T]) -> _T:
        async with self._slots:
            return await work

    # -- the latest job

    async def _read_lists(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Read the lists of whole workspaces; return the connections to be read one by one."""
        for one in connections:
            self._of(one)
        try:
            found = await latest_jobs(
                self._airbyte, connections, retry_for=RETRY_FOR, note=self._note
            )
        except UnavailableError:
            raise
        except AirbyteSyncError:  # not allowed, or an older server
            return connections
        for one in connections:
            if one.id in found:
                self._set(one, found[one.id])
        return [one for one in connections if one.id not in found and self._is_outdated(one)]

    def _set(self, connection: Connection, row: ListedJob | None) -> None:
        self._of(connection).set_job(row.job if row else None)
        if row and row.progress and row.job.is_final:
            self._progress[row.job.id] = row.progress

    def _is_outdated(self, connection: Connection) -> bool:
        """Return whether a connection that the lists do not reach has to be read alone.

        A final job has no successor then: that would be in the lists.
        """
        known = self._of(connection)
        return not known.is_read or (known.job is not None and known.job.is_active)

    def _note(self, row: ListedJob) -> None:
        self._listed += 1
        known = self._known.get(row.job.connection_id.lower())
        if known is not None:
            known.note([row.job])

    async def _read_alone(self, connection: Connection) -> None:
        known = self._of(connection)
        try:
            jobs = await self._airbyte.jobs(connection.id, limit=_PAST, skip_unreadable=True)
        except UnavailableError:
            raise
        except AirbyteSyncError as error:  # such as: deleted meanwhile
            known.error = error
            return
        known.note(jobs)
        known.past_is_read = True
        known.set_job(jobs[0] if jobs else None)

    # -- what is usual

    async def _read_past(self, connections: Sequence[Connection]) -> None:
        """Read more pages of past jobs, until they are likely to be enough for medians."""
        workspaces = sorted({one.workspace_id for one in connections if one.workspace_id})
        wanted = len(connections) * (LEAST + 1)
        offset = self._listed
        if not offset or offset >= wanted or len(workspaces) > WORKSPACES_AT_ONCE:
            return
        page = await self._read_page(workspaces, offset)
        if page is None or page.next_offset is None:
            return
        size = page.next_offset - offset  # the two APIs differ
        rest = range(page.next_offset, wanted, size)[: _PAST_PAGES - 1]
        await gather(*(self._limited(self._read_page(workspaces, one)) for one in rest))

    async def _read_page(self, workspaces: Sequence[str], offset: int) -> JobPage | None:
        try:
            page = await self._airbyte.workspace_jobs(workspaces, offset=offset, retry_for=0)
        except AirbyteSyncError:
            return None  # a usual duration is not worth an error
        for row in page.rows:
            self._note(row)
        return page

    async def _read_past_of_active(self, connections: Sequence[Connection]) -> None:
        """Read the past of connections whose job is active, to know whether it is stuck."""
        unsure = [
            one
            for one in connections
            if (known := self._of(one)).job is not None
            and known.job.is_active
            and not known.past_is_read
            and known.usual_seconds(known.job) is None
        ]
        await gather(*(self._limited(self._read_past_of(one)) for one in unsure[:_ONE_BY_ONE]))

    async def _read_past_of(self, connection: Connection) -> None:
        known = self._of(connection)
        known.past_is_read = True
        with suppress(AirbyteSyncError):
            jobs = await self._airbyte.jobs(
                connection.id, limit=_PAST, retry_for=0, skip_unreadable=True
            )
            known.note(jobs)

    # -- why

    async def _read_reasons(self, connections: Sequence[Connection]) -> None:
        failed = [
            job
            for one in connections
            if (job := self._of(one).job) and job.status == FAILED and job.id not in self._progress
        ]
        newest = sorted(failed, key=lambda job: job.id)[-_ONE_BY_ONE:]
        await gather(*(self._limited(self._read_reason(job.id)) for job in newest))

    async def _read_reason(self, job_id: int) -> None:
        self._progress[job_id] = await self._airbyte.progress(job_id)

    async def _read_switched_off(self, connections: Sequence[Connection]) -> None:
        """Read why connections are inactive, once each."""
        unsure = [
            one for one in connections if not one.is_active and not self._of(one).off_is_read
        ]
        await gather(*(self._limited(self._read_off(one)) for one in unsure[:_ONE_BY_ONE]))

    async def _read_off(self, connection: Connection) -> None:
        known = self._of(connection)
        known.off, known.off_is_read = await self._airbyte.switched_off(connection.id), True

    async def _read_workspaces(self, connections: Sequence[Connection]) -> None:
        """Read the names of several workspaces: they may have connections of the same name."""
        ids = {one.workspace_id for one in connections}
        if len(ids) < 2 or ids <= self._workspaces.keys():  # noqa: PLR2004  # several
            return
        self._workspaces = dict.fromkeys(ids)
        with suppress(AirbyteSyncError):  # then without
            self._workspaces |= {
                one.id: one.name for one in await self._airbyte.workspaces(retry_for=0)
            }

    # -- rows

    def _row(self, connection: Connection) -> OverviewRow:
        known = self._of(connection)
        job = known.job
        usual = known.usual_seconds(job) if job else None
        return OverviewRow(
            connection=connection,
            workspace=self._workspaces.get(connection.workspace_id),
            job=job,
            progress=self._progress.get(job.id) if job else None,
            usual_seconds=usual,
            stuck=stuck(job, usual, now=self.now()) if job else None,
            error=known.error,
            off=None if connection.is_active else known.off,
            url=self._airbyte.job_url(connection, job.id if job else None),
        )

    def now(self) -> datetime:
        """Return the time by Airbyte's clock, as far as it surely differs from ours."""
        ahead = self._airbyte.clock_ahead
        seconds = (max(ahead.least, 0.0) or min(ahead.most, 0.0)) if ahead else 0.0
        return self._clock.now() + timedelta(seconds=seconds)
