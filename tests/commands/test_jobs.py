"""`jobs`: the history, newest first, with slow and small jobs marked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.output.format import cell_width
from airbyte_sync_cli.output.listings import jobs_table
from airbyte_sync_cli.output.table import bar
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from airbyte_sync_cli.sync.anomalies import Medians
from tests.support.program import CommandResult, assert_told_well, call
from tests.support.servers import Stage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOTH_APIS = ("public", "config")


def past(seconds: int, **more: object) -> JobScript:
    return JobScript.model_validate({"life": f"running {seconds}, succeeded", **more})


def a_history(*scripts: JobScript) -> Sandbox:
    """Return a sandbox whose connection `orders` has these past jobs."""
    sandbox = Sandbox()
    sandbox.add_connection("orders", history=scripts)
    return sandbox


def ids(ending: CommandResult) -> list[int]:
    return [row["job_id"] for row in ending.report["syncs"]]


def job(number: int, seconds: float | None, **more: object) -> Job:
    """Return a sync of this duration; None: running since a minute ago."""
    created = NOON - timedelta(minutes=1) if seconds is None else NOON - timedelta(hours=number)
    fields: dict[str, object] = {
        "id": number,
        "connection_id": "c",
        "type": "sync",
        "status": "running" if seconds is None else "succeeded",
        "created_at": created,
        "ended_at": None if seconds is None else created + timedelta(seconds=seconds),
        "records_synced": 1000,
        **more,
    }
    return Job(**fields)  # type: ignore[arg-type]  # a shorthand for tests


def table(jobs: list[Job], width: int | None = None) -> str:
    return jobs_table(jobs, Medians(jobs), now=NOON, screen=Screen(width=width))


# Against a server


@pytest.mark.parametrize("api", BOTH_APIS)
def test_jobs_are_listed_newest_first_with_counts(stage: Stage, api: str) -> None:
    sandbox = a_history(
        past(60, records=500, byte_count=2048),
        past(90, life="running 60, incomplete 10, running 20, succeeded", records=700),
    )
    url = stage.sandbox(sandbox)
    ending = call("jobs", "--conn", "orders", "--api", api, "-o", "json", AIRBYTE_URL=url)
    assert ending.code == 0
    second, first = ending.report["syncs"]
    assert (first["job_id"], first["duration_seconds"], first["attempts"]) == (1, 60, 1)
    assert (first["records_synced"], first["bytes_synced"]) == (500, 2048)
    assert (second["job_id"], second["duration_seconds"], second["attempts"]) == (2, 90, 2)
    assert second["url"].endswith("jobId=2")


def test_failed_job_in_list_exits_0(stage: Stage) -> None:
    sandbox = a_history(past(60, life="running 60, failed"))
    ending = call("jobs", "--conn", "orders", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))
    assert ending.code == 0
    assert ending.report["syncs"][0]["outcome"] == "failed"


@pytest.mark.parametrize("api", BOTH_APIS)
@pytest.mark.parametrize("limit", [1, 20, 130])
def test_limit_applies_across_pages(stage: Stage, api: str, limit: int) -> None:
    url = stage.sandbox(a_history(*[past(10)] * 150))
    argv = ("jobs", "--conn", "orders", "--limit", str(limit), "--api", api)
    assert ids(call(*argv, "-o", "json", AIRBYTE_URL=url)) == list(range(150, 150 - limit, -1))


@pytest.mark.parametrize("api", BOTH_APIS)
def test_status_filters_the_list(stage: Stage, api: str) -> None:
    broken = past(60, life="running 60, failed")
    url = stage.sandbox(a_history(past(60), broken, past(60), broken))
    argv = ("jobs", "--conn", "orders", "--status", "failed", "--api", api)
    assert ids(call(*argv, "-o", "json", AIRBYTE_URL=url)) == [4, 2]


def test_usual_duration_is_known_if_only_failures_are_shown(stage: Stage) -> None:
    slow = past(600, life="running 600, failed")
    url = stage.sandbox(a_history(*[past(60)] * 5, slow))
    ending = call("jobs", "--conn", "orders", "--status", "failed", AIRBYTE_URL=url)
    assert "slow: 10.0x the usual 1m 00s" in ending.stdout


def test_jobs_of_every_type_are_listed(stage: Stage) -> None:
    sandbox = a_history(past(60), past(60, job_type="refresh"))
    ending = call("jobs", "--conn", "orders", "-o", "json", AIRBYTE_URL=stage.sandbox(sandbox))
    assert [row["job_type"] for row in ending.report["syncs"]] == ["refresh", "sync"]


def test_attempts_are_unknown_without_config_api(stage: Stage) -> None:
    sandbox = a_history(past(60))
    sandbox.faults.add(Fault.model_validate("any:html:api=config"))
    url = stage.sandbox(sandbox)
    ending = call("jobs", "--conn", "orders", "-o", "json", AIRBYTE_URL=url)
    assert (ending.code, ending.report["syncs"][0]["attempts"]) == (0, None)
    assert "?" in call("jobs", "--conn", "orders", AIRBYTE_URL=url).stdout


def test_id_format_prints_job_ids(stage: Stage) -> None:
    url = stage.sandbox(a_history(past(10), past(10)))
    ending = call("jobs", "--conn", "orders", "-o", "id", AIRBYTE_URL=url)
    assert ending.stdout == "2\n1\n"


def test_each_connection_has_its_own_table(stage: Stage) -> None:
    sandbox = a_history(past(10))
    sandbox.add_connection("events", history=(past(10),))
    argv = ("jobs", "--conn", "events", "--conn", "orders")
    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))
    titles = [line.split(" ")[0] for line in ending.stdout.splitlines() if line.endswith(")")]
    assert titles == ["events", "orders"]


def test_connection_without_jobs_is_a_warning(stage: Stage) -> None:
    ending = call("jobs", "--conn", "orders", AIRBYTE_URL=stage.sandbox(a_history()))
    assert (ending.code, ending.stdout) == (0, "")
    assert ending.warnings[0].endswith("'orders' has no job yet")


def test_unknown_connection_suggests_nearest_name(stage: Stage) -> None:
    ending = call("jobs", "--conn", "order", AIRBYTE_URL=stage.sandbox(a_history()))
    assert_told_well(ending, 7)
    assert "did you mean 'orders'" in ending.lines("hint: ")[0]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--conn", ""),
        ("--conn", "e735894a-e773-4938-969f-45f53957b75"),
        ("--conn", "orders", "--limit", "0"),
        ("--conn", "orders", "--limit", "many"),
        ("--conn", "orders", "--status", "faild"),
    ],
)
def test_invalid_options_exit_2_before_any_request(stage: Stage, options: tuple[str, ...]) -> None:
    sandbox = a_history()
    ending = call("jobs", *options, AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 2)
    assert sandbox.requests == []


# Slow and small jobs


def test_job_is_slow_above_twice_the_median() -> None:
    usual = [job(number, 100) for number in range(1, 8)]
    text = table([job(9, 200), job(10, 201), *usual])
    assert text.count("slow") == 1
    assert "slow: 2.0x the usual 1m 40s" in text


def test_job_is_small_below_half_the_median() -> None:
    usual = [job(number, 100) for number in range(1, 8)]
    text = table([job(9, 100, records_synced=500), job(10, 100, records_synced=499), *usual])
    assert text.count("small") == 1
    assert "small: 50% of the usual 1,000 records" in text


def test_median_needs_five_successes() -> None:
    few = [job(number, 100) for number in range(1, 4)]
    assert "slow" not in table([job(9, 1000), *few])
    assert "slow" in table([job(9, 1000), job(4, 100), *few])


def test_jobs_are_compared_within_their_type() -> None:
    syncs = [job(number, 100) for number in range(1, 8)]
    assert "slow" not in table([job(9, 1000, type="refresh"), *syncs])


def test_failed_jobs_do_not_count_for_the_median() -> None:
    failed = [job(number, 1, status="failed", records_synced=0) for number in range(1, 9)]
    assert "slow" not in table([job(9, 1000), *failed])


def test_running_job_can_be_slow_but_not_small() -> None:
    usual = [job(number, 20) for number in range(1, 8)]
    first = table([job(9, None, records_synced=1), *usual]).splitlines()[1]
    assert "1m 00s+" in first
    assert "slow: 3.0x" in first
    assert "small" not in first


def test_unknown_counts_are_not_small() -> None:
    usual = [job(number, 100) for number in range(1, 8)]
    assert "small" not in table([job(9, 100, records_synced=None), *usual])


# Bars and tables


def test_slowest_job_has_the_longest_bar() -> None:
    lines = table([job(1, 10), job(2, 40), job(3, 20)]).splitlines()[1:]
    assert [line.count("█") for line in lines] == [6, 24, 12]


@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 120, 200])
def test_table_of_jobs_fits_terminal(width: int) -> None:
    jobs = [job(number, 100, attempts=3) for number in range(1, 8)]
    odd = job(8, 900, type="refresh", status="cancelled", bytes_synced=10**10)
    small = job(9, 900, records_synced=3, bytes_synced=10**10)
    text = table([odd, small, *jobs], width)
    assert max(cell_width(line) for line in text.splitlines()) <= width
    for part in ("slow", "small", "refresh", "cancelled", "9.3 GiB", "2026-01-01 04:00"):
        assert part in " ".join(text.split())


@given(value=st.floats(0, 1e9), most=st.floats(0, 1e9), width=st.integers(1, 60))
def test_bar_fits_width_and_is_visible_above_zero(value: float, most: float, width: int) -> None:
    for screen in (Screen(), Screen(unicode=False)):
        drawn = bar(value, most=most, width=width, screen=screen)
        assert len(drawn) <= width
        assert bool(drawn) == (value > 0)
