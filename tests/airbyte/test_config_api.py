"""The Config API: refreshes, workspaces, logs, and what differs by version."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from airbyte_sync_cli.airbyte.models import (
    LogLine,
    ResponseLost,
    Started,
    TriggerResponse,
    Workspace,
)
from airbyte_sync_cli.errors import DeniedError, ProtocolError, RejectedError
from tests.airbyte.responses import (
    CONNECTION,
    Answer,
    Json,
    a_job,
    ask,
    ask_http,
    config_api,
    respond,
)


def refresh(content: Json) -> TriggerResponse:
    return ask_http(
        respond(content),
        lambda http: config_api(http).trigger("c", "refresh", may_send=lambda: True),
    )


def test_refresh_response_without_job_is_lost() -> None:
    assert isinstance(refresh({"value": True}), ResponseLost)


@pytest.mark.parametrize("answer", [{"value": False}, {}])
def test_unsupported_refresh_is_rejected(answer: dict[str, object]) -> None:
    with pytest.raises(RejectedError, match="does not support refreshes"):
        refresh(answer)


def test_refresh_response_with_job_is_started() -> None:
    job = {"id": 7, "configType": "refresh", "configId": "c", "status": "running", "createdAt": 0}

    assert isinstance(refresh({"job": job}), Started)


OWNER = "00000000-0000-0000-0000-000000000000"


NO_SUCH_PATH = httpx.Response(404, text="Object not found.")


SOME = httpx.Response(200, json={"workspaces": [{"workspaceId": "w1", "name": "Default"}]})


NONE = httpx.Response(200, json={"workspaces": []})


INSTANCE = httpx.Response(200, json={"version": "1.7.0", "defaultUserId": OWNER})


Answers = dict[str, httpx.Response]


def read(answers: Answers) -> tuple[Sequence[Workspace], list[str]]:
    """Read the workspaces; return them and the requested paths."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.removeprefix("/api/v1/"))
        return answers.get(asked[-1], NO_SUCH_PATH)

    return ask_http(answer, lambda http: config_api(http).workspaces(retry_for=0)), asked


def test_server_since_1_7_lists_workspaces_of_default_user() -> None:
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
def test_older_server_lists_all_workspaces(answers: Answers) -> None:
    found, _ = read({**answers, "workspaces/list": SOME})

    assert [one.id for one in found] == ["w1"]


def test_server_without_workspaces_has_none() -> None:
    found, _ = read({"instance_configuration": INSTANCE, "workspaces/list_by_user_id": NONE})

    assert found == []


def test_api_without_workspace_list_hints_at_workspace_option() -> None:
    with pytest.raises(ProtocolError) as caught:
        read({})

    assert "--workspace" in (caught.value.hint or "")


def test_denied_workspace_list_is_raised() -> None:
    denied = httpx.Response(403, json={"message": "Forbidden"})

    with pytest.raises(DeniedError):
        read({"instance_configuration": INSTANCE, "workspaces/list_by_user_id": denied})


def some_workspaces(*readable: str) -> Answer:
    """Respond as a Config API with two workspaces, of which some may be read."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/connections/list"):
            is_readable = any(f'"{one}"' in request.content.decode() for one in readable)
            said = {"connections": [CONNECTION]} if is_readable else {"message": "Forbidden"}
            return httpx.Response(200 if is_readable else 403, json=said)
        rows = [{"workspaceId": "w1", "name": "Sales"}, {"workspaceId": "w2", "name": "Other"}]
        return httpx.Response(200, json={"workspaces": rows})

    return answer


def test_forbidden_workspace_is_left_out_with_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = ask("config", some_workspaces("w2"), lambda server: server.connections())

    assert [(one.id, one.workspace_id) for one in found] == [("good", "w2")]
    assert "skipping the connections of workspace Sales" in caplog.text


def test_only_forbidden_workspaces_are_denied() -> None:
    with pytest.raises(DeniedError) as caught:
        ask("config", some_workspaces(), lambda server: server.connections())

    assert "role may not read this workspace" in str(caught.value.hint)


def read_config_jobs(answer: Answer, *, limit: int) -> list[int]:
    found = ask("config", answer, lambda server: server.jobs("c", limit=limit, status="failed"))
    return [job.id for job in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 20, 500])
def test_ignored_status_filter_is_applied_here(limit: int) -> None:
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


def test_ignored_status_filter_with_repeated_page_ends() -> None:
    rows = [a_job("config", jobId=one) for one in range(1, 201)]
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < 5
        return httpx.Response(200, json={"jobs": rows})

    assert read_config_jobs(answer, limit=200) == []


def read_log(named: Json, *lines: str) -> list[str]:
    async def read(found: AsyncIterator[LogLine]) -> list[str]:
        return [line.message async for line in found]

    log = {"attempt": named, "logs": {"logLines": lines}}
    found = ask("config", respond(log), lambda server: server.logs(7, attempt=2, read=read))
    assert found is not None
    return found


@pytest.mark.parametrize("number", [0, 2, 11])
def test_log_of_another_attempt_is_protocol_error(number: int) -> None:
    """AttemptRead's id is the attempt's number, which counts from 0."""
    with pytest.raises(ProtocolError, match=f"requested attemptNumber 1, received {number}$"):
        read_log({"status": "failed", "id": number, "createdAt": 1}, "a line")


@pytest.mark.parametrize(
    "named", [{"id": 1}, {"status": "failed", "id": 1}, {}, {"status": "failed"}, {"id": None}]
)
def test_log_of_requested_or_unnamed_attempt_is_read(named: Json) -> None:
    lines = ['{"attempt": {"id": 2}}', "x" * 10_000]

    assert read_log(named, *lines) == lines


@pytest.mark.parametrize("start", ["", "\ufeff", "\ufeff \r\n", " " * 3000])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 100_000])
def test_log_after_byte_order_mark_and_blanks_is_read(start: str, size: int) -> None:
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
