"""Kill `run` at random moments under faults, and compare what is left to the sandbox's record.

    make kills               300 deaths, seeds 0 to 299; rewrites docs/reliability.json
    make kills COUNT=50      fewer of them, and nothing is rewritten
    make kills SEED=123      one death and its story

Each is a real process with a sandbox on a real socket, several at a time. A seed selects how it
dies, which fault its API has, and the moment: some milliseconds after a number of requests, so
that it hits the same step on a slow machine. Exit 1 if a promise was broken. A death that took
too long is repeated alone, because the others share its cores.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' support

from benchmarks.figures import store
from tests.kills.death import WAYS, Death
from tests.kills.die import Died, die
from tests.kills.judge import Broken, broken

COUNT: Final = 300
_AT_A_TIME: Final = 3
"""Processes per core: they wait most of the time."""


def play(seed: int) -> tuple[Died, list[Broken]]:
    """Run one death and judge it."""
    died = die(Death.of(seed))
    return died, broken(died)


def play_all(seeds: Sequence[int]) -> list[tuple[Died, list[Broken]]]:
    """Run many deaths at the same time; repeat alone what was only late."""
    played = []
    with ProcessPoolExecutor((os.cpu_count() or 1) * _AT_A_TIME) as pool:
        for number, one in enumerate(pool.map(play, seeds), 1):
            played.append(one)
            if number % 50 == 0:
                print(f"{number} deaths", flush=True)
    return [
        play(died.death.seed) if found == ["late"] else (died, found) for died, found in played
    ]


def table(played: list[tuple[Died, list[Broken]]]) -> list[dict[str, object]]:
    """Return the rows of the table, one per way to die."""
    return [
        _row(way, [one for one in played if one[0].death.way == way])
        for way in WAYS
        if any(died.death.way == way for died, _ in played)
    ]


def _row(way: str, played: list[tuple[Died, list[Broken]]]) -> dict[str, object]:
    deaths = [died for died, _ in played]
    kinds = Counter(kind for _, found in played for kind in found)
    endings = sorted(died.seconds for died in deaths if died.seconds is not None)
    return {
        "way": way,
        "deaths": len(deaths),
        "moments": dict(Counter(died.moment for died in deaths)),
        "codes": dict(sorted(Counter(str(died.left.code) for died in deaths).items())),
        "left": sum(bool(died.active) for died in deaths) - kinds["orphan"],
        "orphans": kinds["orphan"],
        "second jobs": kinds["second job"],
        "disagreements": kinds["disagreement"],
        "other": sum(kinds.values())
        - kinds["orphan"] - kinds["second job"] - kinds["disagreement"],
        "seconds": [
            round(statistics.median(endings), 2),
            round(endings[int(len(endings) * 0.95)], 2),
            round(endings[-1], 2),
        ] if endings else None,
    }  # fmt: skip


def show(seed: int) -> bool:
    """Print the story of one death; return whether every promise was kept."""
    died, found = play(seed)
    print(died.story())
    print(f"broken: {', '.join(found) or 'nothing'}")
    return not found


def report(rows: list[dict[str, object]], played: list[tuple[Died, list[Broken]]]) -> None:
    """Print the table in Markdown, and what was broken."""
    columns = [name for name in rows[0] if name != "moments"]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(row[name]) for name in columns)} |")
    print("\nwhere it was:", dict(Counter(died.moment for died, _ in played)))
    for died, found in played:
        if found:
            print(f"seed {died.death.seed}: {', '.join(found)}: {died.death}")


def publish(rows: list[dict[str, object]], seeds: range, *, seconds: float, load: float) -> None:
    """Store the figures for the documents."""
    figures: dict[str, object] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": round(load, 1),
        "minutes": round(seconds / 60, 1),
        "seeds": [seeds.start, seeds.stop],
        "rows": rows,
    }
    store("kills", figures)


def main() -> None:
    """Run deaths and print the result; exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="see `make kills`")
    parser.add_argument("--seed", type=int, help="show this death only")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        raise SystemExit(0 if show(chosen.seed) else 1)
    seeds, began, load = (
        range(chosen.start, chosen.start + chosen.count), time.monotonic(), os.getloadavg()[0],
    )  # fmt: skip
    print(f"seeds {seeds.start} to {seeds.stop - 1}; load before: {load:.1f}")
    played = play_all(seeds)
    rows = table(played)
    report(rows, played)
    if seeds == range(COUNT):
        publish(rows, seeds, seconds=time.monotonic() - began, load=load)
    raise SystemExit(1 if any(found for _, found in played) else 0)


if __name__ == "__main__":
    main()
