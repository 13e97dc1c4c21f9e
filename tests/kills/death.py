"""What one seed means: how a process dies, at which moment, and what is wrong with its API."""

import random
from dataclasses import dataclass
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from typing import Final, Literal

Way = Literal[
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
    "SIGKILL, then a retry with --since",
    "SIGSTOP, later SIGCONT",
    "reader of stdout leaves",
    "reader of stderr leaves",
    "readers of both leave",
    "terminal is closed",
    "stdout on a full disk, SIGTERM",
    "stderr on a full disk, SIGTERM",
    "result file on a full disk, SIGTERM",
    "disk becomes full",
    "disk becomes full, SIGTERM",
]
_WEIGHTS: Final[dict[Way, int]] = {
    "SIGTERM": 4,
    "SIGINT": 2,
    "SIGHUP": 2,
    "SIGKILL, then a retry with --since": 5,
    "SIGSTOP, later SIGCONT": 3,
    "reader of stdout leaves": 1,
    "reader of stderr leaves": 1,
    "readers of both leave": 1,
    "terminal is closed": 2,
    "stdout on a full disk, SIGTERM": 1,
    "stderr on a full disk, SIGTERM": 1,
    "result file on a full disk, SIGTERM": 1,
    "disk becomes full": 1,
    "disk becomes full, SIGTERM": 1,
}
WAYS: Final = tuple(_WEIGHTS)
_DECK: Final = tuple(way for way, weight in _WEIGHTS.items() for _ in range(weight))
_SENT: Final[dict[Way, Signals]] = {
    "SIGINT": SIGINT,
    "SIGHUP": SIGHUP,
    "terminal is closed": SIGHUP,
}

SHORT: Final = (
    None,
    "trigger:hold=1.5",
    "trigger:hold=1.5:applied",
    "trigger:lost-after:times=1",
    "trigger:504:applied:times=1",
    "trigger:truncate:times=1",
    "trigger:503:times=1",
    "trigger:429:times=1",
    "trigger:try-again-later:times=1",
    "trigger:state-conflict:applied:times=1",
    "trigger:late-job=2:times=1",
    "any:hold=0.3",
    "any:500:times=2",
    "any:429:retry-after=1:times=2",
    "connection:503:times=2",
    "jobs:lost-before:for=2",
    "job:503:for=3",
)
"""Faults with which a run still ends within some seconds."""
LASTING: Final = (
    *SHORT,
    "trigger:lost-before:times=1",
    "trigger:never",
    "trigger:never:applied",
    "trigger:500:times=1",
    "trigger:502:applied:times=1",
    "trigger:html",
    "trigger:state-conflict:times=1",
    "any:lost-before:after=3:for=3",
    "any:503:after=5",
    "any:hold=0.8",
    "any:never:after=6",
    "job:503",
    "cancel:503:times=1",
    "cancel:lost-before:times=1",
    "cancel:lost-after:times=1",
    "cancel:hold=2",
    "cancel:never:applied",
    "cancel:429",
)
"""Faults that only a signal cuts short."""
_MOST_REQUESTS: Final = 11
_LONGEST_PAUSE: Final = 0.5
_START_TAKES: Final = 0.6
_LONGEST_STOP: Final = 7.0
"""Longer than a connection is kept alive."""


@dataclass(frozen=True)
class Death:
    """One process's fate."""

    seed: int
    way: Way
    after_requests: int
    seconds: float
    """How long after that many requests; after the start where it is none."""
    fault: str | None
    version: str
    leaves: bool
    """Whether it has `--on-interrupt leave`."""
    stopped_for: float
    """Seconds from SIGSTOP to SIGCONT."""

    @classmethod
    def of(cls, seed: int) -> "Death":
        """Return what a seed means."""
        chance = random.Random(seed)  # noqa: S311  # no secret
        way = _DECK[seed % len(_DECK)]
        after = chance.randrange(_MOST_REQUESTS)
        return cls(
            seed=seed,
            way=way,
            after_requests=after,
            seconds=chance.uniform(0, _LONGEST_PAUSE if after else _START_TAKES),
            fault=chance.choice(LASTING if is_ending(way) else SHORT),
            version=chance.choice(["latest", "latest", "1.8", "0.63"]),
            leaves=is_ending(way) and chance.random() < 0.2,  # seldom
            stopped_for=chance.uniform(0.5, _LONGEST_STOP),
        )

    @property
    def signal(self) -> Signals | None:
        """The signal that it gets, where that ends it in order."""
        return _SENT.get(self.way, SIGTERM) if is_ending(self.way) else None


def is_ending(way: Way) -> bool:
    """Return whether it ends in order by this, instead of going on."""
    return way in _SENT or "SIGTERM" in way
