"""A malformed value or row hides no other: fields that are not needed are optional."""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.models import Connection, Job, LogLine, ResponseLost, TriggerResponse
from airbyte_sync_cli.errors import ProtocolError
from airbyte_sync_cli.sync.state import SyncState
from tests.airbyte.responses import (
    APIS,
    CONNECTION,
    PUBLIC_JOB,
    Json,
    a_job,
    ask,
    ask_http,
    config_api,
    public_api,
    respond,
)

ODD_IDS = ("seven", "", 0, -8, 7.5, True, False, 2**63, 2.0**53 + 2, 1e300, None, [7], {"id": 7})
"""Values that name no job: Airbyte's ids are BIGSERIAL."""


def read_job(api: str, **odd: object) -> Job:
    return ask(api, respond(a_job(api, **odd)), lambda server: server.job(7))


def read_jobs(api: str, *rows: Json, skip_unreadable: bool = False) -> Sequence[Job]:
    key = "data" if api == "public" else "jobs"

    def answer(request: httpx.Request) -> httpx.Response:
        is_hidden = "jobType" in request.url.params
        return httpx.Response(200, json={key: [] if is_hidden else rows})

    return ask(api, answer, lambda server: server.jobs("c", skip_unreadable=skip_unreadable))


def read_connections(api: str, *rows: object) -> Sequence[Connection]:
    def answer(request: httpx.Request) -> httpx.Response:
        said: object = {"data" if api == "public" else "connections": rows}
        if "workspaces" in request.url.path:
            said = {"workspaces": [{"workspaceId": "w"}]}
        return httpx.Response(200, content=json.dumps(said))  # escapes lone surrogates

    return ask(api, answer, lambda server: server.connections())


@APIS
@pytest.mark.parametrize("value", [10.5, "many", [], {}, None])
def test_malformed_number_of_records_is_unknown(api: str, value: object) -> None:
    assert read_job(api, rowsSynced=value).records_synced is None


@APIS
@pytest.mark.parametrize("value", [None, 7, []])
def test_malformed_job_type_is_unknown(api: str, value: object) -> None:
    assert read_job(api, jobType=value).type == "unknown"


@APIS
@pytest.mark.parametrize(
    ("said", "status"), [("SUCCEEDED", "succeeded"), (" Failed\n", "failed"), ("Paused", "paused")]
)
def test_status_is_normalized(api: str, said: str, status: str) -> None:
    assert read_job(api, status=said).status == status


@pytest.mark.parametrize(
    "said", ["2026-01-01T06:30:00", "2026-01-01T06:30Z", "2026-01-01T08:30:00+02:00"]
)
def test_time_with_any_offset_is_converted_to_utc(said: str) -> None:
    job = ask_http(
        lambda _: httpx.Response(200, json={**PUBLIC_JOB, "startTime": said}),
        lambda http_client: public_api(http_client).job(7, retry_for=0),
    )

    assert job.created_at == datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    told = SyncState(key="job 7", job=job).result().model_dump_json()
    assert '"created_at":"2026-01-01T06:30:00Z"' in told


@APIS
@pytest.mark.parametrize("value", ["yesterday", None, "0001-01-01T00:00:00+14:00"], ids=str)
def test_job_with_malformed_date_is_read_without_date(api: str, value: object) -> None:
    [newest, _] = read_jobs(api, a_job(api, jobId=8, startTime=value), a_job(api))

    assert (newest.id, newest.status, newest.created_at) == (8, "running", None)


@APIS
def test_job_with_nothing_but_id_is_read(api: str) -> None:
    odd = {"jobId": 8, "status": None, "startTime": None, "connectionId": None, "configId": None}

    [newest, _] = read_jobs(api, a_job(api, **odd), a_job(api))

    assert (newest.id, newest.status, newest.connection_id) == (8, "unknown", "c")


@APIS
@pytest.mark.parametrize("odd", [{"jobId": one} for one in ODD_IDS], ids=str)
def test_list_with_job_without_id_is_protocol_error(api: str, odd: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match="1 of 2 rows cannot be parsed"):
        read_jobs(api, a_job(api, **odd), a_job(api, jobId=6))


