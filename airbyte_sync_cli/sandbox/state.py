"""The simulated Airbyte's workspaces, connections, tags, and jobs, created as time passes."""

import heapq
import itertools
import math
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.connection import (
    ActorKind,
    SimConnection,
    SimStream,
    SimTag,
    SimWorkspace,
)
from airbyte_sync_cli.sandbox.job import SimJob, StartedBy
from airbyte_sync_cli.sandbox.problems import NoSuchConnection, NoSuchJob, NoSuchResource
from airbyte_sync_cli.sandbox.script import JobScript

HISTORY_STEP: Final = 3600.0
"""Seconds between two jobs of a connection's `history`."""


@dataclass(slots=True, order=True)
class PlannedJob:
    """A job that was requested and exists once the clock reaches `at`."""

    at: float
    order: int
    connection: SimConnection = field(compare=False)
    type: str = field(compare=False)
    started_by: StartedBy = field(compare=False)
    script: JobScript = field(compare=False)
    asked_by: list[str] = field(compare=False)
    streams: tuple[SimStream, ...] = field(default=(), compare=False)
    joins: bool = field(default=False, compare=False)
    """Use a job that is active by then instead of a new one: Airbyte's workflow drops a start
    signal while it runs, and the request that sent the signal gets the running job."""
    job: SimJob | None = field(default=None, compare=False)


class SandboxState:
    """Everything that the sandbox has. Jobs are created lazily: `advance` catches up."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self.workspaces: dict[str, SimWorkspace] = {}
        self.tags: dict[str, SimTag] = {}
        self.connections: dict[str, SimConnection] = {}
        # Job ids are one ascending sequence over all connections, so insertion order is by id.
        self._jobs: dict[int, SimJob] = {}
        self._planned: list[PlannedJob] = []
        self._order = itertools.count()  # keeps planned jobs of one moment in order of request
        self._next_id = itertools.count(1)
        # A test may read the state from another thread than the one that serves it.
        self._lock = threading.RLock()

    def jobs(self) -> list[SimJob]:
        """Return every job that exists by now, oldest first."""
        self.advance()
        return list(self._jobs.values())

    def jobs_of(self, connection_id: str) -> list[SimJob]:
        """Return the jobs of one connection, oldest first."""
        return [job for job in self.jobs() if job.connection_id == connection_id]

    def active_job(self, connection_id: str) -> SimJob | None:
        """Return a connection's job that is not over, if there is one."""
        return next((job for job in self.jobs_of(connection_id) if job.active), None)

    def connection(self, connection_id: str) -> SimConnection:
        """Return a connection. Raises NoSuchConnection."""
        try:
            return self.connections[connection_id.lower()]  # UUIDs compare without case
        except KeyError:
            raise NoSuchConnection(connection_id) from None

    def workspace(self, workspace_id: str) -> SimWorkspace:
        """Return a workspace. Raises NoSuchResource."""
        try:
            return self.workspaces[workspace_id]
        except KeyError:
            raise NoSuchResource("STANDARD_WORKSPACE", workspace_id) from None

    def actors(self, kind: ActorKind, workspaces: Collection[str] = ()) -> list[SimConnection]:
        """Return one connection per source or destination, of some workspaces or of all."""
        found = {
            each.actor_id(kind): each
            for each in self.connections.values()
            if not workspaces or each.workspace_id in workspaces
        }
        return list(found.values())

    def job(self, job_id: int) -> SimJob:
        """Return a job. Raises NoSuchJob."""
        self.advance()
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NoSuchJob(job_id) from None

    def advance(self) -> None:
        """Create every job that is due by now, in the order of time."""
        with self._lock:
            now = self.clock.now()
            # One event at a time: whether a schedule starts a job depends on what is active then.
            while (moment := self._next_moment()) <= now:
                if self._planned and self._planned[0].at <= moment:
                    self._create(heapq.heappop(self._planned))
                else:
                    self._start_scheduled(moment)

    def plan_job(
        self,
        connection: SimConnection,
        *,
        asked_by: str = "",
        kind: str = "sync",
        streams: tuple[SimStream, ...] = (),
        born_after: float | None = None,
    ) -> PlannedJob:
        """Signal that a job should start; join one that is planned already."""
        # The workflow has one start signal per connection; a second request gets the same job.
        for planned in self._planned:
            if planned.connection is connection and planned.type == kind:
                planned.asked_by.append(asked_by)
                return planned
        script = connection.next_script(kind)
        delay = script.born_after if born_after is None else born_after
        planned = self._plan(
            connection, kind, started_by="api", script=script, at=self.clock.now() + delay
        )
        planned.asked_by.append(asked_by)
        planned.streams, planned.joins = streams, True
        with self._lock:
            heapq.heappush(self._planned, planned)
        self.advance()
        return planned

    def start_now(
        self,
        connection: SimConnection,
        *,
        kind: str,
        started_by: StartedBy,
        script: JobScript | None = None,
        streams: tuple[SimStream, ...] = (),
    ) -> SimJob:
        """Create a job now, whatever else runs on the connection."""
        self.advance()
        script, now = script or connection.next_script(kind), self.clock.now()
        with self._lock:
            planned = self._plan(connection, kind, started_by=started_by, script=script, at=now)
            planned.streams = streams
            return self._create(planned)

    def add_history(self, connection: SimConnection, scripts: Sequence[JobScript]) -> None:
        """Give a connection past jobs, the newest of them created an hour ago.

        They get their ids at the next `advance`, in the order of time over all connections.
        """
        for index, script in enumerate(scripts):
            at = self.clock.now() - HISTORY_STEP * (len(scripts) - index)
            with self._lock:
                heapq.heappush(
                    self._planned,
                    self._plan(connection, "sync", started_by="other", script=script, at=at),
                )

    def _plan(
        self,
        connection: SimConnection,
        kind: str,
        *,
        started_by: StartedBy,
        script: JobScript,
        at: float,
    ) -> PlannedJob:
        return PlannedJob(at, next(self._order), connection, kind, started_by, script, [])

    def _create(self, planned: PlannedJob) -> SimJob:
        running = self._active_at(planned.connection.id, planned.at) if planned.joins else None
        if running is not None:
            running.asked_by += planned.asked_by
            planned.job = running
            return running
        planned.job = job = SimJob(
            id=next(self._next_id),
            connection_id=planned.connection.id,
            type=planned.script.job_type or planned.type,
            created_at=planned.at,
            started_by=planned.started_by,
            script=planned.script,
            now=self.clock.now,
            streams=planned.streams,
            asked_by=planned.asked_by,
        )
        self._jobs[job.id] = job
        return job

    def _next_moment(self) -> float:
        planned = (each.at for each in self._planned[:1])
        starts = (connection.next_start for connection in self._scheduled())
        return min(itertools.chain(planned, starts), default=math.inf)

    def _scheduled(self) -> list[SimConnection]:
        return [each for each in self.connections.values() if each.starts_every is not None]

    def _start_scheduled(self, moment: float) -> None:
        due = [each for each in self._scheduled() if each.next_start <= moment]
        for connection in due:
            connection.next_start = moment + (connection.starts_every or 0.0)
            # While a job is active, a scheduled run is skipped, not postponed.
            if connection.status == "active" and self._active_at(connection.id, moment) is None:
                script = connection.next_script("sync")
                self._create(
                    self._plan(connection, "sync", started_by="schedule", script=script, at=moment)
                )

    def _active_at(self, connection_id: str, moment: float) -> SimJob | None:
        jobs = (job for job in self._jobs.values() if job.connection_id == connection_id)
        return next((job for job in jobs if job.active_at(moment)), None)
