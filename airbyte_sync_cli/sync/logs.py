"""Read the log of a job: what there is of it, or line by line while the job runs."""

import re
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Job, LogLine
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import NotFoundError, UnavailableError
from airbyte_sync_cli.fast_dataclass import dataclass

if TYPE_CHECKING:
    from airbyte_sync_cli.airbyte.client import Airbyte

LEVELS: Final = ("trace", "debug", "info", "warn", "error")
"""Airbyte's levels, from the lowest to the highest."""
# The other two are in plain lines only (_WORD): structured ones have Airbyte's five levels.
_RANKS: Final = {word: rank for rank, word in enumerate(LEVELS)} | {"warning": 3, "fatal": 4}
_DEFAULT_RANK: Final = _RANKS["info"]

PAUSE: Final = 2.5
"""Seconds between two reads, as on Airbyte's own page (its hooks/jobs.ts)."""
_MAX_PAUSE: Final = 60.0
_PAUSE_PER_READ: Final = 10
"""The pause is at least this many times as long as the read: each read brings the whole log."""
_READS_WITHOUT_NEWS: Final = 2
"""Reads without new lines after the job's end until the log counts as complete."""
_LATE: Final = 120.0
"""Seconds after a job's end in which lines may still arrive (as long as Airbyte's page polls)."""
_MAX_OUTAGE: Final = 600.0
"""Seconds for which a followed log may be unreadable."""

_SHOWN_AT_ONCE: Final = 1000
"""Lines."""

