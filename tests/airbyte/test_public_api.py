"""Lists of the Public API: where they end, and the job types that older servers hide."""

import asyncio
from collections.abc import Callable, Coroutine

import httpx
import pytest

from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.request import PAGE
from airbyte_sync_cli.errors import DeniedError
from tests.airbyte.responses import (
    PUBLIC_JOB,
    ask_http,
    public_api,
)
from tests.support.core import LoopClock
from tests.support.virtual import run

MOST_REQUESTS = 20


ROOT = "http://airbyte/api/public/v1"


def hides(request: httpx.Request) -> bool:
    """Return True for a request for a type that older servers hide."""
    return "jobType" in request.url.params


AsyncAnswer = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def client(answer: AsyncAnswer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def test_connection_list_with_repeated_page_ends() -> None:
    asked = []

    def same_page(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < MOST_REQUESTS
        rows = [{"connectionId": f"c{n}", "name": "n", "status": "active"} for n in range(PAGE)]
        return httpx.Response(200, json={"data": rows})

    found = ask_http(
        same_page,
        lambda http_client: public_api(http_client).connections(workspace_id=None, retry_for=0),
    )

    assert len(found) == PAGE


def test_job_list_with_repeated_page_ends() -> None:
    asked = []

    def same_page(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < MOST_REQUESTS
        return httpx.Response(
            200, json={"data": [{**PUBLIC_JOB, "jobId": n + 1} for n in range(PAGE)]}
        )

    found = ask_http(
        same_page,
        lambda http_client: public_api(http_client).jobs("c", limit=500, status=None, retry_for=0),
    )

    assert len(found) == PAGE


def test_failed_list_cancels_its_other_requests() -> None:
    asked: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503 if hides(request) else 401, json={})

    async def play() -> int:
        async with client(answer) as http:
            api = PublicApi(HttpClient(http, clock=LoopClock(), limit=30), ROOT, trigger_limit=180)
            with pytest.raises(DeniedError):
                await api.jobs("orders", limit=20, status=None, retry_for=1800)
            before = len(asked)
            await asyncio.sleep(600)
            return len(asked) - before

    assert run(play()) == 0


def test_hidden_type_that_is_always_500_is_retried_once() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if hides(request) else 200, json={"data": []})

    async def play() -> list[float]:
        async with client(answer) as http:
            clock = LoopClock()
            api = PublicApi(HttpClient(http, clock=clock, limit=30), ROOT, trigger_limit=180)
            took = []
            for _ in range(2):
                began = clock.monotonic()
                assert await api.jobs("orders", limit=20, status=None, retry_for=15) == []
                took.append(clock.monotonic() - began)
            return took

    first, second = run(play())
    assert first > 5
    assert second == 0
