"""Lines of Airbyte's log within ours: marked, so that they are not taken for our words."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.foreign_text import capped
from airbyte_sync_cli.output.format import format_log_line, plain

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.models import LogLine
    from airbyte_sync_cli.sync.logs import AttemptLine

MARK: Final = "airbyte| "
_COLOURS: Final = {"error": "red", "fatal": "red", "warn": "yellow", "warning": "yellow"}
_OUR_LEVELS: Final = {
    "trace": "debug",
    "debug": "debug",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "fatal": "error",
}
"""Levels as in the rest of the log; `info` otherwise."""
_STAMP: Final = re.compile(r"\W*\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?\s*")
"""The time that a plain line (Airbyte up to 1.1) begins with: `LogLine.at` has it."""


def message_of(line: "LogLine") -> str:
    """Return a line's message with its source and level, without its time, and cut."""
    message = capped(line.message, clean=format_log_line)
    if line.source is None:
        return _STAMP.sub("", message, count=1) if line.at else message
    return f"{plain(line.source)} {plain(line.level or '?').upper()} > {message}"


def short_line(one: "AttemptLine", *, name: str = "") -> str:
    """Return a line for a terminal, or for the block of a failure: with the time of day."""
    at = one.line.at
    parts = (name, f"{at.astimezone(UTC):%H:%M:%S}" if at else "", message_of(one.line))
    return " ".join(filter(None, parts))


def colour_of(one: "AttemptLine") -> str | None:
    """Return the colour of a line by its level."""
    return _COLOURS.get(one.line.level or "")


def json_fields(one: "AttemptLine") -> Mapping[str, object]:
    """Return what the object of a line has besides the fields of every other entry."""
    line = one.line
    at = line.at.astimezone(UTC).isoformat(timespec="milliseconds") if line.at else None
    return {
        "level": _OUR_LEVELS.get(line.level or "", "info"),
        "message": capped(line.message, clean=format_log_line),
        "attempt": one.attempt,
        "at": at and at.replace("+00:00", "Z"),
        "source": line.source and capped(line.source),
    }
