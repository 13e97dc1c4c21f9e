"""What `status` does without a job or a connection: all connections at a glance."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.airbyte.models import Connection
from airbyte_sync_cli.commands.listings import ConnectionFilter, by_name, nothing_found
from airbyte_sync_cli.commands.session import (
    CommandResult,
    Invocation,
    Selection,
    Session,
    follow,
    in_session,
)
from airbyte_sync_cli.commands.status import without_outcome
from airbyte_sync_cli.errors import RejectedError, UnavailableError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import format_time
from airbyte_sync_cli.output.overview import change_text, fitted, overview_lines, overview_text
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.sync.overview import OverviewRow
from airbyte_sync_cli.sync.overview_reader import OverviewReader

if TYPE_CHECKING:
    from airbyte_sync_cli.output.live.canvas import Canvas


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewOptions:
    """What to show, and what decides the exit code."""

    failing: bool = False
    """Only those that failed, were cancelled or are stuck."""
    exit_status: bool = False
    watch: bool = False

    def select(self, rows: Sequence[OverviewRow]) -> Sequence[OverviewRow]:
        """Return the rows to show."""
        return [row for row in rows if row.is_failing or not self.failing]


async def show_overview(
    invocation: Invocation, wanted: Selection, options: OverviewOptions
) -> CommandResult:
    """Show the latest job of each connection that is named, or of all."""
    if options.watch:
        return await _watch(invocation, wanted, options)
    return await in_session(invocation, wanted, lambda session: _show(session, wanted, options))


async def _show(session: Session, wanted: Selection, options: OverviewOptions) -> CommandResult:
    connections = await _select(session, wanted)
    if not connections:
        session.output.warn("no connections found that these credentials can read")
    reader = OverviewReader(session.airbyte, session.clock)
    rows = await reader.read(connections)
    _warn_of_unread(session, rows)
    shown = options.select(rows)
    text = overview_text(shown, every=len(rows), now=reader.now(), screen=session.output.screen)
    return replace(_result(shown, exit_status=options.exit_status), text=text)


def _warn_of_unread(session: Session, rows: Sequence[OverviewRow]) -> None:
    for row in rows:
        if row.error is not None:
            session.output.warn(f"{row.connection.name!r}: {row.error.message}")


async def _select(session: Session, wanted: Selection) -> Sequence[Connection]:
    """Return connections by name. Raises NotFoundError for a name or a tag that none has."""
    found = list(await session.select(replace(wanted, tags=()))) if wanted.connections else []
    if wanted.tags or not wanted.connections:
        every = await session.airbyte.connections(workspace_id=session.settings.workspace_id)
        for tag in wanted.tags:
            if not any(tag in one.tags for one in every):
                raise nothing_found(ConnectionFilter(tags=frozenset({tag})), every)
        tags = frozenset(wanted.tags)
        found += [one for one in every if not tags or not tags.isdisjoint(one.tags)]
    unique = {one.id: one for one in found}.values()  # named, and with a tag
    return sorted(unique, key=by_name)


def _result(rows: Sequence[OverviewRow], *, exit_status: bool) -> CommandResult:
    states = [row.state() for row in rows]
    # A connection that is switched off need not have a job.
    counting = [one for one in states if one.job or (one.connection and one.connection.is_active)]
    if exit_status:
        for state in counting:
            state.error = state.error or without_outcome(state)
    shown = CommandResult(
        syncs=[state.result() for state in states], exit_code=ExitCode.OK, must_be_printed=True
    )
    if not exit_status:
        return shown
    ending = CommandResult.of(counting) if counting else shown
    if ending.exit_code is ExitCode.OK and (error := _error_of_disabled(rows)):
        return replace(shown, exit_code=error.exit_code, error=error)
    return replace(shown, exit_code=ending.exit_code, error=ending.error)


def _error_of_disabled(rows: Sequence[OverviewRow]) -> RejectedError | None:
    """Return the error for a connection that has no failed job, but will have no job at all."""
    disabled = next((row.connection for row in rows if row.is_disabled_by_airbyte), None)
    if disabled is None:
        return None
    return RejectedError(
        f"connection {disabled.name!r} is {disabled.status}: Airbyte disabled it",
        hint=f"`airbyte-sync check --conn {disabled.id}` shows why",
    )


# -- watch -----------------------------------------------------------------------------------

_EVERY: Final = 10.0
"""Seconds between two looks."""
_SHARE: Final = 10.0
"""A slow server is asked less often: a look takes at most so small a part of the time."""
_RESELECT: Final = 300.0
"""Seconds after which the connections are read again: there may be new ones."""


async def _watch(
    invocation: Invocation, wanted: Selection, options: OverviewOptions
) -> CommandResult:
    """Look again until a signal ends it, or stdout is closed."""
    if not invocation.output.is_text:
        hint = "use -o text, or call `status -o json` repeatedly"
        raise UsageError("--watch is for people: it has no other format than text", hint=hint)
    return await follow(invocation, wanted, lambda session: _Watch(session, wanted, options))


class _Watch:
    """Shows the table again and again: in place on a terminal, elsewhere only what changes."""

    def __init__(self, session: Session, wanted: Selection, options: OverviewOptions) -> None:
        self._session = session
        self._wanted = wanted
        self._options = options
        self._reader = OverviewReader(session.airbyte, session.clock)
        self._connections: Sequence[Connection] = ()
        self._selected_at = float("-inf")
        self._rows: Sequence[OverviewRow] = ()
        self._is_drawn = False
        self._read_at = ""
        self._outage = False

    async def follow(self) -> None:
        """Look and show; return only if stdout is closed."""
        clock = self._session.clock
        with self._session.output.canvas() as canvas:
            self._is_drawn = canvas is not None
            while True:
                began, before = clock.monotonic(), self._rows
                await self._look()
                pause = max(_EVERY, _SHARE * (clock.monotonic() - began))
                if canvas is not None:
                    self._draw(canvas, pause)
                elif not self._print(before):
                    return
                await clock.sleep(pause)

    async def _look(self) -> None:
        """Read the rows; in an outage the old ones stay. Raises what the first look raises."""
        try:
            now = self._session.clock.monotonic()
            if now - self._selected_at > _RESELECT:
                self._connections = await _select(self._session, self._wanted)
                self._selected_at = now
            self._rows = await self._reader.read(self._connections)
            self._read_at, self._outage = format_time(self._reader.now()), False
        except UnavailableError as error:
            if not self._rows:
                raise
            if not self._outage:
                self._session.output.warn(f"{error.message}: retrying", in_report=False)
            self._outage = True

    def _draw(self, canvas: "Canvas", pause: float) -> None:
        state = f"not read since {self._read_at}" if self._outage else f"read at {self._read_at}"
        foot = Styled.of(f"{state}, every {pause:.0f}s, Ctrl-C ends", "dim")
        lines = overview_lines(
            self._shown, every=len(self._rows), now=self._reader.now(), screen=canvas.room
        )
        height = max(canvas.size().lines - 2, 3)  # the foot, and the cursor's line
        canvas.replace([*fitted(lines, height), foot.cut(canvas.room.width or 80, mark="")])

    def _print(self, before: Sequence[OverviewRow]) -> bool:
        """Print the table at first, then one line for each change."""
        if not before:
            return self._session.output.show(self._table())
        known = {row.connection.id: row for row in before}
        return all(
            self._session.output.show(
                change_text(row, now=self._reader.now(), screen=self._session.output.screen)
            )
            for row in self._rows
            if self._is_news(row, known.get(row.connection.id))
        )

    def _is_news(self, row: OverviewRow, before: OverviewRow | None) -> bool:
        if self._options.failing and not (row.is_failing or (before and before.is_failing)):
            return False
        return before is None or _what(row) != _what(before)

    @property
    def _shown(self) -> Sequence[OverviewRow]:
        return self._options.select(self._rows)

    def _table(self) -> str:
        return overview_text(
            self._shown,
            every=len(self._rows),
            now=self._reader.now(),
            screen=self._session.output.screen,
        )

    def result(self) -> CommandResult:
        """Return the last look; the table stays on the terminal."""
        text = self._table() if self._is_drawn and self._rows else ""
        return replace(_result(self._shown, exit_status=False), text=text)


def _what(row: OverviewRow) -> tuple[object, ...]:
    job = (row.job.id, row.job.status) if row.job else None
    return job, row.stuck is not None, row.error is not None, row.connection.status