_STAMP: Final = re.compile(r"\W*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_WORD: Final = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b")
_HEAD: Final = 120
"""Characters at the start of a plain line that may have its level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """A log line with its attempt (from 1)."""

    attempt: int
    line: LogLine

    def weighs(self, least: str) -> bool:
        """Return whether the line has that level or a higher one; an unknown level is `info`."""
        return _RANKS.get(self.line.level or "", _DEFAULT_RANK) >= _RANKS[least]


class _KnownLines:
    """Counts the lines that were shown, by hash: about 20 bytes each.

    Every read brings the whole log, of up to a million lines (Airbyte drops the oldest). A
    dictionary takes five times as much memory.
    """

    def __init__(self) -> None:
        import sqlite3  # noqa: PLC0415  # 2 MB that only `logs` needs

        # One thread uses it, but the garbage collector may close it in another one.
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)  # Python 3.13 and later warn otherwise
        self._cursor = connection.cursor()
        for statement in (
            "pragma journal_mode = off",
            "create table lines (hash integer primary key, shown, seen, is_new) without rowid",
            "begin",
        ):
            self._cursor.execute(statement)

    def add(self, line: LogLine) -> bool:
        """Count a line of this read; return whether it occurs more often than it was shown."""
        # 64 bits: among a million lines, a collision (which would hide a line) is improbable.
        found = self._cursor.execute(
            "insert into lines values (?, 1, 1, 1) on conflict do update set "
            "seen = seen + 1, is_new = seen >= shown, shown = max(shown, seen + 1) "
            "returning is_new",
            (hash(line),),
        )
        return bool(found.fetchone()[0])

    def begin(self) -> None:
        """Begin a read, or begin it again after its response broke off."""
        self._cursor.execute("update lines set seen = 0")

    def end(self, read: int) -> None:
        """End a read of that many lines: forget those that Airbyte has dropped."""
        self._cursor.execute(
            "delete from lines where seen = 0 and (select count(*) from lines) > ?", (2 * read,)
        )

    def clear(self) -> None:
        """Forget everything."""
        self._cursor.execute("delete from lines")


class LogReader:
    """Reads a job's log: each call of `read_news` shows the lines that are new.

    Lines are compared, not counted: Airbyte assembles the log from parts, so a late line may
    appear in the middle. `show` gets them as they arrive, and returns whether the reader of our
    output is still there. With `tail`, the first read shows the last lines only.
    """

    def __init__(
        self,
        airbyte: "Airbyte",
        job_id: int,
        *,
        show: Callable[[Sequence[AttemptLine]], bool],
        attempt: int | None = None,
        first: int | None = None,
        least: str = "trace",
        tail: int | None = None,
    ) -> None:
        self._airbyte = airbyte
        self._job_id = job_id
        self._show = show
        self._wanted = attempt
        self._current: int | None = attempt or first
        self._least = least
        self._tail = tail
        """None after the first lines."""
        self._known = _KnownLines()
        self.read = 0
        """Lines in the last read, of any level."""
        self.news = 0
        """How many of them were new."""
        self.is_read = True
        """False once `show` has found that its reader is gone (a closed pipe)."""
        self.attempts = 0
        """Attempts at the last read."""

    @property
    def has_moved_on(self) -> bool:
        """Return whether a later attempt than the wanted one has begun."""
        return self._wanted is not None and self.attempts > self._wanted

    async def read_news(self) -> None:
        """Read the wanted attempt, else the latest one (or `first`) and those after it."""
        self.news = 0
        self.attempts = await self._airbyte.attempts(self._job_id)
        if self._current is None and self.attempts:
            self._current = self.attempts
        if self._current is None or self._current > self.attempts:
            return
        await self._read(self._current)
        # One by one: an attempt may begin and end between two reads.
        while self._wanted is None and self._current < self.attempts and self.is_read:
            self._current += 1
            self._known.clear()
            await self._read(self._current)

    def check(self) -> None:
        """Raise NotFoundError where the wanted attempt has not begun, or none has."""
        if self.attempts == 0:
            raise NotFoundError(
                f"job {self._job_id} has no attempt yet, so it has no log",
                hint="use --follow to wait for it",
            )
        if self._wanted is not None and self._wanted > self.attempts:
            count = f"{self.attempts} attempt{'s' if self.attempts > 1 else ''}"
            raise NotFoundError(
                f"job {self._job_id} has no attempt {self._wanted}, only {count}",
                hint="omit --attempt to read the latest one",
            )

    async def _read(self, attempt: int) -> None:
        await self._airbyte.logs(self._job_id, attempt=attempt, read=partial(self._take, attempt))

    async def _take(self, attempt: int, lines: AsyncIterator[LogLine]) -> None:
        """Show the new lines of a log that may be too long to be kept in memory."""
        complete, self.read = Completion(), 0
        some: deque[AttemptLine] = deque(maxlen=self._tail)
        # With --tail nothing is shown before the end: only then are the last lines known.
        streams = self._tail is None
        if streams:
            self._known.begin()
        else:
            self._known.clear()  # with --tail nothing was shown yet, even if a read broke off
        try:
            async for line in lines:
                self.read += 1
                one = AttemptLine(attempt=attempt, line=complete(line))
                if not self._known.add(one.line):
                    continue
                self.news += 1
                if one.weighs(self._least):
                    some.append(one)
                if streams and len(some) >= _SHOWN_AT_ONCE and not self._give(some):
                    return
        finally:
            # Also of a response that broke off: they are counted, so the next read omits them.
            if streams:
                self._give(some)
        self._known.end(self.read)
        # An empty log does not use up --tail: its first lines are still to come.
        if self.read and self._tail is not None:
            self._give(some)
            self._tail = None

    def _give(self, some: deque[AttemptLine]) -> bool:
        if some and self.is_read:
            self.is_read = self._show(list(some))
            some.clear()
        return self.is_read


class Completion:
    """Finds time and level of plain lines; a line without (a stack trace) has those before it."""

    def __init__(self) -> None:
        self._at: datetime | None = None
        self._level: str | None = None

    def __call__(self, line: LogLine) -> LogLine:
        """Return the line with both."""
        if line.level is not None:
            self._level = line.level.lower()
            return line if self._level == line.level else replace(line, level=self._level)
        head = _COLOUR.sub("", line.message[: 10 * _HEAD])[:_HEAD]
        stamp, word = _STAMP.match(head), _WORD.search(head)
        if stamp:
            self._at, self._level = _moment(stamp), "info"
        if word and (stamp or self._level is None):
            self._level = word[1].lower()
        return replace(line, at=line.at or self._at, level=self._level)


def _moment(stamp: re.Match[str]) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{stamp[1]}T{stamp[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """Follows a log until the job is final and no more lines arrive."""

    airbyte: "Airbyte"
    clock: Clock
    warn: Callable[[str], None]

    async def follow(self, reader: LogReader, job_id: int) -> AsyncGenerator[Job, None]:
        """Yield the job after each read, whose new lines were shown; end if their reader is gone.

        Raises what reading raises; UnavailableError only after ten minutes.
        """
        quiet_reads = 0
        failing_since: float | None = None
        while True:
            began = self.clock.monotonic()
            try:
                # The job first: lines that it logs before its end are in the log read after it.
                job = await self.airbyte.job(job_id)
                await reader.read_news()
            except UnavailableError as error:
                failing_since = self._tolerate(error, since=failing_since)
            else:
                failing_since = None
                quiet_reads = 0 if reader.news else quiet_reads + 1
                yield job
                if (
                    not reader.is_read
                    or reader.has_moved_on
                    or (job.is_final and self._is_complete(job, quiet_reads))
                ):
                    return
            took = self.clock.monotonic() - began
            await self.clock.sleep(min(max(PAUSE, took * _PAUSE_PER_READ), _MAX_PAUSE))

    def _is_complete(self, job: Job, quiet_reads: int) -> bool:
        """Return whether no more lines are to be expected of a job that has ended."""
        since = job.ended_at or job.created_at
        age = (self.clock.now() - since).total_seconds() if since else 0.0
        return quiet_reads >= _READS_WITHOUT_NEWS or age > _LATE

    def _tolerate(self, error: UnavailableError, *, since: float | None) -> float:
        now = self.clock.monotonic()
        if since is None:
            self.warn(f"the log cannot be read, retrying: {error.message}")
            return now
        if now - since > _MAX_OUTAGE:
            raise error
        return since
