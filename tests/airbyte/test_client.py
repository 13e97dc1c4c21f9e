"""A response about another job or connection than the requested one is a ProtocolError."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.models import ResponseLost, TriggerResponse
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.sync.select import select_connections
from tests.airbyte.responses import (
    APIS,
    Json,
    ask,
)

OURS = "11111111-1111-4111-8111-111111111111"


THEIRS = "22222222-2222-4222-8222-222222222222"


def job(api: str, job_id: int = 7, connection: str = THEIRS, status: str = "succeeded") -> Json:
    if api == "public":
        start = "2026-01-01T00:00:00Z"
        about: Json = {"jobId": job_id, "connectionId": connection, "startTime": start}
        return {**about, "jobType": "sync", "status": status}
    about = {"id": job_id, "configId": connection, "createdAt": 1767225600}
    return {"job": {**about, "configType": "sync", "status": status}, "attempts": []}


def jobs(api: str, *rows: Json) -> Json:
    return {"data" if api == "public" else "jobs": rows}


_Value = TypeVar("_Value")


def ask_in_turn(
    api: str, *contents: Json, question: Callable[[Airbyte], Awaitable[_Value]]
) -> _Value:
    """Ask a server that responds with these contents, the last one for ever."""
    left = list(contents)
    return ask(
        api,
        lambda _: httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0]),
        question,
    )


@APIS
def test_connection_with_another_id_is_protocol_error(api: str) -> None:
    row: Json = {"connectionId": THEIRS, "name": "orders", "status": "active"}

    with pytest.raises(ProtocolError, match=f"connection {OURS}.*{THEIRS}"):
        ask_in_turn(api, row, question=lambda server: select_connections(server, [OURS]))


@APIS
def test_connection_id_in_capitals_is_same_connection(api: str) -> None:
    row: Json = {"connectionId": OURS.upper(), "name": "orders", "status": "active"}

    found = ask_in_turn(api, row, question=lambda server: select_connections(server, [OURS]))

    assert [one.name for one in found] == ["orders"]


@APIS
def test_job_with_another_id_is_protocol_error(api: str) -> None:
    with pytest.raises(ProtocolError, match="requested job 7"):
        ask_in_turn(api, job(api, 8), question=lambda server: server.job(7))


@APIS
def test_job_that_changes_its_connection_is_protocol_error(api: str) -> None:
    async def twice(server: Airbyte) -> None:
        await server.job(7)
        await server.job(7)

    with pytest.raises(ProtocolError, match=f"requested job 7 of connection {OURS}"):
        ask_in_turn(api, job(api, 7, OURS, "running"), job(api, 7, THEIRS), question=twice)


@APIS
def test_list_with_job_of_another_connection_is_protocol_error(api: str) -> None:
    listed = jobs(api, job(api, 8, OURS), job(api, 7, THEIRS))

    with pytest.raises(ProtocolError, match=f"jobs of connection {OURS}"):
        ask_in_turn(api, listed, question=lambda server: server.jobs(OURS))


@APIS
def test_trigger_response_with_job_of_another_connection_is_lost(api: str) -> None:
    async def trigger(server: Airbyte) -> TriggerResponse:
        return await server.trigger(OURS, "sync", may_send=lambda: True)

    assert isinstance(ask_in_turn(api, job(api), question=trigger), ResponseLost)
