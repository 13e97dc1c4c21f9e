"""Statuses, counts, failures and logs of a job follow its script."""

from typing import Any

import pytest
from pydantic import ValidationError

from airbyte_sync_cli.sandbox import JobFailure, JobScript, StreamScript
from tests.sandbox.client import SandboxClient, sandbox_client
from tests.support.virtual import virtual

LOOKS = ("get", "get_without_logs")


async def statuses(it: SandboxClient, *moments: float) -> list[str]:
    """Return the status of job 1 at these moments."""
    seen = []
    for moment in moments:
        await it.pass_time(moment - it.age)
        seen.append((await it.job())["status"])
    return seen


@virtual
async def test_job_follows_its_script() -> None:
    async with sandbox_client() as it:
        life = "pending 2, queued 5, running 20, incomplete 10, running 5, succeeded"
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=JobScript(life=life)))
        seen = await statuses(it, 1, 6, 26, 36, 41, 42, 100_000)
    assert seen == [
        *("pending", "queued", "running", "incomplete", "running", "succeeded", "succeeded"),
    ]


@virtual
async def test_any_word_can_be_a_status() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 2, hibernating 5, running 3, succeeded")
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(3)
        assert (await it.job())["status"] == "hibernating"
        assert len(it.sandbox.active_jobs()) == 1


@virtual
async def test_job_without_end_keeps_running() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 2, running")
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        assert await statuses(it, 3, 1_000_000) == ["running", "running"]


@virtual
async def test_times_have_java_format() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 2, running 59, succeeded")
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        fresh = await it.job()
        await it.pass_time(61)
        over = await it.job()
    assert fresh["startTime"] == "2026-01-01T00:00Z"
    assert "duration" not in fresh
    assert "lastUpdatedAt" not in fresh
    assert (over["lastUpdatedAt"], over["duration"]) == ("2026-01-01T00:01:01Z", "PT1M1S")


@virtual
async def test_duration_is_frozen_while_job_runs() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 2, running 7300, succeeded")
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        durations = []
        for _ in range(3):
            await it.pass_time(2500)
            durations.append((await it.job())["duration"])
    assert durations == ["PT2S", "PT2S", "PT2H1M42S"]


@virtual
async def test_counts_grow_in_steps_and_committed_counts_lag() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 0, running 100, succeeded", records=1000, commit_lag=10)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        rows = []
        for moment in (5, 15, 55, 100):
            await it.pass_time(moment - it.age)
            info, shown = await it.info(), await it.job()
            stats = info["job"]["aggregatedStats"]
            rows.append((stats["recordsEmitted"], shown["rowsSynced"]))
    assert rows == [(0, 0), (100, 0), (500, 400), (1000, 1000)]


@pytest.mark.parametrize(("version", "rows"), [("0.63", [0, 600]), ("1.0", [500, 600])])
@virtual
async def test_counts_grow_in_steps_of_the_version(version: str, rows: list[int]) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        script = JobScript(life="running 100, succeeded", commit_lag=0)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        seen = []
        for moment in (59, 61):
            await it.pass_time(moment - it.age)
            seen.append((await it.job())["rowsSynced"])
    assert seen == rows


@virtual
async def test_final_counts_can_be_late() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 100, succeeded", statistics_late=45)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(120)
        early = await it.job()
        await it.pass_time(30)
        late = await it.job()
    assert (early["status"], early["rowsSynced"]) == ("succeeded", 950)
    assert late["rowsSynced"] == 1000


@virtual
async def test_counts_of_attempts_add_up_to_job() -> None:
    async with sandbox_client() as it:
        life = "pending 1, running 30, incomplete 10, running 30, succeeded"
        script = JobScript(life=life, records=1001)
        connection = it.sandbox.add_connection("orders", script=script, streams=("a", "b", "c"))
        it.sandbox.start_job(connection)
        await it.pass_time(100)
        info = await it.info()
    attempts = [each["attempt"] for each in info["attempts"]]
    assert [(each["id"], each["status"]) for each in attempts] == [(0, "failed"), (1, "succeeded")]
    assert sum(each["totalStats"]["recordsEmitted"] for each in attempts) == 1001
    streams = info["job"]["streamAggregatedStats"]
    assert sum(each["recordsCommitted"] for each in streams) == 1001


