"""What a job logged: as much as there is, or line by line while it goes on."""

import re
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from airbyte_sync_cli.airbyte.api import Airbyte
from airbyte_sync_cli.airbyte.models import Job, LogLine
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.errors import NotFoundError, UnavailableError

LEVELS: Final = ("trace", "debug", "info", "warn", "error")
"""Airbyte's words, from the least weight to the most."""
_RANKS: Final = {word: rank for rank, word in enumerate(LEVELS)} | {"warning": 3, "fatal": 4}
_USUAL: Final = _RANKS["info"]

PAUSE: Final = 2.5
"""Seconds between two looks: Airbyte's own page takes as many (its hooks/jobs.ts)."""
_LONGEST_PAUSE: Final = 60.0
_WORK_SHARE: Final = 10
"""A look always brings the whole log: reading takes at most a tenth of the time."""
_CALM_LOOKS: Final = 2
"""Looks without news after the job's end until the log counts as whole."""
_LATE: Final = 120.0
"""Seconds after a job's end in which lines may still arrive (Airbyte's page goes on so long)."""
_LONGEST_OUTAGE: Final = 600.0
"""Seconds for which a log that is followed may be unreadable."""

_STAMP: Final = re.compile(r"\W*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_WORD: Final = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b")
_HEAD: Final = 120
"""Characters of a plain line in which its level stands, if anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One line, and which attempt (from 1) logged it."""

    attempt: int
    line: LogLine

    def weighs(self, least: str) -> bool:
        """Whether the line is of that level or above; a level that is not known is `info`."""
        return _RANKS.get(self.line.level or "", _USUAL) >= _RANKS[least]


class LogReader:
    """Reads a job's log: each call of `news` brings what the ones before have not.

    Lines are compared, not counted: the log is put together from several parts, so a late
    line may turn up in the middle.
    """

    def __init__(
        self,
        airbyte: Airbyte,
        job_id: int,
        *,
        attempt: int | None = None,
        once: bool = False,
        least: str = "trace",
        tail: int | None = None,
    ) -> None:
        self._airbyte = airbyte
        self._job_id = job_id
        self._wanted = attempt
        self._current: int | None = attempt
        self._remembers = not once
        self._least = least
        self._tail = tail
        self.read = 0
        """How many lines there were at the last look, of any weight."""
        self._known: Counter[int] = Counter()
        """Hashes of lines: a long log is kept by whoever shows it, not here, too."""
        self.attempts = 0
        """How many there were at the last look."""

    @property
    def has_moved_on(self) -> bool:
        """Whether the job is past the only attempt that is wanted."""
        return self._wanted is not None and self.attempts > self._wanted

    async def news(self) -> Sequence[AttemptLine]:
        """Read the wanted attempt, or from the latest one onwards; nothing before it begins."""
        self.attempts = await self._airbyte.attempts(self._job_id)
        if self._current is None and self.attempts:
            self._current = self.attempts
        if self._current is None or self._current > self.attempts:
            return []
        found = list(await self._unseen(self._current))
        while self._wanted is None and self._current < self.attempts:
            self._current += 1
            self._known.clear()
            found += await self._unseen(self._current)
        return found

    def check(self) -> None:
        """Raise NotFoundError where the wanted attempt, or any, has not begun."""
        if self.attempts == 0:
            raise NotFoundError(
                f"job {self._job_id} has no attempt yet, so it has no log",
                hint="--follow waits for it",
            )
        if self._wanted is not None and self._wanted > self.attempts:
            count = f"{self.attempts} attempt{'s' if self.attempts > 1 else ''}"
            raise NotFoundError(
                f"job {self._job_id} has had {count}, no attempt {self._wanted}",
                hint="without --attempt the latest one is shown",
            )

    async def _unseen(self, attempt: int) -> Sequence[AttemptLine]:
        return await self._airbyte.logs(
            self._job_id, attempt=attempt, read=partial(self._choose, attempt)
        )

    async def _choose(self, attempt: int, lines: AsyncIterator[LogLine]) -> Sequence[AttemptLine]:
        """Keep no more than what is wanted of a log that may be longer than the memory."""
        complete, counts = Completion(), Counter[int]()
        found: deque[AttemptLine] = deque(maxlen=self._tail)
        self.read = 0
        async for line in lines:
            self.read += 1
            one = AttemptLine(attempt=attempt, line=complete(line))
            if self._remembers:
                key = hash(one.line)
                counts[key] += 1
                if counts[key] <= self._known[key]:
                    continue
            if one.weighs(self._least):
                found.append(one)
        self._known |= counts
        return found


class Completion:
    """Finds the time and level of plain lines; one without has those of the line before."""

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
    """Follows a log until the job is final and nothing more arrives."""

    airbyte: Airbyte
    clock: Clock
    warn: Callable[[str], None]

    async def follow(
        self, reader: LogReader, job_id: int
    ) -> AsyncGenerator[tuple[Job, Sequence[AttemptLine]], None]:
        """Yield the job and its new lines, look by look, also those without any.

        Raises what reading raises; UnavailableError only after ten minutes of it.
        """
        calm = 0
        failing_since: float | None = None
        while True:
            began = self.clock.monotonic()
            try:
                # The job first, so that what is logged before its end is surely read.
                job = await self.airbyte.job(job_id)
                lines = await reader.news()
            except UnavailableError as error:
                failing_since = self._tolerate(error, since=failing_since)
            else:
                failing_since = None
                calm = 0 if lines else calm + 1
                yield job, lines
                if reader.has_moved_on or (job.is_final and self._is_whole(job, calm)):
                    return
            took = self.clock.monotonic() - began
            await self.clock.sleep(min(max(PAUSE, took * _WORK_SHARE), _LONGEST_PAUSE))

    def _is_whole(self, job: Job, calm: int) -> bool:
        """Whether nothing more is to be expected of a job that has ended."""
        since = job.ended_at or job.created_at
        age = (self.clock.now() - since).total_seconds() if since else 0.0
        return calm >= _CALM_LOOKS or age > _LATE

    def _tolerate(self, error: UnavailableError, *, since: float | None) -> float:
        now = self.clock.monotonic()
        if since is None:
            self.warn(f"the log cannot be read, still trying: {error.message}")
            return now
        if now - since > _LONGEST_OUTAGE:
            raise error
        return since
