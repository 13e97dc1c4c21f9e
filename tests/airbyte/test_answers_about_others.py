"""An answer about another job or connection than the one asked for is not believed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import LogLine, ResponseLost, TriggerResponse
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.sync.select import select_connections
from tests.support.core import LoopClock
from tests.support.virtual import run

OURS = "11111111-1111-4111-8111-111111111111"
THEIRS = "22222222-2222-4222-8222-222222222222"
_Value = TypeVar("_Value")
_Json = dict[str, object]
APIS = pytest.mark.parametrize("api", ["public", "config"])


def job(api: str, job_id: int = 7, connection: str = THEIRS, status: str = "succeeded") -> _Json:
    if api == "public":
        start = "2026-01-01T00:00:00Z"
        about: _Json = {"jobId": job_id, "connectionId": connection, "startTime": start}
        return {**about, "jobType": "sync", "status": status}
    about = {"id": job_id, "configId": connection, "createdAt": 1767225600}
    return {"job": {**about, "configType": "sync", "status": status}, "attempts": []}


def jobs(api: str, *rows: _Json) -> _Json:
    return {"data" if api == "public" else "jobs": rows}


def ask(api: str, *answers: _Json, question: Callable[[Airbyte], Awaitable[_Value]]) -> _Value:
    """Ask a server that gives these answers, the last one for ever."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

    async def work() -> _Value:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            http_client = HttpClient(client, clock=LoopClock(), limit=30)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
            return await question(
                Airbyte(http_client, config if api == "config" else public, None, ui="")
            )

    return run(work())


@APIS
def test_connection_with_another_id_is_a_protocol_error(api: str) -> None:
    row: _Json = {"connectionId": THEIRS, "name": "orders", "status": "active"}

    with pytest.raises(ProtocolError, match=f"connection {OURS}.*{THEIRS}"):
        ask(api, row, question=lambda server: select_connections(server, [OURS]))


@APIS
def test_connection_id_in_capitals_is_the_same_connection(api: str) -> None:
    row: _Json = {"connectionId": OURS.upper(), "name": "orders", "status": "active"}

    found = ask(api, row, question=lambda server: select_connections(server, [OURS]))

    assert [one.name for one in found] == ["orders"]


@APIS
def test_job_with_another_id_is_a_protocol_error(api: str) -> None:
    with pytest.raises(ProtocolError, match="requested job 7"):
        ask(api, job(api, 8), question=lambda server: server.job(7))


@APIS
def test_job_that_changes_its_connection_is_a_protocol_error(api: str) -> None:
    async def twice(server: Airbyte) -> None:
        await server.job(7)
        await server.job(7)

    with pytest.raises(ProtocolError, match=f"requested job 7 of connection {OURS}"):
        ask(api, job(api, 7, OURS, "running"), job(api, 7, THEIRS), question=twice)


@APIS
def test_list_with_jobs_of_another_connection_is_a_protocol_error(api: str) -> None:
    listed = jobs(api, job(api, 8, OURS), job(api, 7, THEIRS))

    with pytest.raises(ProtocolError, match=f"jobs of connection {OURS}"):
        ask(api, listed, question=lambda server: server.jobs(OURS))


@APIS
def test_trigger_answered_with_another_connections_job_is_a_lost_answer(api: str) -> None:
    async def trigger(server: Airbyte) -> TriggerResponse:
        return await server.trigger(OURS, "sync", may_send=lambda: True)

    assert isinstance(ask(api, job(api), question=trigger), ResponseLost)


def read_log(named: _Json, *lines: str) -> list[str]:
    async def read(found: AsyncIterator[LogLine]) -> list[str]:
        return [line.message async for line in found]

    log = {"attempt": named, "logs": {"logLines": lines}}
    found = ask("config", log, question=lambda server: server.logs(7, attempt=2, read=read))
    assert found is not None
    return found


@pytest.mark.parametrize("number", [0, 2, 11])
def test_log_of_another_attempt_is_a_protocol_error(number: int) -> None:
    """AttemptRead's id is the attempt's number, which counts from 0."""
    with pytest.raises(ProtocolError, match=f"requested attemptNumber 1, received {number}$"):
        read_log({"status": "failed", "id": number, "createdAt": 1}, "a line")


@pytest.mark.parametrize(
    "named", [{"id": 1}, {"status": "failed", "id": 1}, {}, {"status": "failed"}, {"id": None}]
)
def test_log_of_the_attempt_or_of_none_that_is_named_is_read(named: _Json) -> None:
    lines = ['{"attempt": {"id": 2}}', "x" * 10_000]

    assert read_log(named, *lines) == lines
