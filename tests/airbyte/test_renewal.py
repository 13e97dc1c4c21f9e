"""Tokens are renewed when they are refused or expire, and not more often."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise

import httpx
import pytest

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.errors import DeniedError
from airbyte_sync_cli.settings import ServerOptions, Settings, load_settings
from tests.support.core import LoopClock
from tests.support.virtual import run

ROOT = "http://airbyte/api/public/v1"
AsyncAnswer = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def client(answer: AsyncAnswer, auth: httpx.Auth | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth)


def an_application() -> Settings:
    environ = {
        "AIRBYTE_URL": ROOT,
        "AIRBYTE_CLIENT_ID": "some-client-id",
        "AIRBYTE_CLIENT_SECRET": "some-client-secret",
    }
    return load_settings(ServerOptions(), environ)


def test_repeated_401s_request_few_tokens() -> None:
    """New tokens are issued, but all are refused, during a minute of reads."""
    given: list[float] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("token"):
            return httpx.Response(401, json={"message": "Unauthorized"})
        given.append(asyncio.get_running_loop().time())
        return httpx.Response(200, json={"access_token": f"token-{len(given)}"})

    async def play() -> None:
        clock = LoopClock()
        auth = make_auth(an_application(), parse_address(ROOT), clock)
        async with client(answer, auth) as http:
            http_client = HttpClient(http, clock=clock, limit=30)
            read = Request(method="GET", url=f"{ROOT}/jobs")
            for _ in range(60):
                with pytest.raises(DeniedError):
                    await http_client.read(read, retry_for=0)
                await asyncio.sleep(1)

    run(play())
    assert given[0] == given[1]  # the first, and one renewal on the 401, at once
    assert [after - before for before, after in pairwise(given[1:])] == [10.0] * 5


def test_token_that_expires_repeatedly_is_renewed_each_time() -> None:
    """An expired token is a 401, too; one that has been accepted may be renewed at once."""
    good = ""

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal good
        if request.url.path.endswith("token"):
            good = f"token-{asyncio.get_running_loop().time()}"
            return httpx.Response(200, json={"access_token": good})
        right = request.headers["authorization"] == f"Bearer {good}"
        return httpx.Response(200 if right else 401, json={"data": []})

    async def play() -> None:
        nonlocal good
        clock = LoopClock()
        auth = make_auth(an_application(), parse_address(ROOT), clock)
        async with client(answer, auth) as http:
            http_client = HttpClient(http, clock=clock, limit=30)
            for _ in range(5):
                await http_client.read(Request(method="GET", url=f"{ROOT}/jobs"), retry_for=0)
                await asyncio.sleep(11)
                good = "none"

    run(play())


def test_valid_token_is_used_while_token_endpoint_fails() -> None:
    settings = an_application()
    broken = False

    async def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("token"):
            return httpx.Response(200, json={"data": []})
        if broken:
            raise httpx.ReadTimeout("silence", request=request)
        return httpx.Response(200, json={"access_token": "some-token", "expires_in": 900})

    async def play() -> list[bool]:
        nonlocal broken
        clock = LoopClock()
        auth = make_auth(settings, parse_address(ROOT), clock)
        async with client(answer, auth) as http:
            http_client = HttpClient(http, clock=clock, limit=30)
            read = Request(method="GET", url=f"{ROOT}/jobs")
            await http_client.read(read, retry_for=0)
            await asyncio.sleep(850)
            broken = True
            worked = []
            for _ in range(6):
                try:
                    await http_client.read(read, retry_for=0)
                    worked.append(True)
                except UnansweredError:
                    worked.append(False)
                await asyncio.sleep(5)
            return worked

    assert run(play()) == [False, True, False, True, False, True]
