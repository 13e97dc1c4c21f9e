"""Connections with their schedules, tags, sources and destinations, and workspaces."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Final, Literal

from airbyte_sync_cli.sandbox.script import RESET_SCRIPT, JobScript

ConnectionStatus = Literal["active", "inactive", "deprecated", "locked"]

ActorKind = Literal["source", "destination"]
"""Airbyte's own word for both is actor."""
ACTOR_KINDS: Final[tuple[ActorKind, ...]] = ("source", "destination")
NAMESPACE: Final = uuid.UUID("00000000-0000-4000-8000-0000a1b7e000")


def stable_id(kind: str, name: str) -> str:
    """Return a UUID that is the same in every run, so that examples and tests can name it."""
    # Version 5: derived from the name, without a counter that depends on the order.
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule that a connection shows. `starts_every` is what it does."""

    type: Literal["manual", "basic", "cron"] = "manual"
    units: int = 24
    time_unit: str = "hours"
    cron: str = "0 0 0 * * ?"
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Parse `manual`, `every 24 hours` or `cron 0 0 0 * * ?`. Raises ValueError."""
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
    """A tag of connections."""

    id: str
    workspace_id: str
    name: str
    color: str = "615eff"


@dataclass(frozen=True, slots=True)
class SimWorkspace:
    """A workspace: connections and tags belong to one."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class SimStream:
    """A stream of a connection's catalog. Names are unique within a namespace only."""

    name: str
    namespace: str | None = None
    selected: bool = True
    mappers: tuple[str, ...] = ()
    """Types of the mappers that change or drop its records: `row-filtering`."""

    @property
    def key(self) -> str:
        """The name by which scripts call it."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Disabling:
    """When a connection was switched off (epoch seconds), and by whom or why.

    Airbyte itself gives a reason (ConnectionAutoDisabledReason), a user none.
    """

    at: float
    reason: str | None = None
    user: str | None = None


@dataclass(slots=True)
class SimConnection:
    """A connection of the simulated Airbyte. A test may change it while it is served."""

    id: str
    name: str
    workspace_id: str
    created_at: float
    status: ConnectionStatus = "active"
    schedule: Schedule = field(default_factory=Schedule)
    tags: tuple[SimTag, ...] = ()
    streams: tuple[SimStream, ...] = (SimStream("users"),)
    """Its catalog, with the streams that are not selected."""
    source: str = "Postgres"
    destination: str = "Warehouse"
    scripts: tuple[JobScript, ...] = (JobScript(),)
    """One per sync; the last one repeats."""
    reset_script: JobScript = RESET_SCRIPT
    starts_every: float | None = None
    """Simulated seconds between two scheduled jobs; None: it starts only by hand."""
    next_start: float = 0.0
    """The epoch second of the next scheduled job."""
    workflow_deleted: bool = False
    """Its Temporal workflow was deleted: every trigger is a 409."""
    can_refresh: bool = True
    """Whether the destination supports refreshes."""
    breaking_change: bool = False
    """Whether its source's schema has changed in a way that breaks it."""
    status_reason: str | None = None
    """Why it is locked, where Airbyte says so (since 2.1)."""
    disabled: Disabling | None = None
    """The latest time that it was switched off, as its events say."""
    _started: int = 0

    @property
    def selected(self) -> tuple[SimStream, ...]:
        """The streams that a job moves."""
        return tuple(each for each in self.streams if each.selected)

    @property
    def source_id(self) -> str:
        """The id of its source."""
        return self.actor_id("source")

    @property
    def destination_id(self) -> str:
        """The id of its destination."""
        return self.actor_id("destination")

    def actor_name(self, kind: ActorKind) -> str:
        """Return the name of its source or destination."""
        return self.source if kind == "source" else self.destination

    def actor_id(self, kind: ActorKind) -> str:
        """Return the id of its source or destination; connections of a workspace share them."""
        return stable_id(kind, f"{self.workspace_id}/{self.actor_name(kind)}")

    def next_script(self, kind: str) -> JobScript:
        """Return the script of the next job of a type, and advance to the one after it."""
        # Resets have their own script, so that they do not use up those of syncs.
        if kind in {"reset_connection", "clear"}:
            return self.reset_script
        script = self.scripts[min(self._started, len(self.scripts) - 1)]
        self._started += 1
        return script
