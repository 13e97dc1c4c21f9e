"""What stdout shows a person in the end: a line for each sync, and a total for several."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import FINAL_STATUSES
from airbyte_sync_cli.exit_codes import BY_SIGNAL, ExitCode
from airbyte_sync_cli.output.format import (
    cell_width,
    format_bytes,
    format_duration,
    format_records,
    pad,
    plain,
    shorten,
)
from airbyte_sync_cli.output.messages import fate, may_have_a_job
from airbyte_sync_cli.output.table import PLAIN, Screen
from airbyte_sync_cli.redaction import redact
from airbyte_sync_cli.sync.result import SyncResult

_LOOKS: Final = frozenset({"status", "cancel"})
"""Commands that look at jobs; nobody waits for one there, so none is adopted."""
_ADOPTING: Final = frozenset({"run", "trigger"})
_GAP: Final = "  "
_COLUMNS: Final = 7
_NAME: Final = 1
"""The place of the name in a line."""
_NUMBERS: Final = range(3, 6)
"""Duration, records and bytes: aligned to the right."""
_SIZE: Final = 5
_SHORTEST_NAME: Final = 12
_READABLE_NAME: Final = 24
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED}
_STOPPED: Final = {
    ExitCode.TIMEOUT: "timed out",
    **dict.fromkeys(BY_SIGNAL, "stopped"),
}
"""Endings of ours: what became of the job stands behind them."""
_COLOURS: Final = {"good": "green", "bad": "red", "open": "yellow", "other": "dim"}
_SYMBOLS: Final = {"good": ("✓", "+"), "bad": ("✗", "x"), "open": ("●", ">"), "other": ("○", "-")}


def summary(
    syncs: Sequence[SyncResult],
    *,
    command: str | None = None,
    screen: Screen = PLAIN,
    now: datetime | None = None,
) -> str:
    """Write the summary: aligned on a terminal, else in a form that stays the same.

    With `now`, jobs that `status` finds at work are told with their age.
    """
    if not syncs:
        return ""
    cells = [_cells(sync, command, now) for sync in syncs]
    if screen.width is None:
        lines = [
            _joined(sync, row, command, screen) for sync, row in zip(syncs, cells, strict=True)
        ]
    else:
        _fit(cells, screen)
        lines = _aligned(syncs, cells, command, screen)
    if len(syncs) > 1 and command not in _LOOKS:
        good = sum(sync.exit_code == ExitCode.OK for sync in syncs)
        lines.append(f"{good} of {len(syncs)} ok")
    return "\n".join(lines)


def _fit(cells: Sequence[list[str]], screen: Screen) -> None:
    """Let every line fit the terminal: bytes give way first, then names grow shorter."""
    longest = _widths(cells)[_NAME]
    if _room_for_names(cells, screen) < min(longest, _READABLE_NAME):
        for row in cells:
            row[_SIZE] = ""
    most = max(_room_for_names(cells, screen), _SHORTEST_NAME)
    for row in cells:
        row[_NAME] = shorten(row[_NAME], most, mark="…" if screen.blocks else "~")


def _room_for_names(cells: Sequence[Sequence[str]], screen: Screen) -> int:
    taken = sum(w + len(_GAP) for i, w in enumerate(_widths(cells)) if w and i != _NAME)
    return (screen.width or 0) - taken - len("✓ ")


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column; a table without rows has all of its columns, too."""
    return [max((cell_width(row[i]) for row in cells), default=0) for i in range(_COLUMNS)]


def _cells(sync: SyncResult, command: str | None, now: datetime | None) -> list[str]:
    """Put every part of a line in its column; empty where it is unknown."""
    if sync.exit_code == ExitCode.SKIPPED:  # the job is somebody else's, and its numbers, too
        because = f"job {sync.job_id} is {sync.status}" if sync.job_id is not None else ""
        return ["skipped", _name(sync), plain(because), "", "", "", ""]
    counts = _counts(sync, command)
    return [
        plain(_state(sync, command)),
        _name(sync),
        f"job {sync.job_id}" if sync.job_id is not None else "",
        _duration(sync, now if command == "status" else None),
        format_records(sync.records_synced or 0) if counts else "",
        format_bytes(sync.bytes_synced) if counts and sync.bytes_synced is not None else "",
        _GAP.join(filter(None, _remarks(sync, command))),
    ]


