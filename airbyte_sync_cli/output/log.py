"""Log mode: one line on stderr for each change, and a heartbeat, so that a log tells enough."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TextIO

from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.foreign_text import capped, json_line, printable
from airbyte_sync_cli.output import format as words
from airbyte_sync_cli.output.table import PLAIN, Screen
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.streams import write

Level = Literal["debug", "info", "warning", "error"]
_LEAST: Final[dict[int, int]] = {-1: 2, 0: 1, 1: 1, 2: 0}
_RANKS: Final[dict[Level, int]] = {"debug": 0, "info": 1, "warning": 2, "error": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing to tell; the fields are the same in text and in JSON."""

    event: str
    message: str
    level: Level = "info"
    connection_id: str | None = None
    connection_name: str | None = None
    job_id: int | None = None
    status: str | None = None
    url: str | None = None
    """Where to see more: behind the message, but not above a live view, which has no room."""


class Journal:
    """Writes entries, one line each, as text or JSON. A stream that is gone is let go."""

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
        """Hand lines to somebody who draws on the same terminal; None takes them back."""
        self._above = above

    def write(self, entry: Entry) -> None:
        """Write one entry, unless it is of too little weight."""
        if _RANKS[entry.level] >= self._least:
            self._write_line(self._json(entry) if self._as_json else self._text(entry))

    def write_error(self, message: str, *, hint: str | None) -> None:
        """Write how it ended: the last thing that a log says."""
        told = {"error": (message, "red"), "hint": (hint, "dim")}
        for event, (text, colour) in told.items():
            if text and self._as_json:
                self.write(Entry(event=event, message=text, level="error"))
            elif text:
                label = f"{event}: "
                folded = words.folded(redact(label + text), self._screen.width, hang=len(label))
                self._write_line(
                    self._screen.paint(label.rstrip(), colour) + folded[len(label.rstrip()) :]
                )

    def write_line(self, line: str, *, hang: int = 0) -> None:
        """Write a line as it is, but for the secrets in it.

        A terminal folds it between words; what follows then begins at column `hang`.
        """
        self._write_line(words.folded(redact(line), self._screen.width, hang=hang))

    def _write_line(self, line: str) -> None:
        line = printable(line)
        if self._above is not None:
            self._above(line)
            return
        if self._stream is None:
            return
        try:
            write(self._stream, line + "\n")
        except (OSError, ValueError):  # closed, or its reader is gone: nobody listens any more
            self._stream = None

    def _text(self, entry: Entry) -> str:
        level = "" if entry.level in {"info", "debug"} else f"{entry.level}: "
        who = words.plain(entry.connection_name or entry.connection_id or "")
        job = f"job={entry.job_id}" if entry.job_id is not None else ""
        subject = f"[{' '.join(filter(None, [who, job]))}] " if who or job else ""
        said = words.plain(entry.message)
        if entry.url and (self._is_verbose or self._above is None):
            said += f" {words.plain(entry.url)}"
        return f"{words.moment(self._clock.now())} {level}{subject}{said}"

    def _json(self, entry: Entry) -> str:
        name, status = entry.connection_name, entry.status
        fields = json.dumps(
            {
                "time": words.moment(self._clock.now()),
                "level": entry.level,
                "event": entry.event,
                "message": words.plain(entry.message),
                "connection_id": entry.connection_id,
                "connection_name": name and capped(name),
                "job_id": entry.job_id,
                "status": status and capped(status),
                "url": entry.url,
            },
            ensure_ascii=False,
        )
        return json_line(fields)


class JournalHandler(logging.Handler):
    """Brings the log of the inner parts (requests, cancels) into the journal.

    `warn` takes their warnings, which belong into the report, too.
    """

    def __init__(self, journal: Journal, *, warn: Callable[[str], None]) -> None:
        super().__init__()
        self._journal = journal
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what is only explanation needs -v or -vv."""
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            self._warn(message)
        else:
            self._journal.write(Entry(event="log", message=message))
