"""Random scenarios in virtual time against the sandbox's own record.

    make fuzz                20,000 scenarios, seeds 0 to 19,999; rewrites docs/reliability.json
    make fuzz COUNT=500      fewer of them, and nothing is rewritten
    make fuzz SEED=123       one scenario and its story, made small first where it fails
    make matrix              every request of every command x every fault, instead

Exit 1 if a promise was broken: each seed is printed, with a minimal scenario for the first few.
What cannot be decided with Airbyte's API is counted as a limit.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' support

from benchmarks.figures import store
from tests.fuzz.judge import faults
from tests.fuzz.matrix import NAMES, Rows, matrix
from tests.fuzz.play import play
from tests.fuzz.scenario import Scenario, generate
from tests.fuzz.shrink import shrink
from tests.fuzz.tally import ENDINGS, Tally, tally
from tests.fuzz.trace import trace

COUNT: Final = 20_000
_CHUNK: Final = 25
_MOST_SHRUNK: Final = 10


def fails_alike(seed: int) -> Callable[[Scenario], bool]:
    """Return a check whether a smaller scenario breaks the same promise as this seed."""
    kind = faults(play(generate(seed)))[0].kind
    return lambda smaller: any(fault.kind == kind for fault in faults(play(smaller)))


def show(seed: int) -> bool:
    """Print the story of a seed's scenario; return whether every promise was kept."""
    scenario = generate(seed)
    played = play(scenario)
    is_fine = not faults(played)
    if not is_fine:
        print(f"seed {seed} breaks a promise; the smallest scenario that does:\n")
        played = play(shrink(scenario, fails_alike(seed)))
    print(trace(played))
    return is_fine


def run(seeds: range) -> Tally:
    """Run many scenarios on every core."""
    total, began, shown = Tally(), time.monotonic(), 0
    chunks = [seeds[at : at + _CHUNK] for at in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(tally, chunks):
            total += found
            if total.scenarios >= shown + len(seeds) // 20:
                shown = total.scenarios
                rate = total.scenarios / (time.monotonic() - began)
                print(f"{shown} scenarios, {rate:.0f}/s, {len(total.failed)} failed", flush=True)
    return total


def report(total: Tally) -> None:
    """Print the table of endings, the limits met, and what failed."""
    print(f"\n{'exit':>6}" + "".join(f"{what:>24}" for what in ENDINGS))
    for code in sorted({code for code, _ in total.endings}):
        print(f"{code:>6}" + "".join(f"{total.endings[code, what]:>24}" for what in ENDINGS))
    print(
        f"\n{total.scenarios} scenarios, {total.processes} processes ({total.killed} killed), "
        f"{total.requests} requests"
    )
    for limit, count in total.limits.most_common():
        print(f"limit: {limit}: {count}")
    for index, (seed, found) in enumerate(sorted(total.failed.items())):
        print(f"\nseed {seed}: {'; '.join(found)}")
        if index < _MOST_SHRUNK:
            print(shrink(generate(seed), fails_alike(seed)))


def _rows(job: tuple[str, str]) -> Rows:
    how_long, command = job
    return matrix(command, lasting=how_long == "lasting")


def fault_matrix() -> dict[str, dict[str, Rows]]:
    """Run every command with every fault on every request, once and lasting."""
    jobs = [(how_long, command) for how_long in ("once", "lasting") for command in NAMES]
    found: dict[str, dict[str, Rows]] = {"once": {}, "lasting": {}}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for (how_long, command), rows in zip(jobs, pool.map(_rows, jobs), strict=True):
            found[how_long][command] = rows
    return found


def main() -> None:
    """Run scenarios and print the result; exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="see `make fuzz`")
    parser.add_argument("--seed", type=int, help="show this scenario only")
    parser.add_argument("--matrix", action="store_true", help="the fault matrix instead")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        raise SystemExit(0 if show(chosen.seed) else 1)
    if chosen.matrix:
        store("matrix", fault_matrix())
        return
    seeds = range(chosen.start, chosen.start + chosen.count)
    total = run(seeds)
    report(total)
    if seeds == range(COUNT):
        store("fuzz", total.figures(seeds))
    raise SystemExit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
