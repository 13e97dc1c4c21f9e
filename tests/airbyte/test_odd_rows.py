"""One odd value or row must not hide the others: what is not needed is not judged."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import Connection, Job, LogLine, ResponseLost, TriggerResponse
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import AirbyteSyncError, DeniedError, ProtocolError
from tests.support.core import LoopClock
from tests.support.virtual import run

_Value = TypeVar("_Value")
_Json = dict[str, object]
Answer = Callable[[httpx.Request], httpx.Response]
APIS = pytest.mark.parametrize("api", ["public", "config"])
PUBLIC_JOB: _Json = {
    "jobId": 7,
    "connectionId": "c",
    "jobType": "sync",
    "status": "running",
    "startTime": "2026-01-01T00:00:00Z",
}
CONFIG_JOB: _Json = {
    "id": 7,
    "configId": "c",
    "configType": "sync",
    "status": "running",
    "createdAt": 1767225600,
}
GOOD: _Json = {"connectionId": "good", "name": "good", "status": "active"}


ODD_IDS = ("seven", "", 0, -8, 7.5, True, False, 2**63, 2.0**53 + 2, 1e300, None, [7], {"id": 7})
"""Values that name no job: Airbyte's ids are BIGSERIAL."""


def ask(api: str, answer: Answer, question: Callable[[Airbyte], Awaitable[_Value]]) -> _Value:
    async def work() -> _Value:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            http_client = HttpClient(client, clock=LoopClock(), limit=30)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
            return await question(
                Airbyte(http_client, config if api == "config" else public, None, ui="")
            )

    return run(work())


def always(content: object) -> Answer:
    return lambda _: httpx.Response(200, json=content)


def a_job(api: str, **odd: object) -> _Json:
    """A job with an odd value, under its name in the Public API."""
    if api == "public":
        return {**PUBLIC_JOB, **odd}
    stats = {"recordsCommitted": odd.pop("rowsSynced")} if "rowsSynced" in odd else None
    names = {"jobId": "id", "jobType": "configType", "startTime": "createdAt"}
    named = {names.get(key, key): value for key, value in odd.items()}
    return {"job": {**CONFIG_JOB, **named, "aggregatedStats": stats}, "attempts": []}


def read_job(api: str, **odd: object) -> Job:
    return ask(api, always(a_job(api, **odd)), lambda server: server.job(7))


def read_jobs(api: str, *rows: _Json, skip_unreadable: bool = False) -> Sequence[Job]:
    key = "data" if api == "public" else "jobs"

    def answer(request: httpx.Request) -> httpx.Response:
        is_hidden = "jobType" in request.url.params
        return httpx.Response(200, json={key: [] if is_hidden else rows})

    return ask(api, answer, lambda server: server.jobs("c", skip_unreadable=skip_unreadable))


def read_connections(api: str, *rows: object) -> Sequence[Connection]:
    def answer(request: httpx.Request) -> httpx.Response:
        said: object = {"data" if api == "public" else "connections": rows}
        if "workspaces" in request.url.path:
            said = {"workspaces": [{"workspaceId": "w"}]}
        return httpx.Response(200, content=json.dumps(said))  # escapes lone surrogates

    return ask(api, answer, lambda server: server.connections())


@APIS
@pytest.mark.parametrize("value", [10.5, "many", [], {}, None])
def test_odd_number_of_records_is_unknown(api: str, value: object) -> None:
    assert read_job(api, rowsSynced=value).records_synced is None


@APIS
@pytest.mark.parametrize("value", [None, 7, []])
def test_odd_job_type_is_unknown(api: str, value: object) -> None:
    assert read_job(api, jobType=value).type == "unknown"


@APIS
@pytest.mark.parametrize(
    ("said", "status"), [("SUCCEEDED", "succeeded"), (" Failed\n", "failed"), ("Paused", "paused")]
)
def test_status_means_the_same_in_capitals_and_with_blanks(
    api: str, said: str, status: str
) -> None:
    assert read_job(api, status=said).status == status


@APIS
@pytest.mark.parametrize("value", ["yesterday", None, "0001-01-01T00:00:00+14:00"], ids=str)
def test_job_with_an_odd_date_counts_without_one(api: str, value: object) -> None:
    [newest, _] = read_jobs(api, a_job(api, jobId=8, startTime=value), a_job(api))

    assert (newest.id, newest.status, newest.created_at) == (8, "running", None)


