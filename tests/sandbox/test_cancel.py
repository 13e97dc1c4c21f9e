"""Cancelling is by connection, and a 200 proves nothing."""

import asyncio

import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.lab import VERSIONS, Lab, lab
from tests.support.virtual import virtual


@pytest.mark.parametrize("version", VERSIONS)
@virtual
async def test_a_running_job_is_cancelled_and_the_answer_waits_for_it(version: str) -> None:
    async with lab(airbyte_version=version) as it:
        script = JobScript(life="running 600, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("cancelled", 12)
        assert "rowsSynced" not in answer.json()


@virtual
async def test_a_job_that_would_cancel_itself_later_is_cancelled_as_soon_as_any_other() -> None:
    async with lab() as it:
        script = JobScript(life="pending 2, running 8, cancelled")
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(4)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("cancelled", 5)


@virtual
async def test_a_second_cancel_puts_nothing_off() -> None:
    async with lab() as it:
        script = JobScript(life="running 600, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await asyncio.gather(it.cancel(1), late(it, 5))
        assert it.age == 7


async def late(it: Lab, seconds: float) -> None:
    """Cancel once more, so much later."""
    await it.pass_time(seconds)
    await it.cancel(1)


@virtual
async def test_an_end_that_comes_before_the_cancel_stands_for_ever() -> None:
    async with lab() as it:
        script = JobScript(life="running 10, succeeded", cancel_takes=7)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["status"], it.age) == ("succeeded", 10)
        await it.pass_time(60)
        assert (await it.job())["status"] == "succeeded"


@virtual
async def test_a_cancelled_job_tells_so_in_its_last_attempt() -> None:
    async with lab() as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        await it.pass_time(5)
        await it.ask("jobs/cancel", id=1)
        attempt = (await it.info())["attempts"][0]["attempt"]
    assert attempt["status"] == "failed"
    assert attempt["failureSummary"]["failures"][0]["failureType"] == "manual_cancellation"


@virtual
async def test_incomplete_flickers_before_cancelled() -> None:
    async with lab() as it:
        job = it.sandbox.start_job(it.sandbox.add_connection("orders"))
        await it.pass_time(5)
        job.cancel()
        seen = [job.status_at(it.sandbox.clock.now() + late) for late in (0.5, 0.95, 1.0)]
    assert seen == ["running", "incomplete", "cancelled"]


@virtual
async def test_a_cancel_before_the_first_attempt_is_silently_lost() -> None:
    async with lab() as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        answer = await it.cancel(1)
        assert (answer.status_code, answer.json()["status"]) == (200, "pending")
        await it.pass_time(5)
        assert (await it.job())["status"] == "running"


@virtual
async def test_cancelling_a_job_that_is_over_kills_its_successor() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(60)
        await it.trigger(connection)
        await it.pass_time(5)
        answer = await it.cancel(1)
        assert (answer.json()["jobId"], answer.json()["status"]) == (1, "succeeded")
        assert [job.status for job in it.sandbox.jobs] == ["succeeded", "cancelled"]


@virtual
async def test_cancels_may_be_lost() -> None:
    async with lab() as it:
        script = JobScript(life="running 600, succeeded", cancels_lost=2)
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(5)
        seen = [(await it.cancel(1)).json()["status"] for _ in range(3)]
        assert seen == ["running", "running", "cancelled"]
        assert it.sandbox.jobs[0].cancels == 3


@pytest.mark.parametrize("life", ["running 1, incomplete 600, failed", "queued 600, failed"])
@virtual
async def test_what_waits_can_be_cancelled(life: str) -> None:
    async with lab() as it:
        await it.trigger(it.sandbox.add_connection("orders", script=JobScript(life=life)))
        await it.pass_time(5)
        assert (await it.cancel(1)).json()["status"] == "cancelled"


@virtual
async def test_a_cancelled_connection_takes_a_new_job() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        await it.trigger(connection)
        await it.pass_time(5)
        await it.cancel(1)
        assert (await it.trigger(connection)).json()["jobId"] == 2
