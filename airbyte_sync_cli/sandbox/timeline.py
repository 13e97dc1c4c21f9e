"""What Airbyte remembers of a job: events with who caused them, and how each stream fared."""

import math
import uuid
from collections.abc import Iterator
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox.connection import NAMESPACE, SimConnection, stable_id
from airbyte_sync_cli.sandbox.dataset import Ledger, Numbers
from airbyte_sync_cli.sandbox.job import FINAL, JobAttempt, SimJob
from airbyte_sync_cli.sandbox.request import Call, Endpoint, moment, page_of
from airbyte_sync_cli.sandbox.responses import Json, ok, without_nulls
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World

_KINDS: Final = {"sync": "SYNC", "refresh": "REFRESH"}
"""Everything else is a CLEAR."""
_USERS: Final = {"api": "default", "other": "other"}
"""Who starts a job by hand: whom `instance_configuration` names, or somebody else."""


class Timeline:
    """The handlers about events and stream statuses."""

    def __init__(self, world: World, quirks: Quirks) -> None:
        self._world = world
        self._quirks = quirks

    def endpoints(self) -> list[Endpoint]:
        """List them."""
        return [
            Endpoint("events", "POST", "/connections/events/list", self.events),
            Endpoint("events", "POST", "/connections/events/list_for_job", self.events_of_job),
            Endpoint("streams", "POST", "/stream_statuses/list", self.streams),
            Endpoint(
                "streams", "POST", "/stream_statuses/latest_per_run_state", self.latest_streams
            ),
        ]

    async def events(self, call: Call) -> Response:
        """List a connection's events, newest first."""
        body = call.json()
        connection = self._world.connection(call.uuid_of("connectionId"))
        wanted, start, end = (
            body.get("eventTypes"),
            moment(body.get("createdAtStart")),
            moment(body.get("createdAtEnd")),
        )
        rows = [
            (at, event)
            for job in self._world.jobs_of(connection.id)
            for at, event in self._events(job)
            if (not isinstance(wanted, list) or event["eventType"] in wanted)
            and (start is None or at >= start)
            and (end is None or at <= end)
        ]
        rows.reverse()
        rows.sort(key=lambda row: row[0], reverse=True)
        return ok({"events": page_of([event for _, event in rows], body)})

    async def events_of_job(self, call: Call) -> Response:
        """List a job's events; one that started by schedule has none until it is over."""
        job = self._world.job(call.int_of("id"))
        return ok({"events": [event for _, event in self._events(job)]})

    async def streams(self, call: Call) -> Response:
        """List stream statuses of a workspace, of its connections or jobs as asked for."""
        body = call.json()
        workspace = call.uuid_of("workspaceId")
        call.required("pagination")
        rows = [
            row
            for job in self._world.jobs()
            if self._world.connection(job.connection_id).workspace_id == workspace
            for row in self._statuses(job)
            if all(body.get(name) in {None, row.get(name)} for name in _STREAM_FILTERS)
        ]
        return ok({"streamStatuses": page_of(rows, body)})

    async def latest_streams(self, call: Call) -> Response:
        """List the latest status per stream, kind of job, and state."""
        connection = self._world.connection(call.uuid_of("connectionId"))
        rows = [row for job in self._world.jobs_of(connection.id) for row in self._statuses(job)]
        keys = ("jobType", "streamName", "runState", "incompleteRunCause")
        latest = {tuple(row.get(key) for key in keys): row for row in rows}
        return ok({"streamStatuses": list(latest.values())})

    def _events(self, job: SimJob) -> Iterator[tuple[float, Json]]:
        when, kind = job.now(), _KINDS.get(job.type, "CLEAR")
        streams = [{"name": name} for name in self._world.connection(job.connection_id).streams]
        started: Json = {
            "jobId": job.id,
            "startTimeEpochSeconds": int(job.created_at),
            "streams": streams if kind != "SYNC" else None,
        }
        user = _USERS.get(job.started_by)
        if user is not None:
            yield self._event(job, f"{kind}_STARTED", job.created_at, started, user=user)
        status = job.status_at(when)
        if status not in FINAL:
            return
        moved = Ledger(job, when, self._quirks.flush_period).total() or Numbers()
        partly = status == "failed" and moved.bytes_committed > 0
        ended: Json = {
            **started,
            "endTimeEpochSeconds": int(job.ends_at),
            "bytesLoaded": moved.bytes_committed,
            "recordsLoaded": moved.records_committed,
            "attemptsCount": len(job.attempts_at(when)),
        }
        word = "INCOMPLETE" if partly else status.upper()
        canceller = "default" if status == "cancelled" and job.cancels else None
        yield self._event(job, f"{kind}_{word}", job.ends_at, ended, user=canceller)

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
        connection = self._world.connection(job.connection_id)
        return [
            _status(job, attempt, connection, stream)
            for attempt in job.attempts_at(job.now())
            for stream in connection.streams
        ]


_STREAM_FILTERS: Final = ("connectionId", "jobId", "attemptNumber", "jobType", "streamName")


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
            "id": str(uuid.uuid5(NAMESPACE, f"status/{job.id}/{attempt.number}/{stream}")),
            "workspaceId": connection.workspace_id,
            "connectionId": connection.id,
            "jobId": job.id,
            "attemptNumber": attempt.number,
            "jobType": "RESET" if job.type in {"reset_connection", "clear"} else "SYNC",
            "streamName": stream,
            "runState": state,
            "incompleteRunCause": cause if state == "INCOMPLETE" else None,
            "transitionedAt": int(changed * 1000),
        }
    )
