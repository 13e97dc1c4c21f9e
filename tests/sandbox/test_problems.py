"""Errors, as each version and each API formats them."""

import uuid

import pytest

from tests.sandbox.client import sandbox_client
from tests.support.virtual import virtual

NOBODY = str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    ("version", "status"), [("0.63", 400), ("1.0", 400), ("1.3", 500), ("1.8", 404), ("2.0", 404)]
)
@virtual
async def test_missing_connection_in_public_api(version: str, status: int) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        answer = await it.trigger(NOBODY)
        assert answer.status_code == status
        assert (await it.get(f"/connections/{NOBODY}")).status_code == status
    if status != 500:
        assert answer.json()["data"]["resourceId"] == NOBODY


@pytest.mark.parametrize(
    ("version", "status", "title"),
    [
        ("1.0", 409, "state-conflict"),
        ("1.8", 403, "forbidden"),
        ("2.0", 409, "state-conflict"),
        ("latest", 409, "state-conflict"),
    ],
)
@virtual
async def test_missing_job_in_public_api(version: str, status: int, title: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        for answer in (await it.get("/jobs/42"), await it.cancel(42)):
            assert (answer.status_code, answer.json()["title"]) == (status, title)


@virtual
async def test_missing_resource_is_403_without_admin() -> None:
    async with sandbox_client(admin=False) as it:
        answers = [
            await it.get("/jobs/42"),
            await it.trigger(NOBODY),
            await it.trigger("not-a-uuid"),
            await it.ask("connections/get", connectionId=NOBODY),
        ]
    assert [answer.status_code for answer in answers] == [403] * 4


@virtual
async def test_missing_job_in_config_api_is_500() -> None:
    async with sandbox_client(airbyte_version="1.8") as it:
        old = await it.ask("jobs/get_light", id=42)
    async with sandbox_client(airbyte_version="2.0") as it:
        new = await it.ask("jobs/get_light", id=42)
    assert (old.status_code, new.status_code) == (500, 500)
    assert old.json()["message"] == "Internal Server Error: Could not find job with id: 42"
    assert set(new.json()) == {"errorId"}


@virtual
async def test_stack_traces_are_sent_up_to_1_2() -> None:
    keys = {}
    for version in ("1.0", "1.8", "2.0"):
        async with sandbox_client(airbyte_version=version) as it:
            connection = it.sandbox.add_connection("orders")
            await it.trigger(connection)
            await it.pass_time(5)
            answer = await it.ask("connections/sync", connectionId=connection.id)
            keys[version] = set(answer.json())
    assert keys == {
        "1.0": {"message", "exceptionClassName", "exceptionStack"},
        "1.8": {"message", "exceptionClassName"},
        "2.0": {"message", "errorId"},
    }


@pytest.mark.parametrize("version", ["1.8", "2.0"])
@virtual
async def test_invalid_body_is_422(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        client = it.client
        answers = [
            await client.post("/api/v1/jobs/get", content=b"{"),
            await client.post("/api/v1/jobs/get", content=b"[]"),
            await it.ask("jobs/get", id="42"),
            await it.ask("connections/get", connectionId="not-a-uuid"),
            await it.ask("connections/get", connectionId="0" * 32),
            await it.ask("jobs/list_for_workspaces", workspaceIds="x", configTypes=["sync"]),
            await client.post("/api/v1/jobs/get", content=b'{"id":' + b"[" * 100_000),
            await client.post("/api/v1/jobs/get", content=b'{"id":' + b"9" * 5_000 + b"}"),
        ]
        public = await it.trigger("orders", "nonsense")
        malformed = await it.trigger("not-a-uuid")
    assert [answer.status_code for answer in answers] == [422] * 8
    assert public.status_code in {400, 500}
    assert malformed.status_code == (400 if version == "1.8" else 500)


@pytest.mark.parametrize("version", ["1.8", "2.0"])
@virtual
async def test_missing_field_is_400(version: str) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        answers = [
            await it.ask("connections/get"),
            await it.ask("jobs/get"),
            await it.ask("jobs/list_for_workspaces", configTypes=["sync"]),
            await it.client.post("/api/public/v1/jobs", json={"jobType": "sync"}),
        ]
    assert [answer.status_code for answer in answers] == [400] * 4
    told = (
        {"errorId"} if version == "2.0" else {"message", "exceptionClassName", "validationErrors"}
    )
    assert set(answers[0].json()) == told


@virtual
async def test_missing_attempt_is_404() -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        none = await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)
        await it.pass_time(60)
        over = await it.ask("attempt/get_for_job", jobId=1, attemptNumber=0)
    assert (none.status_code, over.status_code) == (404, 200)