def _duration(sync: SyncResult, now: datetime | None) -> str:
    if sync.duration_seconds is not None:
        return format_duration(sync.duration_seconds)
    if now is None or sync.created_at is None or sync.status in FINAL_STATUSES:
        return ""
    return f"for {format_duration((now - sync.created_at).total_seconds())}"


def _counts(sync: SyncResult, command: str | None) -> bool:
    """Whether numbers say something: what was committed when a job was left counts little."""
    if sync.records_synced is None:
        return False
    return command == "status" or sync.status == "succeeded" or sync.records_synced > 0


def _name(sync: SyncResult) -> str:
    return redact(plain(sync.connection_name or sync.connection_id or ""))  # before a cut


def _state(sync: SyncResult, command: str | None) -> str:
    """Say it in Airbyte's word where that is how it ended, else in ours."""
    if command in _LOOKS:
        return "no job" if sync.job_id is None else sync.status or sync.outcome or "unknown"
    if command == "trigger" and sync.exit_code == ExitCode.OK:
        return "adopted" if sync.adopted else "started"
    code = None if sync.exit_code is None else ExitCode(sync.exit_code)
    if code is None or code == ExitCode.OK:
        return sync.status or "unknown"
    return _STOPPED.get(code, code.outcome)


def _remarks(sync: SyncResult, command: str | None) -> list[str | None]:
    return [
        f"{sync.attempts} attempts" if (sync.attempts or 0) > 1 else None,
        "adopted" if sync.adopted and command == "run" else None,
        _what_became_of_it(sync) if command not in _LOOKS else None,
        _cancel_remark(sync) if command == "cancel" else None,
    ]


def _what_became_of_it(sync: SyncResult) -> str | None:
    """Tell where the job stands, if the first word says only how we ended."""
    code = None if sync.exit_code is None else ExitCode(sync.exit_code)
    if code in _STOPPED or may_have_a_job(sync):
        return fate(sync)
    if code is None or code in _FINE or sync.status in {None, sync.outcome}:
        return None
    is_final = sync.status in FINAL_STATUSES
    return sync.status if is_final else f"{sync.status} when last seen"


def _cancel_remark(sync: SyncResult) -> str | None:
    """Say what `cancel` did, for its line shows the job as it is now."""
    if sync.job_id is None:
        return "nothing to cancel"
    if sync.cancel is None or not sync.cancel.requested:
        return "had ended already: nothing sent" if sync.status in FINAL_STATUSES else None
    return "by us" if sync.cancel.confirmed else "the cancel is not confirmed yet"


def _joined(sync: SyncResult, cells: Sequence[str], command: str | None, screen: Screen) -> str:
    return _GAP.join([_coloured(cells[0], sync, command, screen), *filter(None, cells[1:])])


def _coloured(text: str, sync: SyncResult, command: str | None, screen: Screen) -> str:
    return screen.paint(text, _COLOURS[_mood(sync, command)])


def _aligned(
    syncs: Sequence[SyncResult],
    cells: Sequence[Sequence[str]],
    command: str | None,
    screen: Screen,
) -> list[str]:
    widths = _widths(cells)
    lines = []
    for sync, row in zip(syncs, cells, strict=True):
        state, *rest = [
            pad(cell, width, right=i in _NUMBERS)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        symbol = _SYMBOLS[_mood(sync, command)][0 if screen.blocks else 1]
        head = _coloured(f"{symbol} {state}", sync, command, screen)
        lines.append(_GAP.join([head, *rest]).rstrip())
    return lines


def _mood(sync: SyncResult, command: str | None) -> str:
    """Judge what the command was asked for: a cancelled job is what `cancel` wanted."""
    if command in _LOOKS and sync.job_id is None:
        return "other"
    if command == "cancel":
        return "good" if sync.exit_code == ExitCode.OK else "bad"
    if command == "status":
        return {"succeeded": "good", "failed": "bad", "cancelled": "bad"}.get(
            sync.status or "", "open"
        )
    if sync.exit_code == ExitCode.OK:
        return "good"
    if sync.exit_code == ExitCode.SKIPPED:
        return "other"
    return "open" if sync.exit_code in {None, ExitCode.UNKNOWN} else "bad"
