"""Killing a sync at chosen moments, and counting what is left: the orphan table."""

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from tests.support.airflow_services import processes_of, until

Moment = Literal["before the trigger", "during the trigger", "while waiting"]
MOMENTS: Final[tuple[Moment, ...]] = ("before the trigger", "during the trigger", "while waiting")
SIGNALS: Final = (signal.SIGTERM, signal.SIGKILL)
_LIFE: Final = JobScript(life="pending 0.2, running 6, succeeded", cancel_takes=0.2)
_HELD: Final[dict[Moment, Fault | None]] = {
    "before the trigger": Fault(when="jobs", action="hold", seconds=12, times=1),
    "during the trigger": Fault(when="trigger", action="hold", seconds=12, times=1, applied=True),
    "while waiting": None,
}


@dataclass(frozen=True)
class SyncState:
    """One sync that is killed once, in its first try."""

    victim: str
    """Who gets the signal."""
    signal: signal.Signals
    moment: Moment

    @property
    def connection(self) -> str:
        """A connection of its own."""
        return f"{self.victim}-{self.signal.name}-{self.moment}".replace(" ", "-")


@dataclass(frozen=True)
class Trap:
    """A case before a sandbox: knows when its moment has come, and what was left in the end."""

    state: SyncState
    sandbox: Sandbox

    @classmethod
    def set(cls, state: SyncState, sandbox: Sandbox) -> "Trap":
        """Add the connection; its first try is held where it is to be killed."""
        sandbox.add_connection(state.connection, script=_LIFE)
        held = _HELD[state.moment]
        if held is not None:
            sandbox.faults.add(held.model_copy(update={"connection": state.connection}))
        return cls(state, sandbox)

    def spring(self, pid: int) -> bool:
        """Send the signal if the moment has come; whether it has."""
        if not self._come():
            return False
        os.kill(pid, self.state.signal)
        return True

    def _come(self) -> bool:
        if self.state.moment == "while waiting":
            return "running" in self.statuses()
        name = "jobs" if self.state.moment == "before the trigger" else "trigger"
        identity = self._identity
        return any(
            each.fault == "hold" and identity in f"{each.path} {each.query} {each.body!r}"
            for each in self.sandbox.sent(name)
        )

    @property
    def _identity(self) -> str:
        return next(
            each.id for each in self.sandbox.connections if each.name == self.state.connection
        )

    def statuses(self) -> list[str]:
        """The statuses of all its jobs."""
        return [job.status for job in self.sandbox.jobs if job.connection_id == self._identity]

    def row(self) -> str:
        """Tell what was left, as a line of a table."""
        left = Counter(self.statuses())
        jobs = ", ".join(f"{number} {status}" for status, number in sorted(left.items()))
        return f"| {self.state.victim} | {self.state.signal.name} | {self.state.moment} | {jobs} |"

    def is_clean(self) -> bool:
        """Whether exactly one sync has succeeded, and all others were cancelled."""
        left = Counter(self.statuses())
        cancelled = left["cancelled"] if self.state.signal is signal.SIGTERM else 0
        return left["succeeded"] == 1 and left.total() == 1 + cancelled


def spring_all(traps: Sequence[Trap], home: Path) -> None:
    """Kill each process, or the task that has started it, in its moment."""
    left = list(traps)

    def kill_those_whose_moment_has_come() -> bool:
        found = commands(home)
        for trap in left.copy():
            pid = found.get(trap.state.connection)
            if pid is not None:
                victim = pid if trap.state.victim == "command" else parent_of(pid)
                if trap.spring(victim):
                    left.remove(trap)
        return not left

    until(kill_those_whose_moment_has_come, f"the moments of {left}", limit=90)


def table(traps: list[Trap]) -> str:
    """Write all rows."""
    head = ["| killed | by | when | jobs in the end |", "|---|---|---|---|"]
    return "\n".join([*head, *(trap.row() for trap in traps)])


def commands(home: Path) -> dict[str, int]:
    """Find what runs `airbyte-sync run` for this Airflow: process ids by connection."""
    found = {}
    for pid, environ in processes_of(home):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"run" in argv and b"--since" in argv and "CONNECTION" in environ:
                found[environ["CONNECTION"]] = pid
    return found


def parent_of(pid: int) -> int:
    """The process that has started this one."""
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    return int(stat.rpartition(")")[2].split()[1])
