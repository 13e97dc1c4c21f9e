"""The ASGI application: log the request, let faults have it, ask who it is, answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airbyte_sync_cli.sandbox import answers
from airbyte_sync_cli.sandbox.auth import NoAuth
from airbyte_sync_cli.sandbox.call import Call
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.config_errors import config_refusal
from airbyte_sync_cli.sandbox.faults import Fault, FaultBox
from airbyte_sync_cli.sandbox.misbehave import Exchange, misbehave
from airbyte_sync_cli.sandbox.public_errors import public_refusal
from airbyte_sync_cli.sandbox.refusals import Refusal, Unreadable
from airbyte_sync_cli.sandbox.routes import Found, Route, find
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.wire import Wire


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """What came over the wire. `time` is simulated epoch seconds, `name` as faults know it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float
    name: str
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


@dataclass(frozen=True, slots=True)
class SandboxApp:
    """Serves one sandbox. Every request goes through `__call__`, whatever carries it."""

    routes: list[Route]
    auth: NoAuth
    faults: FaultBox
    quirks: Quirks
    clock: SimClock
    admin: bool
    record: Callable[[RequestRecord], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"the sandbox speaks HTTP only, not {scope['type']}")
        wire = Wire(scope, receive, send)
        body = await wire.read_body()
        found = find(self.routes, scope["method"], scope["path"])
        fault = self._fault(found)
        entry = self._entry(scope, body, found, fault)
        self.record(entry)

        async def answer() -> Response:
            response = await self._answer(found, _call(scope, body, found, fault))
            entry.answered.append(response.status_code)
            return response

        if fault is None:
            await wire.deliver(await answer())
        else:
            await misbehave(Exchange(fault, scope["path"], wire, self.clock, answer))

    def _fault(self, found: Found) -> Fault | None:
        route = found.route
        fault = (
            self.faults.take(route.endpoint.name, route.api)
            if route
            else self.faults.take("any", "none")
        )
        if fault is not None and fault.action == "expire-tokens":
            self.auth.expire_tokens()
        return fault

    def _entry(
        self, scope: Scope, body: bytes, found: Found, fault: Fault | None
    ) -> RequestRecord:
        return RequestRecord(
            method=scope["method"],
            path=scope["path"],
            query=dict(QueryParams(scope["query_string"])),
            headers=dict(Headers(scope=scope)),
            body=body,
            time=self.clock.now(),
            name=found.route.endpoint.name if found.route else "",
            fault=fault.action if fault else None,
        )

    async def _answer(self, found: Found, call: Call) -> Response:
        anonymous = found.route.endpoint.anonymous if found.route else not _is_api(call.path)
        refused = self.auth.refuse(call, anonymous=anonymous)
        if refused is not None:
            return refused
        if found.route is None:
            return _nowhere(found, call.path)
        try:
            return await found.route.endpoint.handler(call)
        except Refusal as refusal:
            return self._refuse(refusal, found.route, call.path)

    def _refuse(self, refusal: Refusal, route: Route, path: str) -> Response:
        if route.api == "config":
            return config_refusal(refusal, self.quirks, admin=self.admin, path=path)
        return public_refusal(refusal, self.quirks, admin=self.admin)


def _call(scope: Scope, body: bytes, found: Found, fault: Fault | None) -> Call:
    late = fault is not None and fault.action == "late-job"
    return Call(
        method=scope["method"],
        path=scope["path"],
        parameters=found.parameters,
        query=QueryParams(scope["query_string"]),
        headers=Headers(scope=scope),
        body=body,
        born_after=fault.seconds if fault and late else None,
    )


def _is_api(path: str) -> bool:
    return path.startswith("/api")


def _nowhere(found: Found, path: str) -> Response:
    if found.wrong_method:
        return answers.framework(HTTPStatus.METHOD_NOT_ALLOWED, path)
    return answers.no_such_path() if _is_api(path) else answers.index_html()
