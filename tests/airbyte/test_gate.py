"""The gate repeats what is safe, raises what the answer means, and never more."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import ClockAhead
from airbyte_sync_cli.airbyte.request import Request, read_retry_after
from airbyte_sync_cli.airbyte.transport_errors import UnansweredError
from airbyte_sync_cli.errors import (
    AirbyteSyncError,
    DeniedError,
    NotFoundError,
    ProtocolError,
    RejectedError,
    UnavailableError,
)
from tests.support.core import LoopClock
from tests.support.virtual import run

Handler = Callable[[httpx.Request], httpx.Response]
READ = Request(method="GET", url="http://airbyte/api/public/v1/jobs/1")


def read(handler: Handler, *, retry_for: float = 0.0, ahead: float = 0.0) -> tuple[object, float]:
    """Read through the gate; tell what came and how many virtual seconds it took."""

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


def always(status: int, text: str = "{}", **headers: str) -> Handler:
    return lambda _: httpx.Response(status, text=text, headers=headers)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "{}", DeniedError),
        (403, "{}", DeniedError),
        (401, "<html><title>401</title></html>", DeniedError),
        (404, '{"title": "resource-not-found"}', NotFoundError),
        (404, "Object not found.", ProtocolError),
        (404, "<html>nginx</html>", ProtocolError),
        (405, "{}", ProtocolError),
        (400, "{}", RejectedError),
        (409, "{}", RejectedError),
        (410, "{}", RejectedError),
        (418, "{}", RejectedError),
        (422, "{}", RejectedError),
        (408, "{}", UnavailableError),
        (429, "{}", UnavailableError),
        *((status, body, UnavailableError) for status in (500, 502, 503, 504, 520, 561, 599)
          for body in ("{}", "", "<html>bad gateway</html>")),
        (200, "<!doctype html><title>Airbyte</title>", ProtocolError),
        (200, '<html><input type="password"></html>', DeniedError),
        (304, "", ProtocolError),
    ],
)  # fmt: skip
def test_an_answer_means_one_kind_of_error(
    status: int, body: str, kind: type[AirbyteSyncError]
) -> None:
    outcome, _ = read(always(status, body))

    assert type(outcome) is kind


@pytest.mark.parametrize(
    ("target", "kind", "hint"),
    [
        ("https://accounts.google.com/o/oauth2/v2/auth?x", DeniedError, "--iap-audience"),
        ("https://sso.example.com/login?next=/", DeniedError, "--header"),
        ("https://airbyte/api/public/v1/jobs/1", ProtocolError, "--url"),
        ("/elsewhere", ProtocolError, "--url"),
    ],
)
def test_a_redirect_is_named_and_never_followed(
    target: str, kind: type[AirbyteSyncError], hint: str
) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(302, headers={"location": target})

    outcome, _ = read(handler)

    assert isinstance(outcome, kind)
    assert outcome.hint is not None
    assert hint in outcome.hint
    assert len(seen) == 1


def test_what_passes_within_the_patience_is_not_seen() -> None:
    answers = iter([502, 503, 200])

    outcome, seconds = read(lambda _: httpx.Response(next(answers), text="{}"), retry_for=15)

    assert not isinstance(outcome, AirbyteSyncError)
    assert 0.5 < seconds < 5


def test_what_outlasts_the_patience_is_raised_in_time() -> None:
    outcome, seconds = read(always(503), retry_for=15)

    assert isinstance(outcome, UnavailableError)
    assert 5 < seconds <= 15


def test_a_lasting_no_is_raised_at_once() -> None:
    outcome, seconds = read(always(403), retry_for=15)

    assert isinstance(outcome, DeniedError)
    assert seconds == 0


def test_retry_after_beyond_the_patience_is_not_waited_for() -> None:
    outcome, seconds = read(always(429, **{"retry-after": "60"}), retry_for=15)

    assert isinstance(outcome, UnavailableError)
    assert outcome.retry_after == 60
    assert seconds == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"data": {"message": "a"}, "detail": "b", "message": "c"}', "a"),
        ('{"detail": "b", "message": "c"}', "b"),
        ('{"message": "c", "_embedded": {"errors": [{"message": "d"}]}}', "d"),
        ('{"message": "c", "_embedded": {"errors": []}}', "c"),
        ('{"_embedded": {"errors": [{"message": "d"}]}}', "d"),
        ('{"errorId": "e-1"}', "errorId e-1"),
        ('{"message": "c", "errorId": "e-1"}', "c, errorId e-1"),
        ('{"title": "t", "data": null, "detail": null}', "t"),
        ('["odd"]', "['odd']"),
        ("plain words", "plain words"),
    ],
)
def test_the_most_useful_words_of_any_family_of_bodies_are_shown(body: str, words: str) -> None:
    outcome, _ = read(always(422, body))

    assert isinstance(outcome, RejectedError)
    assert outcome.message.endswith(f"422 ({words})")


def test_a_huge_error_text_is_cut() -> None:
    outcome, _ = read(always(422, "x" * 100_000))

    assert isinstance(outcome, RejectedError)
    assert len(outcome.message) < 700


def test_an_error_before_anything_was_sent_says_so() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no") from ConnectionRefusedError()

    outcome, _ = read(handler)

    assert isinstance(outcome, UnansweredError)
    assert outcome.unsent
    assert outcome.message == "cannot reach http://airbyte: connection refused"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-3", 0),
        ("1.5", 1.5),
        ("1e400", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("999999", 300),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2026 00:00:30", None),
        ("Thu, 99 Jan 2026 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form_and_capped(text: str, seconds: float | None) -> None:
    async def work() -> float | None:
        return read_retry_after({"retry-after": text}, LoopClock())

    assert run(work()) == seconds


@pytest.mark.parametrize("ahead", [-3600.0, -30.0, 0.0, 30.0, 3600.0])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 02:00:00 GMT", 300.0),
        ("7", 7.0),
    ],
)
def test_retry_after_as_a_date_counts_from_the_date_of_the_answer(
    text: str, seconds: float, ahead: float
) -> None:
    """Whatever our own clock says."""
    clock = LoopClock()
    clock.skew = timedelta(seconds=ahead)
    headers = {"retry-after": text, "date": "Thu, 01 Jan 2026 00:00:00 GMT"}

    async def work() -> float | None:
        return read_retry_after(headers, clock)

    assert run(work()) == seconds


@pytest.mark.parametrize("date", ["soon", "", "Thu, 01 Jan 2026 00:00:10", "Thu, 99 Jan 2026"])
def test_retry_after_counts_from_our_clock_where_the_answer_has_no_readable_date(
    date: str,
) -> None:
    headers = {"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT", "date": date}

    async def work() -> float | None:
        return read_retry_after(headers, LoopClock())

    assert run(work()) == 30


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_read_pauses_by_the_clock_of_the_server(ahead: float) -> None:
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


def clock_ahead(*dates: str, apart: float = 0.0, slow: float = 0.0) -> ClockAhead | None:
    """Tell what a gate thinks of the server's clock after answers; ours begins at midnight."""
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
def test_the_servers_clock_is_read_from_its_answers(date: str, least: float) -> None:
    assert clock_ahead(date) == ClockAhead(least=least, most=least + 1)


@pytest.mark.parametrize("date", ["Thu, 01 Jan 2026 00:00:00", "soon", ""])
def test_an_answer_without_a_readable_date_tells_no_time(date: str) -> None:
    assert clock_ahead(date) is None


def test_the_way_of_an_answer_counts_as_uncertainty() -> None:
    date = "Thu, 01 Jan 2026 00:00:00 GMT"

    assert clock_ahead(date, slow=9.0) == ClockAhead(least=-9.0, most=1.0)


def test_several_answers_narrow_the_difference() -> None:
    dates = ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:01 GMT")

    assert clock_ahead(*dates, apart=0.75) == ClockAhead(least=0.25, most=1.0)


def test_a_clock_that_was_set_between_two_answers_is_read_anew() -> None:
    dates = ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 01:00:00 GMT")

    assert clock_ahead(*dates) == ClockAhead(least=3600.0, most=3601.0)
