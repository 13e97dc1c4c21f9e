"""The ASGI application: log the request, let faults have it, ask who it is, answer."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airbyte_sync_cli.sandbox import responses as answers
from airbyte_sync_cli.sandbox.auth import NoSignIn
from airbyte_sync_cli.sandbox.delivery import Delivery, Transport, misbehave
from airbyte_sync_cli.sandbox.faults import Fault, FaultBox
from airbyte_sync_cli.sandbox.request import (
    Api,
    Call,
    Match,
    RequestRecord,
    Route,
    connection_of,
    find,
)
from airbyte_sync_cli.sandbox.responses import ApiRefusal, config_refusal, public_refusal
from airbyte_sync_cli.sandbox.versions import Quirks
from airbyte_sync_cli.sandbox.world import World

CALLER: Final = "x-sandbox-caller"
"""The header by which a request says who sends it, so that the record of jobs and cancels tells
several clients apart. Airbyte has no such header and ignores it."""


@dataclass(frozen=True, slots=True)
class SandboxApp:
    """Serves one sandbox. Every request goes through `__call__`, whatever carries it."""

    routes: list[Route]
    auth: NoSignIn
    faults: FaultBox
    quirks: Quirks
    world: World
    roots: tuple[str, ...]
    """Below these an unknown path is a 404; anywhere else it is the web page."""
    admin: bool
    public_threads: AbstractAsyncContextManager[None]
    """What each request of the Public API waits for and holds until it is answered."""
    record: Callable[[RequestRecord], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"the sandbox speaks HTTP only, not {scope['type']}")
        wire = Transport(scope, receive, send)
        found = find(self.routes, scope["method"], scope["path"])
        call = _call(scope, await wire.read_body(), found)
        about = connection_of(call, self.world)
        fault = self.faults.take(*_name_of(found), about)
        entry = self._entry(call, found, fault)
        self.record(entry)
        answer = partial(self._answer_and_note, found, _as_hit(call, fault), entry)
        if fault is None:
            await wire.deliver(await answer())
            return
        if fault.action == "expire-tokens":
            self.auth.expire_tokens()
        refuse = partial(self._refuse, route=found.route, path=call.path)
        about_id = about.id if about else "unknown"
        exchange = Delivery(
            fault, call.path, wire, self.world.clock, answer, refuse=refuse, connection_id=about_id
        )
        await misbehave(exchange)

    async def _answer_and_note(self, found: Match, call: Call, entry: RequestRecord) -> Response:
        response = await self._answer(found, call)
        entry.answered.append(response.status_code)
        return response

    def _entry(self, call: Call, found: Match, fault: Fault | None) -> RequestRecord:
        return RequestRecord(
            method=call.method,
            path=call.path,
            query=dict(call.query),
            headers=dict(call.headers),
            body=call.body,
            time=self.world.clock.now(),
            name=_name_of(found)[0],
            caller=call.caller,
            fault=fault.action if fault else None,
        )

    async def _answer(self, found: Match, call: Call) -> Response:
        anonymous = found.route.endpoint.anonymous if found.route else not self._is_api(call.path)
        refused = self.auth.refuse(call, anonymous=anonymous)
        if refused is not None:
            return refused
        if found.route is None:
            return self._nowhere(found, call.path)
        try:
            async with self.public_threads if found.route.api == "public" else nullcontext():
                return await found.route.endpoint.handler(call)
        except ApiRefusal as refusal:
            return self._refuse(refusal, route=found.route, path=call.path)

    def _refuse(self, refusal: ApiRefusal, *, route: Route | None, path: str) -> Response:
        if route is not None and route.api == "config":
            return config_refusal(refusal, self.quirks, admin=self.admin, path=path)
        return public_refusal(refusal, self.quirks, admin=self.admin)

    def _nowhere(self, found: Match, path: str) -> Response:
        if found.wrong_method:
            return answers.framework(HTTPStatus.METHOD_NOT_ALLOWED, path)
        return answers.no_such_path() if self._is_api(path) else answers.index_html()

    def _is_api(self, path: str) -> bool:
        return path.startswith(("/api", *self.roots))


def _call(scope: Scope, body: bytes, found: Match) -> Call:
    headers = Headers(scope=scope)
    return Call(
        method=scope["method"],
        path=scope["path"],
        parameters=found.parameters,
        query=QueryParams(scope["query_string"]),
        headers=headers,
        body=body,
        caller=headers.get(CALLER, ""),
    )


def _as_hit(call: Call, fault: Fault | None) -> Call:
    late = fault is not None and fault.action == "late-job"
    return replace(call, born_after=fault.pause) if fault and late else call


def _name_of(found: Match) -> tuple[str, Api]:
    """The name and the API by which faults and the log know a request."""
    return (found.route.endpoint.name, found.route.api) if found.route else ("", "none")
