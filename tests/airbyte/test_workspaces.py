"""Workspaces through the Config API: the endpoints for them come and go with the version."""

from collections.abc import Callable, Sequence

import httpx
import pytest

from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import Workspace
from airbyte_sync_cli.errors import DeniedError, ProtocolError
from tests.support.core import LoopClock
from tests.support.virtual import run

OWNER = "00000000-0000-0000-0000-000000000000"
NO_SUCH_PATH = httpx.Response(404, text="Object not found.")
SOME = httpx.Response(200, json={"workspaces": [{"workspaceId": "w1", "name": "Default"}]})
NONE = httpx.Response(200, json={"workspaces": []})
INSTANCE = httpx.Response(200, json={"version": "1.7.0", "defaultUserId": OWNER})
Answers = dict[str, httpx.Response]


def read(answers: Answers) -> tuple[Sequence[Workspace], list[str]]:
    """Read the workspaces; return them and what was asked for."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.removeprefix("/api/v1/"))
        return answers.get(asked[-1], NO_SUCH_PATH)

    return run(_read(answer)), asked


async def _read(answer: Callable[[httpx.Request], httpx.Response]) -> Sequence[Workspace]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        http_client = HttpClient(client, clock=LoopClock(), limit=30)
        config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
        return await config.workspaces(retry_for=0)


def test_server_from_1_7_on_lists_those_of_its_default_user() -> None:
    found, asked = read({"instance_configuration": INSTANCE, "workspaces/list_by_user_id": SOME})

    assert found == [Workspace(id="w1", name="Default")]
    assert asked == ["instance_configuration", "workspaces/list_by_user_id"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"instance_configuration": INSTANCE},
        {"instance_configuration": INSTANCE, "workspaces/list_by_user_id": NONE},
    ],
    ids=["no owner", "no such endpoint", "nothing there"],
)
def test_older_server_lists_all_of_its_workspaces(answers: Answers) -> None:
    found, _ = read({**answers, "workspaces/list": SOME})

    assert [one.id for one in found] == ["w1"]


def test_server_that_lists_none_in_any_way_has_none() -> None:
    found, _ = read({"instance_configuration": INSTANCE, "workspaces/list_by_user_id": NONE})

    assert found == []


def test_api_without_owner_and_list_asks_for_a_workspace() -> None:
    with pytest.raises(ProtocolError) as caught:
        read({})

    assert "--workspace" in (caught.value.hint or "")


def test_refused_list_is_no_reason_to_ask_elsewhere() -> None:
    denied = httpx.Response(403, json={"message": "Forbidden"})

    with pytest.raises(DeniedError):
        read({"instance_configuration": INSTANCE, "workspaces/list_by_user_id": denied})
