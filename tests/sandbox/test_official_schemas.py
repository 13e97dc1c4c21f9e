"""Answers match the official OpenAPI documents, where somebody has them.

The documents are Airbyte's and not ours to ship: `AIRBYTE_SPECS` names a folder that holds
`airbyte-public-api.yaml` and `airbyte-config-api.yaml` (in airbytehq/airbyte-platform they are
`api.yaml` and `config.yaml` under airbyte-api/server-api/src/main/openapi).
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.tour import Stop, token_tour, tour
from tests.support.virtual import run

FOLDER = os.environ.get("AIRBYTE_SPECS", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="AIRBYTE_SPECS names no folder with Airbyte's OpenAPI documents"
)


@cache
def document(name: str) -> dict[str, Any]:
    """Read a document and mend what no answer can satisfy."""
    text = (Path(FOLDER) / name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    stream = loaded["components"]["schemas"].get("AirbyteStream")
    if stream is not None:
        # It requires `json_schema`, but the property is `jsonSchema` and no other may be there.
        stream["required"] = ["name", "jsonSchema"]
    return loaded


def schema_of(operation: str) -> dict[str, Any]:
    """The schema of an operation's answer 200, with everything that it refers to."""
    if " " in operation:
        method, path = operation.split()
        spec, name = document("airbyte-public-api.yaml"), path
    else:
        spec, name = document("airbyte-config-api.yaml"), f"/v1/{operation}"
        method = "get" if operation in {"health", "instance_configuration"} else "post"
    answer = spec["paths"][name][method.lower()]["responses"]
    content = (answer.get("200") or answer[200])["content"]["application/json"]["schema"]
    return {**content, "components": spec["components"]}


def is_idle_progress(stop: Stop) -> bool:
    """The server itself breaks its schema here: nothing runs, and `configType` is missing."""
    return (
        stop.operation == "connections/sync_progress"
        and isinstance(stop.answer, dict)
        and "jobId" not in stop.answer
    )


@pytest.mark.parametrize("version", ["1.8", "latest"])
def test_answers_match_the_official_documents(version: str) -> None:
    checked = 0
    for stop in [*run(tour(version)), *run(token_tour(version))]:
        if is_idle_progress(stop):
            continue
        jsonschema.Draft202012Validator(schema_of(stop.operation)).validate(stop.answer)
        checked += 1
    assert checked > 80
