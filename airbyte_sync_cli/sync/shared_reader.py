"""Read the jobs of all waits of one process together: requests grow with what changes.

A *look* reads one list: the jobs of the waits' workspaces whose status has changed since the last
look. The mark from which it reads comes from Airbyte's own times, never from our clock. A job that
no list has shown for a while is looked for among the newest jobs, and what is not there either
(older servers hide refreshes, a workspace may be unknown) is read alone, as every job is while
lists cannot be used: no permission, or a page that is an error because of one of its rows.

A status of a list is as good as that of a single read: both come from the same table, and a row
counts only if it names the job's connection and a status. So an end is not verified once more.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from airbyte_sync_cli.airbyte.http import LOG
from airbyte_sync_cli.airbyte.latest_jobs import WORKSPACES_AT_ONCE
from airbyte_sync_cli.airbyte.models import UNKNOWN, Connection, Job, JobPage, ListedJob, Progress
from airbyte_sync_cli.clock import TICK, Clock
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    BugError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.sync.poll_interval import SHORTEST, Outage

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

_OVERLAP: Final = 10.0
"""Seconds that two looks have in common: a change is dated before it is committed, by servers
whose clocks may differ, and in whole seconds."""
_UNSEEN: Final = 300.0
"""Seconds after which a job that no list has shown is looked for among the newest ones."""
_PAGES: Final = 3
_JOBS_PER_PAGE: Final = 25
"""Pages of newest jobs that are read for it: three, and one more for so many jobs. A busy
workspace has more; then reading the job alone is cheaper."""
_LONGEST_GAP: Final = 5.0
"""Seconds between two looks at most, however many requests the last one took."""
_FAILED_LOOKS: Final = 3
"""Looks that fail in a row, while a job alone can be read, until the list is to blame."""
_TRIES: Final = 3
"""Requests for one page."""
_BROKEN_PAUSE: Final = 60.0
"""Seconds without lists then."""
_REFUSED_PAUSE: Final = 300.0
"""The same after a clean no: a permission is seldom given meanwhile."""
_LONGEST_SILENCE: Final = 30.0
"""Seconds for which looks of others postpone that of one wait."""
_ALONE_AT_ONCE: Final = 20
"""Jobs that are read alone at the same time: as many connections are kept alive (http.py)."""
_READ_ALONE: Final = 900.0
"""Seconds after which each job is read alone once: a proxy may keep old answers to a list."""
_NUMBERS_LAST: Final = 10.0
"""Seconds: Airbyte itself writes new numbers that often (REPLICATION_FLUSH_PERIOD_SECONDS)."""
_CLEAN_NO: Final = (DeniedError, NotFoundError, RejectedError)


@dataclass(slots=True, eq=False)
class WatchedJob:
    """A job that a wait reads through the shared reader."""

    reader: "SharedReader" = field(repr=False)
    id: int
    workspace_id: str | None
    """None if unknown: it may still be listed with the jobs of the others' workspaces."""
    job: Job | None
    """As it was last read."""
    read_at: float
    """When it was last read alone (monotonic)."""
    seen_at: float | None = None
    """When a list last showed it."""
    is_alone: bool = False
    """Whether lists do not show it."""
    error: AirbyteSyncError | None = None
    """Of the single read that followed a failed list: it is news, too."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a look shows a change that the wait does not know yet."""

    async def read(self, *, max_age: float) -> Job | None:
        """Return the job as it was `max_age` seconds ago, or later.

        None if that is not known now, which is no failure: a list could not be read.
        """
        return await self.reader.read(self, max_age)

    async def numbers(self) -> Progress | None:
        """Return the live numbers; None if they cannot be read."""
        return await self.reader.numbers(self)

    async def pause(self, seconds: float, *, at_most: float) -> None:
        """Sleep until the last look is that long ago, or one shows a change.

        So a look that another wait asked for postpones this one's, if not for long: its listeners
        are to hear from it.
        """
        now, began = self.reader.now, self.reader.now()
        latest = began + min(max(seconds, _LONGEST_SILENCE), at_most)
        while not self.news.is_set():
            left = min(max(began, self.reader.looked_at) + seconds, latest) - now()
            if left < TICK:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.news.wait()


