"""Faults: which requests fail, when, and how. `fault_actions.py` carries them out."""

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from airbyte_sync_cli.sandbox.api_request import ApiName
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.script import ScenarioModel, parse_seconds

When = Literal[
    "any",
    "trigger",
    "job",
    "jobs",
    "cancel",
    "connection",
    "connections",
    "actors",
    "workspaces",
    "tags",
    "token",
    "logs",
    "events",
    "streams",
    "state",
    "health",
    "version",
]
Action = Literal[
    "lost-before",
    "lost-after",
    "status",
    "hold",
    "never",
    "drip",
    "truncate",
    "bad-json",
    "wrong-shape",
    "html",
    "huge",
    "login",
    "redirect-loop",
    "rate-limit",
    "try-again-later",
    "state-conflict",
    "forbidden",
    "late-job",
    "expire-tokens",
]
WHENS: Final[tuple[str, ...]] = get_args(When)
ACTIONS: Final[tuple[str, ...]] = get_args(Action)
_PAUSES: Final = {"hold": 60.0, "drip": 1.0, "late-job": 70.0}


class Fault(ScenarioModel):
    """One fault. Without `times` and `for_seconds` it never ends.

    A string is its short form: `Fault.model_validate("trigger:lost-after:times=1")`.
    """

    when: When = "any"
    """The requests that it can hit."""
    action: Action
    api: Literal["any", "public", "config"] = "any"
    """Only requests of this API."""
    connection: str | None = None
    """Only requests about this connection (name or id) or one of its jobs."""
    after: int = Field(default=0, ge=0)
    """How many matching requests pass first."""
    times: int | None = Field(default=None, ge=1)
    """Maximum number of hits; None is no limit."""
    nth: int | None = Field(default=None, ge=1)
    """Only this matching request is hit, counted from 1 (after `after`)."""
    from_seconds: float = Field(default=0.0, ge=0)
    """Simulated seconds from the start of the sandbox until the first hit."""
    for_seconds: float | None = Field(default=None, gt=0)
    """Simulated seconds from the first hit until the last one."""
    applied: bool = False
    """The request takes effect although the response does not show it."""
    status: Annotated[int, Field(ge=200, le=599)] = 503
    """The status of `status`."""
    body: Literal["json", "html", "empty"] = "json"
    """The body of `status`."""
    seconds: float | None = Field(default=None, ge=0)
    """The delay of `hold` (simulated, 60), the pause between two bytes of `drip` (real, 1), the
    delay of the job of `late-job` (simulated, 70)."""
    retry_after: str | None = None
    """The header of `rate-limit` and `status`, unchecked: seconds, a date, or nonsense."""
    location: str = "/login"
    """Where `login` redirects to."""
    megabytes: int = Field(default=300, ge=1)
    """The size of the body of `huge`."""

    @property
    def pause(self) -> float:
        """The `seconds`, or the default of the action."""
        return _PAUSES.get(self.action, 0.0) if self.seconds is None else self.seconds

    @model_validator(mode="before")
    @classmethod
    def _from_spec(cls, value: object) -> object:
        return parse_fault(value) if isinstance(value, str) else value


class ActiveFaults:
    """The faults of a sandbox, with how often each one matched and hit."""

    def __init__(self, clock: SimClock, faults: list[Fault] | None = None) -> None:
        self._clock = clock
        self._faults = [_FaultCounter(fault) for fault in faults or []]

    def add(self, *faults: Fault) -> None:
        """Add faults; the first one that matches a request hits it."""
        self._faults.extend(_FaultCounter(fault) for fault in faults)

    def clear(self) -> None:
        """Remove every fault."""
        self._faults.clear()

    def take(self, name: str, api: ApiName, connection: SimConnection | None) -> Fault | None:
        """Return the fault that hits a request of that name, and count the hit."""
        age = self._clock.now() - self._clock.start
        # Lazily: only faults before the first hit may count this request.
        hits = (each.fault for each in self._faults if each.hits(name, api, connection, age=age))
        return next(hits, None)


class _FaultCounter:
    """A fault, how many requests it matched, and how many it hit."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._matched = 0
        self._hits = 0
        self._since: float | None = None

    def hits(
        self, name: str, api: ApiName, connection: SimConnection | None, *, age: float
    ) -> bool:
        if age < self.fault.from_seconds or not self._matches(name, api, connection):
            return False
        self._matched += 1  # counts passed requests, too: `after` and `nth` refer to it
        if self._matched < self.fault.after + (self.fault.nth or 1) or self._is_over(age):
            return False
        self._hits += 1
        # An outage lasts from its first victim on, so that it cannot pass unnoticed.
        self._since = age if self._since is None else self._since
        return True

    def _matches(self, name: str, api: ApiName, connection: SimConnection | None) -> bool:
        wanted = self.fault.connection
        return (
            self.fault.when in {"any", name}
            and self.fault.api in {"any", api}
            and (
                wanted is None
                or (connection is not None and wanted in {connection.id, connection.name})
            )
        )

    def _is_over(self, age: float) -> bool:
        fault = self.fault
        limit = fault.times if fault.nth is None else 1
        if limit is not None and self._hits >= limit:
            return True
        return (
            fault.for_seconds is not None
            and self._since is not None
            and age >= self._since + fault.for_seconds
        )


_VALUE_KEYS: Final = {
    "hold": "seconds",
    "drip": "seconds",
    "late-job": "seconds",
    "rate-limit": "retry-after",
    "huge": "megabytes",
    "login": "location",
    "status": "status",
}
"""The key that the value in `action=value` sets."""
_FIELDS: Final = {
    name.removesuffix("_seconds").replace("_", "-"): name
    for name in Fault.model_fields
    if name not in {"when", "action"}
}
"""The fields by their keys in the short form: `for` is `for_seconds`."""
KEYS: Final = tuple(_FIELDS)
"""The keys of the short form."""
_DURATIONS: Final = frozenset({"for", "from", "seconds"})


def parse_fault(spec: str) -> dict[str, object]:
    """Parse `WHEN:ACTION[=VALUE][:KEY=VALUE]…` to the fields of a fault.

    A number is the action `status`; `applied` needs no value. Raises ValueError with a message for
    the author.
    """
    when, _, more = spec.strip().partition(":")
    # A colon inside a value (of a date, of an address) is not followed by a key.
    rest = re.split(r":(?=[a-z-]+(?:[=:]|$))", more)
    if not more:
        raise ValueError(f"{spec!r} has no action: use '{spec}:503' or '{spec}:lost-after'")
    fields: dict[str, object] = {"when": when, **_action(rest[0])}
    for part in rest[1:]:
        key, _, value = part.partition("=")
        fields.update(_field(key, value, spec))
    return fields


def _action(text: str) -> dict[str, object]:
    name, _, value = text.partition("=")
    if name.isdecimal():  # `job:503` is short for `job:status=503`
        return {"action": "status", "status": int(name)}
    if not value:
        return {"action": name}
    if name not in _VALUE_KEYS:
        raise ValueError(f"{text!r}: {name} takes no value")
    return {"action": name, **_field(_VALUE_KEYS[name], value, text)}


def _field(key: str, value: str, spec: str) -> dict[str, object]:
    if key not in _FIELDS:
        known = ", ".join(sorted(KEYS))
        raise ValueError(f"{spec!r}: {key!r} is not a valid key: use one of {known}")
    if key in _DURATIONS:
        return {_FIELDS[key]: parse_seconds(value)}
    return {_FIELDS[key]: value or "true"}
