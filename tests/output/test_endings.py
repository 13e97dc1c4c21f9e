"""The end of a run: the summary, why it failed, and the last words."""

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airbyte_sync_cli.airbyte.models import Failure
from airbyte_sync_cli.errors import AirbyteSyncError, RejectedError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.summary import summary
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.result import SyncResult
from tests.output.scenes import WRONG_KEY, Terminal, result, snapshot, told

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "result.schema.json").read_text("utf-8")
)


def failed(name: str = "orders", number: int = 42, **more: Any) -> SyncResult:  # noqa: ANN401  # fields
    fields = {"failure": WRONG_KEY, "duration_seconds": 61.0, "attempts": 3, **more}
    return result(name, 3, number=number, url=f"http://airbyte/jobs/{number}", **fields)


def stderr_of(*syncs: SyncResult, verbosity: int = 0, command: str = "run") -> list[str]:
    telling = told(OutputOptions(verbosity=verbosity), command=command)
    telling.output.conclude(syncs)
    return telling.stderr.getvalue().splitlines()


def test_a_failure_is_told_at_length_before_the_last_words() -> None:
    assert stderr_of(failed()) == [
        "job 42 (orders) failed after 1m 01s, in 3 attempts",
        "  why    The API key was rejected.",
        "  where  source, config_error, stream orders",
        "  retry  no (per Airbyte)",
        "  job    http://airbyte/jobs/42",
        "error: job 42 (orders) failed: The API key was rejected. (source config_error)",
        "hint: `airbyte-sync logs 42` shows the job's log",
    ]


def test_each_failed_one_of_several_has_its_block_and_its_log() -> None:
    lines = stderr_of(failed("a", 1), result("b", number=2), failed("c", 3))

    assert [line for line in lines if line.startswith("job ")] == [
        "job 1 (a) failed after 1m 01s, in 3 attempts",
        "job 3 (c) failed after 1m 01s, in 3 attempts",
    ]
    assert [line.split()[-1] for line in lines if line.startswith("  log")] == ["1", "3"]


def test_a_message_is_never_told_three_times() -> None:
    text = "\n".join(stderr_of(failed()))

    assert text.count("The API key was rejected.") == 2


def test_of_many_failures_the_error_names_some_and_counts_the_rest() -> None:
    lines = stderr_of(*(failed(f"c{i}", i) for i in range(1, 31)))

    assert lines[-2].startswith("error: 30 of 30 syncs failed: job 1 (c1), job 2 (c2)")
    assert lines[-2].endswith("and 20 more")


def test_a_failure_without_a_reason_says_where_to_look() -> None:
    lines = stderr_of(failed(failure=None))

    assert "  why    the API gives no reason; see the page of the job in Airbyte" in lines
    assert "  job    http://airbyte/jobs/42" in lines


@pytest.mark.parametrize(("verbosity", "seen"), [(0, False), (1, True)])
def test_the_stack_trace_needs_v(*, verbosity: int, seen: bool) -> None:
    telling = told(OutputOptions(verbosity=verbosity))
    failure = Failure(message="short", internal_message="inner", stacktrace="Traceback:\n at x.y")
    telling.output(ev.Finished(sync=snapshot("orders"), result=failed(), failure=failure))

    telling.output.conclude([failed()])

    lines = telling.stderr.getvalue().splitlines()
    assert ("    at x.y" in lines) is seen
    assert ("  inner  inner" in lines) is seen


def test_an_error_of_one_among_several_is_not_lost() -> None:
    telling = told()
    off = result("off", 11, number=None)
    error = RejectedError("the connection is inactive", hint="enable it in Airbyte")
    telling.output(ev.Finished(sync=snapshot("off"), result=off, error=error))

    telling.output.conclude([failed("a", 1), off])

    lines = telling.stderr.getvalue().splitlines()
    assert "  why    the connection is inactive" in lines
    assert "  hint   enable it in Airbyte" in lines


def test_the_error_of_a_single_sync_is_told_once() -> None:
    telling = told()
    off = result("off", 11, number=None)
    error = RejectedError("the connection is inactive")
    telling.output(ev.Finished(sync=snapshot("off"), result=off, error=error))
    before = len(telling.stderr.getvalue())

    telling.output.conclude([off], error=error, exit_code=ExitCode.REJECTED)

    assert telling.stderr.getvalue()[before:].count("inactive") == 1


def test_a_success_leaves_nothing_but_its_line() -> None:
    telling = told()

    code = telling.output.conclude([result(records_synced=10, duration_seconds=61)])

    assert code is ExitCode.OK
    assert telling.stderr.getvalue() == ""
    assert telling.stdout.getvalue() == "succeeded  orders  job 42  1m 01s  10 records\n"


# -- the summary ----------------------------------------------------------------------------------


def test_in_a_log_the_summary_stays_as_it_is() -> None:
    syncs = [result("a", records_synced=1), failed("long name", 7, records_synced=20)]

    assert summary(syncs, command="run") == (
        "succeeded  a  job 42  1 record\n"
        "failed  long name  job 7  1m 01s  20 records  3 attempts\n"
        "1 of 2 ok"
    )


