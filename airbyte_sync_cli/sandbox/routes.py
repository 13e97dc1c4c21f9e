"""Which request goes where: one table, because faults must know the name before the handler."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from airbyte_sync_cli.sandbox.call import Call

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
class Found:
    """What a request met: a route, or at least its path (then the method was wrong)."""

    route: Route | None
    parameters: dict[str, str]
    wrong_method: bool = False


def find(routes: list[Route], method: str, path: str) -> Found:
    """Look up a request."""
    other = False
    for route in routes:
        match = route.pattern.fullmatch(path)
        if match and route.endpoint.method == method:
            return Found(route, match.groupdict())
        other = other or match is not None
    return Found(None, {}, wrong_method=other)