@pytest.mark.parametrize(
    ("script", "attempts"),
    [
        (JobScript(life="pending 2, succeeded"), 0),
        (JobScript(life="running 2, succeeded", statistics=False), 1),
    ],
)
@virtual
async def test_job_without_statistics_has_no_counts(script: JobScript, attempts: int) -> None:
    async with sandbox_client() as it:
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        info, shown = await it.info(), await it.job()
    assert shown["status"] == "succeeded"
    assert (shown["rowsSynced"], len(info["attempts"])) == (0, attempts)
    assert all("totalStats" not in each["attempt"] for each in info["attempts"])
    assert set(info["job"]["aggregatedStats"].values()) == {0}
    assert info["job"]["streamAggregatedStats"] == []


def reasons(info: dict[str, Any]) -> list[str]:
    """Return the failure type of every attempt that has one."""
    summaries = [each["attempt"].get("failureSummary") for each in info["attempts"]]
    return [summary["failures"][0]["failureType"] for summary in summaries if summary]


@virtual
async def test_last_attempt_has_failure_of_job() -> None:
    async with sandbox_client() as it:
        life = "running 5, incomplete 5, running 5, incomplete 0.2, failed"
        failure = JobFailure(type="config_error", message="Invalid API key", retryable=False)
        script = JobScript(life=life, failure=failure)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(20)
        info = await it.info()
    assert reasons(info) == ["transient_error", "config_error"]
    last = info["attempts"][-1]["attempt"]["failureSummary"]["failures"][0]
    assert (last["externalMessage"], last["retryable"]) == ("Invalid API key", False)
    assert last["timestamp"] == (1767225600 + 15.0) * 1000


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@virtual
async def test_logs_have_format_of_the_version(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        script = JobScript(life="running 10, failed", logs=("a line of its own",))
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(20)
        shown = (await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)).json()
    if version == "1.0":
        assert "logType" not in shown
        assert any("a line of its own" in line for line in shown["logs"]["logLines"])
    else:
        assert shown["logType"] == "structured"
        levels = {event["level"] for event in shown["logs"]["events"]}
        assert levels == {"info", "error"}


@virtual
async def test_log_lines_can_be_late() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 10, failed", logs_late=60)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        counts = []
        for _ in range(2):
            await it.pass_time(45)
            shown = (await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)).json()
            counts.append({name: len(shown["logs"][name]) for name in shown["logs"]})
    assert counts[0] == {"logLines": 0}
    assert counts[1]["events"] > 3


@virtual
async def test_only_lists_have_counts_of_running_attempt() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 20, incomplete 5, running 600, succeeded", rejected=100)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(100)
        looks = [(await it.ask(f"jobs/{path}", id=1)).json() for path in LOOKS]
        listed = (await it.ask("jobs/list", configTypes=["sync"])).json()["jobs"][0]
    attempts = [*([each["attempt"] for each in look["attempts"]] for look in looks)]
    known = [["totalStats" in each for each in found] for found in (*attempts, listed["attempts"])]
    assert known == [[True, False], [True, False], [True, True]]
    assert ["aggregatedStats" in each["job"] for each in (*looks, listed)] == [False, True, True]
    rejected = [found[0]["totalStats"].get("recordsRejected") for found in attempts]
    assert (rejected, listed["attempts"][0]["totalStats"]["recordsRejected"]) == ([None, None], 3)


@pytest.mark.parametrize(
    ("script", "total", "streams"),
    [
        (JobScript(records=24_300_000, written=0), (24_300_000, 0, 0), {"a": 0, "b": 0}),
        (JobScript(records=100, rejected=3), (100, 97, 3), {"a": 48, "b": 49}),
        (
            JobScript(records=100, streams={"b": StreamScript(records=50, rejected=50)}),
            (150, 100, 50),
            {"a": 100, "b": 0},
        ),
    ],
)
@virtual
async def test_counts_tell_written_and_rejected_records(
    script: JobScript, total: tuple[int, int, int], streams: dict[str, int]
) -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", script=script, streams=("a", "b"))
        it.sandbox.start_job(connection)
        await it.pass_time(60)
        job, shown = (await it.info())["job"], await it.job()
    names = ("recordsEmitted", "recordsCommitted", "recordsRejected")
    assert tuple(job["aggregatedStats"][name] for name in names) == total
    found = {each["streamName"]: each["recordsCommitted"] for each in job["streamAggregatedStats"]}
    assert (found, shown["rowsSynced"]) == (streams, total[1])