def test_on_a_terminal_it_is_aligned_and_coloured() -> None:
    syncs = [result("a", records_synced=1), failed("long name", 7, records_synced=20)]

    assert summary(syncs, command="run", screen=Screen(width=80, colour=True)).splitlines() == [
        "\x1b[32m✓ succeeded\x1b[0m  a          job 42            1 record",
        "\x1b[31m✗ failed\x1b[0m     long name  job 7   1m 01s  20 records  3 attempts",
        "1 of 2 ok",
    ]


def test_bytes_give_way_to_names_and_attempts_on_a_narrow_terminal() -> None:
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


def test_wide_characters_count_twice_in_the_summary() -> None:
    syncs = [result("注文データ", number=1), result("a", number=2)]

    lines = summary(syncs, command="run", screen=Screen(width=80)).splitlines()

    assert lines[:2] == ["✓ succeeded  注文データ  job 1", "✓ succeeded  a           job 2"]


def test_on_a_narrow_terminal_without_unicode_names_give_way() -> None:
    syncs = [result("the orders of the warehouse", duration_seconds=61, records_synced=10)]

    text = summary(syncs, screen=Screen(width=60, unicode=False))

    assert text == "+ succeeded  the order~warehouse  job 42  1m 01s  10 records"


def test_status_adopts_nothing_and_says_why_it_failed() -> None:
    telling = told(command="status")

    telling.output.conclude([failed(adopted=True)], exit_code=ExitCode.OK)

    text = telling.stdout.getvalue()
    assert text.startswith("failed  orders  job 42")
    assert "adopted" not in text
    assert "  why    The API key was rejected." in text
    assert telling.stderr.getvalue() == ""


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
def test_cancel_says_what_it_did(fields: dict[str, Any], remark: str) -> None:
    assert summary([result(**fields)], command="cancel").endswith(remark)


def test_status_does_not_call_a_connection_without_a_job_unknown() -> None:
    assert summary([result(number=None, status=None)], command="status") == "no job  orders"


def test_a_skipped_sync_shows_why_and_not_the_numbers_of_somebody_elses_job() -> None:
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
            "● unknown  orders  job 42  running when last seen",
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
def test_a_line_tells_the_outcome_and_what_became_of_the_job(
    command: str, fields: dict[str, Any], line: str
) -> None:
    told = summary([result(**fields)], command=command, screen=Screen(width=100))

    assert " ".join(told.split()) == " ".join(line.split())


def test_adopted_is_said_where_it_matters() -> None:
    assert summary([result(adopted=True)], command="run").endswith("adopted")
    assert "adopted" not in summary([result(adopted=True)], command="wait")


# -- the result for programs ----------------------------------------------------------------------

ENDINGS: list[tuple[list[SyncResult], AirbyteSyncError | None]] = [
    ([result()], None),
    ([failed()], None),
    ([failed("a", 1), result("b"), result("c", 11, number=None)], None),
    ([result(code=99, number=None)], None),
    ([result(code=5, cancel={"requested": True, "confirmed": False})], None),
    ([], UsageError("a bad option", hint="look at --help")),
    ([], None),
]


@pytest.mark.parametrize(("syncs", "error"), ENDINGS)
def test_every_ending_has_the_same_keys_and_keeps_the_schema(
    syncs: list[SyncResult], error: AirbyteSyncError | None
) -> None:
    telling = told(OutputOptions(format="json"))
    telling.output.conclude(syncs, error=error, exit_code=error.exit_code if error else None)

    (line,) = telling.stdout.getvalue().splitlines()
    report = json.loads(line)
    jsonschema.validate(report, SCHEMA)
    assert set(report) == set(SCHEMA["properties"])
    for sync in report["syncs"]:
        assert set(sync) == set(SCHEMA["$defs"]["SyncResult"]["properties"])


def test_json_survives_a_stream_that_is_ascii() -> None:
    stdout = Terminal("ascii")
    telling = told(OutputOptions(format="json"), stdout=stdout)

    telling.output.conclude([result("größe 😀")])

    assert stdout.getvalue().isascii()
    assert json.loads(stdout.getvalue())["syncs"][0]["connection_name"] == "größe 😀"


def test_text_survives_a_stream_that_is_ascii() -> None:
    stdout = Terminal("ascii")
    telling = told(stdout=stdout)

    telling.output.conclude([result("größe")])

    assert "gr\\xf6\\xdfe" in stdout.getvalue()


def test_ids_are_bare_numbers() -> None:
    telling = told(OutputOptions(format="id"))

    telling.output.conclude([result(number=1), result(code=99, number=None), result(number=3)])

    assert telling.stdout.getvalue() == "1\n3\n"


def test_a_log_of_json_stays_one() -> None:
    telling = told(OutputOptions(log_format="json"), stderr=io.StringIO())

    telling.output.conclude([failed()])

    lines = [json.loads(line) for line in telling.stderr.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["error", "hint"]
