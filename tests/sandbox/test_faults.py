"""Which requests a fault hits, and what it does to them."""

import httpx
import pytest
from pydantic import ValidationError

from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sandbox.faults import ACTIONS
from tests.sandbox.client import SandboxClient, sandbox_client
from tests.support.virtual import virtual


async def outcome(it: SandboxClient, path: str = "/jobs/1") -> str:
    """Return what a client gets: a status, or the name of its error."""
    try:
        answer = await it.get(path)
        answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return type(error).__name__
    return str(answer.status_code)


@pytest.mark.parametrize(
    ("spec", "expected", "seconds"),
    [
        ("job:lost-before", "ReadError", 0),
        ("job:lost-after", "ReadError", 0),
        ("job:502", "502", 0),
        ("job:503:body=html", "JSONDecodeError", 0),
        ("job:500:body=empty", "JSONDecodeError", 0),
        ("job:561", "561", 0),
        ("job:401", "401", 0),
        ("job:hold=9", "200", 9),
        ("job:hold=9:applied", "200", 9),
        ("job:hold", "ReadTimeout", 30),
        ("job:never", "ReadTimeout", 30),
        ("job:truncate", "ReadError", 0),
        ("job:bad-json", "JSONDecodeError", 0),
        ("job:wrong-shape", "200", 0),
        ("job:html", "JSONDecodeError", 0),
        ("job:huge=2", "200", 0),
        ("job:redirect-loop", "JSONDecodeError", 0),
        ("job:login", "JSONDecodeError", 0),
        ("job:try-again-later", "409", 0),
        ("job:state-conflict", "409", 0),
        ("job:forbidden", "403", 0),
        ("job:rate-limit=7", "429", 0),
    ],
)
@virtual
async def test_fault_is_what_a_client_expects(spec: str, expected: str, seconds: float) -> None:
    async with sandbox_client(limit=30) as it:
        it.sandbox.start_job(it.sandbox.add_connection("orders"))
        it.fault(spec)
        assert (await outcome(it), it.age) == (expected, seconds)
        assert await outcome(it, "/jobs") == "200"


@pytest.mark.parametrize(
    ("spec", "jobs"),
    [
        ("trigger:lost-before", 0),
        ("trigger:lost-after", 1),
        ("trigger:504", 0),
        ("trigger:504:applied", 1),
        ("trigger:never:applied", 1),
        ("trigger:state-conflict:applied", 1),
        ("trigger:try-again-later", 0),
        ("trigger:html", 0),
        ("trigger:truncate", 1),
        ("trigger:wrong-shape", 1),
    ],
)
@virtual
async def test_lost_trigger_starts_job_only_if_applied(spec: str, jobs: int) -> None:
    async with sandbox_client(limit=30) as it:
        it.fault(spec)
        connection = it.sandbox.add_connection("orders")
        try:
            answer = await it.trigger(connection)
        except httpx.HTTPError:
            pass
        else:
            assert answer.status_code != 200 or spec.split(":")[1] in {"html", "wrong-shape"}
        assert len(it.sandbox.jobs) == jobs


@virtual
async def test_drip_sends_body_byte_by_byte() -> None:
    async with sandbox_client(limit=30) as it:
        it.sandbox.add_connection("orders")
        it.fault("health:drip=2")
        answer = await it.get("/health")
        assert (answer.text, it.age) == ("Successful operation", 2 * len(answer.text))


@pytest.mark.parametrize("text", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
@virtual
async def test_retry_after_is_sent_unchanged(text: str) -> None:
    async with sandbox_client() as it:
        it.fault(f"jobs:rate-limit={text}:times=1")
        limited, fine = await it.get("/jobs"), await it.get("/jobs")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, text)
    assert fine.status_code == 200


@virtual
async def test_login_fault_redirects_to_any_address() -> None:
    async with sandbox_client() as it:
        it.fault("jobs:login=http://accounts.example.com:8443/signin")
        answer = await it.get("/jobs")
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://accounts.example.com:8443/signin"


@virtual
async def test_times_limits_hits() -> None:
    async with sandbox_client() as it:
        it.fault("jobs:503:after=1:times=2")
        seen = [await outcome(it, "/jobs") for _ in range(5)]
    assert seen == ["200", "503", "503", "200", "200"]