@virtual
async def test_rejected_records_are_unknown_before_1_8() -> None:
    async with sandbox_client(airbyte_version="1.7") as it:
        script = JobScript(life="running 1, succeeded", rejected=3)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        stats = (await it.info())["job"]["aggregatedStats"]
    assert (stats["recordsCommitted"], "recordsRejected" in stats) == (997, False)


@virtual
async def test_full_refresh_reads_again_and_counts_last_attempt() -> None:
    life = "running 50, incomplete 5, running 100, succeeded"
    async with sandbox_client() as it:
        script = JobScript(life=life, full_refresh=True)
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(200)
        info = await it.info()
    attempts = [each["attempt"]["totalStats"]["recordsEmitted"] for each in info["attempts"]]
    assert attempts == [500, 1000]
    assert info["job"]["aggregatedStats"]["recordsCommitted"] == 1000


@virtual
async def test_counts_stand_still_during_stall_and_end_complete() -> None:
    life = "running 120, succeeded"
    script = JobScript(life=life, flush_every=0, stalls_after=10, stalls_for=100)
    async with sandbox_client() as it:
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        seen = []
        for _ in range(4):
            await it.pass_time(31)
            seen.append((await it.info())["job"]["aggregatedStats"]["recordsEmitted"])
    assert seen == [500, 500, 500, 1000]


@virtual
async def test_attempts_have_their_own_failures() -> None:
    life = "running 5, incomplete 1, running 5, incomplete 1, running 5, failed"
    empty = {"origin": "", "type": "", "message": "", "internal_message": "", "stacktrace": ""}
    script = JobScript(
        life=life,
        failure=JobFailure(**empty, also=(JobFailure(message="disk full"),)),
        retry_failures=(JobFailure(message="first"),),
        retry_failure=JobFailure(message="second"),
        commit_lag=0,
    )
    async with sandbox_client() as it:
        it.sandbox.start_job(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(60)
        summaries = [each["attempt"]["failureSummary"] for each in (await it.info())["attempts"]]
    messages = [[one.get("externalMessage") for one in each["failures"]] for each in summaries]
    assert messages == [["first"], ["second"], [None, "disk full"]]
    assert set(summaries[2]["failures"][0]) == {"timestamp"}
    assert [each["partialSuccess"] for each in summaries] == [True, True, True]


@virtual
async def test_scripts_run_in_order_and_last_one_repeats() -> None:
    async with sandbox_client() as it:
        scripts = (JobScript(life="running 1, failed"), JobScript(life="running 1, succeeded"))
        connection = it.sandbox.add_connection("orders", scripts=scripts)
        for _ in range(3):
            await it.trigger(connection)
            await it.pass_time(5)
        assert [job.status for job in it.sandbox.jobs] == ["failed", "succeeded", "succeeded"]


@pytest.mark.parametrize(
    ("life", "says"),
    [
        ("running 5", "takes no seconds"),
        ("running, succeeded", "every status but the last"),
        ("failed 5, succeeded", "no status can follow"),
        ("running five, succeeded", "not a number of seconds"),
        ("running -5, succeeded", "negative or not a number"),
        ("running 5 6, succeeded", "not a status and its seconds"),
    ],
)
def test_invalid_life_is_rejected(life: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        JobScript(life=life)


def test_seconds_accept_units() -> None:
    phases = JobScript(life="pending 30s, running 2m, incomplete 1h, running 1, failed").phases
    assert [phase.seconds for phase in phases[:3]] == [30, 120, 3600]


@virtual
async def test_logged_lines_stay_while_log_grows() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection(
            "orders", script=JobScript(life="pending 1, running 50, incomplete 5, running")
        )
        await it.trigger(connection)
        before: list[object] = []
        for wait in (3, 20, 20, 5):
            await it.pass_time(wait)
            answer = await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)
            events = answer.json()["logs"]["events"]
            assert events[: len(before)] == before
            before = events
    assert len(before) == 11


@virtual
async def test_cancel_removes_nothing_from_log() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", script=JobScript(life="running"))
        await it.trigger(connection)
        await it.pass_time(130)
        before = (await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)).json()["logs"]
        await it.cancel(1)
        after = (await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)).json()["logs"]
    assert len(before["events"]) == 4
    assert after["events"][:4] == before["events"]
