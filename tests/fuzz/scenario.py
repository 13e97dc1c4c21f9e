"""A random scenario: what Airbyte does, what breaks, and who does what to one connection.

A scenario is plain values, and its `repr` is Python: what a shrunk one prints can be put into a
test as it is. Times are virtual seconds.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeVar

from airbyte_sync_cli.exit_codes import ExitCode

_T = TypeVar("_T")
Command = Literal["run", "trigger", "wait"]
VERSIONS: Final = ("0.63", "1.0", "1.8", "2.0", "2.1", "latest")
SIGNALS: Final = tuple(
    name for name in ("SIGTERM", "SIGINT", "SIGHUP") if name in ExitCode.__members__
)


class _Short:
    """A `repr` without what is as usual: a minimal scenario shows what matters."""

    def __repr__(self) -> str:
        told = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)  # type: ignore[arg-type]  # each of ours is a dataclass
            if getattr(self, each.name) != each.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"


@dataclass(frozen=True, repr=False)
class Line(_Short):
    """A window, in seconds of an attempt's own, in which its requests do not leave at once."""

    start: float
    end: float
    pause: float = 0.0
    """Seconds until a connection stands; 0: it is refused."""


@dataclass(frozen=True, repr=False)
class Attempt(_Short):
    """One process of a chain, and how it is ended from outside: by a signal, or not at all."""

    signal: str = ""
    """SIGTERM, SIGINT, SIGHUP, or SIGKILL."""
    after: float = 0.0
    """When that comes."""
    pause: float = 1.0
    """Seconds until the next attempt of the chain."""


@dataclass(frozen=True, repr=False)
class Process(_Short):
    """Our program on the connection: one process, or a chain of retries with `--since`."""

    name: str
    at: float = 0.0
    command: Command = "run"
    job_type: Literal["sync", "clear", "refresh"] = "sync"
    if_running: Literal["wait", "attach", "skip", "fail"] = "wait"
    since: bool = False
    timeout: float | None = None
    start_timeout: float | None = None
    max_outage: float = 1800.0
    on_timeout: Literal["cancel", "leave"] = "cancel"
    on_interrupt: Literal["cancel", "leave"] = "cancel"
    trigger_timeout: float = 180.0
    skew: float = 0.0
    """Seconds that its clock is ahead of Airbyte's."""
    latency: float = 0.0
    """Seconds from here to Airbyte, and as many back."""
    attempts: tuple[Attempt, ...] = (Attempt(),)
    lines: tuple[Line, ...] = ()

    @property
    def is_chain(self) -> bool:
        """Whether it is tried again: always with `--since`, or each try would mean a new sync."""
        return len(self.attempts) > 1

    @property
    def counts_since(self) -> bool:
        """Whether jobs count that were created since it was launched first."""
        return self.since or self.is_chain


@dataclass(frozen=True, repr=False)
class Stranger(_Short):
    """Somebody else who does something to the connection, once."""

    at: float
    deed: Literal["sync", "clear", "cancel", "switch off", "switch on"] = "sync"


@dataclass(frozen=True, repr=False)
class Scenario(_Short):
    """Everything that happens, decided before it begins."""

    seed: int = 0
    """Of the jitter, too."""
    version: str = "latest"
    api: Literal["public", "config"] = "public"
    auth: bool = False
    public_threads: int | None = None
    starts_every: float | None = None
    """Its schedule; None: it starts only by hand."""
    starts_after: float = 0.0
    jobs: tuple[str, ...] = ("pending 2, running 20, succeeded",)
    first_job_type: str | None = None
    """What the first triggered job comes back as, where that is not what was asked for."""
    cancel_takes: float = 1.0
    cancels_lost: int = 0
    reset: str = "pending 1, running 5, succeeded"
    faults: tuple[str, ...] = ()
    processes: tuple[Process, ...] = (Process("p1"),)
    strangers: tuple[Stranger, ...] = ()


def generate(seed: int) -> Scenario:
    """Make the scenario of a seed, the same on every machine."""
    return _Maker(random.Random(seed)).scenario(seed)  # noqa: S311  # no secret


