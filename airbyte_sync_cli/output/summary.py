"""The summary on stdout: a line for each sync, and a total for several."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from airbyte_sync_cli.airbyte.models import CANCELLED, FAILED, FINAL_STATUSES, SUCCEEDED
from airbyte_sync_cli.exit_codes import BY_SIGNAL, ExitCode
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.output.format import format_bytes, format_duration, format_records, plain
from airbyte_sync_cli.output.messages import fate, may_have_a_job
from airbyte_sync_cli.output.styled import Styled
from airbyte_sync_cli.output.table import Column, layout
from airbyte_sync_cli.output.terminal import PLAIN, Screen
from airbyte_sync_cli.sync.result import SyncResult

_READING: Final = frozenset({"status", "cancel"})
"""Commands that read jobs and wait for none, so that none is adopted there."""
_FOLDING: Final = frozenset({"run", "wait", "demo"})
"""Not `trigger`: the ids of its jobs are its result."""
_MOST_SUCCESSES: Final = 20
"""More of them are one line, so that what failed is not lost among them."""
_ORDER: Final = ("good", "other", "open", "bad")
"""What failed comes last: nearest to the prompt, and to the end of a task's log."""
_GAP: Final = "  "
_SHORTEST_NAME: Final = 12
_READABLE_NAME: Final = 24
_FINE: Final = {ExitCode.OK, ExitCode.SKIPPED}
_STOPPED: Final = {
    ExitCode.TIMEOUT: "timed out",
    **dict.fromkeys(BY_SIGNAL, "stopped"),
}
"""How we ended; the state of the job stands behind it."""
_COLOURS: Final = {"good": "green", "bad": "red", "open": "yellow", "other": "dim"}
_SYMBOLS: Final = {"good": ("✓", "+"), "bad": ("✗", "x"), "open": ("●", ">"), "other": ("○", "-")}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line of the summary, in parts."""

    state: str
    name: str
    job: str = ""
    duration: str = ""
    records: str = ""
    size: str = ""
    remarks: str = ""


def summary(
    syncs: Sequence[SyncResult],
    *,
    command: str | None = None,
    screen: Screen = PLAIN,
    now: datetime | None = None,
) -> str:
    """Return the summary: aligned on a terminal, else in a form that stays the same.

    With `now`, the active jobs of `status` have their age.
    """
    if not syncs:
        return ""
    rated = [(_rating(sync, command), _cells(sync, command, now)) for sync in syncs]
    if command not in _READING:
        rated.sort(key=lambda one: _ORDER.index(one[0]))
    good = [sync for sync in syncs if _rating(sync, command) == "good"]
    if command in _FOLDING and len(good) > _MOST_SUCCESSES:
        rated = [("good", _folded(good)), *(one for one in rated if one[0] != "good")]
    rows, colours = [row for _, row in rated], [_COLOURS[rating] for rating, _ in rated]
    if screen.width is None:
        lines = [_joined(row, colour, screen) for row, colour in zip(rows, colours, strict=True)]
    else:
        symbols = [_SYMBOLS[rating][not screen.unicode] for rating, _ in rated]
        lines = _aligned(rows, symbols, colours, screen)
    if len(syncs) > 1 and command not in _READING:
        lines.append(_GAP.join([f"{len(good)} of {len(syncs)} ok", *_totals(syncs)]))
    return "\n".join(lines)


def _folded(good: Sequence[SyncResult]) -> _Row:
    """Return one line for many successes."""
    records, size = _sums(good)
    return _Row(state="succeeded", name=f"{len(good)} syncs", records=records, size=size)


def _totals(syncs: Sequence[SyncResult]) -> list[str]:
    """Return what all have moved; `at least` where a success has no number."""
    records, size = _sums(syncs)
    is_partial = any(sync.records_synced is None and sync.status == SUCCEEDED for sync in syncs)
    totals = [f"at least {records}" if is_partial and records else records, size]
    return [total for total in totals if total]


def _sums(syncs: Sequence[SyncResult]) -> tuple[str, str]:
    """Return records and bytes, of those that are not another one's (skipped); or nothing."""
    ours = [sync for sync in syncs if sync.exit_code != ExitCode.SKIPPED]
    records = [sync.records_synced for sync in ours if sync.records_synced is not None]
    sizes = [sync.bytes_synced for sync in ours if sync.bytes_synced is not None]
    return format_records(sum(records)) if records else "", format_bytes(
        sum(sizes)
    ) if sizes else ""


def _joined(row: _Row, colour: str, screen: Screen) -> str:
    rest = (row.name, row.job, row.duration, row.records, row.size, row.remarks)
    return _GAP.join([screen.paint(row.state, colour), *filter(None, rest)])


