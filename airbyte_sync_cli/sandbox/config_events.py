"""The Config API's endpoints for the events of a connection and the statuses of its streams.

Events say who started and who cancelled a job (since 2.0 by job), and why a connection was
switched off (ConnectionTimelineEventHelper).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from airbyte_sync_cli.sandbox.api_request import ApiRequest, Endpoint, page_of, parse_time
from airbyte_sync_cli.sandbox.config_views import descriptor
from airbyte_sync_cli.sandbox.connection import (
    Disabling,
    SimConnection,
    SimStream,
    stable_id,
)
from airbyte_sync_cli.sandbox.counts import Counts, JobCounts
from airbyte_sync_cli.sandbox.job import Cancel, JobAttempt, SimJob
from airbyte_sync_cli.sandbox.responses import Json, ok, without_nulls
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import Quirks

_EVENT_KINDS: Final = {"sync": "SYNC", "refresh": "REFRESH"}
"""By job type; every other type is a CLEAR."""
_USERS: Final = {"api": "default", "other": "other"}
"""The user of a manual start: that of `instance_configuration`, or another one."""
_RESETS: Final = frozenset({"reset_connection", "clear"})
_STREAM_FILTERS: Final = (
    *("connectionId", "jobId", "attemptNumber", "jobType", "streamName", "streamNamespace"),
)


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
            for at, event in self._connection_events(connection)
            if (not isinstance(wanted, list) or event["eventType"] in wanted)
            and (start is None or at >= start)
            and (end is None or at <= end)
        ]
        rows.reverse()  # the sort is stable: events of one moment stay newest first
        rows.sort(key=lambda row: row[0], reverse=True)
        return ok({"events": page_of([event for _, event in rows], body)})

    def _connection_events(self, connection: SimConnection) -> Iterator[tuple[float, Json]]:
        if connection.disabled:
            yield connection.disabled.at, _disabled_event(connection, connection.disabled)
        for job in self._state.jobs_of(connection.id):
            yield from self._events(job)

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
        asked = job.streams or self._state.connection(job.connection_id).selected
        started: Json = {
            "jobId": job.id,
            "startTimeEpochSeconds": int(job.created_at),
            "streams": [descriptor(each) for each in asked] if kind != "SYNC" else None,
        }
        user = _USERS.get(job.started_by)
        if user is not None:  # a scheduled start has no event
            yield self._event(job, f"{kind}_STARTED", job.created_at, started, user=user)
        # One per cancel request, even if the job had ended or then succeeds; none where Airbyte
        # itself cancelled it (SchedulerHandler.submitCancellationToWorker).
        for cancel in job.cancelled_by:
            if cancel.user is not None and (at := _written_at(job, cancel)) <= when:
                summary = self._ended(job, started, at)
                yield self._event(job, f"{kind}_CANCELLED", at, summary, user=cancel.user)
        status = job.status_at(when)
        if status not in {"succeeded", "failed"}:
            return
        ended = self._ended(job, started, job.ends_at)
        # A failed job that committed data is a partial success.
        partial = status == "failed" and ended["bytesLoaded"]
        outcome = "INCOMPLETE" if partial else status.upper()
        yield self._event(job, f"{kind}_{outcome}", job.ends_at, ended, user=None)

    def _ended(self, job: SimJob, started: Json, at: float) -> Json:
        when = job.now()
        counts = JobCounts(job, when, self._quirks.flush_period).total() or Counts()
        ended = {
            "endTimeEpochSeconds": int(at),
            "bytesLoaded": counts.bytes_committed,
            "recordsLoaded": counts.records_committed,
            "recordsRejected": counts.records_rejected,
            "attemptsCount": len(job.attempts_at(when)),
        }
        return {**started, **self._quirks.fields("FinalStatusEvent", ended)}

    def _event(
        self, job: SimJob, type_: str, at: float, summary: Json, *, user: str | None
    ) -> tuple[float, Json]:
        event = {
            "id": stable_id("event", f"{job.id}/{type_}/{at}"),
            "connectionId": job.connection_id,
            "eventType": type_,
            "summary": without_nulls(summary),
            "createdAt": int(at),
            "user": user and _user(user),
        }
        return at, without_nulls(event)

    def _statuses(self, job: SimJob) -> Iterator[Json]:
        connection = self._state.connection(job.connection_id)
        # A refresh moves the streams that it was not requested for as well.
        streams = job.streams if job.type in _RESETS and job.streams else connection.selected
        before = 0.0
        for attempt in job.attempts_at(job.now()):
            for stream in streams:
                status = StoredStatus(job, attempt, stream, before, self._quirks)
                yield from status.rows(connection)
            before += attempt.seconds_until(job.now())


def _written_at(job: SimJob, cancel: Cancel) -> float:
    """Return when a cancel's event is written: once the job has stopped, if it has to."""
    return (
        min(cancel.at + job.script.cancel_takes, job.ends_at) if cancel.took_effect else cancel.at
    )


