"""Triggers: how long they hold, whom they refuse, and what they leave behind."""

import asyncio

import httpx
import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.lab import lab
from tests.support.virtual import virtual

OLD = ("0.63", "1.0", "1.8", "2.0")


@pytest.mark.parametrize("version", OLD)
@virtual
async def test_an_older_server_holds_a_trigger_until_the_job_runs(version: str) -> None:
    async with lab(airbyte_version=version) as it:
        script = JobScript(life="pending 5, queued 600, running 20, succeeded")
        answer = await it.trigger(it.sandbox.add_connection("orders", script=script))
        assert (answer.json()["status"], it.age) == ("running", 605)
        assert "rowsSynced" not in answer.json()


@virtual
async def test_the_newest_server_answers_once_there_is_a_job_id() -> None:
    async with lab() as it:
        answer = await it.trigger(it.sandbox.add_connection("orders"))
        assert (answer.status_code, answer.json()["status"], it.age) == (200, "pending", 0)


@virtual
async def test_the_config_api_holds_in_every_version() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        answer = await it.ask("connections/sync", connectionId=connection.id)
        assert (answer.json()["job"]["status"], it.age) == ("running", 2)


@virtual
async def test_the_newest_server_gives_up_after_a_minute_and_the_job_comes_later() -> None:
    async with lab() as it:
        script = JobScript(born_after=70)
        connection = it.sandbox.add_connection("orders", script=script)
        answer = await it.trigger(connection)
        body = answer.json()
        assert (answer.status_code, body["title"], it.age) == (409, "state-conflict", 60)
        assert body["data"]["message"] == "Could not fulfill request"
        assert it.sandbox.jobs == []
        await it.pass_time(10)
        assert [job.status for job in it.sandbox.jobs] == ["pending"]


@virtual
async def test_a_fault_makes_the_same_late_job() -> None:
    async with lab() as it:
        it.fault("trigger:late-job:times=1")
        answer = await it.trigger(it.sandbox.add_connection("orders"))
        await it.pass_time(10)
        assert (answer.status_code, len(it.sandbox.jobs)) == (409, 1)


@virtual
async def test_an_older_server_holds_for_as_long_as_nothing_runs() -> None:
    async with lab(airbyte_version="2.0", limit=3600) as it:
        script = JobScript(life="pending")
        connection = it.sandbox.add_connection("orders", script=script)
        with pytest.raises(httpx.ReadTimeout):
            await it.trigger(connection)
        assert len(it.sandbox.active_jobs()) == 1


@pytest.mark.parametrize("life", ["running 100, succeeded", "running 5, incomplete 600, failed"])
@virtual
async def test_a_busy_connection_is_a_409(life: str) -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", script=JobScript(life=life))
        await it.trigger(connection)
        await it.pass_time(10)
        public = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert (public.status_code, public.json()["title"]) == (409, "try-again-later")
    assert public.json()["documentationUrl"] is None
    words = f"A sync is already running for: {connection.id}"
    assert public.json()["data"]["message"] == words
    assert (config.status_code, config.json()["message"]) == (409, words)


