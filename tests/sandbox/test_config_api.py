"""Lists and resources of the Config API."""

import uuid

import pytest

from airbyte_sync_cli.sandbox import JobScript
from tests.sandbox.client import sandbox_client
from tests.support.virtual import virtual


@virtual
async def test_jobs_are_listed_newest_first_with_total() -> None:
    async with sandbox_client() as it:
        connection = await it.run_jobs(3)
        page = {"pageSize": 2, "rowOffset": 0}
        body = {"configTypes": ["sync"], "configId": connection, "pagination": page}
        shown = (await it.ask("jobs/list", **body)).json()
    assert [row["job"]["id"] for row in shown["jobs"]] == [3, 2]
    assert shown["totalJobCount"] == 3
    assert shown["jobs"][0]["attempts"][0]["status"] == "succeeded"


@virtual
async def test_job_list_needs_known_types() -> None:
    async with sandbox_client(airbyte_version="1.8") as it:
        empty = await it.ask("jobs/list", configTypes=[])
        unknown = await it.ask("jobs/list", configTypes=["sync", "nonsense"])
    assert (empty.status_code, unknown.status_code) == (500, 422)


@virtual
async def test_old_version_has_fewer_types_and_invalid_times_are_400() -> None:
    async with sandbox_client(airbyte_version="0.57") as it:
        old = await it.ask("jobs/list", configTypes=["sync", "clear"])
        both = await it.ask("jobs/list", configTypes=["sync", "refresh"])
        bad = await it.ask("jobs/list", configTypes=["sync"], createdAtStart="yesterday")
    assert [answer.status_code for answer in (old, both, bad)] == [422, 200, 400]


@pytest.mark.parametrize(
    "more",
    [
        {"statuses": ["hibernating"]},
        {"orderByField": "name"},
        {"orderByMethod": "sideways"},
        {"pagination": {"pageSize": "many"}},
        {"pagination": {"rowOffset": -1}},
    ],
)
@virtual
async def test_invalid_job_list_request_is_rejected(more: dict[str, object]) -> None:
    async with sandbox_client() as it:
        assert (await it.ask("jobs/list", configTypes=["sync"], **more)).status_code == 422


@virtual
async def test_enums_of_job_list_ignore_case() -> None:
    async with sandbox_client() as it:
        await it.run_jobs(2)
        body = {"configTypes": ["SYNC"], "statuses": ["Succeeded"], "orderByMethod": "asc"}
        config = (await it.ask("jobs/list", **body)).json()["jobs"]
        public = (await it.get("/jobs", status="SUCCEEDED", jobType="Sync")).json()["data"]
    assert [row["job"]["id"] for row in config] == [job["jobId"] for job in public] == [1, 2]


@virtual
async def test_connection_is_listed_and_read_with_schedule_and_tags() -> None:
    async with sandbox_client() as it:
        orders = it.sandbox.add_connection("orders", tags=("nightly",), schedule="every 2 hours")
        workspace = orders.workspace_id
        listed = (await it.ask("connections/list", workspaceId=workspace)).json()["connections"]
        one = (await it.ask("connections/get", connectionId=orders.id)).json()
    assert listed == [one]
    assert one["scheduleData"] == {"basicSchedule": {"units": 2, "timeUnit": "hours"}}
    assert [tag["name"] for tag in one["tags"]] == ["nightly"]


@pytest.mark.parametrize(("version", "served"), [("1.6", True), ("1.7", False)])
@virtual
async def test_list_of_all_workspaces_is_gone_since_1_7(version: str, served: bool) -> None:  # noqa: FBT001
    async with sandbox_client(airbyte_version=version) as it:
        user = (await it.client.get("/api/v1/instance_configuration")).json()["defaultUserId"]
        every = await it.ask("workspaces/list")
        own = await it.ask("workspaces/list_by_user_id", userId=user)
    assert every.status_code == (200 if served else 404)
    assert len(own.json()["workspaces"]) == 1
    assert not served or every.json() == own.json()


@virtual
async def test_unknown_user_has_no_workspace() -> None:
    async with sandbox_client() as it:
        unknown = await it.ask("workspaces/list_by_user_id", userId=str(uuid.UUID(int=7)))
    assert unknown.json() == {"workspaces": []}


@virtual
async def test_jobs_of_several_workspaces_are_one_list() -> None:
    async with sandbox_client() as it:
        await it.run_jobs(2)
        other = it.sandbox.add_connection("other", workspace="Elsewhere")
        it.sandbox.start_job(other, script=JobScript(life="running"))
        page = {"pageSize": 1, "rowOffset": 0}
        body: dict[str, object] = {"configTypes": ["sync"], "orderByMethod": "ASC"}
        path = "jobs/list_for_workspaces"
        every = await it.ask(path, workspaceIds=list(it.sandbox.state.workspaces), **body)
        own = await it.ask(path, workspaceIds=[other.workspace_id], **body)
        nothing = await it.ask(path, workspaceIds=[], **body)
        first = await it.ask(
            path, workspaceIds=list(it.sandbox.state.workspaces), pagination=page, **body
        )
    answers = [answer.json() for answer in (every, own, nothing, first)]
    ids = [[row["job"]["id"] for row in answer["jobs"]] for answer in answers]
    assert ids == [[1, 2, 3], [3], [], [1]]
    assert [answer["totalJobCount"] for answer in answers] == [3, 1, 0, 1]


@virtual
async def test_state_is_set_by_first_success() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection(
            "orders", script=JobScript(life="running 5, succeeded")
        )
        before = (await it.ask("state/get", connectionId=connection.id)).json()
        await it.trigger(connection)
        await it.pass_time(10)
        after = (await it.ask("state/get", connectionId=connection.id)).json()
    assert before == {"connectionId": connection.id, "stateType": "not_set"}
    assert after["streamState"] == [
        {"streamDescriptor": {"name": "users"}, "streamState": {"cursor": "1767225605"}}
    ]


@virtual
async def test_web_backend_connection_has_source_destination_and_status() -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", source="Kafka", destination="Lake")
        path, body = "web_backend/connections/get", {"connectionId": connection.id}
        idle = (await it.ask(path, **body)).json()
        await it.trigger(connection)
        busy = (await it.ask(path, **body)).json()
    assert (idle["source"]["name"], idle["destination"]["name"]) == ("Kafka", "Lake")
    assert (idle["isSyncing"], busy["isSyncing"]) == (False, True)
    assert "latestSyncJobStatus" not in idle
    assert busy["latestSyncJobStatus"] == "pending"


@virtual
async def test_probes_respond_with_version_and_auth_mode() -> None:
    async with sandbox_client(airbyte_version="1.8") as it:
        public, config = await it.get("/health"), await it.client.get("/api/v1/health")
        told = (await it.client.get("/api/v1/instance_configuration")).json()
    assert public.text == "Successful operation"
    assert config.json() == {"available": True}
    assert (told["version"], told["auth"]["mode"]) == ("1.8.0", "none")


@virtual
async def test_instance_configuration_has_no_version_before_0_60() -> None:
    async with sandbox_client(airbyte_version="0.57.3") as it:
        told = (await it.client.get("/api/v1/instance_configuration")).json()
    assert told["edition"] == "community"
    assert not {"version", "auth"} & set(told)
