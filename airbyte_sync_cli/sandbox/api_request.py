"""One request to the sandbox: its endpoint, its parameters, and its record."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeVar

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.problems import (
    BadRequest,
    InvalidBody,
    MalformedId,
    MissingField,
    NoSuchConnection,
    NoSuchJob,
)
from airbyte_sync_cli.sandbox.state import SandboxState

ApiName = Literal["public", "config", "none"]
CALLER: Final = "x-sandbox-caller"
"""The header that names a request's sender, so that the record of jobs and cancels can tell
several clients apart. Airbyte has no such header and ignores it."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. `time` is simulated epoch seconds, `name` the name that faults use."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float
    name: str
    caller: str
    """The sender, from the header CALLER; empty without it."""
    fault: str | None = None
    """The action of the fault that hit it."""
    answered: list[int] = field(default_factory=list, compare=False)
    """The status of the response that the server made; empty while there is none."""

    @property
    def json(self) -> dict[str, object] | None:
        """The body as a JSON object, or None."""
        try:
            return ApiRequest("", "", {}, QueryParams(), Headers(), self.body).json()
        except InvalidBody:
            return None


T = TypeVar("T")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_LONGEST_NUMBER: Final = 18
"""Digits: every number of this length fits into Java's `long`."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as its handler reads it."""

    method: str
    path: str
    parameters: dict[str, str]
    """The variable parts of the path."""
    query: QueryParams
    headers: Headers
    body: bytes
    caller: str = ""
    """The sender, from the header CALLER; empty without it."""
    born_after: float | None = None
    """From the fault `late-job`: seconds until the requested job exists."""

    def json(self) -> dict[str, object]:
        """Parse the body as a JSON object. Raises InvalidBody."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:  # RecursionError: nested too deeply
            raise InvalidBody(str(error)) from None
        if not isinstance(value, dict):
            raise InvalidBody("Expected an object")
        return value

    def required(self, field: str) -> object:
        """Return a field of the body. Raises InvalidBody or MissingField."""
        value = self.json().get(field)
        if value is None:
            raise MissingField(field)
        return value

    def uuid_of(self, field: str) -> str:
        """Return a UUID from the body. Raises InvalidBody, MissingField or MalformedId."""
        return parse_uuid(str(self.required(field)))

    def uuids_of(self, field: str) -> frozenset[str]:
        """Return UUIDs from the body. Raises InvalidBody, MissingField or MalformedId."""
        value = self.required(field)
        if not isinstance(value, list):
            raise InvalidBody(f"{field} must be a list")
        return frozenset(parse_uuid(str(each)) for each in value)

    def int_of(self, field: str) -> int:
        """Return an integer from the body. Raises InvalidBody or MissingField."""
        value = self.required(field)
        if not isinstance(value, int) or isinstance(value, bool):  # True is an int in Python
            raise InvalidBody(f"{field} must be a number")
        return value

    def number(self, name: str, *, default: int, lowest: int, highest: int) -> int:
        """Return an integer from the query. Raises BadRequest if it is out of bounds."""
        number = parse_number(self.query.get(name) or str(default))
        if number is None or not lowest <= number <= highest:
            raise BadRequest(f"{name}: must be between {lowest} and {highest}")
        return number

    def choice(self, name: str, known: frozenset[str]) -> frozenset[str]:
        """Return the query's value if it is a known one, or nothing. Raises BadRequest."""
        text = self.query.get(name, "").lower()
        if text and text not in known:
            raise BadRequest(f"Failed to convert argument [{name}] for value [{text}]")
        return frozenset({text} if text else ())

    def values_of(self, name: str) -> set[str]:
        """Return the values of a comma-separated or repeated parameter of the query."""
        return {
            word.strip().lower()
            for text in self.query.getlist(name)
            for word in text.split(",")
            if word.strip()
        }


def parse_uuid(text: str) -> str:
    """Return a UUID in lower case; it needs its hyphens. Raises MalformedId."""
    if _UUID.fullmatch(text) is None:
        raise MalformedId(f"Invalid UUID string: {text}")
    return text.lower()


def parse_number(text: str) -> int | None:
    """Parse an integer that is not negative; None for anything else."""
    # Bounded before int(), which takes long for a million digits.
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def parse_time(text: object | None) -> float | None:
    """Parse a time with its offset to epoch seconds; None if it is absent. Raises BadRequest."""
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
    """Return the page that `pagination` names; all rows without it. Raises InvalidBody."""
    page = body.get("pagination")
    if not isinstance(page, dict):
        return rows
    offset, size = page.get("rowOffset") or 0, page.get("pageSize") or 20
    if not isinstance(offset, int) or not isinstance(size, int) or min(offset, size) < 0:
        raise InvalidBody("rowOffset and pageSize must be numbers")
    return rows[offset : offset + size]


def connection_of(request: ApiRequest, state: SandboxState) -> SimConnection | None:
    """Return the connection that a request names, by its own id or by that of a job."""
    try:
        body = request.json()
    except InvalidBody:
        body = {}
    named = (
        request.parameters.get("id")
        or request.query.get("connectionId")
        or body.get("connectionId")
        or body.get("configId")
    )
    job = request.parameters.get("job_id") or body.get("id") or body.get("jobId")
    job_id = parse_number(str(job or ""))
    # A connection's own id first: some bodies have both.
    try:
        if not named and job_id is not None:
            named = state.job(job_id).connection_id
        return state.connection(str(named or ""))
    except (NoSuchConnection, NoSuchJob):
        return None


Handler = Callable[[ApiRequest], Awaitable[Response]]


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
    """An endpoint with its full path."""

    api: ApiName
    endpoint: Endpoint
    pattern: re.Pattern[str]


def route_of(api: ApiName, root: str, endpoint: Endpoint) -> Route:
    """Return an endpoint below its API's root."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", root + endpoint.path) + "/?"
    return Route(api, endpoint, re.compile(pattern))


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The route of a request; without one, whether its path exists with another method."""

    route: Route | None
    parameters: dict[str, str]
    wrong_method: bool = False


def find_route(routes: list[Route], method: str, path: str) -> RouteMatch:
    """Return the route of a request."""
    wrong_method = False
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and route.endpoint.method == method:
            return RouteMatch(route, match.groupdict())
        wrong_method = wrong_method or match is not None
    return RouteMatch(None, {}, wrong_method=wrong_method)
