"""The real client and core before the sandbox, in virtual time and without a socket."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import TypeVar

import httpx

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig, SimConnection
from airbyte_sync_cli.sync.context import Context, TriggerSlots
from airbyte_sync_cli.sync.events import Event, Warned
from airbyte_sync_cli.sync.policy import RunPolicy, TriggerPolicy, WaitPolicy
from airbyte_sync_cli.sync.run import run_connections, wait_for_jobs
from airbyte_sync_cli.sync.select import select_connections
from airbyte_sync_cli.sync.state import SyncState
from airbyte_sync_cli.sync.stop import Stop
from tests.support.transport import LoopbackTransport
from tests.support.virtual import run

_Event = TypeVar("_Event", bound=Event)
START = datetime(2026, 1, 1, tzinfo=UTC)
Gateway = Callable[[httpx.Request], httpx.Response | None]
"""What each request meets first: it may answer instead of the sandbox."""


def is_trigger(request: httpx.Request) -> bool:
    """Return whether a request starts a job, on either API."""
    return request.method == "POST" and request.url.path.endswith(("/jobs", "/sync"))


class LoopClock:
    """Follows the loop's virtual time; the wall clock can be set off; jitter has a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.skew = timedelta()
        self._random = random.Random(seed)  # noqa: S311  # no secret

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self.skew

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jitter(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class SocketLike(LoopbackTransport):
    """Traces, as a socket does, when a request is sent; can refuse, and be slow to connect.

    Answers are dated by the sandbox's clock, as servers date them, unless `is_dated` is False.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        cut_between: tuple[float, float],
        trigger_connects_in: float = 0.0,
        *,
        trigger_breaks: bool = False,
        refused_triggers: int = 0,
        is_dated: bool = True,
        gateway: Gateway | None = None,
    ) -> None:
        super().__init__(sandbox.app)
        self._now = sandbox.clock.now
        self._cut_between = cut_between
        self._trigger_connects_in = trigger_connects_in
        self._trigger_breaks = trigger_breaks
        self._refused_triggers = refused_triggers
        self._is_dated = is_dated
        self._gateway = gateway

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        begin, end = self._cut_between
        triggers = is_trigger(request)
        is_refused = triggers and self._refused_triggers > 0
        if is_refused or begin <= asyncio.get_running_loop().time() < end:
            self._refused_triggers -= is_refused
            raise httpx.ConnectError("refused") from ConnectionRefusedError()
        if triggers:
            await asyncio.sleep(self._trigger_connects_in)
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("http11.send_request_headers.started", {})
        response = self._gateway(request) if self._gateway else None
        response = response or await super().handle_async_request(request)
        if triggers and self._trigger_breaks:
            await asyncio.sleep(1)
            raise ValueError("ours")
        if self._is_dated:
            response.headers["date"] = formatdate(self._now(), usegmt=True)
        return response


@dataclass
class Bench:
    """One sandbox, one client, and the events that were emitted."""

    sandbox: Sandbox
    api: str = "public"
    policy: RunPolicy = field(default_factory=RunPolicy)
    with_config: bool = True
    events: list[Event] = field(default_factory=list)
    timed: list[tuple[Event, float]] = field(default_factory=list)
    """The same, with the virtual second of each."""
    listener: Callable[[Event], None] | None = None
    """Receives the events instead of the list, which it may fill itself."""
    clock: LoopClock = field(default_factory=LoopClock)
    cut_between: tuple[float, float] = (0.0, 0.0)
    """From when to when connections are refused, in virtual seconds."""
    trigger_connects_in: float = 0.0
    """Virtual seconds until the connection of a trigger is up."""
    trigger_breaks: bool = False
    """Whether a bug (ValueError) follows a second after a trigger's effect."""
    refused_triggers: int = 0
    """Number of triggers whose connection is refused before the first one that is sent."""
    auth: httpx.Auth | None = None
    client: type[Airbyte] = Airbyte
    """A subclass misbehaves in a way that no response can."""
    gateway: Gateway | None = None
    is_dated: bool = True
    """Whether responses carry a `Date`."""
    numbers_every: float = 0.0
    """Seconds between two reads of live numbers; 0 is with each poll."""
    seconds: float = 0.0
    """Virtual seconds of the last run."""

    def run(
        self,
        *connections: SimConnection,
        stop_after: float | None = None,
        at: tuple[float, Callable[[], object]] | None = None,
    ) -> list[SyncState]:
        """Run these connections; SIGTERM after `stop_after` seconds, and a call `at` a moment."""

        async def work(context: Context) -> list[SyncState]:
            if at is not None:
                asyncio.get_running_loop().call_later(*at)
            wanted = [connection.id for connection in connections]
            found = await select_connections(context.airbyte, wanted)
            return list(await run_connections(context, found))

        return self.play(work, stop_after)

    def wait(self, *job_ids: int, stop_after: float | None = None) -> list[SyncState]:
        """Wait for jobs."""

        async def work(context: Context) -> list[SyncState]:
            return list(await wait_for_jobs(context, job_ids))

        return self.play(work, stop_after)

    def play(
        self,
        work: Callable[[Context], Awaitable[list[SyncState]]],
        stop_after: float | None = None,
    ) -> list[SyncState]:
        """Do this work with a context of its own, in virtual time."""

        async def play() -> list[SyncState]:
            async with asyncio.timeout(14 * 24 * 3600):
                return await self._with_context(work, stop_after)

        return run(play())

    async def _with_context(
        self, work: Callable[[Context], Awaitable[list[SyncState]]], stop_after: float | None
    ) -> list[SyncState]:
        stop = Stop(self.clock)
        transport = SocketLike(
            self.sandbox,
            self.cut_between,
            self.trigger_connects_in,
            trigger_breaks=self.trigger_breaks,
            refused_triggers=self.refused_triggers,
            is_dated=self.is_dated,
            gateway=self.gateway,
        )
        async with httpx.AsyncClient(transport=transport, auth=self.auth) as client:
            http_client = HttpClient(client, clock=self.clock, limit=30)
            context = Context(
                airbyte=self._server(http_client),
                clock=self.clock,
                emit=self.listener or self._take,
                stop=stop,
                slots=TriggerSlots(self.clock),
                policy=self.policy,
                numbers_every=self.numbers_every,
            )
            if stop_after is not None:
                asyncio.get_running_loop().call_later(stop_after, stop.interrupt, "SIGTERM")
            began = self.clock.monotonic()
            states = await work(context)
            self.seconds = self.clock.monotonic() - began
            return states

    def _server(self, http_client: HttpClient) -> Airbyte:
        config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
        public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
        if self.api == "config":
            return self.client(http_client, config, None, ui="http://airbyte")
        return self.client(
            http_client, public, config if self.with_config else None, ui="http://airbyte"
        )

    def _take(self, event: Event, /) -> None:
        self.events.append(event)
        self.timed.append((event, self.clock.monotonic()))

    def emitted(self, kind: type[_Event]) -> list[_Event]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


def bench(
    version: str = "latest",
    *,
    api: str = "public",
    policy: RunPolicy | None = None,
    ahead: float = 0.0,
    **config: object,
) -> Bench:
    """Set up a sandbox of a version at the start of virtual time, its clock `ahead` of ours."""
    start = START + timedelta(seconds=ahead)
    fields = {"airbyte_version": version, "start": start, **config}
    return Bench(
        Sandbox(SandboxConfig.model_validate(fields)), api=api, policy=policy or RunPolicy()
    )


def trigger_policy(**changes: object) -> RunPolicy:
    """Return a policy with these fields of its TriggerPolicy changed."""
    return RunPolicy(trigger=replace(TriggerPolicy(), **changes))  # type: ignore[arg-type]


def wait_policy(**changes: object) -> RunPolicy:
    """Return a policy with these fields of its WaitPolicy changed."""
    return RunPolicy(wait=replace(WaitPolicy(), **changes))  # type: ignore[arg-type]


def script(life: str, **more: object) -> JobScript:
    """Return the script of a job by its life, such as `running 20, failed`."""
    return JobScript.model_validate({"life": life, **more})
