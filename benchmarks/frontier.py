"""Number of polls against the delay with which an end is noticed, for syncs of different lengths.

Pure arithmetic with `sync/poll_interval.py`: no requests, the same figures on every machine.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.poll_interval import pause_before_poll

PEERS: Final = {"PyAirbyte": 2.0, "Airflow": 3.0, "Dagster": 10.0}
"""Seconds between two polls by default: PyAirbyte's JOB_WAIT_INTERVAL_SECS, wait_seconds of
Airflow's AirbyteTriggerSyncOperator, dagster-airbyte's DEFAULT_POLL_INTERVAL_SECONDS."""
LENGTHS: Final = (10, 60, 300, 600, 1800, 3600, 3 * 3600, 8 * 3600)
SPREADS: Final = (0.05, 0.2)
"""Standard deviations of a sync's length around its typical one, as shares of that."""
_SYNCS: Final = 200
_LEAST_SHARE: Final = 0.1
"""Of the typical length: no sync is shorter."""
Pause = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The means over many syncs."""

    polls: float
    delay: float
    """The delay as a share of the sync's length."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Syncs of about one length, in seconds."""

    length: float
    unknown: Cost
    """Without a history."""
    known: Sequence[Cost]
    """With a history, for each of SPREADS."""
    peers: Sequence[Cost]
    """For each of PEERS."""


def table() -> Sequence[Row]:
    """Return a row for each length."""
    return [
        Row(
            length=length,
            unknown=cost(length, SPREADS[0], history=History()),
            known=[
                cost(length, spread, history=History(durations=(float(length),)))
                for spread in SPREADS
            ],
            peers=[cost(length, SPREADS[0], fixed=seconds) for seconds in PEERS.values()],
        )
        for length in LENGTHS
    ]


def cost(
    length: float, spread: float, *, history: History | None = None, fixed: float | None = None
) -> Cost:
    """Return the cost of syncs of about this length, by our rule or at a fixed interval."""
    chance = random.Random(1)  # noqa: S311  # the same figures each time
    found = []
    for _ in range(_SYNCS):
        seconds = length * max(chance.gauss(1, spread), _LEAST_SHARE)
        pause = _fixed(fixed) if fixed else _ours(history or History(), chance)
        found.append(_wait(seconds, pause))
    return Cost(polls=mean(polls for polls, _ in found), delay=mean(delay for _, delay in found))


def _ours(history: History, chance: random.Random) -> Pause:
    return lambda waited: pause_before_poll(waited, history=history, jitter=chance.uniform(-1, 1))


def _fixed(seconds: float) -> Pause:
    return lambda _: seconds


def _wait(length: float, pause: Pause) -> tuple[int, float]:
    """Return the number of polls until the end is seen, and the delay as a share of the length."""
    waited, polls = 0.0, 1
    while waited < length:
        waited += pause(waited)
        polls += 1
    return polls, (waited - length) / length


def markdown() -> str:
    """Return the table for the documents."""
    columns = [
        "no history",
        *(f"history, ± {spread:.0%}" for spread in SPREADS),
        *(f"{name}, {seconds:.0f} s" for name, seconds in PEERS.items()),
    ]
    head = [f"| length | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    rows = []
    for row in table():
        cells = map(_cell, (row.unknown, *row.known, *row.peers))
        rows.append(f"| {_length(row.length)} | {' | '.join(cells)} |")
    return "\n".join(head + rows)


def _length(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _cell(one: Cost) -> str:
    return f"{one.polls:,.0f} polls, {one.delay:.1%}"


if __name__ == "__main__":
    print(markdown())