@APIS
def test_job_of_which_only_the_id_can_be_read_counts_for_the_baseline(api: str) -> None:
    odd = {"jobId": 8, "status": None, "startTime": None, "connectionId": None, "configId": None}

    [newest, _] = read_jobs(api, a_job(api, **odd), a_job(api))

    assert (newest.id, newest.status, newest.connection_id) == (8, "unknown", "c")


@APIS
@pytest.mark.parametrize("odd", [{"jobId": one} for one in ODD_IDS], ids=str)
def test_list_with_a_job_that_cannot_be_read_proves_nothing(
    api: str, odd: dict[str, object]
) -> None:
    with pytest.raises(ProtocolError, match="1 of 2 rows cannot be parsed"):
        read_jobs(api, a_job(api, **odd), a_job(api, jobId=6))


@APIS
@pytest.mark.parametrize("odd", [{"jobId": one} for one in ODD_IDS], ids=str)
def test_job_that_cannot_be_read_is_left_out_of_a_shown_list_with_one_warning(
    api: str, odd: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    found = read_jobs(api, a_job(api), a_job(api, **{"jobId": 6} | odd), skip_unreadable=True)

    assert [job.id for job in found] == [7]
    [warning] = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "1 of 2 rows cannot be parsed" in warning.getMessage()


@APIS
@pytest.mark.parametrize("job_id", [2**53 + 1, 2**63 - 1])
def test_largest_id_is_read_exactly(api: str, job_id: int) -> None:
    [found] = read_jobs(api, a_job(api, jobId=job_id))

    assert found.id == job_id


@APIS
@pytest.mark.parametrize("job_id", ODD_IDS, ids=str)
def test_answer_to_a_trigger_with_an_odd_id_is_a_lost_answer(api: str, job_id: object) -> None:
    async def trigger(server: Airbyte) -> TriggerResponse:
        return await server.trigger("c", "sync", may_send=lambda: True)

    answer = ask(api, always(a_job(api, jobId=job_id)), trigger)

    assert isinstance(answer, ResponseLost)


@APIS
@pytest.mark.parametrize("job_id", ODD_IDS, ids=str)
def test_answer_about_a_job_with_an_odd_id_is_a_protocol_error(api: str, job_id: object) -> None:
    with pytest.raises(ProtocolError):
        read_job(api, jobId=job_id)


@APIS
@pytest.mark.parametrize(
    "odd",
    [
        {"name": None},
        {"name": 7},
        {"status": None},
        {"schedule": "daily", "scheduleData": "daily", "scheduleType": 7},
        {"tags": "nightly"},
        {"tags": [None, {"name": 7}]},
    ],
    ids=str,
)
def test_odd_connection_is_read_as_far_as_possible(api: str, odd: _Json) -> None:
    found = read_connections(api, {**GOOD, "connectionId": "odd", **odd}, GOOD)

    assert [one.id for one in found] == ["odd", "good"]
    assert found[0].name == ("odd" if "name" in odd else "good")
    assert found[0].is_active
    assert found[0].tags == ()
    assert not found[0].starts_only_by_hand


@APIS
@pytest.mark.parametrize("row", [None, 7, {}, {"connectionId": None}], ids=str)
def test_connection_without_an_id_is_left_out(
    api: str, row: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert [one.id for one in read_connections(api, row, GOOD)] == ["good"]
    assert "1 of 2 rows cannot be parsed" in caplog.text


@APIS
def test_list_without_any_readable_row_is_not_airbytes(api: str) -> None:
    with pytest.raises(ProtocolError, match="none of the rows can be parsed"):
        read_connections(api, {}, {})


@APIS
def test_lone_surrogate_in_a_name_hides_nothing(api: str) -> None:
    found = read_connections(api, {**GOOD, "connectionId": "odd", "name": "\ud800"}, GOOD)

    assert [one.name for one in found] == ["\ufffd", "good"]


def some_workspaces(*readable: str) -> Answer:
    """A Config API with two workspaces, of which some may be read."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/connections/list"):
            is_readable = any(f'"{one}"' in request.content.decode() for one in readable)
            said = {"connections": [GOOD]} if is_readable else {"message": "Forbidden"}
            return httpx.Response(200 if is_readable else 403, json=said)
        rows = [{"workspaceId": "w1", "name": "Sales"}, {"workspaceId": "w2", "name": "Other"}]
        return httpx.Response(200, json={"workspaces": rows})

    return answer


def test_workspace_that_may_not_be_read_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    found = ask("config", some_workspaces("w2"), lambda server: server.connections())

    assert [(one.id, one.workspace_id) for one in found] == [("good", "w2")]
    assert "the connections of workspace Sales are left out" in caplog.text


def test_only_unreadable_workspaces_are_a_refusal_of_the_role() -> None:
    with pytest.raises(DeniedError) as caught:
        ask("config", some_workspaces(), lambda server: server.connections())

    assert "role may not read this workspace" in str(caught.value.hint)


@APIS
@pytest.mark.parametrize("verb", ["start", "cancel"])
def test_refusal_of_what_is_more_than_reading_blames_the_role(api: str, verb: str) -> None:
    async def act(server: Airbyte) -> None:
        if verb == "start":
            await server.trigger("c", "sync", may_send=lambda: True)
        else:
            await server.cancel(7)

    with pytest.raises(AirbyteSyncError) as caught:
        ask(api, lambda _: httpx.Response(403, json={"message": "Forbidden"}), act)

    assert isinstance(caught.value, DeniedError)
    assert f"their role may not {verb}" in str(caught.value.hint)


def test_failure_message_without_a_bound_is_not_kept_whole() -> None:
    failure = {"externalMessage": "no " * 700_000, "failureOrigin": "source"}
    attempt = {"attempt": {"failureSummary": {"failures": [None, failure]}}}
    info = {**a_job("config", status="failed"), "attempts": [attempt]}

    progress = ask("config", always(info), lambda server: server.progress(7))

    assert progress is not None
    assert progress.failure is not None
    assert progress.failure.origin == "source"
    assert len(progress.failure.message or "") < 100_000


def test_odd_entries_of_a_log_hide_no_others() -> None:
    entries = [None, {"message": 7}, {"message": "a", "timestamp": "x", "level": " WARN "}, {}]

    async def read(lines: AsyncIterator[LogLine]) -> list[LogLine]:
        return [line async for line in lines]

    log = {"attempt": {}, "logs": {"events": entries}}
    found = ask("config", always(log), lambda server: server.logs(7, attempt=1, read=read))

    assert found == [LogLine(message="a", level="warn")]


@pytest.mark.parametrize("start", ["", "\ufeff", "\ufeff \r\n", " " * 3000])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 100_000])
def test_log_is_read_behind_a_byte_order_mark_and_blanks(start: str, size: int) -> None:
    text = (start + json.dumps({"attempt": {}, "logs": {"logLines": ["a"]}})).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(text), size):
            yield text[begin : begin + size]

    async def read(lines: AsyncIterator[LogLine]) -> list[LogLine]:
        return [line async for line in lines]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=pieces())

    found = ask("config", answer, lambda server: server.logs(7, attempt=1, read=read))

    assert [line.message for line in found or ()] == ["a"]


def read_config_jobs(answer: Answer, *, limit: int) -> list[int]:
    found = ask("config", answer, lambda server: server.jobs("c", limit=limit, status="failed"))
    return [job.id for job in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 20, 500])
def test_status_is_picked_here_where_the_server_ignores_it(limit: int) -> None:
    """As servers before 0.57.3 do; every hundredth of 1,000 jobs failed."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = json.loads(request.content)["pagination"]
        ids = range(1000 - page["rowOffset"], 0, -1)[: page["pageSize"]]
        asked.append(page["pageSize"])
        rows = [
            a_job("config", jobId=one, status="succeeded" if one % 100 else "failed")
            for one in ids
        ]
        return httpx.Response(200, json={"jobs": rows})

    assert read_config_jobs(answer, limit=limit) == list(range(1000, 0, -100))[:limit]
    assert len(asked) < 8


def test_list_that_ignores_the_status_and_repeats_its_page_comes_to_an_end() -> None:
    rows = [a_job("config", jobId=one) for one in range(1, 201)]
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < 5
        return httpx.Response(200, json={"jobs": rows})

    assert read_config_jobs(answer, limit=200) == []
