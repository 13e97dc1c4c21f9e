"""`-o csv`: the rows of a listing, for spreadsheets and scripts."""

import csv
import io

from airbyte_sync_cli.sandbox import JobScript, Sandbox
from tests.commands.test_connections import a_house
from tests.support.program import CommandResult, call
from tests.support.servers import Stage


def rows(ending: CommandResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ending.stdout)))


def test_connections_have_a_row_each_with_tags_in_one_cell(stage: Stage) -> None:
    ending = call("connections", "-o", "csv", AIRBYTE_URL=stage.sandbox(a_house()))
    assert [row["connection_name"] for row in rows(ending)] == [
        *("billing", "events", "orders", "orders")
    ]
    assert rows(ending)[0]["tags"] == "finance, nightly"


def test_unknown_value_is_an_empty_cell(stage: Stage) -> None:
    ending = call("connections", "-o", "csv", AIRBYTE_URL=stage.sandbox(a_house()))
    events = rows(ending)[1]
    assert (events["schedule_type"], events["schedule"]) == ("manual", "")


def test_quotes_commas_and_line_breaks_survive_a_round_trip(stage: Stage) -> None:
    name = 'orders, "new"\nand old'
    sandbox = Sandbox()
    sandbox.add_connection(name)
    ending = call("connections", "-o", "csv", AIRBYTE_URL=stage.sandbox(sandbox))
    assert [row["connection_name"] for row in rows(ending)] == [name]


def test_jobs_and_status_have_the_keys_of_syncs(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("orders")
    url = stage.sandbox(sandbox)
    job = call("run", "--conn", "orders", "-o", "id", AIRBYTE_URL=url).stdout.strip()
    for argv in (("jobs", "--conn", "orders"), ("status", job)):
        [row] = rows(call(*argv, "-o", "csv", AIRBYTE_URL=url))
        assert (row["job_id"], row["status"], row["adopted"]) == (job, "succeeded", "true")


def test_failure_is_shown_by_its_message(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection(
        "orders", script=JobScript.model_validate({"life": "running 5, failed"})
    )
    url = stage.sandbox(sandbox)
    job = call("run", "--conn", "orders", "-o", "id", AIRBYTE_URL=url).stdout.strip()
    ending = call("status", job, "-o", "csv", AIRBYTE_URL=url)
    report = call("status", job, "-o", "json", AIRBYTE_URL=url).report
    assert rows(ending)[0]["failure"] == report["syncs"][0]["failure"]["message"]


def test_error_without_rows_prints_nothing(stage: Stage) -> None:
    ending = call(
        "connections", "--search", "zzz", "-o", "csv", AIRBYTE_URL=stage.sandbox(a_house())
    )
    assert (ending.code, ending.stdout) == (7, "")


def test_command_without_a_listing_rejects_csv_from_option_and_environment() -> None:
    for argv, environ in (
        (("run", "-c", "orders", "-o", "csv"), {}),
        (("run", "-c", "orders"), {"AIRBYTE_OUTPUT": "csv"}),
    ):
        ending = call(*argv, **environ)
        assert (ending.code, ending.stdout) == (2, "")
        assert "error: run has no CSV output" in ending.stderr
