"""The HTTP client retries safe reads, nothing else, and measures the server's clock."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import httpx
import pytest

from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import ClockAhead
from airbyte_sync_cli.airbyte.request import Request
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    UnavailableError,
)
from tests.airbyte.responses import (
    Answer,
    respond,
)
from tests.support.core import LoopClock
from tests.support.servers import Answer as ServerAnswer
from tests.support.servers import Asked, always, open_stage, response
from tests.support.virtual import run

READ = Request(method="GET", url="http://airbyte/api/public/v1/jobs/1")


def read(handler: Answer, *, retry_for: float = 0.0, ahead: float = 0.0) -> tuple[object, float]:
    """Read once; return the result or error, and how many virtual seconds it took."""

    async def work() -> tuple[object, float]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            clock = LoopClock()
            clock.skew = timedelta(seconds=ahead)
            http_client = HttpClient(client, clock=clock, limit=30)
            try:
                outcome: object = await http_client.read(READ, retry_for=retry_for)
            except AirbyteSyncError as error:
                outcome = error
            return outcome, asyncio.get_running_loop().time()

    return run(work())


def test_read_retries_transient_errors() -> None:
    answers = iter([502, 503, 200])

    outcome, seconds = read(lambda _: httpx.Response(next(answers), text="{}"), retry_for=15)

    assert not isinstance(outcome, AirbyteSyncError)
    assert 0.5 < seconds < 5


def test_read_raises_when_retry_time_is_over() -> None:
    outcome, seconds = read(respond("{}", 503), retry_for=15)

    assert isinstance(outcome, UnavailableError)
    assert 5 < seconds <= 15


def test_read_does_not_retry_denied() -> None:
    outcome, seconds = read(respond("{}", 403), retry_for=15)

    assert isinstance(outcome, DeniedError)
    assert seconds == 0


def test_retry_after_beyond_retry_time_raises_at_once() -> None:
    outcome, seconds = read(respond("{}", 429, **{"retry-after": "60"}), retry_for=15)

    assert isinstance(outcome, UnavailableError)
    assert outcome.retry_after == 60
    assert seconds == 0


def test_refused_connection_is_unsent() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no") from ConnectionRefusedError()

    outcome, _ = read(handler)

    assert isinstance(outcome, UnansweredError)
    assert outcome.unsent
    assert outcome.message == "cannot reach http://airbyte: connection refused"


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_read_pauses_by_server_clock(ahead: float) -> None:
    answers = iter([503, 200])
    headers = {
        "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT", "date": "Thu, 01 Jan 2026 00:00:00 GMT"
    }  # fmt: skip

    outcome, seconds = read(
        lambda _: httpx.Response(next(answers), text="{}", headers=headers),
        retry_for=60,
        ahead=ahead,
    )

    assert not isinstance(outcome, AirbyteSyncError)
    assert 9 <= seconds < 10


@pytest.mark.parametrize("wanted", [True, False])
def test_request_is_sent_only_if_still_allowed(*, wanted: bool) -> None:
    """Over a real socket: `may_send` is called after connecting."""

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


def read_ahead(answer: ServerAnswer, then: str, *, done: threading.Event) -> Sequence[str]:
    """Read `/a` and `/b` ahead over real sockets, then what is named; return what was asked."""

    async def work(url: str) -> None:
        async with httpx.AsyncClient() as http:
            client = HttpClient(http, clock=LoopClock(), limit=30)
            a, b, c = (Request(method="GET", url=f"{url}/{name}") for name in "abc")
            assert await client.read_ahead(a, b, meanwhile=done.set)
            for name in then:
                reply = await client.read({"a": a, "b": b, "c": c}[name], retry_for=0)
                assert name in reply.body.decode()
            await client.aclose()

    with open_stage() as stage:
        server = stage.scripted(answer)
        asyncio.run(work(server.url))
    return [asked.target.removeprefix("/") for asked in server.asked]


def test_responses_that_were_read_ahead_are_kept_and_the_time_is_used() -> None:
    done = threading.Event()

    async def after_the_work(asked: Asked) -> AsyncIterator[bytes]:
        assert await asyncio.to_thread(done.wait, 10)
        yield response(200, {"path": asked.target})

    assert sorted(read_ahead(after_the_work, "ab", done=done)) == ["a", "b"]


@pytest.mark.parametrize(("then", "more"), [("aba", "a"), ("ca", "ca"), ("ba", "ba"), ("", "")])
def test_response_that_is_not_read_next_is_not_kept(then: str, more: str) -> None:
    """It would be old: a status must be read when it is asked for."""

    def answer(asked: Asked) -> bytes:
        return response(200, {"path": asked.target})

    asked = read_ahead(answer, then, done=threading.Event())

    assert sorted(asked[:2]) == ["a", "b"]
    assert asked[2:] == list(more)


def clock_ahead(*dates: str, apart: float = 0.0, slow: float = 0.0) -> ClockAhead | None:
    """Return the measured server clock after these responses; our clock starts at midnight."""
    left = [*dates]

    async def answer(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(slow)
        date = left.pop(0)
        return httpx.Response(200, headers={"Date": date} if date else {})

    async def work() -> ClockAhead | None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            http_client = HttpClient(client, clock=LoopClock(), limit=30)
            while left:
                await http_client.send(READ)
                await asyncio.sleep(apart)
            return http_client.clock_ahead

    return run(work())


@pytest.mark.parametrize(
    ("date", "least"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 00:10:00 GMT", 600.0),
        ("Wed, 31 Dec 2025 23:59:30 GMT", -30.0),
    ],
)
def test_server_clock_is_read_from_date_header(date: str, least: float) -> None:
    assert clock_ahead(date) == ClockAhead(least=least, most=least + 1)


@pytest.mark.parametrize("date", ["Thu, 01 Jan 2026 00:00:00", "soon", ""])
def test_response_without_readable_date_gives_no_clock(date: str) -> None:
    assert clock_ahead(date) is None


def test_response_time_widens_clock_range() -> None:
    date = "Thu, 01 Jan 2026 00:00:00 GMT"

    assert clock_ahead(date, slow=9.0) == ClockAhead(least=-9.0, most=1.0)


def test_several_responses_narrow_clock_range() -> None:
    dates = ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:01 GMT")

    assert clock_ahead(*dates, apart=0.75) == ClockAhead(least=0.25, most=1.0)


def test_clock_set_between_responses_is_measured_again() -> None:
    dates = ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 01:00:00 GMT")

    assert clock_ahead(*dates) == ClockAhead(least=3600.0, most=3601.0)
