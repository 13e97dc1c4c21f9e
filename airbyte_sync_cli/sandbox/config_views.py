"""The Config API's shapes of jobs and attempts.

Times are epoch seconds, those of failures and log events milliseconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from airbyte_sync_cli.sandbox.answers import Json, without_nulls
from airbyte_sync_cli.sandbox.connection import SimConnection, stable_id
from airbyte_sync_cli.sandbox.job import Attempt, SimJob
from airbyte_sync_cli.sandbox.logs import formatted, log_of, structured
from airbyte_sync_cli.sandbox.statistics import Ledger, Numbers
from airbyte_sync_cli.sandbox.versions import Quirks


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at this moment, shown in as much detail as an endpoint loads."""

    job: SimJob
    streams: Sequence[str]
    quirks: Quirks

    def light(self) -> Json:
        """Show the job alone: no statistics."""
        when, job = self.job.now(), self.job
        return without_nulls(
            {
                "id": job.id,
                "configType": job.type,
                "configId": job.connection_id,
                "enabledStreams": [{"name": name} for name in self.streams],
                "createdAt": int(job.created_at),
                "updatedAt": int(job.updated_at(when)),
                "startedAt": int(job.runs_at) if job.attempts_at(when) else None,
                "status": job.status_at(when),
            }
        )

    def full(self) -> Json:
        """Show the job with the statistics of all attempts together."""
        total = self._ledger().total()
        if total is None:
            return self.light()
        streams = [
            {"streamName": name, **_job_numbers(total.share(index, len(self.streams)))}
            for index, name in enumerate(self.streams)
        ]
        numbers = {"aggregatedStats": _job_numbers(total), "streamAggregatedStats": streams}
        return {**self.light(), **numbers}

    def attempts(self, *, statistics: bool = True) -> list[Json]:
        """Show the attempts."""
        rows = self._ledger().attempts()
        return [
            self._attempt(attempt, numbers if statistics else None) for attempt, numbers in rows
        ]

    def attempt_infos(self, *, logs: bool, statistics: bool = True) -> list[Json]:
        """Show the attempts, each with its log where asked for."""
        shown = self.attempts(statistics=statistics)
        if not logs:
            return [{"attempt": each} for each in shown]
        known = self.job.attempts_at(self.job.now())
        return [
            {"attempt": each, **self._log(attempt)}
            for each, attempt in zip(shown, known, strict=True)
        ]

    def numbers_of(self, number: int) -> Numbers | None:
        """Find the numbers of one attempt; None where there are none yet."""
        rows = {attempt.number: numbers for attempt, numbers in self._ledger().attempts()}
        return rows.get(number)

    def _ledger(self) -> Ledger:
        return Ledger(self.job, self.job.now(), self.quirks.flush_period)

    def _log(self, attempt: Attempt) -> Json:
        lines = log_of(self.job, attempt, self.job.now())
        return structured(lines) if self.quirks.structured_logs else formatted(lines)

    def _attempt(self, attempt: Attempt, numbers: Numbers | None) -> Json:
        ended = math.isfinite(attempt.end)
        return without_nulls(
            {
                "id": attempt.number,
                "status": attempt.status,
                "createdAt": int(attempt.start),
                "updatedAt": int(attempt.end if ended else attempt.start),
                "endedAt": int(attempt.end) if ended else None,
                "bytesSynced": numbers.bytes_emitted if numbers and ended else None,
                "recordsSynced": numbers.records_emitted if numbers and ended else None,
                "totalStats": numbers and self._attempt_numbers(numbers),
                "streamStats": numbers and self._stream_numbers(numbers),
                "failureSummary": _failure_summary(attempt),
            }
        )

    def _attempt_numbers(self, numbers: Numbers) -> Json:
        script = self.job.script
        return without_nulls(
            {
                "recordsEmitted": numbers.records_emitted,
                "bytesEmitted": numbers.bytes_emitted,
                "recordsCommitted": numbers.records_committed,
                "estimatedRecords": script.records if script.estimate else None,
                "estimatedBytes": script.byte_count if script.estimate else None,
            }
        )

    def _stream_numbers(self, numbers: Numbers) -> list[Json]:
        parts = [numbers.share(index, len(self.streams)) for index in range(len(self.streams))]
        return [
            {
                "streamName": name,
                "stats": {
                    "recordsEmitted": part.records_emitted,
                    "bytesEmitted": part.bytes_emitted,
                    "recordsCommitted": part.records_committed,
                },
            }
            for name, part in zip(self.streams, parts, strict=True)
        ]


def combined_stats(numbers: Numbers) -> Json:
    """Show one attempt's numbers, the committed bytes included (`get_combined_stats`)."""
    return {
        "recordsEmitted": numbers.records_emitted,
        "bytesEmitted": numbers.bytes_emitted,
        "recordsCommitted": numbers.records_committed,
        "bytesCommitted": numbers.bytes_committed,
    }


def _job_numbers(numbers: Numbers) -> Json:
    return {**combined_stats(numbers), "recordsRejected": 0}


def _failure_summary(attempt: Attempt) -> Json | None:
    failure = attempt.failure
    if failure is None:
        return None
    reason = without_nulls(
        {
            "failureOrigin": failure.origin,
            "failureType": failure.type,
            "externalMessage": failure.message,
            "internalMessage": failure.internal_message or None,
            "stacktrace": failure.stacktrace or None,
            "retryable": failure.retryable,
            "timestamp": int(attempt.end * 1000),
        }
    )
    return {"failures": [reason], "partialSuccess": False}


def progress_view(connection: SimConnection, view: JobView | None) -> Json:
    """Show `sync_progress`; when nothing runs, next to nothing (the schema asks for more)."""
    if view is None:
        return {"connectionId": connection.id, "streams": []}
    full = view.full()
    numbers = full.get("aggregatedStats", {})
    parts = full.get("streamAggregatedStats") or [{"streamName": name} for name in view.streams]
    return {
        "connectionId": connection.id,
        "jobId": view.job.id,
        "configType": view.job.type,
        "syncStartedAt": full.get("startedAt", full["createdAt"]),
        **(numbers if isinstance(numbers, dict) else {}),
        "streams": [
            {**part, "configType": view.job.type}
            for part in (parts if isinstance(parts, list) else [])
        ],
    }


def debug_view(view: JobView, connection: SimConnection) -> Json:
    """Show `get_debug_info`: everything at once, logs and connector definitions included."""
    return {
        "job": {
            **view.full(),
            "airbyteVersion": view.quirks.release,
            "sourceDefinition": _definition("source", connection.source),
            "destinationDefinition": _definition("destination", connection.destination),
        },
        "attempts": view.attempt_infos(logs=True),
        "workflowState": {"running": view.job.active},
    }


def _definition(kind: str, name: str) -> Json:
    return {
        f"{kind}DefinitionId": stable_id(f"{kind}-definition", name),
        "name": name,
        "dockerRepository": f"airbyte/{kind}-{name.lower()}",
        "dockerImageTag": "1.0.0",
        "documentationUrl": f"https://docs.airbyte.com/integrations/{kind}s/{name.lower()}",
    }