@pytest.mark.parametrize("version", ["2.0", "latest"])
@virtual
async def test_two_triggers_at_once_get_the_same_job(version: str) -> None:
    async with lab(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("orders")
        answers = await asyncio.gather(it.trigger(connection), it.trigger(connection))
        assert [answer.json()["jobId"] for answer in answers] == [1, 1]
        assert len(it.sandbox.jobs) == 1


@pytest.mark.parametrize("status", ["inactive", "locked", "deprecated"])
@virtual
async def test_a_connection_that_is_not_active_is_a_conflict_without_its_reason(
    status: str,
) -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", status=status)  # type: ignore[arg-type]  # parametrized
        public = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert (public.status_code, public.json()["title"]) == (409, "state-conflict")
    assert public.json()["data"] == {"message": "Could not fulfill request"}
    assert (config.status_code, set(config.json())) == (500, {"errorId"})


@virtual
async def test_a_deleted_workflow_is_a_409_that_sounds_like_a_running_sync() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", workflow_deleted=True)
        answer = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert answer.json()["title"] == "try-again-later"
    assert "is deleted" in answer.json()["data"]["message"]
    assert (config.status_code, "is deleted" in config.json()["message"]) == (409, True)


@pytest.mark.parametrize("version", ["2.0", "latest"])
@virtual
async def test_a_job_that_is_over_at_once(version: str) -> None:
    async with lab(airbyte_version=version) as it:
        script = JobScript(life="pending 2, succeeded")
        answer = await it.trigger(it.sandbox.add_connection("orders", script=script))
        config = await it.ask("connections/sync", connectionId=it.sandbox.connections[0].id)
    assert config.status_code == 500
    if version == "latest":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["title"]) == (409, "state-conflict")
        assert answer.json()["data"]["message"] == "Job is not currently running"


@virtual
async def test_a_reset_does_not_wait_for_a_sync_that_is_late() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", script=JobScript(born_after=30))
        sync, reset = await asyncio.gather(it.trigger(connection), it.trigger(connection, "reset"))
    assert [reset.json()["jobId"], sync.json()["jobId"]] == [1, 2]
    assert [reset.json()["jobType"], sync.json()["jobType"]] == ["reset", "sync"]


@pytest.mark.parametrize(("threads", "seconds"), [(None, 0), (5, 0), (2, 30)])
@virtual
async def test_triggers_that_are_held_may_leave_no_thread_for_polls(
    threads: int | None, seconds: float
) -> None:
    async with lab(airbyte_version="2.0", public_threads=threads) as it:
        script = JobScript(life="pending 30, running 5, succeeded")
        connections = [it.sandbox.add_connection(name, script=script) for name in "ab"]
        triggers = [asyncio.ensure_future(it.trigger(each)) for each in connections]
        await asyncio.sleep(0)
        await it.ask("jobs/get_light", id=1)
        assert it.age == 0
        await it.get("/jobs")
        assert it.age == seconds
        await asyncio.gather(*triggers)


@pytest.mark.parametrize("kind", ["reset", "clear"])
@virtual
async def test_a_reset_cancels_what_runs(kind: str) -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(5)
        answer = await it.trigger(connection, kind)
        assert (answer.json()["jobId"], answer.json()["jobType"]) == (2, "reset")
        assert [job.status for job in it.sandbox.jobs] == ["cancelled", "pending"]


@virtual
async def test_refreshes_need_the_config_api() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        other = it.sandbox.add_connection("files", can_refresh=False)
        public = await it.trigger(connection, "refresh")
        config = await it.ask("connections/refresh", connectionId=connection.id)
        cannot = await it.ask("connections/refresh", connectionId=other.id)
    assert (public.status_code, public.json()["title"]) == (422, "unprocessable-entity")
    assert config.json()["job"]["configType"] == "refresh"
    assert cannot.json() == {}


@virtual
async def test_a_sync_may_come_back_as_another_type() -> None:
    async with lab() as it:
        script = JobScript(job_type="reset_connection")
        answer = await it.trigger(it.sandbox.add_connection("orders", script=script))
    assert answer.json()["jobType"] == "reset"


@virtual
async def test_refresh_up_to_1_1_answers_a_truth_value_and_starts_the_job() -> None:
    async with lab(airbyte_version="1.1") as it:
        connection = it.sandbox.add_connection("orders")
        other = it.sandbox.add_connection("files", can_refresh=False)
        done = await it.ask("connections/refresh", connectionId=connection.id)
        cannot = await it.ask("connections/refresh", connectionId=other.id)
    assert (done.json(), cannot.json()) == ({"value": True}, {"value": False})
    assert [job.type for job in it.sandbox.jobs] == ["refresh"]
