"""What Airbyte remembers: who started and cancelled a job, how its streams fared, the state."""

from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript
from tests.sandbox.lab import Lab, lab
from tests.support.virtual import virtual


async def events_of(it: Lab, job_id: int) -> list[dict[str, Any]]:
    answer = await it.ask("connections/events/list_for_job", id=job_id)
    return list(answer.json()["events"])


@virtual
async def test_events_tell_who_started_a_job() -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", script=JobScript(life="running"))
        user = (await it.client.get("/api/v1/instance_configuration")).json()["defaultUserId"]
        await it.trigger(connection)
        others = [
            it.sandbox.start_job(connection, started_by=starter)
            for starter in ("other", "schedule")
        ]
        ours, theirs, scheduled = [
            await events_of(it, job_id) for job_id in (1, *(job.id for job in others))
        ]
    assert [event["eventType"] for event in ours] == ["SYNC_STARTED"]
    assert ours[0]["user"]["id"] == user
    assert theirs[0]["user"]["id"] != user
    assert scheduled == []


@pytest.mark.parametrize(
    ("life", "kind", "type_"),
    [
        ("running 5, succeeded", "sync", "SYNC_SUCCEEDED"),
        ("running 0, failed", "sync", "SYNC_FAILED"),
        ("running 20, failed", "sync", "SYNC_INCOMPLETE"),
        ("running 5, succeeded", "refresh", "REFRESH_SUCCEEDED"),
        ("running 5, succeeded", "reset_connection", "CLEAR_SUCCEEDED"),
    ],
)
@virtual
async def test_last_event_tells_how_a_job_ended(life: str, kind: str, type_: str) -> None:
    async with lab() as it:
        connection = it.sandbox.add_connection("orders")
        it.sandbox.start_job(connection, kind=kind, script=JobScript(life=life))
        await it.pass_time(60)
        events = (await it.ask("connections/events/list", connectionId=connection.id)).json()
        only = await it.ask(
            "connections/events/list", connectionId=connection.id, eventTypes=[type_]
        )
    assert events["events"][0]["eventType"] == type_
    assert events["events"][0]["summary"]["jobId"] == 1
    assert len(events["events"]) == 2
    assert only.json()["events"] == events["events"][:1]


@virtual
async def test_cancelled_job_names_who_cancelled_it() -> None:
    async with lab() as it:
        await it.trigger(it.sandbox.add_connection("orders", script=JobScript(life="running")))
        await it.cancel(1)
        events = await events_of(it, 1)
    assert [event["eventType"] for event in events] == ["SYNC_STARTED", "SYNC_CANCELLED"]
    assert events[1]["user"] == events[0]["user"]


@virtual
async def test_events_of_a_job_are_unknown_before_2_0() -> None:
    async with lab(airbyte_version="1.8") as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        answer = await it.ask("connections/events/list_for_job", id=1)
    assert (answer.status_code, answer.text) == (404, "Object not found.")


@virtual
async def test_stream_statuses_follow_the_attempts() -> None:
    script = JobScript(life="running 5, incomplete 5, running 5, succeeded")
    async with lab() as it:
        connection = it.sandbox.add_connection("orders", script=script, streams=("a", "b"))
        await it.trigger(connection)
        page = {"pageSize": 50, "rowOffset": 0}
        body = {"workspaceId": connection.workspace_id, "jobId": 1, "pagination": page}
        seen = []
        for _ in range(3):
            await it.pass_time(6)
            rows = (await it.ask("stream_statuses/list", **body)).json()["streamStatuses"]
            seen.append([row["runState"] for row in rows if row["streamName"] == "a"])
    assert seen == [["INCOMPLETE"], ["INCOMPLETE", "RUNNING"], ["INCOMPLETE", "COMPLETE"]]


@virtual
async def test_incomplete_streams_say_whether_they_were_cancelled() -> None:
    failure = JobFailure(type="config_error")
    async with lab() as it:
        broken = it.sandbox.add_connection(
            "broken", script=JobScript(life="running 1, failed", failure=failure)
        )
        endless = it.sandbox.add_connection("endless", script=JobScript(life="running"))
        for connection in (broken, endless):
            await it.trigger(connection)
        await it.cancel(2)
        body = {"workspaceId": broken.workspace_id, "pagination": {}}
        rows = (await it.ask("stream_statuses/list", **body)).json()["streamStatuses"]
    causes = [row["incompleteRunCause"] for row in rows]
    assert causes == ["FAILED", "CANCELED"]


@virtual
async def test_state_appears_with_the_first_success() -> None:
    async with lab() as it:
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
async def test_web_page_of_a_connection_names_both_ends_and_what_runs() -> None:
    async with lab() as it:
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
async def test_workspaces_and_actors_are_found_by_their_ids() -> None:
    async with lab() as it:
        orders = it.sandbox.add_connection("orders", source="Kafka", destination="Lake")
        paths = {
            f"/workspaces/{orders.workspace_id}": "Default",
            f"/sources/{orders.source_id}": "Kafka",
            f"/destinations/{orders.destination_id}": "Lake",
        }
        found = {path: (await it.get(path)).json()["name"] for path in paths}
        missing = [await it.get(f"/{kind}/{orders.id}") for kind in ("workspaces", "sources")]
    assert found == paths
    assert [answer.status_code for answer in missing] == [404, 404]
    assert missing[1].json()["data"] == {
        "resourceType": "SOURCE_CONNECTION",
        "resourceId": orders.id,
    }
