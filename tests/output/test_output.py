"""The result on stdout: the same keys for every outcome, in any encoding."""

import io
import json
from pathlib import Path

import jsonschema
import pytest

from airbyte_sync_cli.errors import AirbyteSyncError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync.result import SyncResult
from tests.output.scenes import Terminal, captured_output, failed, result

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "result.schema.json").read_text("utf-8")
)


def test_status_shows_the_reason_and_no_adoption() -> None:
    captured = captured_output(command="status")

    captured.output.conclude([failed(adopted=True)], exit_code=ExitCode.OK)

    text = captured.stdout.getvalue()
    assert text.startswith("failed  orders  job 42")
    assert "adopted" not in text
    assert "  why    The API key was rejected." in text
    assert captured.stderr.getvalue() == ""


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
def test_every_outcome_has_the_same_keys_and_matches_the_schema(
    syncs: list[SyncResult], error: AirbyteSyncError | None
) -> None:
    captured = captured_output(OutputOptions(format="json"))
    captured.output.conclude(
        syncs, error=error, exit_code=error.exit_code if error else None if syncs else ExitCode.OK
    )

    (line,) = captured.stdout.getvalue().splitlines()
    report = json.loads(line)
    jsonschema.validate(report, SCHEMA)
    assert set(report) == set(SCHEMA["properties"])
    for sync in report["syncs"]:
        assert set(sync) == set(SCHEMA["$defs"]["SyncResult"]["properties"])


def test_json_on_an_ascii_stream_is_escaped() -> None:
    stdout = Terminal("ascii")
    captured = captured_output(OutputOptions(format="json"), stdout=stdout)

    captured.output.conclude([result("größe 😀")])

    assert stdout.getvalue().isascii()
    assert json.loads(stdout.getvalue())["syncs"][0]["connection_name"] == "größe 😀"


def test_text_on_an_ascii_stream_is_escaped() -> None:
    stdout = Terminal("ascii")
    captured = captured_output(stdout=stdout)

    captured.output.conclude([result("größe")])

    assert "gr\\xf6\\xdfe" in stdout.getvalue()


def test_id_format_prints_bare_numbers() -> None:
    captured = captured_output(OutputOptions(format="id"))

    captured.output.conclude([result(number=1), result(code=99, number=None), result(number=3)])

    assert captured.stdout.getvalue() == "1\n3\n"


def test_json_log_has_no_failure_block() -> None:
    captured = captured_output(OutputOptions(log_format="json"), stderr=io.StringIO())

    captured.output.conclude([failed()])

    lines = [json.loads(line) for line in captured.stderr.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["error", "hint"]
