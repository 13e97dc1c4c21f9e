"""Responses have the expected fields in every version.

The schemas here have the names, the types, and the fields that are always present. They forbid
nulls, because Airbyte leaves absent fields out. test_official_schemas.py compares the fields of
each version with Airbyte's documents.
"""

from typing import Any

import jsonschema
import pytest

from tests.sandbox.client import VERSIONS
from tests.sandbox.tour import token_tour, tour
from tests.support.virtual import run

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
JAVA_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$"}
DURATION: Schema = {"type": "string", "pattern": r"^PT(\d+H)?(\d+M)?(\d+S)?$"}
STATUS: Schema = {
    "enum": ["pending", "queued", "running", "incomplete", "failed", "succeeded", "cancelled"]
}
TYPE: Schema = {"enum": ["sync", "reset_connection", "refresh", "clear"]}


def one(required: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


PUBLIC_JOB = one(
    {
        "jobId": COUNT,
        "status": STATUS,
        "jobType": {"enum": ["sync", "reset", "refresh", "clear"]},
        "startTime": JAVA_TIME,
        "connectionId": UUID,
    },
    {"lastUpdatedAt": JAVA_TIME, "duration": DURATION, "bytesSynced": COUNT, "rowsSynced": COUNT},
)
TAG = one({"tagId": UUID, "workspaceId": UUID, "name": TEXT, "color": TEXT})
PUBLIC_CONNECTION = one(
    {
        "connectionId": UUID,
        "name": TEXT,
        "sourceId": UUID,
        "destinationId": UUID,
        "workspaceId": UUID,
        "status": {"enum": ["active", "inactive", "deprecated", "locked"]},
        "schedule": one(
            {"scheduleType": {"enum": ["manual", "cron", "basic"]}},
            {"cronExpression": TEXT, "basicTiming": TEXT},
        ),
        "configurations": one(
            {"streams": many(one({"name": TEXT, "syncMode": TEXT}, {"namespace": TEXT}))}
        ),
        "nonBreakingSchemaUpdatesBehavior": TEXT,
        "namespaceDefinition": TEXT,
    },
    {"createdAt": COUNT, "tags": many(TAG), "dataResidency": TEXT},
)
NUMBERS: Schema = {
    "recordsEmitted": COUNT,
    "bytesEmitted": COUNT,
    "recordsCommitted": COUNT,
    "bytesCommitted": COUNT,
}
REJECTED: Schema = {"recordsRejected": COUNT}
STREAM = one({"name": TEXT}, {"namespace": TEXT})
LIGHT_FIELDS: Schema = {
    "id": COUNT,
    "configType": TYPE,
    "configId": UUID,
    "enabledStreams": many(STREAM),
    "createdAt": COUNT,
    "updatedAt": COUNT,
    "status": STATUS,
}
LIGHT_EXTRAS: Schema = {
    "startedAt": COUNT,
    "resetConfig": one({"streamsToReset": many(STREAM)}),
    "refreshConfig": one({"streamsToRefresh": many(STREAM)}),
}
LIGHT_JOB = one(LIGHT_FIELDS, LIGHT_EXTRAS)
JOB = one(
    LIGHT_FIELDS,
    {
        **LIGHT_EXTRAS,
        "aggregatedStats": one(NUMBERS, REJECTED),
        "streamAggregatedStats": many(
            one(
                {"streamName": TEXT, **NUMBERS, "wasBackfilled": FLAG},
                {"streamNamespace": TEXT, "wasResumed": FLAG, **REJECTED},
            )
        ),
    },
)
ATTEMPT_NUMBERS: Schema = {
    "recordsEmitted": COUNT,
    "bytesEmitted": COUNT,
    "recordsCommitted": COUNT,
}
ATTEMPT = one(
    {
        "id": COUNT,
        "status": {"enum": ["running", "failed", "succeeded"]},
        "createdAt": COUNT,
        "updatedAt": COUNT,
    },
    {
        "endedAt": COUNT,
        "bytesSynced": COUNT,
        "recordsSynced": COUNT,
        "totalStats": one(
            ATTEMPT_NUMBERS, {"estimatedRecords": COUNT, "estimatedBytes": COUNT, **REJECTED}
        ),
        "streamStats": many(
            one(
                {"streamName": TEXT, "stats": one(ATTEMPT_NUMBERS, REJECTED)},
                {"streamNamespace": TEXT},
            )
        ),
        "failureSummary": one(
            {
                "failures": many(
                    one(
                        {"timestamp": {"type": "integer", "minimum": 10**12}},
                        {
                            "failureOrigin": TEXT,
                            "failureType": TEXT,
                            "externalMessage": TEXT,
                            "internalMessage": TEXT,
                            "stacktrace": TEXT,
                            "retryable": FLAG,
                        },
                    )
                )
            },
            {"partialSuccess": FLAG},
        ),
    },
)
LINES = one({"logLines": many(TEXT)})
EVENTS = one(
    {
        "version": TEXT,
        "events": many(
            one(
                {
                    "timestamp": {"type": "integer", "minimum": 10**12},
                    "message": TEXT,
                    "level": {"enum": ["debug", "error", "info", "trace", "warn"]},
                    "logSource": {
                        "enum": ["source", "destination", "platform", "replication-orchestrator"]
                    },
                },
                {"stackTrace": TEXT},
            )
        ),
    }
)
LOGGED = one(
    {"attempt": ATTEMPT, "logs": {"oneOf": [LINES, EVENTS]}},
    {"logType": {"enum": ["formatted", "structured"]}},
)
PUBLIC_ACTOR: Schema = {"name": TEXT, "workspaceId": UUID, "configuration": {"type": "object"}}
CONFIG_ACTOR: Schema = {
    "name": TEXT,
    "workspaceId": UUID,
    "connectionConfiguration": {"type": "object"},
}


def actor_page(kind: str) -> Schema:
    own = {f"{kind}Id": UUID, f"{kind}Type": TEXT}
    row = one({**PUBLIC_ACTOR, **own}, {"definitionId": UUID, "createdAt": COUNT})
    return one({"previous": TEXT, "next": TEXT, "data": many(row)})


def actor_list(kind: str) -> Schema:
    own = {f"{kind}Id": UUID, f"{kind}DefinitionId": UUID, f"{kind}Name": TEXT}
    return one({f"{kind}s": many(one({**CONFIG_ACTOR, **own}, {"createdAt": COUNT}))})


INFO = one({"job": JOB, "attempts": many(one({"attempt": ATTEMPT}))})
LOGGED_INFO = one({"job": LIGHT_JOB, "attempts": many(LOGGED)})
ANY: Schema = {"type": "object"}

SHAPES: dict[str, Schema] = {
    "POST /jobs": PUBLIC_JOB,
    "DELETE /jobs/{jobId}": PUBLIC_JOB,
    "GET /jobs/{jobId}": PUBLIC_JOB,
    "GET /jobs": one({"previous": TEXT, "next": TEXT, "data": many(PUBLIC_JOB)}),
    "GET /connections/{connectionId}": PUBLIC_CONNECTION,
    "GET /connections": one({"previous": TEXT, "next": TEXT, "data": many(PUBLIC_CONNECTION)}),
    "GET /workspaces": one({"previous": TEXT, "next": TEXT, "data": many(ANY)}),
    "GET /tags": one({"data": many(TAG)}),
    "GET /sources": actor_page("source"),
    "GET /destinations": actor_page("destination"),
    "sources/list": actor_list("source"),
    "destinations/list": actor_list("destination"),
    "POST /applications/token": one(
        {"access_token": TEXT, "token_type": {"const": "Bearer"}, "expires_in": COUNT}
    ),
    "applications/token": one({"access_token": TEXT}),
    "jobs/get": LOGGED_INFO,
    "jobs/get_light": one({"job": LIGHT_JOB}),
    "jobs/get_without_logs": INFO,
    "jobs/list": one(
        {"jobs": many(one({"job": JOB, "attempts": many(ATTEMPT)})), "totalJobCount": COUNT}
    ),
    "jobs/cancel": LOGGED_INFO,
    "connections/sync": LOGGED_INFO,
    "connections/reset": LOGGED_INFO,
    "connections/clear": LOGGED_INFO,
    "connections/reset/stream": LOGGED_INFO,
    "connections/clear/stream": LOGGED_INFO,
    "connections/refresh": {"oneOf": [one({"job": LIGHT_JOB}), one({"value": FLAG})]},
    "attempt/get_for_job": LOGGED,
    "connections/get": ANY,
    "connections/list": one({"connections": many(ANY)}),
    "workspaces/list_by_user_id": one({"workspaces": many(ANY)}),
    "health": one({"available": {"const": True}}),
    "instance_configuration": ANY,
}


@pytest.mark.parametrize("version", VERSIONS)
def test_responses_match_shapes(version: str) -> None:
    met = set()
    for stop in run(tour(version)):
        jsonschema.validate(stop.answer, SHAPES.get(stop.operation, True))
        met.add(stop.operation)
    missing = set(SHAPES) - met - {"POST /applications/token", "applications/token"}
    assert missing <= ({"GET /tags"} if version in {"0.63", "1.0"} else set())


@pytest.mark.parametrize("version", ["1.0", "latest"])
def test_token_responses_match_shapes(version: str) -> None:
    for stop in run(token_tour(version)):
        jsonschema.validate(stop.answer, SHAPES[stop.operation])
