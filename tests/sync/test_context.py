"""How many triggers are under way at once: as many as the server bears."""

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.run import run_connections
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import Bench, bench, script

LIFE = "pending 1, running 2000, succeeded"


def trigger_all(given: Bench, number: int) -> list[SyncState]:
    """Trigger a sync of each of so many connections, and do not wait for them."""
    for index in range(number):
        given.sandbox.add_connection(f"c{index}", script=script(LIFE))

    async def work(context: Context) -> list[SyncState]:
        return list(await run_connections(context, await context.airbyte.connections()))

    return given.play(work)


def given_server(*faults: str, version: str = "latest", max_parallel: int | None = None) -> Bench:
    given = bench(version, policy=RunPolicy(trigger_only=True, max_parallel=max_parallel))
    given.sandbox.faults.add(*map(Fault.model_validate, faults))
    return given


def each_has_one_job(given: Bench, states: list[SyncState]) -> bool:
    jobs = given.sandbox.jobs
    is_ok = all(state.exit_code is ExitCode.OK for state in states)
    return is_ok and len({job.connection_id for job in jobs}) == len(jobs) == len(states)


def test_a_hundred_triggers_of_a_quick_server_take_few_seconds() -> None:
    given = given_server("any:hold=0.04")

    states = trigger_all(given, 100)

    assert each_has_one_job(given, states)
    assert given.seconds < 8


def test_first_triggers_are_three_at_once() -> None:
    given = given_server("trigger:hold=0.9")

    trigger_all(given, 6)

    early = given.sandbox.sent("trigger")[:4]
    assert early[3].time - early[0].time >= 0.9


def test_slow_server_gets_three_triggers_at_once_and_loses_none() -> None:
    given = given_server("trigger:hold=6", version="1.8")

    states = trigger_all(given, 30)

    assert each_has_one_job(given, states)
    sent = [record.time for record in given.sandbox.sent("trigger")]
    assert all(later - sooner >= 6 for sooner, later in zip(sent, sent[3:], strict=False))


@pytest.mark.parametrize("fault", ["trigger:429:times=20", "trigger:503:times=20"])
def test_overloaded_server_gets_fewer_triggers_and_loses_none(fault: str) -> None:
    given = given_server("any:hold=0.04", fault)

    states = trigger_all(given, 30)

    assert each_has_one_job(given, states)


def test_max_parallel_limits_quick_triggers_too() -> None:
    given = bench(policy=RunPolicy(max_parallel=2))
    for index in range(6):
        given.sandbox.add_connection(f"c{index}", script=script("running 100, succeeded"))

    async def work(context: Context) -> list[SyncState]:
        return list(await run_connections(context, await context.airbyte.connections()))

    given.play(work)

    assert given.seconds > 300
