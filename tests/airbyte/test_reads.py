"""Reads: what they cost, what they leave behind, and a token that cannot be renewed just now."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise

import httpx
import pytest

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.errors import DeniedError
from airbyte_sync_cli.settings import Settings, load_settings
from tests.support.core import LoopClock
from tests.support.servers import always, open_stage
from tests.support.virtual import run

ROOT = "http://airbyte/api/public/v1"
Answer = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def client(answer: Answer, auth: httpx.Auth | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth)


def hides(request: httpx.Request) -> bool:
    """Whether a type is asked for that older servers hide."""
    return "jobType" in request.url.params


def test_a_list_that_fails_leaves_no_request_of_its_siblings_behind() -> None:
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


def test_a_hidden_type_that_is_always_a_500_costs_its_patience_once() -> None:
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


@pytest.mark.parametrize("wanted", [True, False])
def test_what_is_not_wanted_any_more_when_it_could_leave_does_not(*, wanted: bool) -> None:
    """Over a real socket: the connection stands when that is asked."""

    async def send(url: str) -> bool:
        async with httpx.AsyncClient() as http:
            request = Request(method="POST", url=url, may_send=lambda: wanted)
            try:
                await HttpClient(http, clock=LoopClock(), limit=30).send(request)
            except UnansweredError as error:
                return error.unsent
            return False

    with open_stage() as stage:
        server = stage.scripted(always(200, {}))
        unsent = asyncio.run(send(f"{server.url}/jobs"))

    assert unsent is not wanted
    assert [asked.method for asked in server.asked] == ["POST"] * wanted


def an_application() -> Settings:
    environ = {
        "AIRBYTE_URL": ROOT,
        "AIRBYTE_CLIENT_ID": "some-client-id",
        "AIRBYTE_CLIENT_SECRET": "some-client-secret",
    }
    return load_settings({}, environ)


def test_a_storm_of_401s_does_not_flood_the_token_address() -> None:
    """Tokens are still given, but none of them opens anything, for a minute of reads."""
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


def test_a_token_that_ends_again_and_again_is_renewed_each_time() -> None:
    """A token's end is a 401, too; a new one that has opened something is as good as any."""
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


def test_a_token_address_that_breaks_off_leaves_the_token_in_use_while_it_is_good() -> None:
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