class _Version(NamedTuple):
    """A job since a change of its status, whether one of our waits needs it or not."""

    changed_at: datetime | None
    id: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How a look ended."""

    is_complete: bool = False
    """Whether every change was seen."""
    error: AirbyteSyncError | None = None
    """Airbyte could not be read at all: an outage for every wait."""


class SharedReader:
    """Reads the jobs of several waits. One look at a time, for all who ask for one."""

    def __init__(
        self,
        airbyte: "Airbyte",
        clock: Clock,
        tasks: asyncio.TaskGroup,
        *,
        connections: Sequence[Connection] = (),
    ) -> None:
        self._airbyte = airbyte
        self.connections = {one.id.lower(): one for one in connections}
        """Those that are known before any job is, by their lower-case ids."""
        self._clock = clock
        self.now = clock.monotonic
        self._tasks = tasks
        self._watched: dict[int, WatchedJob] = {}
        self._under_way: asyncio.Task[_Look] | None = None
        self._not_before = 0.0
        self.looked_at = -inf
        """When the last look began that saw every change."""
        self._mark: datetime | None = None
        """The newest change that was seen, by Airbyte's clock."""
        self._newest: datetime | None = None
        """The same, with the look under way."""
        self._known: set[_Version] = set()
        """The changes since the mark, less the overlap, that were seen: a list ends there."""
        self._new: set[_Version] = set()
        """The same, of the look under way."""
        self._took = 0.0
        """Seconds of the last complete look: what changed meanwhile is read again."""
        self._requests = 0
        self._counting: asyncio.Task[Mapping[int, Progress]] | None = None
        self._counted_at = 0.0
        self._failed_looks = 0
        self._outage = Outage()
        self._no_lists_until = 0.0
        self._alone = asyncio.Semaphore(_ALONE_AT_ONCE)

    @contextmanager
    def watching(
        self, job_id: int, job: Job | None, connection: Connection | None
    ) -> Iterator[WatchedJob | None]:
        """Register a job while its wait lasts; None if another wait reads it already."""
        workspace_id = connection.workspace_id if connection else None
        if job_id in self._watched:
            yield None
            return
        watched = WatchedJob(self, job_id, workspace_id, job, read_at=self.now())
        self._watched[job_id] = watched
        try:
            yield watched
        finally:
            del self._watched[job_id]

    async def find(self, job_id: int) -> Job:
        """Return a job that was not read before: by a look with those of others, or alone."""
        with self.watching(job_id, None, None) as watched:
            found = None if watched is None else await self.read(watched, 0.0)
        if found is None:
            async with self._alone:
                found = await self._airbyte.job(job_id)
        return found

    async def read(self, watched: WatchedJob, max_age: float) -> Job | None:
        """Return a job by a look. Raises the error of an outage, as a single read does."""
        if watched.news.is_set():
            return self._take_news(watched)
        is_due_alone = self.now() - watched.read_at >= _READ_ALONE
        is_recent = watched.seen_at is not None and self.now() - self.looked_at < max_age
        if is_recent and not is_due_alone:
            return watched.job
        if is_due_alone or self._must_read_alone(watched):
            return await self._read_alone(watched)
        look = self._under_way
        if look is None or look.done():
            look = self._under_way = self._tasks.create_task(self._look())
        # Not `await look`: a stop of this wait must not cancel the look of all the others.
        await asyncio.wait({look})
        return self._result(watched, look.result())

    async def numbers(self, watched: WatchedJob) -> Progress | None:
        """Return a running job's numbers, read for all jobs together and not each time."""
        if self._must_read_alone(watched):
            async with self._alone:
                return await self._airbyte.progress(watched.id)
        now = self.now()
        if self._counting is None or now - self._counted_at >= _NUMBERS_LAST:
            self._counted_at = now
            self._counting = self._tasks.create_task(self._count())
        counting = self._counting
        await asyncio.wait({counting})
        return counting.result().get(watched.id)

    async def _count(self) -> Mapping[int, Progress]:
        return await self._airbyte.running_numbers(self._workspaces()) or {}

    def close(self) -> None:
        """Cancel what nobody waits for any more."""
        for task in (self._under_way, self._counting):
            if task is not None:
                task.cancel()

    def _result(self, watched: WatchedJob, look: _Look) -> Job | None:
        if watched.news.is_set():
            return self._take_news(watched)
        if look.error is not None:
            raise look.error.with_traceback(None)  # shared by many waits: it would grow with each
        is_known = look.is_complete and watched.seen_at is not None
        return watched.job if is_known else None

    def _take_news(self, watched: WatchedJob) -> Job | None:
        watched.news.clear()
        error, watched.error = watched.error, None
        if error is not None:
            raise error
        return watched.job

    # -- alone -------------------------------------------------------------------------------

    def _must_read_alone(self, watched: WatchedJob) -> bool:
        are_lists_paused = self.now() < self._no_lists_until
        has_workspaces = self.connections or any(
            one.workspace_id for one in self._watched.values()
        )
        can_list = len(self._watched) > 1 and has_workspaces and not are_lists_paused
        return watched.is_alone or not can_list

    async def _read_alone(self, watched: WatchedJob) -> Job:
        async with self._alone:
            job = await self._airbyte.job(watched.id, retry_for=0)
        watched.job, watched.read_at = job, self.now()
        return job

    # -- one look ----------------------------------------------------------------------------

    async def _look(self) -> _Look:
        """Read the lists once. Does not raise: all who wait for it get what it returns."""
        await self._clock.sleep(max(0.0, self._not_before - self.now()))
        self._requests, self._newest, self._new = 0, self._mark, set()
        try:
            look = await self._read_lists()
        except Exception as error:  # noqa: BLE001  # a bug here must not end the waits
            LOG.warning("the list of jobs cannot be read: %s", BugError.of(error).message)
            look = self._pause_lists(_REFUSED_PAUSE)
        # One request a second on average, so that many waits are no load on a server.
        gap = min(max(SHORTEST, float(self._requests)), _LONGEST_GAP)
        if self._outage.failures:
            gap = self._outage.pause(self._clock)
        self._not_before = self.now() + gap
        return look

    async def _read_lists(self) -> _Look:
        began = self.now()
        try:
            await self._read_changes()
            await self._find_unseen(began)
        except AirbyteSyncError as error:
            return await self._without_list(error)
        # Only now: behind a page that failed there may be earlier changes.
        self._mark, self._took, self.looked_at = self._newest, self.now() - began, began
        self._known = {one for one in self._known | self._new if self._is_since(one.changed_at)}
        self._failed_looks, self._outage = 0, Outage()
        return _Look(is_complete=True)

    async def _read_changes(self) -> None:
        """Read what has changed since the mark; before there is one, `_find_unseen` finds all.

        The newest change first: a job that changes between two pages is missing on the second, but
        is among the first of the next look. A page without anything new is the last one.
        """
        offset = 0 if self._mark is not None else None
        while offset is not None:
            page = await self._page(offset, changed_since=self._since())
            rows = {_Version(row.job.changed_at, row.job.id, row.job.status) for row in page.rows}
            offset = page.next_offset if rows - self._known else None
            self._new |= rows

    def _since(self) -> datetime | None:
        return self._mark and self._mark - timedelta(seconds=_OVERLAP + self._took)

    def _is_since(self, moment: datetime | None) -> bool:
        since = self._since()
        return moment is not None and since is not None and moment >= since

    async def _find_unseen(self, now: float) -> None:
        """Look for the jobs that no list has shown for a while among the newest ones."""
        unseen = _not_seen_since(now - _UNSEEN, self._listed())
        offset: int | None = 0
        for _ in range(_PAGES + len(unseen) // _JOBS_PER_PAGE if unseen else 0):
            page = await self._page(offset or 0)
            unseen, offset = _not_seen_since(now, unseen), page.next_offset
            oldest = min((row.job.id for row in page.rows), default=0)
            # Ids grow with time: on the next page there are only older jobs.
            if offset is None or all(oldest < one.id for one in unseen):
                break
        for watched in unseen:
            watched.is_alone = True

    async def _page(self, offset: int, *, changed_since: datetime | None = None) -> JobPage:
        page = await self._read_page(offset, changed_since)
        for row in page.rows:
            self._note(row)
        return page

    async def _read_page(self, offset: int, changed_since: datetime | None) -> JobPage:
        """Read a page, again after a hiccup: else a look at many pages would seldom succeed."""
        tries = 0
        while True:
            self._requests, tries = self._requests + 1, tries + 1
            try:
                return await self._airbyte.workspace_jobs(
                    self._workspaces(), changed_since=changed_since, offset=offset, retry_for=0
                )
            except (UnavailableError, ProtocolError) as error:
                is_told_to_wait = isinstance(error, UnavailableError) and error.retry_after
                if tries == _TRIES or is_told_to_wait:
                    raise
            await self._clock.sleep(SHORTEST)

    def _workspaces(self) -> Sequence[str]:
        known = {one.workspace_id for one in self._listed()} - {None}
        # Only those of our jobs, once they are known: a list of a forbidden one is forbidden.
        known = known or {one.workspace_id for one in self.connections.values()}
        return sorted(one for one in known if one)[:WORKSPACES_AT_ONCE]

    def _listed(self) -> list[WatchedJob]:
        return [one for one in self._watched.values() if not one.is_alone]

    def _note(self, row: ListedJob) -> None:
        """Take a row of a list; one without a readable status proves nothing."""
        changed = row.job.changed_at
        if changed is not None and (self._newest is None or changed > self._newest):
            self._newest = changed
        watched = self._watched.get(row.job.id)
        if watched is None:
            return
        if row.job.status == UNKNOWN or not row.job.connection_id:
            watched.seen_at = None
            return
        watched.seen_at, watched.is_alone = self.now(), False
        if watched.workspace_id is None:
            connection = self.connections.get(row.job.connection_id.lower())
            watched.workspace_id = connection.workspace_id if connection else None
        before = watched.job
        if before is None or not before.is_final:  # a replica may lag behind: an end is an end
            watched.job = row.job
            if before is None or before.status != row.job.status:
                watched.news.set()

    # -- a list that cannot be read ----------------------------------------------------------

    async def _without_list(self, error: AirbyteSyncError) -> _Look:
        """Find out with one single read whether Airbyte is at fault, or only its lists."""
        LOG.info("the list of jobs cannot be read: %s", error.message)
        self._failed_looks += 1
        if isinstance(error, _CLEAN_NO):
            return self._pause_lists(_REFUSED_PAUSE)
        try:
            await self._probe()
        except UnavailableError as outage:
            self._outage.note(outage, self.now())
            return _Look(error=outage)
        self._outage = Outage()
        are_broken = self._failed_looks >= _FAILED_LOOKS
        return self._pause_lists(_BROKEN_PAUSE) if are_broken else _Look()

    async def _probe(self) -> None:
        """Read the job alone that was not read so for longest. Raises UnavailableError."""
        probed = min(self._listed(), key=lambda one: one.read_at, default=None)
        if probed is None:
            return
        before, probed.read_at = probed.job, self.now()
        try:
            job = await self._read_alone(probed)
        except UnavailableError:
            raise
        except AirbyteSyncError as error:  # about this job only
            probed.error = error
            probed.news.set()
        else:
            if before is None or before.status != job.status:
                probed.news.set()

    def _pause_lists(self, seconds: float) -> _Look:
        self._failed_looks = 0
        self._no_lists_until = self.now() + seconds
        LOG.info("jobs are read one by one for %.0f s", seconds)
        return _Look()


def _not_seen_since(moment: float, jobs: Sequence[WatchedJob]) -> list[WatchedJob]:
    return [one for one in jobs if one.seen_at is None or one.seen_at < moment]
