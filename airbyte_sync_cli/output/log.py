"""The log on stderr: one line for each change, as text or JSON."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.foreign_text import capped, json_line, printable
from airbyte_sync_cli.output.airbyte_log import (
    MARK,
    colour_of,
    json_fields,
    message_of,
    short_line,
)
from airbyte_sync_cli.output.format import fold, format_time, plain
from airbyte_sync_cli.output.terminal import PLAIN, Screen
from airbyte_sync_cli.streams import write

if TYPE_CHECKING:
    from airbyte_sync_cli.sync.logs import AttemptLine
    from airbyte_sync_cli.sync.state import Snapshot

Level = Literal["debug", "info", "warning", "error"]
_LEAST: Final[dict[int, int]] = {-1: 2, 0: 1, 1: 1, 2: 0}
_RANKS: Final[dict[Level, int]] = {"debug": 0, "info": 1, "warning": 2, "error": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line; the fields are the same in text and in JSON."""

    event: str
    message: str
    level: Level = "info"
    connection_id: str | None = None
    connection_name: str | None = None
    job_id: int | None = None
    status: str | None = None
    url: str | None = None
    """The job's page: behind the message, but not above a live view, which has no room."""

    @classmethod
    def about(
        cls, sync: "Snapshot | None", event: str, message: str, level: Level = "info"
    ) -> "Entry":
        """Return an entry about a sync, with its connection and job as far as they are known."""
        connection, job = (sync.connection, sync.job) if sync else (None, None)
        return cls(
            event=event,
            message=message,
            level=level,
            connection_id=connection.id if connection else (job.connection_id if job else None),
            connection_name=connection.name if connection else None,
            job_id=job.id if job else None,
            status=job.status if job else None,
        )


class Log:
    """Writes entries, one line each, as text or JSON; nothing once its stream is gone."""

    def __init__(
        self,
        stream: TextIO | None,
        *,
        clock: Clock,
        verbosity: int,
        as_json: bool,
        screen: Screen = PLAIN,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._least = _LEAST[verbosity]
        self._is_verbose = verbosity > 0
        self._screen = screen
        self._as_json = as_json
        self._above: Callable[[str], None] | None = None

    def divert(self, above: Callable[[str], None] | None) -> None:
        """Send lines to `above`, which draws on the same terminal; None undoes that."""
        self._above = above

    def write(self, entry: Entry) -> None:
        """Write one entry, unless its level is below the verbosity."""
        if _RANKS[entry.level] >= self._least:
            self._write_line(self._json(entry) if self._as_json else self._text(entry))

    def write_error(self, message: str, *, hint: str | None) -> None:
        """Write the `error:` and `hint:` lines, the last ones of a log."""
        for event, text, colour in (("error", message, "red"), ("hint", hint, "dim")):
            if text and self._as_json:
                # The hint has this level, too: with `info`, -q would drop it.
                self.write(Entry(event=event, message=text, level="error"))
            elif text:
                label = f"{event}:"
                line = fold(f"{label} {text}", self._screen.width, hang=len(label) + 1)
                self._write_line(self._screen.paint(label, colour) + line[len(label) :])

    def write_line(self, line: str, *, hang: int = 0) -> None:
        """Write a line as it is; a terminal folds it, and what follows begins at column `hang`."""
        self._write_line(fold(line, self._screen.width, hang=hang))

    def write_airbyte(
        self, sync: "Snapshot", lines: "Sequence[AttemptLine]", *, alone: bool
    ) -> None:
        """Write lines of Airbyte's log, whatever the verbosity: they were asked for by level."""
        if self._as_json:
            about = Entry.about(sync, "airbyte-log", "")
            written = [self._json(about, json_fields(one)) for one in lines]
        elif self._screen.width is None:
            written = [self._airbyte_line(sync, one) for one in lines]
        else:
            name = "" if alone else plain(sync.connection.name if sync.connection else sync.key)
            hang, width = len(MARK), self._screen.width
            texts = [MARK + short_line(one, name=name) for one in lines]
            written = [
                self._screen.paint(fold(text, width, hang=hang), colour_of(one))
                for text, one in zip(texts, lines, strict=True)
            ]
        self._write_line("\n".join(written))  # at once: each write redraws a live view

    def _airbyte_line(self, sync: "Snapshot", one: "AttemptLine") -> str:
        job = f" job={sync.job.id}" if sync.job else ""
        attempt = f" attempt={one.attempt}" if one.attempt > 1 else ""
        name = plain(sync.connection.name if sync.connection else sync.key)
        at = format_time(one.line.at or self._clock.now())
        text = f"{at} [{name}{job}{attempt}] {MARK}{message_of(one.line)}"
        return self._screen.paint(text, colour_of(one))

    def _write_line(self, line: str) -> None:
        line = printable(line)
        if self._above is not None:
            self._above(line)
            return
        if self._stream is None:
            return
        try:
            write(self._stream, line + "\n")
        except (OSError, ValueError):  # closed, or its reader is gone
            self._stream = None

    def _text(self, entry: Entry) -> str:
        level = "" if entry.level in {"info", "debug"} else f"{entry.level}: "
        who = plain(entry.connection_name or entry.connection_id or "")
        job = f"job={entry.job_id}" if entry.job_id is not None else ""
        subject = f"[{' '.join(filter(None, [who, job]))}] " if who or job else ""
        message = plain(entry.message)
        if entry.url and (self._is_verbose or self._above is None):
            message += f" {plain(entry.url)}"
        return f"{format_time(self._clock.now())} {level}{subject}{message}"

    def _json(self, entry: Entry, more: Mapping[str, object] = MappingProxyType({})) -> str:
        name, status = entry.connection_name, entry.status
        fields = json.dumps(
            {
                "time": format_time(self._clock.now()),
                "level": entry.level,
                "event": entry.event,
                "message": plain(entry.message),
                "connection_id": entry.connection_id,
                "connection_name": name and capped(name),
                "job_id": entry.job_id,
                "status": status and capped(status),
                "url": entry.url,
                **more,
            },
            ensure_ascii=False,
        )
        return json_line(fields)


class LogHandler(logging.Handler):
    """Writes the records of Python loggers (requests, cancels); hands warnings to `warn`."""

    def __init__(self, log: Log, *, warn: Callable[[str], None]) -> None:
        super().__init__()
        self._log = log
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; the levels below warning need -v or -vv."""
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._warn(message)
        else:
            self._log.write(Entry(event="log", message=message))
