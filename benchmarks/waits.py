"""Wait for many jobs in one process, against the sandbox, while a tenth of the answers fail.

    python -m benchmarks.waits                 1, 10, 100 and 1,000 jobs of up to ten minutes each
    python -m benchmarks.waits 1000 --minutes 2 --failing 0

Prints requests, looks (lists of what has changed), CPU seconds and peak memory of each process,
and exits with 1 if an outcome is wrong or a limit is exceeded.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Final

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, serve
from airbyte_sync_cli.sandbox.api_request import RequestRecord

ENDINGS: Final = {"succeeded": "ok", "failed": "failed", "cancelled": "cancelled"}
FAULTS: Final = ("status", "lost-before", "lost-after", "html", "truncate", "rate-limit")
_REQUESTS_PER_JOB: Final = 3
_REQUESTS_PER_LOOK: Final = 5
_CPU: Final = 25.0
"""Seconds of one process, for ten minutes."""
_MEMORY: Final = 90.0
"""MiB of one process."""
_MOST_FAULTS: Final = 1000


def prepare(jobs: int, seconds: float, failing: float) -> tuple[Sandbox, list[int], list[str]]:
    """Return a sandbox with so many running jobs, their ids, and their outcomes."""
    sandbox = Sandbox(SandboxConfig())
    chance = random.Random(jobs)  # noqa: S311  # the same jobs each time
    words = [list(ENDINGS)[index % len(ENDINGS)] for index in range(jobs)]
    ids = []
    for index, word in enumerate(words):
        life = f"pending 2, running {chance.uniform(0.3, 1) * seconds:.1f}, {word}"
        connection = sandbox.add_connection(f"c{index}", script=JobScript(life=life))
        ids.append(sandbox.start_job(connection).id)
    if failing:
        every = round(1 / failing)
        sandbox.faults.add(
            *(
                Fault.model_validate(
                    {"action": FAULTS[number % len(FAULTS)], "nth": every * number}
                )
                for number in range(1, _MOST_FAULTS)
            )
        )
    return sandbox, ids, [ENDINGS[word] for word in words]


def wait(url: str, ids: list[int]) -> tuple[list[str], float, float]:
    """Wait for the jobs in a process; return the outcomes, its CPU seconds and its peak in MiB."""
    with tempfile.TemporaryFile() as out:
        command = [sys.executable, "-m", "airbyte_sync_cli", "wait", *map(str, ids), "-o", "json"]
        process = subprocess.Popen(
            [*command, "-q"],
            stdout=out,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "AIRBYTE_URL": url},
        )
        # Not `process.wait`: only wait4 returns the usage of this child alone.
        _, process.returncode, usage = os.wait4(process.pid, 0)
        out.seek(0)
        syncs = json.loads(out.read().splitlines()[-1])["syncs"]
    cpu = usage.ru_utime + usage.ru_stime
    return [sync["outcome"] for sync in syncs], cpu, usage.ru_maxrss / 1024


def is_look(record: RequestRecord) -> bool:
    """Return whether a request is the first page of what has changed."""
    if record.method == "GET":
        return "updatedAtStart" in record.query and record.query.get("offset") == "0"
    return "updatedAtStart" in (record.json or {})


async def measure(jobs: int, seconds: float, failing: float) -> bool:
    """Measure one number of jobs, and return whether everything is within its limits."""
    sandbox, ids, expected = prepare(jobs, seconds, failing)
    began = time.monotonic()
    async with serve(sandbox) as url:
        outcomes, cpu, memory = await asyncio.to_thread(wait, url, ids)
    sent = Counter(record.name for record in sandbox.requests)
    failed = sum(record.fault is not None for record in sandbox.requests)
    requests, looks = sum(sent.values()), sum(map(is_look, sandbox.requests))
    wrong = sum(one != other for one, other in zip(outcomes, expected, strict=True))
    limit = _REQUESTS_PER_JOB * jobs + _REQUESTS_PER_LOOK * looks
    print(
        f"{jobs:>5} jobs in {time.monotonic() - began:.0f} s: {requests:,} requests "
        f"({failed:,} failed), {looks} looks, {requests / jobs:.1f} requests a job, "
        f"{cpu:.1f} s of CPU, {memory:.0f} MiB, {wrong} wrong outcomes; {dict(sent)}",
        flush=True,
    )
    # A wait for a single job does not look at lists.
    is_lean = jobs == 1 or requests <= limit * (1 + 2 * failing)
    return wrong == 0 and is_lean and cpu < _CPU and memory <= _MEMORY


def main() -> None:
    """Measure each number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="*", default=[1, 10, 100, 1000])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--failing", type=float, default=0.1)
    given = parser.parse_args()
    fine = [asyncio.run(measure(jobs, given.minutes * 60, given.failing)) for jobs in given.jobs]
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
