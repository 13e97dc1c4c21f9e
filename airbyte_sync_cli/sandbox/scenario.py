"""The configuration of a sandbox: the keys of a scenario file, and messages for what is wrong."""

import difflib
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    ValidationError,
    model_validator,
)

from airbyte_sync_cli.sandbox.connection import ConnectionStatus, Schedule
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.script import (
    RESET_SCRIPT,
    JobFailure,
    JobScript,
    LogEntry,
    ScenarioModel,
    StreamScript,
)
from airbyte_sync_cli.sandbox.versions import LATEST, quirks_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

AuthMode = Literal["none", "basic", "client-credentials"]


def _check_version(text: str) -> str:
    quirks_of(text)
    return text


def _check_schedule(text: str) -> str:
    Schedule.parse(text)
    return text


def _check_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))  # in Airbyte's spelling: lower case, with hyphens
    except ValueError:
        raise ValueError(f"{text!r} is not a UUID") from None


class StreamConfig(ScenarioModel):
    """A stream of a connection's catalog. A bare string stands for its name."""

    name: str = Field(min_length=1)
    namespace: str | None = None
    selected: bool = True
    mappers: tuple[str, ...] = ()
    """Types of the mappers that change or drop its records, such as `row-filtering` (1.2)."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class ConnectionConfig(ScenarioModel):
    """A `[[connections]]` table of a scenario file."""

    name: str
    id: Annotated[str, AfterValidator(_check_id)] | None = None
    """A UUID; by default one that is derived from the name."""
    workspace: str = "Default"
    status: ConnectionStatus = "active"
    schedule: Annotated[str, AfterValidator(_check_schedule)] = "manual"
    """The schedule that it shows: `manual`, `every 24 hours` or `cron 0 0 0 * * ?`."""
    starts_every: float | None = Field(default=None, gt=0)
    """Simulated seconds between two jobs that it starts itself."""
    starts_after: float | None = Field(default=None, ge=0)
    """Simulated seconds until the first of these jobs; by default one period."""
    tags: tuple[str, ...] = ()
    streams: tuple[StreamConfig, ...] = Field(default=(StreamConfig(name="users"),), min_length=1)
    source: str = "Postgres"
    destination: str = "Warehouse"
    jobs: tuple[JobScript, ...] = Field(default=(JobScript(),), min_length=1)
    """One script per sync; the last one repeats."""
    reset: JobScript = RESET_SCRIPT
    history: tuple[JobScript, ...] = ()
    """Jobs from before the start of the sandbox, oldest first, an hour apart."""
    workflow_deleted: bool = False
    can_refresh: bool = True
    breaking_change: bool = False
    """Whether its source's schema has changed in a way that breaks it."""
    status_reason: str | None = None
    """Why it is locked (since 2.1): `subscription_downgraded_access_revoked`."""
    disabled_reason: str | None = None
    """Why Airbyte switched it off, by the event of it: `SCHEMA_CHANGES_ARE_BREAKING` …"""
    disabled_by: str | None = None
    """The user who switched it off."""
    disabled_ago: float = Field(default=3600.0, ge=0)
    """How many simulated seconds before the start that was."""


class SandboxConfig(ScenarioModel):
    """A scenario file. Every key has a default; without connections the sandbox is empty."""

    airbyte_version: Annotated[str, AfterValidator(_check_version)] = LATEST
    speed: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Simulated seconds per second."""
    start: AwareDatetime | None = None
    """The simulated time at the start; None is now."""
    auth: AuthMode = "none"
    username: str = "airbyte"
    password: str = "password"  # noqa: S105  # Airbyte's well-known default
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105  # opens nothing but a sandbox
    token_lifetime: float | None = Field(default=None, gt=0)
    """Real seconds; None is the lifetime of the version."""
    admin: bool = True
    """Whether callers are instance admins; others get 403 where admins get 404 or 409."""
    public_root: str = "/api/public/v1"
    """`/v1` in Airbyte Cloud and in the old airbyte-api-server."""
    config_root: str = "/api/v1"
    public_threads: int | None = Field(default=None, ge=1)
    """How many requests of the Public API are handled at the same time; None is no limit. A
    self-managed Airbyte has 5, and up to 2.1 a trigger holds one until its job runs."""
    page_overlap: int = Field(default=0, ge=0)
    """How many rows each page after the first repeats in lists of the Public API."""
    connections: tuple[ConnectionConfig, ...] = ()
    faults: tuple[Fault, ...] = ()


_KINDS: Final[dict[type[ScenarioModel], str]] = {
    SandboxConfig: "the sandbox",
    ConnectionConfig: "a connection",
    JobScript: "a job",
    JobFailure: "a failure",
    StreamConfig: "a stream",
    StreamScript: "a stream of a job",
    LogEntry: "a log line",
    Fault: "a fault",
}
_NO_NUMBER: Final = "{given} is not a number"
_NO_INTEGER: Final = "{given} is not an integer"
_NO_BOOLEAN: Final = "{given} is neither true nor false"
_NO_TIME: Final = "{given} is not a time with an offset, such as 2026-01-01T00:00:00Z"
_MESSAGES: Final = {
    "literal_error": "{given} is not valid: use {expected}",
    "greater_than": "{given} is too small: it must be more than {gt:g}",
    "greater_than_equal": "{given} is too small: it must be at least {ge:g}",
    "less_than_equal": "{given} is too large: it must be at most {le:g}",
    "finite_number": "{given} is not finite",
    "too_short": "the list is empty: it needs at least {min_length} entry",
    "string_type": "{given} is not a string: put it in quotes",
    "tuple_type": "{given} is not a list: {fix}",
    "model_type": "{given} is not a table",
    "float_type": _NO_NUMBER,
    "float_parsing": _NO_NUMBER,
    "int_type": _NO_INTEGER,
    "int_parsing": _NO_INTEGER,
    "int_from_float": _NO_INTEGER,
    "bool_type": _NO_BOOLEAN,
    "bool_parsing": _NO_BOOLEAN,
    "datetime_type": _NO_TIME,
    "datetime_parsing": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
    "timezone_aware": _NO_TIME,
}
"""Messages by pydantic's type of error, for the types that a scenario can cause."""
_MAX_ERRORS: Final = 5
_MAX_VALUE: Final = 50
_SIMILARITY: Final = 0.75
"""How similar a suggested key must be: `destination` is no suggestion for `duration`."""


