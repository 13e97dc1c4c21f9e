"""Who started and cancelled a job, and how its streams ended."""

from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript
from tests.sandbox.client import SandboxClient, sandbox_client
from tests.support.virtual import virtual


async def events_of(it: SandboxClient, job_id: int) -> list[dict[str, Any]]:
    answer = await it.ask("connections/events/list_for_job", id=job_id)
    return list(answer.json()["events"])


@virtual
async def test_started_event_names_user() -> None:
    async with sandbox_client() as it:
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
async def test_last_event_has_outcome_of_job(life: str, kind: str, type_: str) -> None:
    async with sandbox_client() as it:
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
async def test_cancelled_event_names_user() -> None:
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders", script=JobScript(life="running")))
        await it.cancel(1)
        events = await events_of(it, 1)
    assert [event["eventType"] for event in events] == ["SYNC_STARTED", "SYNC_CANCELLED"]
    assert events[1]["user"] == events[0]["user"]


@virtual
async def test_events_of_job_are_404_before_2_0() -> None:
    async with sandbox_client(airbyte_version="1.8") as it:
        await it.trigger(it.sandbox.add_connection("orders"))
        answer = await it.ask("connections/events/list_for_job", id=1)
    assert (answer.status_code, answer.text) == (404, "Object not found.")


@virtual
async def test_stream_statuses_follow_attempts() -> None:
    script = JobScript(life="running 5, incomplete 5, running 5, succeeded")
    async with sandbox_client() as it:
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
async def test_incomplete_stream_has_cause_failed_or_canceled() -> None:
    failure = JobFailure(type="config_error")
    async with sandbox_client() as it:
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
