"""A refresh: its answer names a job only from 1.2 on."""

import httpx
import pytest

from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import ResponseLost, Started, TriggerResponse
from airbyte_sync_cli.errors import RejectedError
from tests.support.core import LoopClock
from tests.support.virtual import run


def refresh(answer: dict[str, object]) -> TriggerResponse:
    async def work() -> TriggerResponse:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
        async with httpx.AsyncClient(transport=transport) as client:
            http_client = HttpClient(client, clock=LoopClock(), limit=30)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            return await config.trigger("c", "refresh", may_send=lambda: True)

    return run(work())


def test_refresh_that_names_no_job_is_a_lost_answer() -> None:
    assert isinstance(refresh({"value": True}), ResponseLost)


@pytest.mark.parametrize("answer", [{"value": False}, {}])
def test_refresh_that_was_not_started_is_rejected(answer: dict[str, object]) -> None:
    with pytest.raises(RejectedError, match="does not support refreshes"):
        refresh(answer)


def test_refresh_that_names_its_job_is_started() -> None:
    job = {"id": 7, "configType": "refresh", "configId": "c", "status": "running", "createdAt": 0}

    assert isinstance(refresh({"job": job}), Started)
