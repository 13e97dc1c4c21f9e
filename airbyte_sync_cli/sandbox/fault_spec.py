"""The short form of a fault, for the command line: `trigger:lost-after:times=1`."""

import re
from typing import Final

from airbyte_sync_cli.sandbox.script import parse_seconds

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
