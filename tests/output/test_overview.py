"""The table of all connections fits the terminal, with what matters nearest to the prompt."""

from datetime import UTC, datetime, timedelta

import pytest

from airbyte_sync_cli.airbyte.models import Attempt, Connection, Failure, Job, Progress
from airbyte_sync_cli.errors import DeniedError
from airbyte_sync_cli.output.format import cell_width
from airbyte_sync_cli.output.overview import fitted, overview_lines, overview_text
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync.overview import OverviewRow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG = "The destination rejected the batch because a column is missing; " * 3


def row(name: str, status: str | None = None, *, job_id: int = 7, **more: object) -> OverviewRow:
    """Return a connection whose job began two hours ago and took, if it ended, 12 minutes."""
    connection = Connection(id=name, name=name, status="active")
    if status is None:
        return OverviewRow(connection=connection, **more)  # type: ignore[arg-type]  # a shorthand
    created = NOON - timedelta(hours=2)
    is_over = status in {"succeeded", "failed", "cancelled"}
    job = Job(
        id=job_id,
        connection_id=name,
        type="sync",
        status=status,
        created_at=created,
        ended_at=created + timedelta(minutes=12) if is_over else None,
        records_synced=1_234_567 if is_over else 0,
    )
    return OverviewRow(connection=connection, job=job, **more)  # type: ignore[arg-type]  # a shorthand


def failed(name: str, message: str, *, job_id: int = 7) -> OverviewRow:
    why = Failure(origin="destination", message=message)
    progress = Progress(attempt_list=[Attempt(number=1, failure=why)])
    return row(name, "failed", job_id=job_id, progress=progress)


def shown(*rows: OverviewRow, width: int | None = None) -> list[str]:
    screen = Screen(width=width)
    return overview_text(rows, every=len(rows), now=NOON, screen=screen).splitlines()


def test_worst_rows_come_last_and_failed_ones_by_age() -> None:
    lines = shown(
        failed("b", "late", job_id=9),
        failed("c", "early", job_id=8),
        row("d", "pending", stuck="has not started"),
        row("e", "running"),
        row("f", "succeeded"),
        row("g", "cancelled"),
        row("h"),
        row("i", error=DeniedError("403")),
    )
    assert [line.split()[1:3] for line in lines[1:-1]] == [
        ["no", "job"],
        ["succeeded", "f"],
        ["running", "e"],
        ["cancelled", "g"],
        ["unknown", "i"],
        ["pending", "d"],
        ["failed", "c"],
        ["failed", "b"],
    ]
    assert lines[-1].startswith("8 connections: 2 failed, 1 stuck, 1 unknown, 1 cancelled, ")


def test_slow_job_stands_beside_its_usual_duration() -> None:
    [_, line, _] = shown(row("orders", "succeeded", usual_seconds=300.0))
    assert " ".join(line.split()[2:]) == "orders 7 1h ago 12m 00s 5m 00s 1,234,567"


def test_zero_of_unfinished_job_is_not_shown() -> None:
    [head, line, _] = shown(row("orders", "running"))
    assert line.split()[1:] == ["running", "orders", "7", "for", "2h"]
    assert "records" not in head


def test_unread_reason_names_the_command_that_shows_it() -> None:
    [_, line, _] = shown(row("orders", "failed"))
    assert line.endswith("  `airbyte-sync status 7` shows why")


@pytest.mark.parametrize("width", [40, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(
        failed("orders of the old ERP system of the branch in Rotterdam", LONG),
        row("events", "running", stuck="takes 9.0 times as long as usual", usual_seconds=800.0),
        row("new"),
        width=width,
    )
    table = lines[:-1]
    assert max(map(cell_width, table)) <= width


def test_reason_takes_one_line_on_a_terminal_of_80_columns() -> None:
    lines = shown(failed("orders", LONG), width=80)
    assert len(lines) == 4
    assert lines[2].startswith("    destination: The destination rejected")
    assert lines[2].endswith("…")


def test_too_high_a_table_keeps_its_title_and_its_end() -> None:
    rows = [row(f"c{number:02}", "succeeded") for number in range(30)]
    lines = overview_lines(rows, every=30, now=NOON, screen=Screen(width=80))
    kept = [line.plain for line in fitted(lines, 10)]
    assert len(kept) == 10
    assert kept[0].startswith("status")
    assert kept[1] == "  23 more lines above"
    assert kept[-1] == "30 connections: 30 succeeded"
