"""The Config API's endpoints for a job's events and stream statuses.

Events say who started and who cancelled a job (ConnectionTimelineEventHelper, since 2.0 by job).
"""

import math
from collections.abc import Iterator
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox.api_request import ApiRequest, Endpoint, page_of, parse_time
from airbyte_sync_cli.sandbox.connection import SimConnection, stable_id
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts
from airbyte_sync_cli.sandbox.job import JobAttempt, SimJob
from airbyte_sync_cli.sandbox.responses import Json, ok, without_nulls
from airbyte_sync_cli.sandbox.script import FINAL
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import Quirks

_EVENT_KINDS: Final = {"sync": "SYNC", "refresh": "REFRESH"}
"""By job type; every other type is a CLEAR."""
_USERS: Final = {"api": "default", "other": "other"}
"""The user of a manual start: that of `instance_configuration`, or another one."""
_STREAM_FILTERS: Final = ("connectionId", "jobId", "attemptNumber", "jobType", "streamName")


class EventEndpoints:
    """The handlers."""

    def __init__(self, state: SandboxState, quirks: Quirks) -> None:
        self._state = state
        self._quirks = quirks

    def endpoints(self) -> list[Endpoint]:
        """Return them, by the names that faults use."""
        return [
            Endpoint("events", "POST", "/connections/events/list", self.list_events),
            Endpoint("events", "POST", "/connections/events/list_for_job", self.list_job_events),
            Endpoint("streams", "POST", "/stream_statuses/list", self.list_stream_statuses),
        ]

    async def list_events(self, request: ApiRequest) -> Response:
        """Return a connection's events, newest first."""
        body = request.json()
        connection = self._state.connection(request.uuid_of("connectionId"))
        wanted, start, end = (
            body.get("eventTypes"),
            parse_time(body.get("createdAtStart")),
            parse_time(body.get("createdAtEnd")),
        )
        rows = [
            (at, event)
            for job in self._state.jobs_of(connection.id)
            for at, event in self._events(job)
            if (not isinstance(wanted, list) or event["eventType"] in wanted)
            and (start is None or at >= start)
            and (end is None or at <= end)
        ]
        rows.reverse()  # the sort is stable: events of one moment stay newest first
        rows.sort(key=lambda row: row[0], reverse=True)
        return ok({"events": page_of([event for _, event in rows], body)})

    async def list_job_events(self, request: ApiRequest) -> Response:
        """Return a job's events; a scheduled job has none until it is over."""
        job = self._state.job(request.int_of("id"))
        return ok({"events": [event for _, event in self._events(job)]})

    async def list_stream_statuses(self, request: ApiRequest) -> Response:
        """Return a workspace's stream statuses, filtered by connection, job or stream."""
        body = request.json()
        workspace = request.uuid_of("workspaceId")
        request.required("pagination")
        rows = [
            row
            for job in self._state.jobs()
            if self._state.connection(job.connection_id).workspace_id == workspace
            for row in self._statuses(job)
            if all(body.get(name) in {None, row.get(name)} for name in _STREAM_FILTERS)
        ]
        return ok({"streamStatuses": page_of(rows, body)})

    def _events(self, job: SimJob) -> Iterator[tuple[float, Json]]:
        when, kind = job.now(), _EVENT_KINDS.get(job.type, "CLEAR")
        streams = [{"name": name} for name in self._state.connection(job.connection_id).streams]
        started: Json = {
            "jobId": job.id,
            "startTimeEpochSeconds": int(job.created_at),
            "streams": streams if kind != "SYNC" else None,
        }
        user = _USERS.get(job.started_by)
        if user is not None:  # a scheduled start has no event
            yield self._event(job, f"{kind}_STARTED", job.created_at, started, user=user)
        status = job.status_at(when)
        if status not in FINAL:
            return
        counts = JobCounts(job, when, self._quirks.flush_period).total() or Counts()
        partial = status == "failed" and counts.bytes_committed > 0
        ended: Json = {
            **started,
            "endTimeEpochSeconds": int(job.ends_at),
            "bytesLoaded": counts.bytes_committed,
            "recordsLoaded": counts.records_committed,
            "attemptsCount": len(job.attempts_at(when)),
        }
        # A failed job that committed data is a partial success.
        outcome = "INCOMPLETE" if partial else status.upper()
        canceller = "default" if status == "cancelled" and job.cancels else None
        yield self._event(job, f"{kind}_{outcome}", job.ends_at, ended, user=canceller)

    def _event(
        self, job: SimJob, type_: str, at: float, summary: Json, *, user: str | None
    ) -> tuple[float, Json]:
        event = {
            "id": stable_id("event", f"{job.id}/{type_}"),
            "connectionId": job.connection_id,
            "eventType": type_,
            "summary": without_nulls(summary),
            "createdAt": int(at),
            "user": user and _user(user),
        }
        return at, without_nulls(event)

    def _statuses(self, job: SimJob) -> list[Json]:
        connection = self._state.connection(job.connection_id)
        return [
            _status(job, attempt, connection, stream)
            for attempt in job.attempts_at(job.now())
            for stream in connection.streams
        ]


def _user(name: str) -> Json:
    return {
        "id": stable_id("user", name),
        "name": name,
        "email": f"{name}@example.com",
        "isDeleted": False,
    }


def _status(job: SimJob, attempt: JobAttempt, connection: SimConnection, stream: str) -> Json:
    state = {"running": "RUNNING", "succeeded": "COMPLETE"}.get(attempt.status, "INCOMPLETE")
    cancelled = attempt.failure is not None and attempt.failure.type == "manual_cancellation"
    cause = "CANCELED" if cancelled else "FAILED"
    changed = attempt.end if math.isfinite(attempt.end) else attempt.start
    return without_nulls(
        {
            "id": stable_id("status", f"{job.id}/{attempt.number}/{stream}"),
            "workspaceId": connection.workspace_id,
            "connectionId": connection.id,
            "jobId": job.id,
            "attemptNumber": attempt.number,
            # Stream statuses know two job types only: a refresh is a SYNC.
            "jobType": "RESET" if job.type in {"reset_connection", "clear"} else "SYNC",
            "streamName": stream,
            "runState": state,
            "incompleteRunCause": cause if state == "INCOMPLETE" else None,
            "transitionedAt": int(changed * 1000),  # milliseconds, unlike events
        }
    )
