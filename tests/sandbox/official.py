"""Airbyte's OpenAPI documents, if they are available: validate a request and its response.

The documents are Airbyte's, so they are not in this repository. `AIRBYTE_SPECS` is a folder with
`airbyte-config-api.yaml` and `airbyte-public-api.yaml` (in airbytehq/airbyte-platform they are
`config.yaml` and `api.yaml` under airbyte-api/server-api/src/main/openapi), and in `by-version`
the same of each release as `config-1.8.0.yaml.gz` and `public-1.8.0.yaml.gz`.
"""

import copy
import gzip
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Schema = dict[str, Any]
FOLDER = os.environ.get("AIRBYTE_SPECS", "")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_METHODS = ("get", "post", "delete", "patch", "put")


def versions() -> list[str]:
    """Return the versions with documents, oldest first; none without the folder."""
    if not FOLDER:
        return []
    found = [path.name[len("config-") : -len(".yaml.gz")] for path in _by_version("config-*")]
    newest = ["latest"] if (Path(FOLDER) / "airbyte-config-api.yaml").exists() else []
    return [*sorted(found, key=lambda each: [int(part) for part in each.split(".")]), *newest]


def _by_version(pattern: str) -> list[Path]:
    folder = Path(FOLDER) / "by-version"
    return list((folder if folder.is_dir() else Path(FOLDER)).glob(pattern))


def _read(api: str, version: str) -> Schema:
    """Read one document; an empty one if this version has none."""
    if version == "latest":
        text = (Path(FOLDER) / f"airbyte-{api}-api.yaml").read_bytes()
    else:
        paths = _by_version(f"{api}-{version}.yaml.gz")
        text = gzip.decompress(paths[0].read_bytes()) if paths else b"paths: {}"
    document: Schema = yaml.load(text, Loader=_LOADER)  # noqa: S506  # the safe one, in C
    return document


@dataclass(frozen=True)
class Operation:
    """One method and path of a document."""

    name: str
    """`POST /v1/jobs/get`, or `GET /public/v1/jobs/{jobId}`."""
    details: Schema
    document: Schema

    def errors_in_request(self, query: Mapping[str, Any], body: object) -> Iterator[str]:
        """Yield the errors in a request."""
        known = {
            row["name"]: row
            for row in map(self._resolved, self.details.get("parameters") or [])
            if row["in"] == "query"
        }
        for name, text in query.items():
            if name not in known:
                yield f"query: {name} is not a parameter"
            else:
                schema = self._resolved(known[name]["schema"])
                yield from self._errors(schema, _from_text(schema, text), f"query: {name}")
        for name, row in known.items():
            if row.get("required") and name not in query:
                yield f"query: {name} is missing"
        asked = _json_of(self._resolved(self.details.get("requestBody") or {}))
        if asked is not None:
            yield from self._errors(asked, body, "body")
        elif body not in (None, {}):
            yield "body: none is expected"

    def errors_in_answer(self, status: int, answer: object) -> Iterator[str]:
        """Yield the errors in a response; a status without a schema is not validated."""
        responses = {str(key): value for key, value in self.details["responses"].items()}
        schema = _json_of(self._resolved(responses.get(str(status), {})))
        if schema is not None:
            yield from self._errors(schema, answer, f"answer {status}")

    def _errors(self, schema: Schema, value: object, where: str) -> Iterator[str]:
        whole = {**schema, "components": self.document["components"]}
        for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
            place = re.sub(r"\.\d+", "[]", ".".join(["", *map(str, error.absolute_path)]))
            yield f"{where}{place}: {error.message[:200]}"

    def _resolved(self, value: Schema) -> Schema:
        while "$ref" in value:
            kind, name = value["$ref"].split("/")[-2:]
            value = self.document["components"][kind][name]
        return value


def _json_of(holder: Schema) -> Schema | None:
    found: Schema | None = holder.get("content", {}).get("application/json", {}).get("schema")
    return found


def _from_text(schema: Schema, text: str) -> object:
    """Parse the text of a query parameter by its schema."""
    if schema.get("type") == "integer":
        return int(text) if text.lstrip("-").isdecimal() else text
    if schema.get("type") == "array":
        return text.split(",")
    return text == "true" if schema.get("type") == "boolean" else text


@cache
def operations(version: str) -> dict[str, Operation]:
    """Read all operations of a version, by name.

    The server's code is generated from the Config API's document, which has the Public API's
    paths too; the Public API's own is taken where that one has none of them (0.50).
    """
    config, public = _read("config", version), _read("public", version)
    found = _operations(config, "")
    if not any(name.split()[1].startswith("/public/") for name in found):
        found |= _operations(public, "/public/v1")
    return found


def _operations(document: Schema, prefix: str) -> dict[str, Operation]:
    strict = copy.deepcopy(document)
    _forbid_unknown(strict.get("components", {}))
    _forbid_unknown(strict["paths"])
    return {
        (name := f"{method.upper()} {prefix}{path}"): Operation(name, details, strict)
        for path, methods in strict["paths"].items()
        for method, details in methods.items()
        if method in _METHODS
    }


def _forbid_unknown(value: object) -> None:
    """Forbid properties that a schema does not name, so that an invented field is an error."""
    if isinstance(value, list):
        for each in value:
            _forbid_unknown(each)
    elif isinstance(value, dict):
        is_object = isinstance(value.get("properties"), dict) and value.get("type") == "object"
        if is_object and "additionalProperties" not in value:
            value["additionalProperties"] = False
        for each in value.values():
            _forbid_unknown(each)


def find(version: str, method: str, path: str) -> Operation | None:
    """Return the operation of a request such as `/v1/jobs/get` or `/public/v1/jobs/7`."""
    known = operations(version)
    exact = known.get(f"{method} {path}")
    if exact is not None:
        return exact
    for name, operation in known.items():
        template = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name))
        if "{" in name and re.fullmatch(template, f"{method} {path}"):
            return operation
    return None
