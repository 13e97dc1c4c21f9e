"""The sandbox's own record: whose trigger made which job, and who cancelled it."""

import asyncio

import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.lab import VERSIONS, lab
from tests.support.virtual import virtual


@virtual
async def test_trigger_is_recorded_with_its_sender() -> None:
    async with lab() as it:
        await it.trigger(it.sandbox.add_connection("orders"), by="first")

        assert [job.asked_by for job in it.sandbox.jobs] == [["first"]]
        assert [request.caller for request in it.sandbox.sent("trigger")] == ["first"]


@pytest.mark.parametrize("version", VERSIONS)
def test_triggers_at_the_same_moment_share_one_job(version: str) -> None:
    @virtual
    async def test() -> None:
        async with lab(airbyte_version=version) as it:
            orders = it.sandbox.add_connection(
                "orders", script=JobScript(life="pending 5, running")
            )
            answers = await asyncio.gather(*(it.trigger(orders, by=who) for who in "ab"))

            assert [answer.json()["jobId"] for answer in answers] == [1, 1]
            assert [job.asked_by for job in it.sandbox.jobs] == [["a", "b"]]

    test()


@virtual
async def test_late_signal_joins_the_job_that_runs_by_then() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection(
            "orders", script=JobScript(life="pending 1, running 20, succeeded")
        )
        it.fault("trigger:late-job=30:times=1")
        late = asyncio.create_task(it.trigger(orders, by="late"))
        await it.pass_time(20)
        it.sandbox.start_job(orders)
        answer = await late

        assert answer.json()["jobId"] == 1
        assert [job.asked_by for job in it.sandbox.jobs] == [["late"]]


@virtual
async def test_schedule_asks_for_its_jobs_in_nobodys_name() -> None:
    async with lab() as it:
        it.sandbox.add_connection("orders", starts_every=60)
        await it.pass_time(61)

        assert [job.asked_by for job in it.sandbox.jobs] == [[]]


@virtual
async def test_cancels_are_recorded_with_sender_and_effect() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", script=JobScript(life="pending 5, running"))
        await it.trigger(orders)
        await it.cancel(1, by="early")
        await it.pass_time(6)
        await it.cancel(1, by="right")

        [job] = it.sandbox.jobs
        assert [(each.by, each.took_effect) for each in job.cancelled_by] == [
            ("early", False),
            ("right", True),
        ]


@virtual
async def test_clear_of_a_pending_sync_waits_and_cancels_it() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", script=JobScript(life="pending 5, running"))
        await it.trigger(orders)
        await it.trigger(orders, "clear", by="somebody")

        first, second = it.sandbox.jobs
        assert (first.status, second.type) == ("cancelled", "reset_connection")
        assert [each.by for each in first.cancelled_by if each.took_effect] == ["somebody"]
        assert second.created_at >= first.ends_at
