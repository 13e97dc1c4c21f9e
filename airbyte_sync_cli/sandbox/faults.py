"""Faults: which request goes wrong, when, and how."""

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.job import Model, parse_seconds
from airbyte_sync_cli.sandbox.request import Api

_MAIN: Final = {
    "hold": "seconds",
    "drip": "seconds",
    "late-job": "seconds",
    "rate-limit": "retry-after",
    "huge": "megabytes",
    "login": "location",
    "status": "status",
}
"""What `action=value` sets."""
_FIELDS: Final = {
    "after": "after",
    "api": "api",
    "applied": "applied",
    "body": "body",
    "connection": "connection",
    "for": "for_seconds",
    "from": "from_seconds",
    "location": "location",
    "megabytes": "megabytes",
    "nth": "nth",
    "retry-after": "retry_after",
    "seconds": "seconds",
    "status": "status",
    "times": "times",
}
KEYS: Final = tuple(_FIELDS)
"""What may stand before `=` in a short form."""
_DURATIONS: Final = frozenset({"for", "from", "seconds"})


def parse_fault(spec: str) -> dict[str, object]:
    """Read `WHEN:ACTION[=VALUE][:KEY=VALUE]…` into the fields of a fault.

    A number is the action `status`; `applied` needs no value. Raises ValueError with a sentence
    for whoever typed it.
    """
    when, _, more = spec.strip().partition(":")
    # A colon inside a value (a date's, an address's) is not followed by a key.
    rest = re.split(r":(?=[a-z-]+(?:[=:]|$))", more)
    if not more:
        raise ValueError(f"{spec!r} names no action: try '{spec}:503' or '{spec}:lost-after'")
    fields: dict[str, object] = {"when": when, **_action(rest[0])}
    for part in rest[1:]:
        key, _, value = part.partition("=")
        fields.update(_field(key, value, spec))
    return fields


def _action(text: str) -> dict[str, object]:
    name, _, value = text.partition("=")
    if name.isdecimal():
        return {"action": "status", "status": int(name)}
    if not value:
        return {"action": name}
    if name not in _MAIN:
        raise ValueError(f"{text!r}: {name} takes no value")
    return {"action": name, **_field(_MAIN[name], value, text)}


def _field(key: str, value: str, spec: str) -> dict[str, object]:
    if key not in _FIELDS:
        known = ", ".join(sorted(KEYS))
        raise ValueError(f"{spec!r}: {key!r} is not a valid key: choose from {known}")
    if key in _DURATIONS:
        return {_FIELDS[key]: parse_seconds(value)}
    return {_FIELDS[key]: value or "true"}


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
    "attempt",
    "progress",
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


class Fault(Model):
    """One failure. Without `times` and `for_seconds` it never ends.

    A text stands for its short form: `Fault.model_validate("trigger:lost-after:times=1")`.
    """

    when: When = "any"
    """The requests that it may hit."""
    action: Action
    api: Literal["any", "public", "config"] = "any"
    """Only requests of this API."""
    connection: str | None = None
    """Only requests about this connection, by name or id, directly or by one of its jobs."""
    after: int = Field(default=0, ge=0)
    """So many matching requests pass unharmed first."""
    times: int | None = Field(default=None, ge=1)
    """So many are hit; None is no limit."""
    nth: int | None = Field(default=None, ge=1)
    """Only this one is hit, counted from 1 (behind `after`)."""
    from_seconds: float = Field(default=0.0, ge=0)
    """Not before the sandbox is so many simulated seconds old."""
    for_seconds: float | None = Field(default=None, gt=0)
    """Over so many simulated seconds after the first hit."""
    applied: bool = False
    """The request takes effect although the answer does not say so (status, hold)."""
    status: Annotated[int, Field(ge=200, le=599)] = 503
    """The status of `status`."""
    body: Literal["json", "html", "empty"] = "json"
    """The body of `status`."""
    seconds: float | None = Field(default=None, ge=0)
    """How long `hold` holds (simulated, 60), the pause between two bytes of `drip` (real, 1),
    how much later than asked `late-job` lets the job begin (simulated, 70)."""
    retry_after: str | None = None
    """The header of `rate-limit` and `status`, as it is: seconds, a date, or nonsense."""
    location: str = "/login"
    """Where `login` redirects to."""
    megabytes: int = Field(default=300, ge=1)
    """The size of `huge`."""

    @property
    def pause(self) -> float:
        """The seconds, or the action's own."""
        return _PAUSES.get(self.action, 0.0) if self.seconds is None else self.seconds

    @model_validator(mode="before")
    @classmethod
    def _from_spec(cls, value: object) -> object:
        return parse_fault(value) if isinstance(value, str) else value


class FaultBox:
    """The faults of a sandbox and how often each was met."""

    def __init__(self, clock: SimClock, faults: list[Fault] | None = None) -> None:
        self._clock = clock
        self._armed = [_Armed(fault) for fault in faults or []]

    def add(self, *faults: Fault) -> None:
        """Arm more faults; the first one that matches a request is the one that hits it."""
        self._armed.extend(_Armed(fault) for fault in faults)

    def clear(self) -> None:
        """Let everything work again."""
        self._armed.clear()

    def take(self, name: str, api: Api, about: SimConnection | None) -> Fault | None:
        """Find the fault that hits a request of that name, and count the hit."""
        age = self._clock.now() - self._clock.start
        hits = (each.fault for each in self._armed if each.hits(name, api, about, age=age))
        return next(hits, None)


class _Armed:
    """A fault with its counters."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._met = 0
        self._hits = 0
        self._since: float | None = None

    def hits(self, name: str, api: Api, about: SimConnection | None, *, age: float) -> bool:
        if age < self.fault.from_seconds or not self._concerns(name, api, about):
            return False
        self._met += 1
        if self._met < self.fault.after + (self.fault.nth or 1) or self._spent(age):
            return False
        self._hits += 1
        self._since = age if self._since is None else self._since
        return True

    def _concerns(self, name: str, api: Api, about: SimConnection | None) -> bool:
        wanted = self.fault.connection
        return (
            self.fault.when in {"any", name}
            and self.fault.api in {"any", api}
            and (wanted is None or (about is not None and wanted in {about.id, about.name}))
        )

    def _spent(self, age: float) -> bool:
        fault = self.fault
        limit = fault.times if fault.nth is None else 1
        if limit is not None and self._hits >= limit:
            return True
        return (
            fault.for_seconds is not None
            and self._since is not None
            and age >= self._since + fault.for_seconds
        )
