"""Connections with a schedule really start jobs by themselves, when they are asked to."""

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox
from tests.sandbox.lab import lab
from tests.support.virtual import virtual


@virtual
async def test_a_scheduled_connection_starts_jobs_by_itself() -> None:
    async with lab() as it:
        it.sandbox.add_connection("orders", schedule="every 1 hour", starts_every=3600)
        await it.pass_time(3 * 3600 + 1)
        jobs = it.sandbox.jobs
        assert [job.started_by for job in jobs] == ["schedule"] * 3
        ages = [job.created_at - it.sandbox.clock.start for job in jobs]
        assert ages == [3600, 7200, 10800]


@virtual
async def test_a_schedule_alone_starts_nothing() -> None:
    async with lab() as it:
        it.sandbox.add_connection("orders", schedule="every 1 hour")
        await it.pass_time(100_000)
        assert it.sandbox.jobs == []


@virtual
async def test_it_skips_its_turn_while_a_job_is_active_or_the_connection_is_not() -> None:
    async with lab() as it:
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
async def test_a_scheduled_job_makes_a_trigger_a_409() -> None:
    async with lab() as it:
        script = JobScript(life="running 25, succeeded")
        orders = it.sandbox.add_connection("orders", starts_every=100, script=script)
        await it.pass_time(110)
        assert (await it.trigger(orders)).status_code == 409


@virtual
async def test_ids_follow_time_over_all_connections() -> None:
    async with lab() as it:
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
async def test_how_a_schedule_is_shown(text: str, shown: dict[str, str]) -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", schedule=text)
        assert (await it.get(f"/connections/{orders.id}")).json()["schedule"] == shown


def test_ids_of_connections_follow_from_their_names_and_are_never_shared() -> None:

    one, other = Sandbox(), Sandbox()
    assert one.add_connection("orders").id == other.add_connection("orders").id
    assert one.add_connection("orders").id != one.connections[0].id
