"""What jobs belong to: connections with their schedules and tags, and workspaces."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Final, Literal

from airbyte_sync_cli.sandbox.job import RESET_SCRIPT, JobScript

ConnectionStatus = Literal["active", "inactive", "deprecated", "locked"]

NAMESPACE: Final = uuid.UUID("00000000-0000-4000-8000-0000a1b7e000")


def stable_id(kind: str, name: str) -> str:
    """Make an id that is the same in every run, so that examples and tests may name it."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a connection says about its schedule. Whether it *acts* on it is another thing."""

    type: Literal["manual", "basic", "cron"] = "manual"
    units: int = 24
    time_unit: str = "hours"
    cron: str = "0 0 0 * * ?"
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read `manual`, `every 24 hours` or `cron 0 0 0 * * ?`. Raises ValueError."""
        if text == "manual":
            return cls()
        if text.startswith("cron "):
            return cls(type="cron", cron=text.removeprefix("cron ").strip())
        match = re.fullmatch(r"every (\d+) (minute|hour|day|week|month)s?", text)
        if match is None:
            raise ValueError(
                f"{text!r} is not a valid schedule: "
                "try 'manual', 'every 24 hours' or 'cron 0 0 0 * * ?'"
            )
        return cls(type="basic", units=int(match[1]), time_unit=f"{match[2]}s")


@dataclass(frozen=True, slots=True)
class SimTag:
    """A label that connections carry."""

    id: str
    workspace_id: str
    name: str
    color: str = "615eff"


@dataclass(frozen=True, slots=True)
class SimWorkspace:
    """What holds connections and tags."""

    id: str
    name: str


@dataclass(slots=True)
class SimConnection:
    """A connection of the simulated Airbyte. Tests may change it while it is served."""

    id: str
    name: str
    workspace_id: str
    created_at: float
    status: ConnectionStatus = "active"
    schedule: Schedule = field(default_factory=Schedule)
    tags: tuple[SimTag, ...] = ()
    streams: tuple[str, ...] = ("users",)
    source: str = "Postgres"
    destination: str = "Warehouse"
    scripts: tuple[JobScript, ...] = (JobScript(),)
    """One per sync job; the last one repeats."""
    reset_script: JobScript = RESET_SCRIPT
    starts_every: float | None = None
    """Simulated seconds between jobs that it starts by itself; None: it never does."""
    next_start: float = 0.0
    """The epoch second of the next one."""
    workflow_deleted: bool = False
    """Its workflow is gone: every trigger is a 409."""
    can_refresh: bool = True
    """Whether the destination supports refreshes."""
    _played: int = 0

    @property
    def source_id(self) -> str:
        """The id of its source."""
        return stable_id("source", f"{self.workspace_id}/{self.source}")

    @property
    def destination_id(self) -> str:
        """The id of its destination."""
        return stable_id("destination", f"{self.workspace_id}/{self.destination}")

    def next_script(self, kind: str) -> JobScript:
        """Take the script of the next job of that type."""
        if kind in {"reset_connection", "clear"}:
            return self.reset_script
        script = self.scripts[min(self._played, len(self.scripts) - 1)]
        self._played += 1
        return script