@virtual
async def test_nth_hits_that_request_only() -> None:
    async with sandbox_client() as it:
        it.sandbox.faults.add(Fault(when="jobs", action="status", status=500, nth=2))
        it.fault("jobs:503:after=1:nth=3")
        seen = [await outcome(it, "/jobs") for _ in range(6)]
    assert seen == ["200", "500", "200", "200", "503", "200"]


@virtual
async def test_for_seconds_counts_from_first_hit() -> None:
    async with sandbox_client() as it:
        it.fault("any:lost-before:from=100:for=60")
        seen = []
        for _ in range(7):
            seen.append(await outcome(it, "/jobs"))
            await it.pass_time(30)
    assert seen == ["200", "200", "200", "200", "ReadError", "ReadError", "200"]


@virtual
async def test_fault_matches_one_connection_or_one_api() -> None:
    async with sandbox_client() as it:
        orders, other = (it.sandbox.add_connection(name) for name in ("orders", "other"))
        it.fault("any:500:connection=orders:api=public")
        seen = [
            (await it.trigger(orders)).status_code,
            (await it.trigger(other)).status_code,
            (await it.get("/jobs", connectionId=orders.id)).status_code,
            (await it.get("/jobs/1")).status_code,
            (await it.ask("connections/get", connectionId=orders.id)).status_code,
            (await it.get("/health")).status_code,
        ]
    assert seen == [500, 200, 500, 200, 200, 200]


@virtual
async def test_fault_matches_connection_by_its_job() -> None:
    async with sandbox_client() as it:
        it.sandbox.start_job(it.sandbox.add_connection("orders"))
        it.fault("any:500:connection=orders")
        answers = [
            await it.get("/jobs/1"),
            await it.ask("jobs/get", id=1),
            await it.get("/jobs/2"),
        ]
    assert [answer.status_code for answer in answers] == [500, 500, 409]


@virtual
async def test_try_again_later_has_format_of_requested_api() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        it.fault("trigger:try-again-later")
        public = (await it.trigger(connection)).json()
        config = (await it.ask("connections/sync", connectionId=connection.id)).json()
    words = f"A sync is already running for: {connection.id}"
    assert (public["data"]["message"], config["message"]) == (words, words)


@virtual
async def test_forbidden_has_format_of_requested_api() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        it.fault("trigger:forbidden")
        public = await it.trigger(connection)
        config = await it.ask("connections/sync", connectionId=connection.id)
    assert (public.status_code, config.status_code) == (403, 403)
    assert (public.json()["title"], config.json()["message"]) == ("forbidden", "Forbidden")
    assert it.sandbox.jobs == []


@virtual
async def test_first_matching_fault_hits_until_faults_are_cleared() -> None:
    async with sandbox_client() as it:
        it.fault("jobs:500")
        it.fault("any:503")
        first, other = await it.get("/jobs"), await it.get("/health")
        it.sandbox.faults.clear()
        cleared = await it.get("/jobs")
    assert [each.status_code for each in (first, other, cleared)] == [500, 503, 200]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("trigger", "has no action"),
        ("trigger:", "has no action"),
        ("nobody:503", "Input should be 'any'"),
        ("trigger:explode", "Input should be 'lost-before'"),
        ("trigger:503:colour=red", "is not a valid key"),
        ("trigger:503:nth=0", "greater than or equal to 1"),
        ("trigger:hold=long", "not a number of seconds"),
        ("trigger:lost-after=3", "takes no value"),
        ("trigger:999", "less than or equal to 599"),
        ("trigger:503:times=0", "greater than or equal to 1"),
    ],
)
def test_invalid_fault_is_rejected(spec: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Fault.model_validate(spec)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_short_form(action: str) -> None:
    assert Fault.model_validate(f"any:{action}:times=1").action == action


def test_durations_of_short_form_accept_units() -> None:
    fault = Fault.model_validate("any:503:for=10m:from=1h:body=html:retry-after=5")
    assert (fault.for_seconds, fault.from_seconds) == (600, 3600)
    assert (fault.body, fault.retry_after) == ("html", "5")
