"""Who started and cancelled a job, and how its streams ended."""

from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript, StreamScript
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
async def test_every_cancel_has_an_event_with_its_user() -> None:
    script = JobScript(life="running 600, succeeded", cancel_takes=60)
    async with sandbox_client() as it:
        await it.trigger(it.sandbox.add_connection("orders", script=script))
        await it.pass_time(550)
        it.sandbox.cancel_job(it.sandbox.jobs[0], user="jane")  # too late: it succeeds before
        await it.pass_time(60)
        await it.cancel(1)
        ended = it.sandbox.jobs[0].cancel()
        events = await events_of(it, 1)
    assert ended is False
    assert [(each["eventType"], each.get("user", {}).get("name")) for each in events] == [
        ("SYNC_STARTED", "default"),
        ("SYNC_CANCELLED", "jane"),
        ("SYNC_CANCELLED", "default"),
        ("SYNC_SUCCEEDED", None),
    ]


@virtual
async def test_cancel_by_airbyte_or_a_reset_has_no_event() -> None:
    async with sandbox_client() as it:
        by_itself = it.sandbox.add_connection("a", script=JobScript(life="running 5, cancelled"))
        await it.trigger(by_itself)
        by_reset = it.sandbox.add_connection("b", script=JobScript(life="running"))
        await it.trigger(by_reset)
        await it.pass_time(10)
        await it.trigger(by_reset, "reset")
        kinds = [[each["eventType"] for each in await events_of(it, job_id)] for job_id in (1, 2)]
    assert [job.status for job in it.sandbox.jobs[:2]] == ["cancelled", "cancelled"]
    assert kinds == [["SYNC_STARTED"], ["SYNC_STARTED"]]


@pytest.mark.parametrize(
    ("key", "value"),
    [("disabled_reason", "SCHEMA_CHANGES_ARE_BREAKING"), ("disabled_by", "jane")],
)
@virtual
async def test_disabled_connection_has_an_event(key: str, value: str) -> None:
    async with sandbox_client() as it:
        more: dict[str, Any] = {key: value}
        connection = it.sandbox.add_connection("orders", status="inactive", **more)
        answer = await it.ask(
            "connections/events/list",
            connectionId=connection.id,
            eventTypes=["CONNECTION_DISABLED"],
        )
    (event,) = answer.json()["events"]
    said = event["summary"].get("disabledReason"), event.get("user", {}).get("name")
    assert said == ((value, None) if key == "disabled_reason" else (None, value))
    assert event["createdAt"] == it.sandbox.clock.start - 3600


@pytest.mark.parametrize(("version", "reason"), [("2.0", None), ("2.1", "unpaid")])
@virtual
async def test_connection_shows_status_reason_since_2_1(version: str, reason: str | None) -> None:
    async with sandbox_client(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("a", breaking_change=True, status_reason="unpaid")
        shown = (await it.ask("connections/get", connectionId=connection.id)).json()
    assert shown["breakingChange"] is True
    assert shown.get("statusReason") == reason


@virtual
async def test_only_the_web_apps_catalog_has_streams_that_are_not_selected() -> None:
    streams = ("users", {"name": "users", "namespace": "old", "selected": False})
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", streams=streams)
        shown = [
            (await it.ask(path, connectionId=connection.id)).json()
            for path in ("connections/get", "web_backend/connections/get")
        ]
        await it.trigger(connection)
        job = (await it.info())["job"]
    rows = [
        [
            (row["stream"].get("namespace"), row["config"]["selected"])
            for row in each["syncCatalog"]["streams"]
        ]
        for each in shown
    ]
    assert rows == [[(None, True)], [(None, True), ("old", False)]]
    assert job["enabledStreams"] == [{"name": "users"}]


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


async def states_of(it: SandboxClient, path: str, **body: object) -> list[tuple[str, str]]:
    rows = (await it.ask(f"stream_statuses/{path}", **body)).json()["streamStatuses"]
    return [(row["streamName"], row["runState"]) for row in rows]


@virtual
async def test_stream_ends_as_scripted() -> None:
    streams = {name: StreamScript(ends=name) for name in ("incomplete", "running", "none")}
    script = JobScript(life="running 5, succeeded", streams=streams)
    async with sandbox_client() as it:
        names = ("complete", *streams)
        connection = it.sandbox.add_connection("orders", script=script, streams=names)
        await it.trigger(connection)
        await it.pass_time(10)
        page = {"pageSize": 50, "rowOffset": 0}
        reported = await states_of(
            it, "list", workspaceId=connection.workspace_id, jobId=1, pagination=page
        )
    ended = [("complete", "COMPLETE"), ("incomplete", "INCOMPLETE")]
    assert reported == [*ended, ("running", "RUNNING")]


@pytest.mark.parametrize(
    ("version", "states"),
    [("0.60", ["RUNNING"] * 3), ("0.63", ["RUNNING", "RATE_LIMITED", "RUNNING"])],
)
@virtual
async def test_rate_limited_stream_names_quota_reset(version: str, states: list[str]) -> None:
    script = JobScript(
        life="running 600, succeeded", stalls_after=100, stalls_for=300, rate_limited=True
    )
    async with sandbox_client(airbyte_version=version) as it:
        connection = it.sandbox.add_connection("orders", script=script)
        await it.trigger(connection)
        rows: list[dict[str, Any]] = []
        for _ in range(3):
            await it.pass_time(200 if rows else 50)
            answer = await it.ask(
                "stream_statuses/list",
                workspaceId=connection.workspace_id,
                pagination={"pageSize": 50, "rowOffset": 0},
            )
            rows += answer.json()["streamStatuses"]
    assert [row["runState"] for row in rows] == states
    resets = [row["metadata"]["quotaReset"] for row in rows if "metadata" in row]
    starts_at = it.sandbox.jobs[0].runs_at
    assert resets == ([int((starts_at + 400) * 1000)] if "RATE_LIMITED" in states else [])


@virtual
async def test_job_without_statistics_reports_no_stream() -> None:
    script = JobScript(life="running 5, succeeded", statistics=False)
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", script=script)
        await it.trigger(connection)
        await it.pass_time(10)
        page = {"pageSize": 50, "rowOffset": 0}
        found = await states_of(it, "list", workspaceId=connection.workspace_id, pagination=page)
    assert found == []


@pytest.mark.parametrize(
    ("path", "field", "listed"),
    [
        ("connections/clear/stream", "resetConfig", "streamsToReset"),
        ("connections/reset/stream", "resetConfig", "streamsToReset"),
        ("connections/refresh", "refreshConfig", "streamsToRefresh"),
    ],
)
@virtual
async def test_job_for_some_streams_names_them(path: str, field: str, listed: str) -> None:
    wanted = [{"streamName": "users", "streamNamespace": "public"}]
    streams = ("orders", {"name": "users", "namespace": "public"})
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders", streams=streams)
        answer = await it.ask(path, connectionId=connection.id, streams=wanted)
        events = await events_of(it, 1)
    job = answer.json()["job"]
    assert job[field][listed] == [{"name": "users", "namespace": "public"}]
    assert len(job["enabledStreams"]) == 2
    assert events[0]["summary"]["streams"] == job[field][listed]


@pytest.mark.parametrize("streams", [5, ["users"], [{}]])
@virtual
async def test_malformed_streams_are_rejected(streams: object) -> None:
    async with sandbox_client() as it:
        connection = it.sandbox.add_connection("orders")
        answer = await it.ask(
            "connections/clear/stream", connectionId=connection.id, streams=streams
        )
    assert answer.status_code in {400, 422}
    assert it.sandbox.jobs == []
