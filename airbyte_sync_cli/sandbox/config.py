"""The configuration of a sandbox: connections, jobs, faults, and the mistakes in it."""

import difflib
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError

from airbyte_sync_cli.sandbox.connection import ConnectionStatus, Schedule
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.job import RESET_SCRIPT, JobFailure, JobScript, Model
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
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a UUID") from None


class ConnectionConfig(Model):
    """A connection as a scenario file describes it."""

    name: str
    id: Annotated[str, AfterValidator(_check_id)] | None = None
    """A UUID; without it, one that follows from the name."""
    workspace: str = "Default"
    status: ConnectionStatus = "active"
    schedule: Annotated[str, AfterValidator(_check_schedule)] = "manual"
    """`manual`, `every 24 hours` or `cron 0 0 0 * * ?`: what it says, not what it does."""
    starts_every: float | None = Field(default=None, gt=0)
    """It starts a job by itself every so many simulated seconds."""
    starts_after: float | None = Field(default=None, ge=0)
    """The first of these jobs; without it, one period after the beginning."""
    tags: tuple[str, ...] = ()
    streams: tuple[str, ...] = Field(default=("users",), min_length=1)
    source: str = "Postgres"
    destination: str = "Warehouse"
    jobs: tuple[JobScript, ...] = Field(default=(JobScript(),), min_length=1)
    """One script per sync job; the last one repeats."""
    reset: JobScript = RESET_SCRIPT
    history: tuple[JobScript, ...] = ()
    """Jobs that are over when the sandbox starts, oldest first, an hour apart."""
    workflow_deleted: bool = False
    can_refresh: bool = True


class SandboxConfig(Model):
    """A whole sandbox. Everything has a default; without connections it is empty."""

    airbyte_version: Annotated[str, AfterValidator(_check_version)] = LATEST
    speed: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Simulated seconds per second."""
    start: AwareDatetime | None = None
    """The simulated time at the beginning; None is now."""
    auth: AuthMode = "none"
    username: str = "airbyte"
    password: str = "password"  # noqa: S105  # Airbyte's own well-known default
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105  # opens nothing but a sandbox
    token_lifetime: float | None = Field(default=None, gt=0)
    """Real seconds; None is the version's own."""
    admin: bool = True
    """Whether the caller is an instance admin; others get 403 where admins get 404 or 409."""
    public_root: str = "/api/public/v1"
    """Cloud and the old api-server have `/v1`."""
    config_root: str = "/api/v1"
    public_threads: int | None = Field(default=None, ge=1)
    """So many requests of the Public API are worked on at once, the others wait; None is no
    limit. A self-managed Airbyte has 5, and before 2.2 a trigger holds one until its job runs."""
    page_overlap: int = Field(default=0, ge=0)
    """Public lists: pages after the first repeat so many rows, as has been seen in the wild."""
    connections: tuple[ConnectionConfig, ...] = ()
    faults: tuple[Fault, ...] = ()


_KINDS: Final[dict[type[Model], str]] = {
    SandboxConfig: "the sandbox",
    ConnectionConfig: "a connection",
    JobScript: "a job",
    JobFailure: "a failure",
    Fault: "a fault",
}
_NO_NUMBER: Final = "{given} is not a number"
_NO_WHOLE_NUMBER: Final = "{given} is not a whole number"
_NO_TRUTH: Final = "{given} is neither true nor false"
_NO_TIME: Final = "{given} is not a time with its offset, such as 2026-01-01T00:00:00Z"
_WORDS: Final = {
    "literal_error": "{given} is not known: choose from {expected}",
    "greater_than": "{given} is too small: it must be more than {gt:g}",
    "greater_than_equal": "{given} is too small: it must be at least {ge:g}",
    "less_than_equal": "{given} is too large: it must be at most {le:g}",
    "finite_number": "{given} is not finite",
    "too_short": "it is empty, and at least {min_length} must be there",
    "string_type": "{given} is not a text: put it between quotes",
    "tuple_type": "{given} is not a list: {cure}",
    "model_type": "{given} is not a table of keys",
    "float_type": _NO_NUMBER,
    "float_parsing": _NO_NUMBER,
    "int_type": _NO_WHOLE_NUMBER,
    "int_parsing": _NO_WHOLE_NUMBER,
    "int_from_float": _NO_WHOLE_NUMBER,
    "bool_type": _NO_TRUTH,
    "bool_parsing": _NO_TRUTH,
    "datetime_type": _NO_TIME,
    "datetime_parsing": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
    "timezone_aware": _NO_TIME,
}
"""By pydantic's type of error, as far as a scenario can make it."""
_MANY: Final = 5
_LONG: Final = 50
_NEAR: Final = 0.75
"""How alike two keys are that may be the same: `duration` is not `destination`."""


