"""Jobs are created in time, by requests and by schedules, and have their callers."""

import asyncio

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox
from tests.sandbox.client import VERSIONS, sandbox_client
from tests.support.virtual import virtual


@virtual
async def test_starts_every_starts_jobs() -> None:
    async with sandbox_client() as it:
        it.sandbox.add_connection("orders", schedule="every 1 hour", starts_every=3600)
        await it.pass_time(3 * 3600 + 1)
        jobs = it.sandbox.jobs
        assert [job.started_by for job in jobs] == ["schedule"] * 3
        ages = [job.created_at - it.sandbox.clock.start for job in jobs]
        assert ages == [3600, 7200, 10800]


@virtual
async def test_schedule_alone_starts_no_job() -> None:
    async with sandbox_client() as it:
        it.sandbox.add_connection("orders", schedule="every 1 hour")
        await it.pass_time(100_000)
        assert it.sandbox.jobs == []


@virtual
async def test_scheduled_start_is_skipped_while_busy_or_inactive() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 25, succeeded")
        orders = it.sandbox.add_connection(
            "orders", starts_every=10, starts_after=0, script=script
        )
        await it.pass_time(45)
        assert [job.created_at - it.sandbox.clock.start for job in it.sandbox.jobs] == [0, 30]
        orders.status = "inactive"
        await it.pass_time(1000)
        assert len(it.sandbox.jobs) == 2


@virtual
async def test_trigger_during_scheduled_job_is_409() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 25, succeeded")
        orders = it.sandbox.add_connection("orders", starts_every=100, script=script)
        await it.pass_time(110)
        assert (await it.trigger(orders)).status_code == 409


@virtual
async def test_job_ids_follow_creation_time_over_all_connections() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 5, succeeded")
        first = it.sandbox.add_connection("a", history=(script, script))
        second = it.sandbox.add_connection("b", history=(script, script), starts_every=60)
        await it.pass_time(61)
        await it.trigger(first)
        jobs = it.sandbox.jobs
    assert [job.id for job in jobs] == [1, 2, 3, 4, 5, 6]
    assert [job.created_at for job in jobs] == sorted(job.created_at for job in jobs)
    assert [job.connection_id for job in jobs][-2:] == [second.id, first.id]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("manual", {"scheduleType": "manual"}),
        ("every 24 hours", {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}),
        (
            "cron 0 0 3 * * ?",
            {"scheduleType": "cron", "cronExpression": "0 0 3 * * ? UTC"},
        ),
    ],
)
@virtual
async def test_schedule_has_format_of_public_api(text: str, shown: dict[str, str]) -> None:
    async with sandbox_client() as it:
        orders = it.sandbox.add_connection("orders", schedule=text)
        assert (await it.get(f"/connections/{orders.id}")).json()["schedule"] == shown


def test_connection_ids_derive_from_names_and_are_unique() -> None:

    one, other = Sandbox(), Sandbox()
    assert one.add_connection("orders").id == other.add_connection("orders").id
    assert one.add_connection("orders").id != one.connections[0].id


@virtual
async def test_trigger_is_recorded_with_its_caller() -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders"), by="first")

        assert [job.asked_by for job in it.sandbox.jobs] == [["first"]]
        assert [request.caller for request in it.sandbox.sent("trigger")] == ["first"]


@pytest.mark.parametrize("version", VERSIONS)
def test_simultaneous_triggers_share_one_job(version: str) -> None:
    @virtual
    async def test() -> None:
        async with sandbox_client(airbyte_version=version) as it:
            orders = it.sandbox.add_connection(
                "orders", script=JobScript(life="pending 5, running")
            )
            answers = await asyncio.gather(*(it.trigger(orders, by=who) for who in "ab"))

            assert [answer.json()["jobId"] for answer in answers] == [1, 1]
            assert [job.asked_by for job in it.sandbox.jobs] == [["a", "b"]]

    test()


@virtual
async def test_second_trigger_joins_planned_job() -> None:
    async with sandbox_client() as it:
        script = JobScript(life="running 10, succeeded", born_after=20)
        orders = it.sandbox.add_connection("orders", script=script)
        await asyncio.gather(it.trigger(orders, by="one"), it.trigger(orders, by="two"))
        jobs = [job.asked_by for job in it.sandbox.jobs]
    assert jobs == [["one", "two"]]


@virtual
async def test_planned_job_joins_active_job() -> None:
    async with sandbox_client() as it:
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
async def test_scheduled_job_has_no_caller() -> None:
    async with sandbox_client() as it:
        it.sandbox.add_connection("orders", starts_every=60)
        await it.pass_time(61)

        assert [job.asked_by for job in it.sandbox.jobs] == [[]]


@virtual
async def test_cancels_are_recorded_with_caller_and_effect() -> None:
    async with sandbox_client() as it:
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
async def test_clear_waits_for_pending_sync_and_cancels_it() -> None:
    async with sandbox_client() as it:
        orders = it.sandbox.add_connection("orders", script=JobScript(life="pending 5, running"))
        await it.trigger(orders)
        await it.trigger(orders, "clear", by="somebody")

        first, second = it.sandbox.jobs
        assert (first.status, second.type) == ("cancelled", "reset_connection")
        assert [each.by for each in first.cancelled_by if each.took_effect] == ["somebody"]
        assert second.created_at >= first.ends_at
