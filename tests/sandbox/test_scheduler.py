"""What a trigger, a reset and a cancel do, and how long they hold."""

import asyncio

import httpx
import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.client import VERSIONS, SandboxClient, sandbox_client
from tests.support.virtual import virtual

OLD = ("0.63", "1.0", "1.8", "2.0")


@pytest.mark.parametrize("version", OLD)
@virtual
async def test_trigger_holds_until_job_runs_up_to_2_1(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        script = JobScript(life="pending 5, queued 600, running 20, succeeded")
        answer = await it.trigger(it.sandbox.add_connection("orders", script=script))
        assert (answer.json()["status"], it.age) == ("running", 605)
        assert "rowsSynced" not in answer.json()


@virtual
async def test_latest_trigger_responds_once_job_exists() -> None:
    async with sandbox_client() as it:
        answer = await it.trigger(it.sandbox.add_connection("orders"))
        assert (answer.status_code, answer.json()["status"], it.age) == (200, "pending", 0)


@virtual
async def test_config_api_trigger_holds_in_every_version() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        answer = await it.ask("connections/sync", connectionId=connection.id)
        assert (answer.json()["job"]["status"], it.age) == ("running", 2)


@virtual
async def test_latest_trigger_is_409_after_a_minute_and_job_still_starts() -> None:
    async with sandbox_client() as it:
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
async def test_late_job_fault_starts_job_after_409() -> None:
    async with sandbox_client() as it:
        it.fault("trigger:late-job:times=1")
        answer = await it.trigger(it.sandbox.add_connection("orders"))
        await it.pass_time(10)
        assert (answer.status_code, len(it.sandbox.jobs)) == (409, 1)


@virtual
async def test_trigger_holds_without_limit_up_to_2_1() -> None:
    async with sandbox_client(airbyte_version="2.0", limit=3600) as it:
        script = JobScript(life="pending")
        connection = it.sandbox.add_connection("orders", script=script)
        with pytest.raises(httpx.ReadTimeout):
            await it.trigger(connection)
        assert len(it.sandbox.active_jobs()) == 1


@pytest.mark.parametrize("life", ["running 100, succeeded", "running 5, incomplete 600, failed"])
@virtual
async def test_trigger_on_busy_connection_is_409(life: str) -> None:
    async with sandbox_client() as it:
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
async def test_two_triggers_at_once_get_same_job(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("orders")
        answers = await asyncio.gather(it.trigger(connection), it.trigger(connection))
        assert [answer.json()["jobId"] for answer in answers] == [1, 1]
        assert len(it.sandbox.jobs) == 1


@pytest.mark.parametrize("status", ["inactive", "locked", "deprecated"])
@virtual
async def test_trigger_on_inactive_connection_is_conflict_without_reason(
    status: str,
) -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", status=status)  # type: ignore[arg-type]  # parametrized
        public = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert (public.status_code, public.json()["title"]) == (409, "state-conflict")
    assert public.json()["data"] == {"message": "Could not fulfill request"}
    assert (config.status_code, set(config.json())) == (500, {"errorId"})


@virtual
async def test_deleted_workflow_is_409_like_running_sync() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", workflow_deleted=True)
        answer = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert answer.json()["title"] == "try-again-later"
    assert "is deleted" in answer.json()["data"]["message"]
    assert (config.status_code, "is deleted" in config.json()["message"]) == (409, True)


@pytest.mark.parametrize("version", ["2.0", "latest"])
@virtual
async def test_trigger_of_job_that_ends_at_once(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
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
async def test_reset_does_not_wait_for_planned_sync() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", script=JobScript(born_after=30))
        sync, reset = await asyncio.gather(it.trigger(connection), it.trigger(connection, "reset"))
    assert [reset.json()["jobId"], sync.json()["jobId"]] == [1, 2]
    assert [reset.json()["jobType"], sync.json()["jobType"]] == ["reset", "sync"]


@pytest.mark.parametrize(("threads", "seconds"), [(None, 0), (5, 0), (2, 30)])
@virtual
async def test_held_triggers_use_up_public_threads(threads: int | None, seconds: float) -> None:
    async with sandbox_client(airbyte_version="2.0", public_threads=threads) as it:
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
async def test_reset_cancels_running_job(kind: str) -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(5)
        answer = await it.trigger(connection, kind)
        assert (answer.json()["jobId"], answer.json()["jobType"]) == (2, "reset")
        assert [job.status for job in it.sandbox.jobs] == ["cancelled", "pending"]


@virtual
async def test_refresh_is_config_api_only() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        other = it.sandbox.add_connection("files", can_refresh=False)
        public = await it.trigger(connection, "refresh")
        config = await it.ask("connections/refresh", connectionId=connection.id)
        cannot = await it.ask("connections/refresh", connectionId=other.id)
    assert (public.status_code, public.json()["title"]) == (422, "unprocessable-entity")
    assert config.json()["job"]["configType"] == "refresh"
    assert cannot.json() == {}


@virtual
async def test_job_type_can_differ_from_request() -> None:
    async with sandbox_client() as it:
        script = JobScript(job_type="reset_connection")
        answer = await it.trigger(it.sandbox.add_connection("orders", script=script))
    assert answer.json()["jobType"] == "reset"


@virtual
async def test_refresh_before_1_2_responds_with_boolean() -> None:
    async with sandbox_client(airbyte_version="1.1") as it:
        connection = it.sandbox.add_connection("orders")
        other = it.sandbox.add_connection("files", can_refresh=False)
        done = await it.ask("connections/refresh", connectionId=connection.id)
        cannot = await it.ask("connections/refresh", connectionId=other.id)
    assert (done.json(), cannot.json()) == ({"value": True}, {"value": False})
    assert [job.type for job in it.sandbox.jobs] == ["refresh"]


@pytest.mark.parametrize("version", VERSIONS)
@virtual
async def test_cancel_of_running_job_responds_once_it_has_stopped(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        script = JobScript(life="running 600, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("cancelled", 12)
        assert "rowsSynced" not in answer.json()


@virtual
async def test_scripted_cancelled_end_does_not_delay_cancel() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="pending 2, running 8, cancelled")
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(4)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("cancelled", 5)


@virtual
async def test_second_cancel_does_not_delay_end() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 600, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await asyncio.gather(it.cancel(1), cancel_later(it, 5))
        assert it.age == 7


async def cancel_later(it: SandboxClient, seconds: float) -> None:
    """Cancel job 1 after some seconds."""
    await it.pass_time(seconds)
    await it.cancel(1)


@virtual
async def test_end_before_cancel_takes_effect_stays() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 10, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("succeeded", 10)
        await it.pass_time(60)
        assert (await it.job())["status"] == "succeeded"


@virtual
async def test_last_attempt_of_cancelled_job_has_manual_cancellation() -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        await it.pass_time(5)
        await it.ask("jobs/cancel", id=1)
        attempt = (await it.info())["attempts"][0]["attempt"]
    assert attempt["status"] == "failed"
    assert attempt["failureSummary"]["failures"][0]["failureType"] == "manual_cancellation"


@virtual
async def test_job_is_incomplete_just_before_cancelled() -> None:
    async with sandbox_client() as it:
        job = it.sandbox.start_job(it.sandbox.add_connection("orders"))
        await it.pass_time(5)
        job.cancel()
        seen = [job.status_at(it.sandbox.clock.now() + late) for late in (0.5, 0.95, 1.0)]
    assert seen == ["running", "incomplete", "cancelled"]


@virtual
async def test_cancel_before_first_attempt_is_lost() -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        answer = await it.cancel(1)
        assert (answer.status_code, answer.json()["status"]) == (200, "pending")
        await it.pass_time(5)
        assert (await it.job())["status"] == "running"


@virtual
async def test_cancel_of_finished_job_cancels_its_successor() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(60)
        await it.trigger(connection)
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["jobId"], answer.json()["status"]) == (1, "succeeded")
        assert [job.status for job in it.sandbox.jobs] == ["succeeded", "cancelled"]


@virtual
async def test_cancels_lost_ignores_that_many_cancels() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 600, succeeded", cancels_lost=2)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        seen = [(await it.cancel(1)).json()["status"] for _ in range(3)]
        assert seen == ["running", "running", "cancelled"]
        assert it.sandbox.jobs[0].cancels == 3


@pytest.mark.parametrize("life", ["running 1, incomplete 600, failed", "queued 600, failed"])
@virtual
async def test_queued_or_incomplete_job_can_be_cancelled(life: str) -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders", script=JobScript(life=life)))
        await it.pass_time(5)
        assert (await it.cancel(1)).json()["status"] == "cancelled"


@virtual
async def test_connection_starts_new_job_after_cancel() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(5)
        await it.cancel(1)
        assert (await it.trigger(connection)).json()["jobId"] == 2
