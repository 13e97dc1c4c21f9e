"""Plays a scenario in virtual time, and keeps what everybody did."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from airbyte_sync_cli.commands.run import run_syncs, wait_for
from airbyte_sync_cli.commands.session import Invocation, Selection, Work
from airbyte_sync_cli.sandbox import (
    Fault,
    JobScript,
    Sandbox,
    SandboxConfig,
    SimConnection,
    SimJob,
    scheduler,
)
from airbyte_sync_cli.sandbox.problems import ApiProblem
from airbyte_sync_cli.sync.policy import LONGEST_SYNC, RunPolicy, TriggerPolicy, WaitPolicy
from tests.fuzz import scenario as plan
from tests.fuzz.loop import run
from tests.fuzz.process import START, Command, Left, Process, ProcessClock, settings_for
from tests.fuzz.scenario import Attempt, Scenario, Stranger
from tests.fuzz.wire import Wire

CONNECTION: Final = "e735894a-e773-4938-969f-45f53957b75b"
HORIZON: Final = 4 * 3600.0
"""Seconds in which every process of a scenario must have ended."""
SETTLING: Final = 1000.0
"""Seconds after the last end in which what is under way arrives: longer than any hold."""
_RETRIED_UNLESS: Final = frozenset({0, 99})


@dataclass
class Played:
    """What happened. Moments are virtual seconds from the start."""

    scenario: Scenario
    sandbox: Sandbox
    lefts: list[Left] = field(default_factory=list)

    @property
    def jobs(self) -> Sequence[SimJob]:
        """Every job, oldest first."""
        return self.sandbox.jobs

    def age(self, epoch: float) -> float:
        """Tell when that was, in the scenario's seconds."""
        return epoch - START.timestamp()

    def born(self, job: SimJob) -> float:
        """Tell when a job came into being."""
        return self.age(job.created_at)

    def status(self, job: SimJob, when: float) -> str:
        """Tell what a job was at a moment."""
        return job.status_at(START.timestamp() + when)

    def process(self, left: Left) -> plan.Process:
        """Find the plan of the process, or chain, that left this."""
        name = left.name.partition(".")[0]
        return next(each for each in self.scenario.processes if each.name == name)


def play(scenario: Scenario) -> Played:
    """Play it to its end."""
    return run(_Play(scenario).all())


class _Play:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._sandbox = Sandbox(
            SandboxConfig(
                airbyte_version=scenario.version,
                start=START,
                auth="client-credentials" if scenario.auth else "none",
                public_threads=scenario.public_threads,
                faults=tuple(Fault.model_validate(spec) for spec in scenario.faults),
            )
        )
        self._connection = self._add_connection()
        self._played = Played(scenario, self._sandbox)

    def _add_connection(self) -> SimConnection:
        it = self._scenario
        scripts = [
            JobScript(
                life=life,
                cancel_takes=it.cancel_takes,
                cancels_lost=it.cancels_lost,
                job_type=it.first_job_type if index == 0 else None,
            )
            for index, life in enumerate([*it.jobs[:1], *it.jobs])
        ]
        return self._sandbox.add_connection(
            "orders",
            id=CONNECTION,
            scripts=tuple(scripts if it.first_job_type else scripts[1:]),
            schedule="every 1 hour" if it.starts_every else "manual",
            starts_every=it.starts_every,
            starts_after=it.starts_after,
            reset=JobScript(life=it.reset, statistics=False),
        )

    async def all(self) -> Played:
        """Let everybody act, and what is under way arrive."""
        self._sandbox.clock.now()  # its time begins with its first use
        async with asyncio.TaskGroup() as tasks:
            for number, stranger in enumerate(self._scenario.strangers):
                tasks.create_task(self._stranger(stranger, f"stranger{number + 1}"))
            for process in self._scenario.processes:
                tasks.create_task(self._chain(process))
        await asyncio.sleep(SETTLING)
        self._played.lefts.sort(key=lambda left: (left.began, left.name))
        self._sandbox.state.advance()
        return self._played

    async def _stranger(self, stranger: Stranger, name: str) -> None:
        await asyncio.sleep(stranger.at)
        state = self._sandbox.state
        with contextlib.suppress(ApiProblem, TimeoutError):
            async with asyncio.timeout(HORIZON):
                match stranger.deed:
                    case "sync":
                        await scheduler.start_sync(state, CONNECTION, early=True, asked_by=name)
                    case "clear":
                        await scheduler.start_reset(state, CONNECTION, asked_by=name)
                    case "cancel":
                        await scheduler.cancel_running(state, CONNECTION, asked_by=name)
                    case "switch off":
                        self._connection.status = "inactive"
                    case "switch on":
                        self._connection.status = "active"

    async def _chain(self, process: plan.Process) -> None:
        await asyncio.sleep(process.at)
        for number, attempt in enumerate(process.attempts):
            left = await self._attempt(process, attempt, f"{process.name}.{number + 1}")
            if left.code in _RETRIED_UNLESS or left.signal == "HUNG":
                return
            await asyncio.sleep(attempt.pause)

    async def _attempt(self, process: plan.Process, attempt: Attempt, name: str) -> Left:
        loop = asyncio.get_running_loop()
        left = Left(name, loop.time())
        self._played.lefts.append(left)
        wire = Wire(self._sandbox, name, latency=process.latency, lines=process.lines)
        chance = random.Random(f"{self._scenario.seed} {name}")  # noqa: S311  # no secret
        ours = Process(
            wire,
            left,
            command=process.command,
            clock=ProcessClock(process.skew, chance),
            settings=settings_for(
                api=self._scenario.api,
                auth=self._scenario.auth,
                trigger_timeout=process.trigger_timeout,
            ),
        )
        task = asyncio.create_task(ours.run(self._command(process)))
        if attempt.signal == "SIGKILL":
            await asyncio.wait({task}, timeout=attempt.after)
        elif attempt.signal:
            loop.call_later(attempt.after, self._signal, ours, task, attempt.signal)
        if attempt.signal != "SIGKILL":
            await asyncio.wait({task}, timeout=HORIZON)
        if not task.done():
            left.signal = attempt.signal if attempt.signal == "SIGKILL" else "HUNG"
            wire.is_dead, left.ended = True, loop.time()
            task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
        return left

    @staticmethod
    def _signal(ours: Process, task: asyncio.Task[None], name: str) -> None:
        if not task.done():
            ours.signals.send(name)

    def _command(self, process: plan.Process) -> Command:
        policy = _policy(process)

        def command(invocation: Invocation) -> Work:
            if process.command != "wait":
                return run_syncs(invocation, Selection(connections=[CONNECTION]), policy)
            newest = max((job.id for job in self._sandbox.jobs), default=1)
            return wait_for(invocation, Selection(job_ids=[newest]), policy)

        return command


def _policy(process: plan.Process) -> RunPolicy:
    launched = START + timedelta(seconds=process.at + process.skew)
    return RunPolicy(
        trigger=TriggerPolicy(
            job_type=process.job_type,
            if_running=process.if_running,
            since=launched if process.counts_since else None,
        ),
        wait=WaitPolicy(
            timeout=process.timeout or LONGEST_SYNC,
            start_timeout=process.start_timeout,
            max_outage=process.max_outage,
        ),
        on_timeout=process.on_timeout,
        on_interrupt=process.on_interrupt,
        trigger_only=process.command == "trigger",
    )
