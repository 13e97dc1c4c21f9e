"""The summary: a line for each sync."""

from typing import Any

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.summary import summary
from airbyte_sync_cli.output.terminal import Screen
from tests.output.scenes import failed, result


def test_summary_in_a_log_is_neither_aligned_nor_coloured() -> None:
    syncs = [result("a", records_synced=1), failed("long name", 7, records_synced=20)]

    assert summary(syncs, command="run") == (
        "succeeded  a  job 42  1 record\n"
        "failed  long name  job 7  1m 01s  20 records  3 attempts\n"
        "1 of 2 ok  21 records"
    )


def test_summary_on_a_terminal_is_aligned_and_coloured() -> None:
    syncs = [result("a", records_synced=1), failed("long name", 7, records_synced=20)]

    assert summary(syncs, command="run", screen=Screen(width=80, colour=True)).splitlines() == [
        "\x1b[32m✓ succeeded\x1b[0m  a          job 42            1 record",
        "\x1b[31m✗ failed\x1b[0m     long name  job 7   1m 01s  20 records  3 attempts",
        "1 of 2 ok  21 records",
    ]


def test_narrow_summary_drops_bytes_before_names_and_attempts() -> None:
    numbers: dict[str, Any] = {
        "records_synced": 2_450_000,
        "bytes_synced": 10**9,
        "duration_seconds": 31.0,
    }
    syncs = [
        result("orders of the warehouse", attempts=2, **numbers),
        result("app events", number=7, **numbers),
    ]

    lines = summary(syncs, command="run", screen=Screen(width=80)).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0].endswith("2 attempts")
    assert "orders of the warehouse" in lines[0]


def test_wide_characters_take_two_columns_of_the_summary() -> None:
    syncs = [result("注文データ", number=1), result("a", number=2)]

    lines = summary(syncs, command="run", screen=Screen(width=80)).splitlines()

    assert lines[:2] == ["✓ succeeded  注文データ  job 1", "✓ succeeded  a           job 2"]


def test_narrow_summary_without_unicode_shortens_names() -> None:
    syncs = [result("the orders of the warehouse", duration_seconds=61, records_synced=10)]

    text = summary(syncs, screen=Screen(width=60, unicode=False))

    assert text == "+ succeeded  the order~warehouse  job 42  1m 01s  10 records"


@pytest.mark.parametrize(
    ("fields", "remark"),
    [
        ({}, "already finished, no cancel sent"),
        (
            {"cancel": {"requested": True, "confirmed": True}, "status": "cancelled"},
            "cancelled  orders  job 42  by this command",
        ),
        (
            {"cancel": {"requested": True, "confirmed": False}, "status": "running"},
            "cancel not confirmed yet",
        ),
        ({"number": None, "status": None}, "no job  orders  nothing to cancel"),
    ],
)
def test_cancel_summary_shows_what_was_sent(fields: dict[str, Any], remark: str) -> None:
    assert summary([result(**fields)], command="cancel").endswith(remark)


def test_status_of_a_connection_without_a_job_is_no_job() -> None:
    assert summary([result(number=None, status=None)], command="status") == "no job  orders"


def test_skipped_sync_shows_the_active_job_without_its_numbers() -> None:
    skipped = result(
        status="running", adopted=True, exit_code=ExitCode.SKIPPED, outcome="skipped",
        records_synced=10, duration_seconds=61.0,
    )  # fmt: skip

    assert summary([skipped], command="run") == "skipped  orders  job 42 is running"


@pytest.mark.parametrize(
    ("command", "fields", "line"),
    [
        ("trigger", {"status": "pending"}, "✓ started  orders  job 42"),
        ("trigger", {"status": "running", "adopted": True}, "✓ adopted  orders  job 42"),
        (
            "run",
            {"code": 143, "status": "cancelled", "cancel": {"requested": True, "confirmed": True}},
            "✗ stopped  orders  job 42  cancelled",
        ),
        (
            "run",
            {"code": 130, "status": "running", "records_synced": 0},
            "✗ stopped  orders  job 42  still active in Airbyte",
        ),
        (
            "run",
            {"code": 5, "status": "running", "cancel": {"requested": True, "confirmed": False}},
            "✗ timed out  orders  job 42  cancel not confirmed, it may still be running",
        ),
        (
            "run",
            {"code": 12, "status": "running"},
            "● unknown  orders  job 42  running when last read",
        ),
        ("run", {"code": 13, "status": "succeeded"}, "✗ suspect  orders  job 42  succeeded"),
        ("run", {"code": 9, "status": None, "number": None}, "✗ unavailable  orders"),
        ("run", {"code": 99, "status": None, "number": None}, "○ skipped  orders"),
        ("status", {"status": "running"}, "● running  orders  job 42"),
        ("status", {"status": None, "number": None}, "○ no job  orders"),
        (
            "cancel",
            {"status": "cancelled", "cancel": {"requested": True, "confirmed": True}},
            "✓ cancelled  orders  job 42  by this command",
        ),
    ],
)
def test_line_shows_the_outcome_and_the_state_of_the_job(
    command: str, fields: dict[str, Any], line: str
) -> None:
    told = summary([result(**fields)], command=command, screen=Screen(width=100))

    assert " ".join(told.split()) == " ".join(line.split())


def test_adopted_job_is_marked_only_by_run() -> None:
    assert summary([result(adopted=True)], command="run").endswith("adopted")
    assert "adopted" not in summary([result(adopted=True)], command="wait")


@pytest.mark.parametrize("screen", [Screen(), Screen(width=80)], ids=["pipe", "terminal"])
def test_failures_stand_last_and_many_successes_in_one_line(screen: Screen) -> None:
    numbers: dict[str, Any] = {"records_synced": 1000, "bytes_synced": 2**20}
    good = [result(f"good {number}", number=number, **numbers) for number in range(1, 22)]
    skipped = result(
        "busy", number=50, status="running", exit_code=ExitCode.SKIPPED, outcome="skipped"
    )
    syncs = [failed("bad", 51, records_synced=5, bytes_synced=0), skipped, *good]

    lines = summary(syncs, command="run", screen=screen).splitlines()

    first = " ".join(lines[0].replace("\N{CHECK MARK} ", "").split())
    assert first.startswith("succeeded 21 syncs 21,000 records")
    assert ["busy" in lines[1], "bad" in lines[2], len(lines)] == [True, True, 4]
    assert lines[3] == "21 of 23 ok  21,005 records  21.0 MiB"


def test_twenty_successes_have_a_line_each() -> None:
    lines = summary([result(f"good {number}") for number in range(20)], command="run").splitlines()
    assert len(lines) == 21


def test_trigger_lists_every_job_id() -> None:
    told = summary([result(f"good {number}") for number in range(30)], command="trigger")
    assert told.count("job 42") == 30


def test_total_of_partly_unknown_numbers_is_a_minimum() -> None:
    syncs = [result("a", records_synced=5), result("b", records_synced=None)]
    assert summary(syncs, command="run").splitlines()[-1] == "2 of 2 ok  at least 5 records"
