"""The ASGI application: record the request, apply a fault, check credentials, respond."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airbyte_sync_cli.sandbox.api_request import (
    CALLER,
    ApiName,
    ApiRequest,
    Endpoint,
    RequestRecord,
    Route,
    RouteMatch,
    connection_of,
    find_route,
    route_of,
)
from airbyte_sync_cli.sandbox.auth import login_for
from airbyte_sync_cli.sandbox.config_api import ConfigEndpoints
from airbyte_sync_cli.sandbox.config_events import EventEndpoints
from airbyte_sync_cli.sandbox.fault_actions import AsgiTransport, FaultedRequest, apply_fault
from airbyte_sync_cli.sandbox.faults import ActiveFaults, Fault
from airbyte_sync_cli.sandbox.problems import ApiProblem, config_response, public_response
from airbyte_sync_cli.sandbox.public_api import PublicEndpoints
from airbyte_sync_cli.sandbox.responses import framework_error, index_html, no_such_path
from airbyte_sync_cli.sandbox.scenario import SandboxConfig
from airbyte_sync_cli.sandbox.state import SandboxState
from airbyte_sync_cli.sandbox.versions import Quirks


class SandboxApp:
    """Serves one sandbox. Every request goes through `__call__`, with or without a socket."""

    def __init__(
        self,
        config: SandboxConfig,
        *,
        quirks: Quirks,
        state: SandboxState,
        faults: ActiveFaults,
        records: list[RequestRecord],
    ) -> None:
        self._config = config
        self._quirks = quirks
        self._state = state
        self._faults = faults
        self._records = records
        self._auth = login_for(config, state.clock, quirks)
        self._public_threads = _threads(config.public_threads)
        self.routes = self._routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"the sandbox speaks HTTP only, not {scope['type']}")
        transport = AsgiTransport(scope, receive, send)
        match = find_route(self.routes, scope["method"], scope["path"])
        request = _api_request(scope, await transport.read_body(), match)
        connection = connection_of(request, self._state)
        # Before authentication, as a proxy in front of Airbyte would fail.
        fault = self._faults.take(*_name_of(match), connection)
        record = self._record(request, match, fault)
        respond = partial(self._respond_and_record, match, _delayed(request, fault), record)
        if fault is None:
            await transport.send(await respond())
            return
        if fault.action == "expire-tokens":  # before the check of this request's own token
            self._auth.expire_tokens()
        faulted = FaultedRequest(
            fault,
            request.path,
            transport,
            self._state.clock,
            respond,
            error_response=partial(self._error_response, match.route, request.path),
            connection_id=connection.id if connection else "unknown",
        )
        await apply_fault(faulted)

    def _record(
        self, request: ApiRequest, match: RouteMatch, fault: Fault | None
    ) -> RequestRecord:
        record = RequestRecord(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=request.body,
            time=self._state.clock.now(),
            name=_name_of(match)[0],
            caller=request.caller,
            fault=fault.action if fault else None,
        )
        self._records.append(record)
        return record

    async def _respond_and_record(
        self, match: RouteMatch, request: ApiRequest, record: RequestRecord
    ) -> Response:
        response = await self._respond(match, request)
        # A list, because the record is frozen and a fault may have no response at all.
        record.answered.append(response.status_code)
        return response

    async def _respond(self, match: RouteMatch, request: ApiRequest) -> Response:
        route = match.route
        # The web app needs no credentials; an unknown API path does.
        anonymous = route.endpoint.anonymous if route else not self._is_api(request.path)
        unauthorized = self._auth.check(request, anonymous=anonymous)
        if unauthorized is not None:
            return unauthorized
        if route is None:
            return self._no_route(match, request.path)
        try:
            # Held triggers keep their slot and delay polls (PUBLIC_API_EXECUTOR_THREADS).
            async with self._public_threads if route.api == "public" else nullcontext():
                return await route.endpoint.handler(request)
        except ApiProblem as problem:
            return self._error_response(route, request.path, problem)

    def _error_response(self, route: Route | None, path: str, problem: ApiProblem) -> Response:
        admin = self._config.admin
        if route is not None and route.api == "config":
            return config_response(problem, self._quirks, admin=admin, path=path)
        return public_response(problem, self._quirks, admin=admin)

    def _no_route(self, match: RouteMatch, path: str) -> Response:
        if match.wrong_method:
            return framework_error(HTTPStatus.METHOD_NOT_ALLOWED, path)
        # Since 1.7 the server itself serves the web app (WebappFilter), before nginx did.
        return no_such_path() if self._is_api(path) else index_html()

    def _is_api(self, path: str) -> bool:
        # Below these an unknown path is a 404; anywhere else it is the web app.
        return path.startswith(("/api", self._config.public_root, self._config.config_root))

    def _routes(self) -> list[Route]:
        config, state, quirks = self._config, self._state, self._quirks
        public = PublicEndpoints(state, quirks, overlap=config.page_overlap)
        main = ConfigEndpoints(state, quirks, auth_mode=self._auth.mode)
        events = EventEndpoints(state, quirks)
        served: dict[ApiName, tuple[str, list[Endpoint]]] = {
            "public": (
                config.public_root,
                [*public.endpoints(), *self._auth.public_endpoints()],
            ),
            "config": (
                config.config_root,
                [*main.endpoints(), *events.endpoints(), *self._auth.config_endpoints()],
            ),
        }
        return [
            route_of(api, root, endpoint)
            for api, (root, endpoints) in served.items()
            for endpoint in endpoints
            if quirks.serves(api, endpoint.path)
        ]


def _threads(count: int | None) -> AbstractAsyncContextManager[None]:
    return nullcontext() if count is None else asyncio.Semaphore(count)


def _api_request(scope: Scope, body: bytes, match: RouteMatch) -> ApiRequest:
    headers = Headers(scope=scope)
    return ApiRequest(
        method=scope["method"],
        path=scope["path"],
        parameters=match.parameters,
        query=QueryParams(scope["query_string"]),
        headers=headers,
        body=body,
        caller=headers.get(CALLER, ""),
    )


def _delayed(request: ApiRequest, fault: Fault | None) -> ApiRequest:
    late = fault is not None and fault.action == "late-job"
    return replace(request, born_after=fault.pause) if fault and late else request


def _name_of(match: RouteMatch) -> tuple[str, ApiName]:
    """Return the name and the API by which faults and records know a request."""
    return (match.route.endpoint.name, match.route.api) if match.route else ("", "none")
