"""The simulated Airbyte: connections, jobs, and what may be done with them."""

import heapq
import itertools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.connection import SimConnection, SimTag, SimWorkspace
from airbyte_sync_cli.sandbox.job import JobScript, SimJob, StartedBy
from airbyte_sync_cli.sandbox.responses import (
    AlreadyRunning,
    JobOverAtOnce,
    NoSuchConnection,
    NoSuchJob,
    NoSuchResource,
    NotActive,
    StartTimedOut,
    WorkflowDeleted,
)

HISTORY_STEP: Final = 3600.0
"""Seconds between two jobs of a connection's made-up history."""


@dataclass(slots=True, order=True)
class Birth:
    """A job that was asked for and exists once `at` is reached."""

    at: float
    order: int
    connection: SimConnection = field(compare=False)
    type: str = field(compare=False)
    started_by: StartedBy = field(compare=False)
    script: JobScript = field(compare=False)
    asked_by: list[str] = field(compare=False)
    joins: bool = field(default=False, compare=False)
    """Whether a job that runs by then takes its place: Airbyte's workflow drops a start signal
    while it runs, and the request that sent it gets that job."""
    job: SimJob | None = field(default=None, compare=False)


class World:
    """Everything there is. Jobs come into being lazily: `advance` catches up with the clock."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self.workspaces: dict[str, SimWorkspace] = {}
        self.tags: dict[str, SimTag] = {}
        self.connections: dict[str, SimConnection] = {}
        self._jobs: dict[int, SimJob] = {}
        self._births: list[Birth] = []
        self._order = itertools.count()
        self._next_id = itertools.count(1)
        # State may be read from another thread than the one that serves it.
        self._lock = threading.RLock()

    def jobs(self) -> list[SimJob]:
        """Every job that exists by now, oldest first."""
        self.advance()
        return list(self._jobs.values())

    def jobs_of(self, connection_id: str) -> list[SimJob]:
        """The jobs of one connection, oldest first."""
        return [job for job in self.jobs() if job.connection_id == connection_id]

    def active_job(self, connection_id: str) -> SimJob | None:
        """The job that keeps a connection busy, if any."""
        return next((job for job in self.jobs_of(connection_id) if job.active), None)

    def connection(self, connection_id: str) -> SimConnection:
        """Look a connection up. Raises NoSuchConnection."""
        try:
            return self.connections[connection_id.lower()]
        except KeyError:
            raise NoSuchConnection(connection_id) from None

    def workspace(self, workspace_id: str) -> SimWorkspace:
        """Look a workspace up. Raises NoSuchResource."""
        try:
            return self.workspaces[workspace_id]
        except KeyError:
            raise NoSuchResource("STANDARD_WORKSPACE", workspace_id) from None

    def job(self, job_id: int) -> SimJob:
        """Look a job up. Raises NoSuchJob."""
        self.advance()
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NoSuchJob(job_id) from None

    def advance(self) -> None:
        """Bring everything into being that is due by now, in the order of time."""
        with self._lock:
            now = self.clock.now()
            while (moment := self._next_moment()) <= now:
                if self._births and self._births[0].at <= moment:
                    self._bear(heapq.heappop(self._births))
                else:
                    self._start_scheduled(moment)

    def admit(self, connection_id: str) -> SimConnection:
        """Check that a sync may start on a connection, as Airbyte does before it signals.

        Raises NoSuchConnection, NotActive, WorkflowDeleted or AlreadyRunning. A job whose first
        attempt has not started does not count as running: the trigger then joins it.
        """
        connection = self.connection(connection_id)
        if connection.status != "active":
            raise NotActive
        if connection.workflow_deleted:
            raise WorkflowDeleted(connection.id)
        active = self.active_job(connection.id)
        if active is not None and active.attempts_at(self.clock.now()):
            raise AlreadyRunning(connection.id)
        return connection

    def ask_for_job(
        self,
        connection: SimConnection,
        *,
        asked_by: str = "",
        kind: str = "sync",
        born_after: float | None = None,
    ) -> Birth:
        """Signal that a job should start; joins one that was asked for and does not exist yet."""
        for waiting in self._births:
            if waiting.connection is connection and waiting.type == kind:
                waiting.asked_by.append(asked_by)
                return waiting
        script = connection.next_script(kind)
        delay = script.born_after if born_after is None else born_after
        at = self.clock.now() + delay
        birth = self._birth(connection, kind, started_by="api", script=script, at=at)
        birth.asked_by.append(asked_by)
        birth.joins = True
        with self._lock:
            heapq.heappush(self._births, birth)
        self.advance()
        return birth

    def start_now(
        self,
        connection: SimConnection,
        *,
        kind: str,
        started_by: StartedBy,
        script: JobScript | None = None,
    ) -> SimJob:
        """Bring a job into being at once, without asking whether it may."""
        self.advance()
        script = script or connection.next_script(kind)
        with self._lock:
            return self._bear(
                self._birth(
                    connection, kind, started_by=started_by, script=script, at=self.clock.now()
                )
            )

    def remember(self, connection: SimConnection, scripts: Sequence[JobScript]) -> None:
        """Give a connection jobs that are over, the newest of them begun an hour ago.

        They get their ids at the next look, in the order of time over all connections.
        """
        for index, script in enumerate(scripts):
            at = self.clock.now() - HISTORY_STEP * (len(scripts) - index)
            with self._lock:
                heapq.heappush(
                    self._births,
                    self._birth(connection, "sync", started_by="other", script=script, at=at),
                )

    def _birth(
        self,
        connection: SimConnection,
        kind: str,
        *,
        started_by: StartedBy,
        script: JobScript,
        at: float,
    ) -> Birth:
        return Birth(at, next(self._order), connection, kind, started_by, script, [])

    def _bear(self, birth: Birth) -> SimJob:
        running = self._busy_at(birth.connection.id, birth.at) if birth.joins else None
        if running is not None:
            running.asked_by += birth.asked_by
            birth.job = running
            return running
        birth.job = job = SimJob(
            id=next(self._next_id),
            connection_id=birth.connection.id,
            type=birth.script.job_type or birth.type,
            created_at=birth.at,
            started_by=birth.started_by,
            script=birth.script,
            now=self.clock.now,
            asked_by=birth.asked_by,
        )
        self._jobs[job.id] = job
        return job

    def _next_moment(self) -> float:
        births = (birth.at for birth in self._births[:1])
        starts = (connection.next_start for connection in self._self_starters())
        return min(itertools.chain(births, starts), default=float("inf"))

    def _self_starters(self) -> list[SimConnection]:
        return [each for each in self.connections.values() if each.starts_every is not None]

    def _start_scheduled(self, moment: float) -> None:
        due = [each for each in self._self_starters() if each.next_start <= moment]
        for connection in due:
            connection.next_start = moment + (connection.starts_every or 0.0)
            if connection.status == "active" and self._busy_at(connection.id, moment) is None:
                script = connection.next_script("sync")
                self._bear(
                    self._birth(
                        connection, "sync", started_by="schedule", script=script, at=moment
                    )
                )

    def _busy_at(self, connection_id: str, moment: float) -> SimJob | None:
        return next(
            (
                job
                for job in self._jobs.values()
                if job.connection_id == connection_id and job.active_at(moment)
            ),
            None,
        )


JOB_ID_LIMIT: Final = 60.0
"""Seconds that a newer server waits for a job id (TemporalClient, since June 2026)."""
_BETWEEN_CANCELS: Final = 1.0
"""Seconds after which a reset cancels again what a lost cancel has left running."""
LONGEST_NAP: Final = 60.0
"""Simulated seconds between two looks while a request is held."""


async def start_sync(
    world: World,
    connection_id: str,
    *,
    early: bool,
    asked_by: str,
    kind: str = "sync",
    born_after: float | None = None,
) -> SimJob:
    """Start a job and hold until it exists (`early`) or until its attempt runs.

    Raises a Refusal; StartTimedOut only with `early`, and the job may come into being later.
    """
    connection = world.admit(connection_id)
    active = world.active_job(connection.id)
    if active is not None:
        active.asked_by.append(asked_by)
    else:
        birth = world.ask_for_job(connection, asked_by=asked_by, kind=kind, born_after=born_after)
        active = await _await_birth(world, birth, limit=JOB_ID_LIMIT if early else math.inf)
    return active if early else await _await_attempt(world, active)


async def start_reset(world: World, connection_id: str, *, asked_by: str) -> SimJob:
    """Start a reset; what runs on the connection is cancelled rather than refused.

    What is only pending is cancelled once it runs: two jobs at a time there are never.
    """
    connection = world.connection(connection_id)
    while (active := world.active_job(connection.id)) is not None:
        await cancel_running(world, connection.id, asked_by=asked_by)
        due = min(active.runs_at, active.ends_at) - world.clock.now()
        if active.active:
            await world.clock.sleep(min(max(due, _BETWEEN_CANCELS), LONGEST_NAP))
    birth = world.ask_for_job(connection, asked_by=asked_by, kind="reset_connection")
    return await _await_birth(world, birth, limit=math.inf)


async def cancel_running(world: World, connection_id: str, *, asked_by: str) -> None:
    """Cancel whatever runs on a connection now, and hold until it has stopped."""
    active = world.active_job(connection_id)
    if active is None or not active.cancel(asked_by):
        return
    while active.active:
        await world.clock.sleep(min(active.ends_at - world.clock.now(), LONGEST_NAP))


async def _await_birth(world: World, birth: Birth, *, limit: float) -> SimJob:
    until = world.clock.now() + limit
    while birth.job is None:
        now = world.clock.now()
        if now >= until:
            raise StartTimedOut
        await world.clock.sleep(min(birth.at - now, until - now, LONGEST_NAP))
        world.advance()
    return birth.job


async def _await_attempt(world: World, job: SimJob) -> SimJob:
    while not job.attempts_at(world.clock.now()):
        if not job.active:
            raise JobOverAtOnce
        due = min(job.runs_at, job.ends_at) - world.clock.now()
        await world.clock.sleep(min(due, LONGEST_NAP))
    return job