@APIS
@pytest.mark.parametrize("odd", [{"jobId": one} for one in ODD_IDS], ids=str)
def test_shown_list_skips_job_without_id_with_one_warning(
    api: str, odd: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    found = read_jobs(api, a_job(api), a_job(api, **{"jobId": 6} | odd), skip_unreadable=True)

    assert [job.id for job in found] == [7]
    [warning] = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "1 of 2 rows cannot be parsed" in warning.getMessage()


@APIS
@pytest.mark.parametrize("job_id", [2**53 + 1, 2**63 - 1])
def test_largest_job_id_is_read_exactly(api: str, job_id: int) -> None:
    [found] = read_jobs(api, a_job(api, jobId=job_id))

    assert found.id == job_id


@APIS
@pytest.mark.parametrize("job_id", ODD_IDS, ids=str)
def test_trigger_response_with_invalid_id_is_lost(api: str, job_id: object) -> None:
    async def trigger(server: Airbyte) -> TriggerResponse:
        return await server.trigger("c", "sync", may_send=lambda: True)

    answer = ask(api, respond(a_job(api, jobId=job_id)), trigger)

    assert isinstance(answer, ResponseLost)


@APIS
@pytest.mark.parametrize("job_id", ODD_IDS, ids=str)
def test_job_with_invalid_id_is_protocol_error(api: str, job_id: object) -> None:
    with pytest.raises(ProtocolError):
        read_job(api, jobId=job_id)


@APIS
@pytest.mark.parametrize(
    "odd",
    [
        {"name": None},
        {"name": 7},
        {"status": None},
        {"schedule": "daily", "scheduleData": "daily", "scheduleType": 7},
        {"tags": "nightly"},
        {"tags": [None, {"name": 7}]},
    ],
    ids=str,
)
def test_connection_with_malformed_field_is_read(api: str, odd: Json) -> None:
    found = read_connections(api, {**CONNECTION, "connectionId": "odd", **odd}, CONNECTION)

    assert [one.id for one in found] == ["odd", "good"]
    assert found[0].name == ("odd" if "name" in odd else "good")
    assert found[0].is_active
    assert found[0].tags == ()
    assert not found[0].starts_only_by_hand


@APIS
@pytest.mark.parametrize("row", [None, 7, {}, {"connectionId": None}], ids=str)
def test_connection_without_id_is_left_out_with_warning(
    api: str, row: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert [one.id for one in read_connections(api, row, CONNECTION)] == ["good"]
    assert "1 of 2 rows cannot be parsed" in caplog.text


@APIS
def test_list_without_any_readable_row_is_protocol_error(api: str) -> None:
    with pytest.raises(ProtocolError, match="none of the rows can be parsed"):
        read_connections(api, {}, {})


@APIS
def test_lone_surrogate_in_name_is_replaced(api: str) -> None:
    found = read_connections(
        api, {**CONNECTION, "connectionId": "odd", "name": "\ud800"}, CONNECTION
    )

    assert [one.name for one in found] == ["\ufffd", "good"]


def test_huge_failure_message_is_cut() -> None:
    failure = {"externalMessage": "no " * 700_000, "failureOrigin": "source"}
    attempt = {"attempt": {"failureSummary": {"failures": [None, failure]}}}
    info = {**a_job("config", status="failed"), "attempts": [attempt]}

    progress = ask("config", respond(info), lambda server: server.progress(7))

    assert progress is not None
    assert progress.failure is not None
    assert progress.failure.origin == "source"
    assert len(progress.failure.message or "") < 100_000


def test_malformed_log_entries_are_skipped() -> None:
    entries = [None, {"message": 7}, {"message": "a", "timestamp": "x", "level": " WARN "}, {}]

    async def read(lines: AsyncIterator[LogLine]) -> list[LogLine]:
        return [line async for line in lines]

    log = {"attempt": {}, "logs": {"events": entries}}
    found = ask("config", respond(log), lambda server: server.logs(7, attempt=1, read=read))

    assert found == [LogLine(message="a", level="warn")]


def test_missing_attempts_are_unknown() -> None:
    job = {"id": 7, "configType": "sync", "configId": "c", "status": "running", "createdAt": 1}

    progress = ask_http(
        lambda _: httpx.Response(200, json={"job": job}),
        lambda http_client: config_api(http_client).progress(7),
    )

    assert progress.attempts is None
    assert progress.attempt_list is None