_LIVES: Final = (
    "pending 2, running 20, succeeded",
    "pending 1, running 5, succeeded",
    "running 1, succeeded",
    "pending 3, running 40, failed",
    "running 2, failed",
    "pending 2, running 15, cancelled",
    "pending 20, running 60, succeeded",
    "pending 1, queued 15, running 30, succeeded",
    "pending 2, running 10, incomplete 30, running 20, succeeded",
    "pending 2, running 10, incomplete 10, running 5, failed",
    "pending 2, running 300, succeeded",
    "pending 1, mysterious 10, running 5, succeeded",
)
_ENDLESS: Final = ("pending 2, running", "pending")
_REQUESTS: Final = ("job", "jobs", "cancel", "connection", "events", "health", "any", "token")
_MISCHIEF: Final = (
    "lost-before",
    "lost-after",
    "500",
    "502:body=html",
    "503",
    "504:applied",
    "401",
    "403",
    "404",
    "429",
    "503:retry-after=7",
    "never",
    "never:applied",
    "truncate",
    "bad-json",
    "wrong-shape",
    "html",
    "login",
    "redirect-loop",
    "rate-limit=5",
    "try-again-later",
    "state-conflict",
    "state-conflict:applied",
    "forbidden",
    "expire-tokens",
    "drip=0.02",
)
_TRIGGER_MISCHIEF: Final = (*_MISCHIEF, "408", "408:applied", "500:applied", "503:applied")
_HOLDS: Final = (1, 3, 9, 20, 40, 65, 100, 170, 200, 280, 400)
_LATE: Final = (5, 30, 70, 90, 150, 300)


