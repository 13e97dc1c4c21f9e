"""Odd but possible answers: what is read from them, and that none of them becomes our bug."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import pytest

from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.error_response import read_error
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PAGE, PublicApi
from airbyte_sync_cli.airbyte.request import Reply, Request
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import LoopClock
from tests.support.virtual import run

_Value = TypeVar("_Value")
JOB = {
    "jobId": 7,
    "status": "running",
    "jobType": "sync",
    "connectionId": "c",
    "startTime": "2026-01-01T06:30:00",
}
MOST_REQUESTS = 20


def ask(
    handler: Callable[[httpx.Request], httpx.Response],
    question: Callable[[HttpClient], Awaitable[_Value]],
) -> _Value:
    async def work() -> _Value:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            return await question(HttpClient(client, clock=LoopClock(), limit=30))

    return run(work())


def public(http_client: HttpClient) -> PublicApi:
    return PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)


def config(http_client: HttpClient) -> ConfigApi:
    return ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)


@pytest.mark.parametrize(
    "said", ["2026-01-01T06:30:00", "2026-01-01T06:30Z", "2026-01-01T08:30:00+02:00"]
)
def test_a_time_is_told_in_utc_whatever_its_offset(said: str) -> None:
    job = ask(
        lambda _: httpx.Response(200, json={**JOB, "startTime": said}),
        lambda http_client: public(http_client).job(7, retry_for=0),
    )

    assert job.created_at == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    told = SyncState(key="job 7", job=job).result().model_dump_json()
    assert '"created_at":"2026-01-01T06:30:00Z"' in told


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_an_error_body_without_a_bottom_is_only_an_error_body(body: bytes) -> None:
    request = Request(method="GET", url="http://airbyte/api/v1/health")

    refusal = read_error(Reply(request=request, status=500, headers={}, body=body))

    assert len(refusal.text) < 1000


def test_a_list_that_always_gives_the_same_page_comes_to_an_end() -> None:
    asked = []

    def same_page(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < MOST_REQUESTS
        rows = [{"connectionId": f"c{n}", "name": "n", "status": "active"} for n in range(PAGE)]
        return httpx.Response(200, json={"data": rows})

    found = ask(
        same_page,
        lambda http_client: public(http_client).connections(workspace_id=None, retry_for=0),
    )

    assert len(found) == PAGE


def test_a_list_of_jobs_that_always_gives_the_same_page_comes_to_an_end() -> None:
    asked = []

    def same_page(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < MOST_REQUESTS
        return httpx.Response(200, json={"data": [{**JOB, "jobId": n + 1} for n in range(PAGE)]})

    found = ask(
        same_page,
        lambda http_client: public(http_client).jobs("c", limit=500, status=None, retry_for=0),
    )

    assert len(found) == PAGE


def test_attempts_that_were_not_told_are_unknown_and_prove_nothing() -> None:
    job = {"id": 7, "configType": "sync", "configId": "c", "status": "running", "createdAt": 1}

    progress = ask(
        lambda _: httpx.Response(200, json={"job": job}),
        lambda http_client: config(http_client).progress(7),
    )

    assert progress.attempts is None
    assert progress.did_run is None