def format_errors(error: ValidationError, fields: object) -> str:
    """Format what is wrong with the fields of a sandbox, each error with its place."""
    found = [each for each in error.errors(include_url=False) if not _is_consequence(each)]
    shown = found[:_MAX_ERRORS]
    messages = [_message(each, fields) for each in shown]
    if len(found) > _MAX_ERRORS:
        messages.append(f"and {len(found) - _MAX_ERRORS} more")
    # A dict as an ordered set: each list of keys once, however many keys are wrong.
    models = {_model_of(each): None for each in shown if each["type"] == "extra_forbidden"}
    messages += [f"keys of {_KINDS[model]}: {', '.join(model.model_fields)}" for model in models]
    return "; ".join(messages)


def _is_consequence(error: "ErrorDetails") -> bool:
    """Return whether a list is too short only because its entries are not valid."""
    return error["type"] == "too_short" and bool(error["input"])


def _message(error: "ErrorDetails", fields: object) -> str:
    path = error["loc"]
    if error["type"] in {"extra_forbidden", "missing"}:
        place, text = _place_of(path[:-1], fields), _key_message(error)
    else:
        place, text = _place_of(path, fields), _value_message(error)
    given = repr(error["input"])
    if place.endswith(given) and text.startswith(given):  # a fault's short form would be twice
        return f"{place}{text.removeprefix(given)}"
    return f"{place}: {text}" if place else text


def _place_of(path: Iterable[int | str], fields: object) -> str:
    """Format the path to an error: `connection 'orders', job 1, life`."""
    value, words = fields, [""]
    for step in path:
        value = _child(value, step)
        if isinstance(step, int):
            words[-1] = f"{words[-1].removesuffix('s')} {_name_of(words[-1], value) or step + 1}"
        else:
            words.append(step)
    return ", ".join(words[1:])


def _child(value: object, step: int | str) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int):
        return value[step]  # pydantic numbers what it was given, so the index exists
    return None


def _name_of(field: str, value: object) -> str | None:
    """Return the name of a connection and the short form of a fault; others are numbered."""
    name = value if field == "faults" else None
    if field == "connections" and isinstance(value, dict):
        name = value.get("name")
    return repr(name) if isinstance(name, str) else None


def _model_of(error: "ErrorDetails") -> type[ScenarioModel]:
    """Return the model of the table that has a wrong key."""
    model: type[ScenarioModel] = SandboxConfig
    for step in error["loc"][:-1]:
        if step in model.model_fields:  # not the name of a stream
            model = next(_models_in(model.model_fields[str(step)].annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[ScenarioModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ScenarioModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _key_message(error: "ErrorDetails") -> str:
    key = str(error["loc"][-1])
    if error["type"] == "missing":
        return f"{key!r} is missing"
    # A key in the wrong table is more likely than a typo.
    owners = [kind for model, kind in _KINDS.items() if key in model.model_fields]
    if owners:
        return f"unknown key {key!r} (it belongs to {' or '.join(owners)})"
    similar = difflib.get_close_matches(
        key, _model_of(error).model_fields, n=1, cutoff=_SIMILARITY
    )
    return f"unknown key {key!r}" + (f" (did you mean {similar[0]!r}?)" if similar else "")


def _value_message(error: "ErrorDetails") -> str:
    message = _MESSAGES.get(error["type"])
    if message is None:  # a ValueError of our own validators, or a type that is not in the table
        return error["msg"].removeprefix("Value error, ")
    given = error["input"]
    fix = (
        f"[[{error['loc'][-1]}]] starts each table of the list"
        if isinstance(given, dict)
        else "put it in [ and ]"
    )
    return message.format(given=_toml(given), fix=fix, **error.get("ctx", {}))


def _toml(value: object) -> str:
    """Format a value as in TOML; of a table or a list only its type."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}\N{HORIZONTAL ELLIPSIS}"


def example_scenario() -> str:
    """Return the text of a valid scenario file with every key and comments."""
    return _packaged("example.toml")


def demo_config() -> SandboxConfig:
    """Return the sandbox that `airbyte-sync sandbox` serves without a scenario."""
    return SandboxConfig.model_validate(tomllib.loads(_packaged("demo.toml")))


def _packaged(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


class ScenarioError(ValueError):
    """A scenario is not valid; the message names the file and every wrong key."""


def load_config(path: Path) -> SandboxConfig:
    """Read a scenario file. Raises ScenarioError."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path} is not TOML: {error}") from error
    return build_config(fields, origin=str(path))


def build_config(fields: dict[str, object], *, origin: str) -> SandboxConfig:
    """Validate the fields of a sandbox; `origin` starts the message of a ScenarioError."""
    try:
        return SandboxConfig.model_validate(fields)
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {format_errors(error, fields)}") from error
