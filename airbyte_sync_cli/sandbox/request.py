"""One request to the sandbox: route, subject, parameters, and its record."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeVar

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.responses import (
    BadRequest,
    MalformedId,
    MissingField,
    NoSuchConnection,
    NoSuchJob,
    Unreadable,
)
from airbyte_sync_cli.sandbox.world import World


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. `time` is simulated epoch seconds, `name` as faults know it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float
    name: str
    caller: str
    """Who sent it, as the request says of itself: see `app.CALLER`."""
    fault: str | None = None
    """The action of the fault that hit it."""
    answered: list[int] = field(default_factory=list, compare=False)
    """The status of the answer that the server made; empty while there is none."""

    @property
    def json(self) -> dict[str, object] | None:
        """The body as a JSON object, or None."""
        try:
            return Call("", "", {}, QueryParams(), Headers(), self.body).json()
        except Unreadable:
            return None


T = TypeVar("T")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_LONGEST_NUMBER: Final = 18
"""Digits: every number so long fits into Java's `long`."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler sees of a request."""

    method: str
    path: str
    parameters: dict[str, str]
    """The variable parts of the path."""
    query: QueryParams
    headers: Headers
    body: bytes
    caller: str = ""
    """Who sent it: see `app.CALLER`."""
    born_after: float | None = None
    """A fault's wish: the job that this trigger asks for exists only so much later."""

    def json(self) -> dict[str, object]:
        """Read the body as a JSON object. Raises Unreadable."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:  # RecursionError: nested too deeply
            raise Unreadable(str(error)) from None
        if not isinstance(value, dict):
            raise Unreadable("Expected an object")
        return value

    def required(self, field: str) -> object:
        """Read a field of the body that must be there. Raises Unreadable or MissingField."""
        value = self.json().get(field)
        if value is None:
            raise MissingField(field)
        return value

    def uuid_of(self, field: str) -> str:
        """Read a UUID from the body. Raises Unreadable, MissingField or MalformedId."""
        return well_formed(str(self.required(field)))

    def uuids_of(self, field: str) -> frozenset[str]:
        """Read a list of UUIDs from the body. Raises Unreadable, MissingField or MalformedId."""
        value = self.required(field)
        if not isinstance(value, list):
            raise Unreadable(f"{field} must be a list")
        return frozenset(well_formed(str(each)) for each in value)

    def int_of(self, field: str) -> int:
        """Read a whole number from the body. Raises Unreadable or MissingField."""
        value = self.required(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unreadable(f"{field} must be a number")
        return value

    def number(self, name: str, *, default: int, lowest: int, highest: int) -> int:
        """Read a whole number from the query. Raises BadRequest out of its bounds."""
        number = whole_number(self.query.get(name) or str(default))
        if number is None or not lowest <= number <= highest:
            raise BadRequest(f"{name}: must be between {lowest} and {highest}")
        return number

    def choice(self, name: str, known: frozenset[str]) -> frozenset[str]:
        """Read one of some known words from the query, or none. Raises BadRequest."""
        text = self.query.get(name, "").lower()
        if text and text not in known:
            raise BadRequest(f"Failed to convert argument [{name}] for value [{text}]")
        return frozenset({text} if text else ())

    def words(self, name: str) -> set[str]:
        """Read a comma-separated or repeated parameter of the query."""
        return {
            word.strip().lower()
            for text in self.query.getlist(name)
            for word in text.split(",")
            if word.strip()
        }


def well_formed(text: str) -> str:
    """Check that a text is a UUID, hyphens included, in small letters. Raises MalformedId."""
    if _UUID.fullmatch(text) is None:
        raise MalformedId(f"Invalid UUID string: {text}")
    return text.lower()


def whole_number(text: str) -> int | None:
    """Read a whole number that is not negative; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def moment(text: object | None) -> float | None:
    """Read a time with its offset as epoch seconds; nothing is None. Raises BadRequest."""
    if text is None or text == "":
        return None
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise BadRequest(f"Text '{text}' could not be parsed as a date with an offset")
    return when.timestamp()


def page_of(rows: list[T], body: dict[str, object]) -> list[T]:
    """Cut the page that `pagination` asks for; without it, everything. Raises Unreadable."""
    page = body.get("pagination")
    if not isinstance(page, dict):
        return rows
    offset, size = page.get("rowOffset") or 0, page.get("pageSize") or 20
    if not isinstance(offset, int) or not isinstance(size, int) or min(offset, size) < 0:
        raise Unreadable("rowOffset and pageSize must be numbers")
    return rows[offset : offset + size]


def connection_of(call: Call, world: World) -> SimConnection | None:
    """Find the connection that a request names, itself or by one of its jobs."""
    try:
        return world.connection(_named(call) or _by_job(call, world))
    except (NoSuchConnection, NoSuchJob):
        return None


def _named(call: Call) -> str:
    body = _body(call)
    named = (
        call.parameters.get("id")
        or call.query.get("connectionId")
        or body.get("connectionId")
        or body.get("configId")
    )
    return str(named or "")


def _by_job(call: Call, world: World) -> str:
    body = _body(call)
    named = call.parameters.get("job_id") or body.get("id") or body.get("jobId")
    job_id = whole_number(str(named or ""))
    return "" if job_id is None else world.job(job_id).connection_id


def _body(call: Call) -> dict[str, object]:
    try:
        return call.json()
    except Unreadable:
        return {}


Api = Literal["public", "config", "none"]
Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path below an API's root, under the name that faults use."""

    name: str
    method: str
    path: str
    handler: Handler
    anonymous: bool = False
    """Served without credentials even where authentication is on."""


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint at its full address."""

    api: Api
    endpoint: Endpoint
    pattern: re.Pattern[str]


def mount(api: Api, root: str, endpoints: list[Endpoint]) -> list[Route]:
    """Put an API's endpoints below its root."""
    return [Route(api, each, _pattern(root + each.path)) for each in endpoints]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")


@dataclass(frozen=True, slots=True)
class Match:
    """What a request met: a route, or at least its path (then the method was wrong)."""

    route: Route | None
    parameters: dict[str, str]
    wrong_method: bool = False


def find(routes: list[Route], method: str, path: str) -> Match:
    """Look up a request."""
    other = False
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and route.endpoint.method == method:
            return Match(route, match.groupdict())
        other = other or match is not None
    return Match(None, {}, wrong_method=other)
