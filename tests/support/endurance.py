"""Waits of days in virtual time with an API that keeps failing: does memory grow?"""

import asyncio
import gc
import random
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import httpx
from pydantic import SecretStr

from airbyte_sync_cli.airbyte.address import parse_address
from airbyte_sync_cli.airbyte.auth import make_auth
from airbyte_sync_cli.clock import Clock
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault, Sandbox
from airbyte_sync_cli.settings.model import ClientCredentials, Settings
from airbyte_sync_cli.sync.events import Event, OutageBegan, Polled
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.support.core import bench, script

OUTAGES: Final = ("any:lost-before", "any:500", "any:503:retry-after=3", "any:429")
"""Faults of an API that is down for a while."""
ODDITIES: Final = ("any:401", "any:html", "any:hold=3", "any:truncate")
"""Faults that must be shorter than the minute for which the client doubts a rejection."""
_SAMPLES: Final = 12
_BETWEEN_OUTAGES: Final = 1200.0
_LONGEST_OUTAGE: Final = 1500.0
_LONGEST_ODDITY: Final = 50.0
_TOKENS_LIVE: Final = 300.0
"""Seconds. The program remembers a hundred tokens, in order to redact them: soon all of them."""
_MOST_GROWTH: Final = 100
"""How many more objects or blocks the second half may have than the first: backoffs and caches
need some. A leak with each outage or poll is far more."""


@dataclass(frozen=True)
class Sample:
    """The objects of the garbage collector and the blocks on the heap."""

    objects: int
    blocks: int


@dataclass
class Waited:
    """The figures of a wait."""

    looks: int = 0
    outages: int = 0
    ended_well: bool = False
    samples: list[Sample] = field(default_factory=list)
    """Evenly spread over the wait."""

    @property
    def is_flat(self) -> bool:
        """Whether the second half has no more than the first, without its start-up."""
        first, second = self.samples[1 : _SAMPLES // 2], self.samples[_SAMPLES // 2 :]
        # Medians: one sample may be taken while a page of jobs is being read.
        objects = median(it.objects for it in second) - median(it.objects for it in first)
        blocks = median(it.blocks for it in second) - median(it.blocks for it in first)
        return max(objects, blocks) <= _MOST_GROWTH


def wait_in_virtual_time(
    hours: float, *, jobs: int, seed: int = 1, poll_interval: float | None = None
) -> Waited:
    """Run connections whose jobs take that many hours, with an API that often fails."""
    policy = RunPolicy(wait=WaitPolicy(timeout=None, poll_interval=poll_interval))
    given = bench(policy=policy, auth="client-credentials", token_lifetime=_TOKENS_LIVE)
    given.auth = _auth(given.clock)
    life = f"running {hours * 3600:g}, succeeded"
    connections = [
        given.sandbox.add_connection(f"c{number}", script=script(life)) for number in range(jobs)
    ]
    watch = _Watch(given.sandbox, hours * 3600, random.Random(seed))  # noqa: S311  # no secret
    given.listener = watch
    states = given.run(*connections, at=(60.0, watch.begin))
    watch.waited.ended_well = [state.exit_code for state in states] == [ExitCode.OK] * jobs
    return watch.waited


def _auth(clock: Clock) -> httpx.Auth | None:
    """Sign in with a client id and secret: outages then also fail the requests for tokens."""
    secret = SecretStr("sandbox-client-secret")
    credentials = ClientCredentials(client_id="sandbox-client-id", client_secret=secret)
    settings = Settings(url="http://airbyte", credentials=credentials)
    return make_auth(settings, parse_address(settings.url), clock)


class _Watch:
    """Adds faults, counts events, and measures; it must not grow itself."""

    def __init__(self, sandbox: Sandbox, seconds: float, chance: random.Random) -> None:
        self.waited = Waited()
        self._sandbox, self._seconds, self._random = sandbox, seconds, chance

    def __call__(self, event: Event, /) -> None:
        self.waited.looks += isinstance(event, Polled)
        self.waited.outages += isinstance(event, OutageBegan)

    def begin(self) -> None:
        """Start, once every job is running."""
        loop = asyncio.get_running_loop()
        for number in range(1, _SAMPLES + 1):
            loop.call_later(self._seconds * (number - 0.5) / _SAMPLES, self._measure)
        self._disturb()

    def _measure(self) -> None:
        self._sandbox.requests.clear()
        gc.collect()
        self.waited.samples.append(Sample(len(gc.get_objects()), sys.getallocatedblocks()))

    def _disturb(self) -> None:
        is_outage = self._random.random() < 0.5  # as often as not
        spec = self._random.choice(OUTAGES if is_outage else ODDITIES)
        longest = _LONGEST_OUTAGE if is_outage else _LONGEST_ODDITY
        seconds = self._random.uniform(1, longest)
        self._sandbox.faults.add(Fault.model_validate(spec))
        asyncio.get_running_loop().call_later(seconds, self._repair)

    def _repair(self) -> None:
        self._sandbox.faults.clear()
        loop = asyncio.get_running_loop()
        if loop.time() < self._seconds - _BETWEEN_OUTAGES - _LONGEST_OUTAGE:
            loop.call_later(self._random.uniform(60, 2 * _BETWEEN_OUTAGES), self._disturb)