def _aligned(
    rows: Sequence[_Row], symbols: Sequence[str], colours: Sequence[str], screen: Screen
) -> list[str]:
    """Fit every line to the terminal: the bytes give way first, then names grow shorter."""
    states = [
        Styled.of(f"{symbol} {row.state}", colour)
        for symbol, row, colour in zip(symbols, rows, colours, strict=True)
    ]
    columns = [
        Column(cells=states),
        Column(
            cells=[row.name for row in rows],
            least=_READABLE_NAME,
            floor=_SHORTEST_NAME,
            shortens=True,
        ),
        Column(cells=[row.job for row in rows]),
        Column(cells=[row.duration for row in rows], right=True),
        Column(cells=[row.records for row in rows], right=True),
        Column(cells=[row.size for row in rows], right=True, leaves=1, moved=None),
        # As `str` it would be cleaned again, which shrinks the gaps between the remarks.
        Column(cells=[Styled.of(row.remarks) for row in rows]),
    ]
    return [line.paint(screen) for line in layout(columns, screen)]


def _cells(sync: SyncResult, command: str | None, now: datetime | None) -> _Row:
    """Return every part of a line; empty where it is unknown."""
    if sync.exit_code == ExitCode.SKIPPED:  # the job is another one's, and so are its numbers
        because = f"job {sync.job_id} is {sync.status}" if sync.job_id is not None else ""
        return _Row(state="skipped", name=_name(sync), job=plain(because))
    counts = _counts(sync, command)
    return _Row(
        state=plain(_state(sync, command)),
        name=_name(sync),
        job=f"job {sync.job_id}" if sync.job_id is not None else "",
        duration=_duration(sync, now if command == "status" else None),
        records=format_records(sync.records_synced or 0) if counts else "",
        size=format_bytes(sync.bytes_synced) if counts and sync.bytes_synced is not None else "",
        remarks=_GAP.join(plain(remark) for remark in _remarks(sync, command) if remark),
    )


def _duration(sync: SyncResult, now: datetime | None) -> str:
    if sync.duration_seconds is not None:
        return format_duration(sync.duration_seconds)
    if now is None or sync.created_at is None or sync.status in FINAL_STATUSES:
        return ""
    return f"for {format_duration((now - sync.created_at).total_seconds())}"


def _counts(sync: SyncResult, command: str | None) -> bool:
    """Return whether numbers are shown: a 0 of a job that did not succeed means nothing."""
    if sync.records_synced is None:
        return False
    return command == "status" or sync.status == SUCCEEDED or sync.records_synced > 0


def _name(sync: SyncResult) -> str:
    return plain(sync.connection_name or sync.connection_id or "")


def _state(sync: SyncResult, command: str | None) -> str:
    """Return Airbyte's word where that is how the sync ended, else ours."""
    if command in _READING:
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
        f"by {sync.cancelled_by}" if sync.cancelled_by else None,
        _job_remark(sync) if command not in _READING else None,
        _cancel_remark(sync) if command == "cancel" else None,
    ]


def _job_remark(sync: SyncResult) -> str | None:
    """Return the state of the job, if the first word is only about this command."""
    code = None if sync.exit_code is None else ExitCode(sync.exit_code)
    if code in _STOPPED or may_have_a_job(sync):
        return fate(sync)
    if code is None or code in _FINE or sync.status in {None, sync.outcome}:
        return None
    is_final = sync.status in FINAL_STATUSES
    return sync.status if is_final else f"{sync.status} when last read"


def _cancel_remark(sync: SyncResult) -> str | None:
    """Return what `cancel` did: the rest of its line is the job as it is now."""
    if sync.job_id is None:
        return "nothing to cancel"
    if sync.cancel is None or not sync.cancel.requested:
        return "already finished, no cancel sent" if sync.status in FINAL_STATUSES else None
    return "by this command" if sync.cancel.confirmed else "cancel not confirmed yet"


def _rating(sync: SyncResult, command: str | None) -> str:
    """Judge by what the command was asked for: a cancelled job is a success of `cancel`."""
    if command in _READING and sync.job_id is None:
        return "other"
    if command == "cancel":
        return "good" if sync.exit_code == ExitCode.OK else "bad"
    if command == "status":
        return {SUCCEEDED: "good", FAILED: "bad", CANCELLED: "bad"}.get(sync.status or "", "open")
    if sync.exit_code == ExitCode.OK:
        return "good"
    if sync.exit_code == ExitCode.SKIPPED:
        return "other"
    return "open" if sync.exit_code in {None, ExitCode.UNKNOWN} else "bad"