def tell_mistakes(error: ValidationError, fields: object) -> str:
    """Tell what is wrong with the fields of a sandbox, each mistake with the place of it."""
    found = [each for each in error.errors(include_url=False) if not _follows_from_another(each)]
    shown = found[:_MANY]
    told = [_sentence(each, fields) for each in shown]
    if len(found) > _MANY:
        told.append(f"and {len(found) - _MANY} more")
    misread = {_model_of(each): None for each in shown if each["type"] == "extra_forbidden"}
    told += [f"{_KINDS[model]} takes {', '.join(model.model_fields)}" for model in misread]
    return "; ".join(told)


def _follows_from_another(mistake: "ErrorDetails") -> bool:
    """Whether a list is called too short only because what is in it was refused."""
    return mistake["type"] == "too_short" and bool(mistake["input"])


def _sentence(mistake: "ErrorDetails", fields: object) -> str:
    way = mistake["loc"]
    if mistake["type"] in {"extra_forbidden", "missing"}:
        place, words = _place_of(way[:-1], fields), _about_key(mistake)
    else:
        place, words = _place_of(way, fields), _about_value(mistake)
    given = repr(mistake["input"])
    if place.endswith(given) and words.startswith(given):  # a fault's short form, said twice
        return f"{place}{words.removeprefix(given)}"
    return f"{place}: {words}" if place else words


def _place_of(way: Iterable[int | str], fields: object) -> str:
    """Put the way to a mistake into words: `connection 'orders', job 1, life`."""
    value, words = fields, [""]
    for step in way:
        value = _below(value, step)
        if isinstance(step, int):
            words[-1] = f"{words[-1].removesuffix('s')} {_name_of(words[-1], value) or step + 1}"
        else:
            words.append(step)
    return ", ".join(words[1:])


def _below(value: object, step: int | str) -> object:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int):
        return value[step]
    return None


def _name_of(field: str, value: object) -> str | None:
    """Tell a connection by its name and a fault by its short form; others have a number only."""
    name = value if field == "faults" else None
    if field == "connections" and isinstance(value, dict):
        name = value.get("name")
    return repr(name) if isinstance(name, str) else None


def _model_of(mistake: "ErrorDetails") -> type[Model]:
    """Find the model that a wrong key stands in."""
    model: type[Model] = SandboxConfig
    for step in mistake["loc"][:-1]:
        if isinstance(step, str):
            model = next(_models_in(model.model_fields[step].annotation))
    return model


def _models_in(annotation: object) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _about_key(mistake: "ErrorDetails") -> str:
    key = str(mistake["loc"][-1])
    if mistake["type"] == "missing":
        return f"{key!r} is missing"
    owners = [kind for model, kind in _KINDS.items() if key in model.model_fields]
    if owners:
        return f"unknown key {key!r} (it belongs to {' or '.join(owners)})"
    near = difflib.get_close_matches(key, _model_of(mistake).model_fields, n=1, cutoff=_NEAR)
    return f"unknown key {key!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


def _about_value(mistake: "ErrorDetails") -> str:
    words = _WORDS.get(mistake["type"])
    if words is None:  # ours, or none that a scenario is known to make
        return mistake["msg"].removeprefix("Value error, ")
    given = mistake["input"]
    cure = (
        f"[[{mistake['loc'][-1]}]] begins each table of one"
        if isinstance(given, dict)
        else "put it between [ and ]"
    )
    return words.format(given=_shown(given), cure=cure, **mistake.get("ctx", {}))


def _shown(value: object) -> str:
    """Write a value as TOML does, the long ones by their kind."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}\N{HORIZONTAL ELLIPSIS}"


def example_scenario() -> str:
    """Read the example: a valid scenario file with comments."""
    return files(__package__).joinpath("example.toml").read_text(encoding="utf-8")


class ScenarioError(ValueError):
    """A scenario that cannot be played; the message names the file and every wrong key."""


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
    """Check the fields of a sandbox. Raises ScenarioError."""
    try:
        return SandboxConfig.model_validate(fields)
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {tell_mistakes(error, fields)}") from error