def _disabled_event(connection: SimConnection, disabled: Disabling) -> Json:
    return without_nulls(
        {
            "id": stable_id("event", f"{connection.id}/disabled"),
            "connectionId": connection.id,
            "eventType": "CONNECTION_DISABLED",
            "summary": without_nulls({"disabledReason": disabled.reason}),
            "createdAt": int(disabled.at),
            "user": disabled.user and _user(disabled.user),
        }
    )


def _user(name: str) -> Json:
    return {
        "id": stable_id("user", name),
        "name": name,
        "email": f"{name}@example.com",
        "isDeleted": False,
    }


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """The status of one stream in one attempt; `before` are the attempts' seconds before it."""

    job: SimJob
    attempt: JobAttempt
    stream: SimStream
    before: float
    quirks: Quirks

    def rows(self, connection: SimConnection) -> Iterator[Json]:
        """Yield it, unless it was never reported."""
        state, attempt = self._state(), self.attempt
        if state == "NONE":
            return
        cancelled = attempt.failure is not None and attempt.failure.type == "manual_cancellation"
        cause = "CANCELED" if cancelled else "FAILED"
        changed = attempt.end if state in {"COMPLETE", "INCOMPLETE"} else attempt.start
        limited = state == "RATE_LIMITED"
        yield without_nulls(
            {
                "id": stable_id("status", f"{self.job.id}/{attempt.number}/{self.stream.key}"),
                "workspaceId": connection.workspace_id,
                "connectionId": connection.id,
                "jobId": self.job.id,
                "attemptNumber": attempt.number,
                # Stream statuses know two job types only: a refresh is a SYNC.
                "jobType": "RESET" if self.job.type in _RESETS else "SYNC",
                "streamName": self.stream.name,
                "streamNamespace": self.stream.namespace,
                "runState": state,
                "incompleteRunCause": cause if state == "INCOMPLETE" else None,
                # Milliseconds, unlike events.
                "transitionedAt": int((self._stalls_at if limited else changed) * 1000),
                "metadata": {"quotaReset": self._quota_reset} if limited else None,
            }
        )

    def _state(self) -> str:
        own = self.job.script.streams.get(self.stream.key)
        # An attempt that never ran has no statistics, and reports no stream either.
        silent = own is None and not self.job.script.statistics
        if silent or (own is not None and own.ends == "none"):
            return "NONE"
        if self.attempt.status == "running":
            limited = self._is_limited() and self.quirks.knows(
                "StreamStatusRunState", "RATE_LIMITED"
            )
            return "RATE_LIMITED" if limited else "RUNNING"
        if own is not None and own.ends is not None:
            return own.ends.upper()
        return "COMPLETE" if self.attempt.status == "succeeded" else "INCOMPLETE"

    def _is_limited(self) -> bool:
        script = self.job.script
        if not script.rate_limited or script.stalls_after is None:
            return False
        return self._stalls_at <= self.job.now() < self._stalls_at + script.stalls_for

    @property
    def _stalls_at(self) -> float:
        return self.attempt.start + (self.job.script.stalls_after or 0.0) - self.before

    @property
    def _quota_reset(self) -> int:
        return int((self._stalls_at + self.job.script.stalls_for) * 1000)
