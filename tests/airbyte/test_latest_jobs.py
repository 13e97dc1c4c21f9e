"""The jobs of whole workspaces in pages: the latest of each connection, and the changed ones."""

import json
from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.latest_jobs import latest_jobs
from airbyte_sync_cli.airbyte.models import Connection, ListedJob
from airbyte_sync_cli.errors import DeniedError, ProtocolError
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.context import Context
from airbyte_sync_cli.sync.state import SyncState
from tests.airbyte.responses import APIS, CONFIG_JOB, PUBLIC_JOB, ask
from tests.support.core import START, Bench, bench, script

VERSIONS = pytest.mark.parametrize("version", ["0.63", "1.8", "2.0", "latest"])


def latest(given: Bench, *, require_all: bool = False) -> Mapping[str, ListedJob | None]:
    """Read the latest jobs of all connections of a sandbox."""
    found: dict[str, ListedJob | None] = {}

    async def work(context: Context) -> list[SyncState]:
        connections = await context.airbyte.connections()
        found.update(
            await latest_jobs(context.airbyte, connections, require_all=require_all, retry_for=0)
        )
        return []

    given.play(work)
    return found


def job_ids(found: Mapping[str, ListedJob | None]) -> list[int | None]:
    return [row.job.id if row else None for row in found.values()]


def requests(given: Bench) -> int:
    return sum(record.name == "jobs" for record in given.sandbox.requests)


@APIS
@VERSIONS
def test_latest_job_of_each_connection_is_found_in_a_few_requests(api: str, version: str) -> None:
    given = bench(version, api=api)
    for number in range(300):
        given.sandbox.add_connection(f"c{number}", history=[script("running 60, succeeded")] * 2)

    found = latest(given)

    assert len(found) == 300
    newest = {job.connection_id: job.id for job in given.sandbox.jobs}
    assert {one: row and row.job.id for one, row in found.items()} == newest
    assert requests(given) <= 9


@APIS
def test_connection_without_a_job_is_known_to_have_none(api: str) -> None:
    given = bench(api=api)
    given.sandbox.add_connection("old", history=[script("running 60, succeeded")])
    given.sandbox.add_connection("new")

    assert job_ids(latest(given)) == [1, None]


def test_connection_whose_jobs_are_too_old_is_left_to_the_caller() -> None:
    given = bench()
    rare, busy = (given.sandbox.add_connection(name) for name in ("rare", "busy"))
    for connection in [rare] + [busy] * 600:
        given.sandbox.start_job(connection)

    found = latest(given)

    assert found.keys() == {busy.id}
    assert job_ids(found) == [601]
    assert requests(given) <= 5


@VERSIONS
def test_refresh_that_older_lists_hide_is_the_latest_job(version: str) -> None:
    given = bench(version)
    past = [script("running 60, succeeded"), script("running 60, succeeded", job_type="refresh")]
    given.sandbox.add_connection("orders", history=past)

    [row] = latest(given).values()

    assert row is not None
    assert (row.job.id, row.job.type) == (2, "refresh")


def test_numbers_and_failure_come_with_the_list_of_the_config_api() -> None:
    given = bench(api="config")
    given.sandbox.add_connection("orders", history=[script("running 60, failed", records=70)])

    [row] = latest(given).values()

    assert row is not None
    assert row.progress is not None
    assert row.progress.attempts == 1
    assert row.progress.failure is not None


def test_forbidden_workspace_is_raised() -> None:
    given = bench()
    given.sandbox.add_connection("orders")
    given.sandbox.faults.add(Fault(when="jobs", action="status", status=403))

    with pytest.raises(DeniedError):
        latest(given)


ROW = {
    "public": {"data": [{**PUBLIC_JOB, "connectionId": None}]},
    "config": {"jobs": [{"job": {**CONFIG_JOB, "configId": None}, "attempts": []}]},
}


@APIS
def test_row_without_connection_is_refused_where_all_rows_count(api: str) -> None:
    text = json.dumps(ROW[api])

    async def read(airbyte: Airbyte) -> object:
        connection = Connection(id="c", name="c", status="active", workspace_id="w")
        return await latest_jobs(airbyte, [connection], require_all=True, retry_for=0)

    with pytest.raises(ProtocolError):
        ask(api, lambda _: httpx.Response(200, text=text), read)


@APIS
def test_changed_jobs_are_those_since_the_mark_newest_change_first(api: str) -> None:
    given = bench(api=api)
    done, slow, fast = (
        given.sandbox.add_connection(name, script=script(life))
        for name, life in [
            ("done", "running 5, succeeded"),
            ("slow", "running 90, succeeded"),
            ("fast", "running 60, succeeded"),
        ]
    )
    changed: list[int] = []

    async def work(context: Context) -> list[SyncState]:
        for each in (done, slow, fast):
            given.sandbox.start_job(each)
        await context.clock.sleep(100)
        workspaces = [done.workspace_id]
        since = START + timedelta(seconds=60)
        page = await context.airbyte.workspace_jobs(workspaces, changed_since=since)
        changed.extend(row.job.id for row in page.rows)
        assert [row.job.changed_at for row in page.rows] == [since + timedelta(seconds=30), since]
        return []

    given.play(work)

    assert changed == [2, 3]
