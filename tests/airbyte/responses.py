"""A client before scripted responses, in virtual time."""

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PublicApi
from tests.support.core import LoopClock
from tests.support.virtual import run

_Value = TypeVar("_Value")
Json = dict[str, object]
Answer = Callable[[httpx.Request], httpx.Response]
APIS = pytest.mark.parametrize("api", ["public", "config"])
PUBLIC_JOB: Json = {
    "jobId": 7,
    "connectionId": "c",
    "jobType": "sync",
    "status": "running",
    "startTime": "2026-01-01T00:00:00Z",
}
CONFIG_JOB: Json = {
    "id": 7,
    "configId": "c",
    "configType": "sync",
    "status": "running",
    "createdAt": 1767225600,
}
CONNECTION: Json = {"connectionId": "good", "name": "good", "status": "active"}


def respond(content: object, status: int = 200, **headers: str) -> Answer:
    """Respond always the same: JSON, or a text as it is."""
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda _: httpx.Response(status, text=text, headers=headers)


def ask_http(answer: Answer, question: Callable[[HttpClient], Awaitable[_Value]]) -> _Value:
    """Ask through an HTTP client."""

    async def work() -> _Value:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await question(HttpClient(client, clock=LoopClock(), limit=30))

    return run(work())


def ask(api: str, answer: Answer, question: Callable[[Airbyte], Awaitable[_Value]]) -> _Value:
    """Ask a server that has one of the two APIs."""
    return ask_http(
        answer,
        lambda http: question(
            Airbyte(http, config_api(http) if api == "config" else public_api(http), None, ui="")
        ),
    )


def public_api(http: HttpClient) -> PublicApi:
    return PublicApi(http, "http://airbyte/api/public/v1", trigger_limit=180)


def config_api(http: HttpClient) -> ConfigApi:
    return ConfigApi(http, "http://airbyte/api/v1", trigger_limit=180)


def a_job(api: str, **odd: object) -> Json:
    """A job with an odd value, under its name in the Public API."""
    if api == "public":
        return {**PUBLIC_JOB, **odd}
    stats = {"recordsCommitted": odd.pop("rowsSynced")} if "rowsSynced" in odd else None
    names = {"jobId": "id", "jobType": "configType", "startTime": "createdAt"}
    named = {names.get(key, key): value for key, value in odd.items()}
    return {"job": {**CONFIG_JOB, **named, "aggregatedStats": stats}, "attempts": []}