class _Maker:
    """Draws everything from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def scenario(self, seed: int) -> Scenario:
        is_endless = self._likely(0.15)
        scheduled = self._likely(0.2)
        processes = self._processes(is_endless=is_endless)
        return Scenario(
            seed=seed,
            version=self._one(VERSIONS),
            api="config" if self._likely(0.25) else "public",
            auth=self._likely(0.2),
            public_threads=5 if self._likely(0.15) else None,
            starts_every=self._between(40, 400) if scheduled else None,
            starts_after=self._between(0, 60) if scheduled else 0.0,
            jobs=self._jobs(is_endless=is_endless),
            first_job_type=self._one(("refresh", "reset_connection"))
            if self._likely(0.06)
            else None,
            cancel_takes=self._one((0.2, 1.0, 1.0, 3.0, 20.0)),
            cancels_lost=self._one((0, 0, 0, 0, 1, 2)),
            faults=self._faults(),
            processes=processes,
            strangers=self._strangers(processes),
        )

    def _jobs(self, *, is_endless: bool) -> tuple[str, ...]:
        lives = self._chance.choices(_LIVES, k=self._one((1, 1, 2, 3)))
        return (self._one(_ENDLESS),) if is_endless else tuple(lives)

    # -- what breaks ---------------------------------------------------------------------------

    def _faults(self) -> tuple[str, ...]:
        count = self._one((0, 1, 1, 2, 2, 3, 4, 6))
        return tuple(self._fault() for _ in range(count))

    def _fault(self) -> str:
        when = "trigger" if self._likely(0.5) else self._one(_REQUESTS)
        return f"{when}:{self._action(when)}{self._how_often(when)}"

    def _action(self, when: str) -> str:
        draw = self._chance.random()
        if when == "trigger" and draw < 0.15:
            return f"late-job={self._one(_LATE)}"
        if draw < 0.4:
            return f"hold={self._one(_HOLDS)}{self._one(('', ':applied'))}"
        if when == "trigger" and draw < 0.55:
            return self._one(("lost-before", "lost-after", "lost-after", "never:applied"))
        return self._one(_TRIGGER_MISCHIEF if when == "trigger" else _MISCHIEF)

    def _how_often(self, when: str) -> str:
        draw = self._chance.random()
        if draw < 0.5:
            return f":nth={self._chance.randint(1, 2 if when == 'trigger' else 8)}"
        if draw < 0.75:
            return f":times={self._chance.randint(1, 4)}"
        start, length = self._between(0, 60), self._between(1, 90)
        if self._likely(0.1):
            length = self._between(90, 2000)
        return f":from={start:g}:for={length:g}"

    # -- who acts ------------------------------------------------------------------------------

    def _processes(self, *, is_endless: bool) -> tuple[Process, ...]:
        count = self._one((1, 1, 1, 2, 2, 3))
        return tuple(self._process(number, is_endless=is_endless) for number in range(count))

    def _process(self, number: int, *, is_endless: bool) -> Process:
        at = 0.0 if self._likely(0.4) else self._between(0, 40 if number else 4)
        attempts = self._attempts()
        timeout = self._between(3, 200) if is_endless or self._likely(0.25) else None
        return Process(
            name=f"p{number + 1}",
            at=at,
            command=self._one(("run",) * 8 + ("trigger", "wait")),
            job_type=self._one(("sync",) * 8 + ("clear", "refresh")),
            if_running=self._one(("wait", "wait", "attach", "skip", "fail")),
            since=self._likely(0.15),
            timeout=timeout,
            start_timeout=self._between(5, 60) if self._likely(0.05) else None,
            max_outage=self._one((1800.0, 1800.0, 60.0, 10.0)),
            on_timeout=self._one(("cancel", "cancel", "leave")),
            on_interrupt=self._one(("cancel", "cancel", "leave")),
            trigger_timeout=self._one((180.0, 180.0, 30.0)),
            skew=self._skew(),
            latency=self._one((0.0, 0.0, 0.01, 0.05, 0.3, 0.9)),
            attempts=attempts,
            lines=tuple(self._line() for _ in range(self._one((0, 0, 0, 0, 1, 2)))),
        )

    def _attempts(self) -> tuple[Attempt, ...]:
        if self._likely(0.25):  # a chain: killed, and tried again
            kills = [
                Attempt("SIGKILL", self._moment(), self._between(0, 30))
                for _ in range(self._one((1, 1, 2, 3)))
            ]
            return (*kills, self._last_attempt())
        return (self._last_attempt(),)

    def _last_attempt(self) -> Attempt:
        if self._likely(0.35):
            return Attempt(self._one(SIGNALS), self._moment())
        return Attempt()

    def _moment(self) -> float:
        """Draw a moment, most of them around the trigger."""
        return self._between(0, self._one((0.5, 3, 3, 20, 90, 200)))

    def _skew(self) -> float:
        return self._between(*self._one(((0, 0), (0, 0), (0, 0), (-4, 4), (-300, 300))))

    def _line(self) -> Line:
        start, length = self._between(0, 10), self._between(0.2, 40)
        pause = self._one((0.0, 0.0, 0.7, 2.0, 6.0, 12.0))
        return Line(start, _rounded(start + length), pause)

    def _strangers(self, processes: Sequence[Process]) -> tuple[Stranger, ...]:
        count = self._one((0, 0, 0, 1, 1, 2, 3))
        return tuple(self._stranger(processes) for _ in range(count))

    def _stranger(self, processes: Sequence[Process]) -> Stranger:
        near = self._one(processes).at + self._between(0, 4)
        at = near if self._likely(0.5) else self._between(0, 150)
        deed: Literal["sync", "clear", "cancel", "switch off", "switch on"] = self._one(
            ("sync",) * 10 + ("clear",) * 3 + ("cancel",) * 3 + ("switch off", "switch on")
        )
        return Stranger(_rounded(at), deed)

    # -- chance --------------------------------------------------------------------------------

    def _likely(self, share: float) -> bool:
        return self._chance.random() < share

    def _between(self, low: float, high: float) -> float:
        return _rounded(self._chance.uniform(low, high))

    def _one(self, choices: Sequence[_T]) -> _T:
        return self._chance.choice(choices)


def _rounded(seconds: float) -> float:
    """Keep a moment readable, and the same after it was printed."""
    return round(seconds, 2)
