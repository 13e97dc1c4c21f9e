"""Memory, descriptors and CPU of long waits with an API that keeps failing must be flat.

    make soak                20 minutes; rewrites docs/reliability.json
    make soak MINUTES=2      shorter, and nothing is rewritten
    make soak HOURS=72       virtual time instead: twenty waits of three days, in some minutes
    make soak SEED=7         the same faults at the same moments again

One process runs twenty connections and polls each every two seconds; another waits for one job
as `wait JOB_ID` does by default. The API never works for longer than half a minute: its port is
closed, it resets connections, returns 500, 503, 429, 401 or a web page, responds slowly, or
expires its tokens early. Both processes are measured once a second. The second half must be
flat: its regression line rises by no more than its limit, or by less than twice the scatter
around it. Exit 1 if it does not, or if a wait did not succeed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' support

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, serve
from benchmarks.figures import store
from tests.support.endurance import ODDITIES, OUTAGES, wait_in_virtual_time

ROOT: Final = Path(__file__).resolve().parent.parent
MINUTES: Final = 20.0
JOBS: Final = 20
MIB: Final = 1024 * 1024
RISE: Final = {"memory": 0.5, "descriptors": 0.5, "cpu": 1.0}
"""Limits per hour: MiB, descriptors, percent of a core."""
_LONGEST_PHASE: Final = 25.0
"""Seconds. The client doubts a 401 for a minute, so a phase must be shorter."""
_TOKENS_LIVE: Final = 45.0
_CLOSED: Final = "port closed"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_VIRTUAL_POLLS: Final = 300.0
"""Seconds. The number and length of the outages matter, not that of the polls."""
_WINDOWS: Final = 20
"""Windows of CPU time in the second half."""
_BLINK: Final = 0.2
_MARGIN: Final = 120.0
"""Seconds for the waits to end after their jobs."""


@dataclass(frozen=True)
class Sample:
    """The memory and descriptors of a process at one moment, and its CPU time so far."""

    at: float
    """Seconds since the start."""
    memory: float
    """Resident MiB."""
    descriptors: int
    cpu: float
    """Seconds of CPU time so far."""


@dataclass
class Watched:
    """A process and its samples."""

    name: str
    process: subprocess.Popen[bytes]
    began: float
    samples: list[Sample] = field(default_factory=list)

    def measure(self) -> None:
        """Take a sample, unless it has ended."""
        proc = Path("/proc") / str(self.process.pid)
        with contextlib.suppress(OSError, IndexError):
            fields = (proc / "stat").read_text("ascii").rpartition(")")[2].split()
            pages = int((proc / "statm").read_text("ascii").split()[1])
            sample = Sample(
                time.monotonic() - self.began,
                pages * resource.getpagesize() / MIB,
                sum(1 for _ in (proc / "fd").iterdir()),
                (int(fields[11]) + int(fields[12])) / _TICKS,
            )
            if pages:
                self.samples.append(sample)


class Flapping(threading.Thread):
    """Serves a sandbox that keeps failing; `phases` counts the faults."""

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        super().__init__(name="sandbox")
        self._sandbox, self._random = sandbox, chance
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt, self._flap = threading.Event(), threading.Event()
        self._ready = threading.Event()
        self.url = ""
        self.phases = Counter[str]()

    def run(self) -> None:
        """Serve until `halt`."""
        asyncio.run(self._phases())

    def await_url(self) -> str:
        """Return the address once it is served."""
        if not self._ready.wait(10):
            raise SystemExit("the sandbox did not start")
        return self.url

    def begin(self) -> None:
        """Start to fail."""
        self._flap.set()

    def calm(self) -> None:
        """Stop failing."""
        self._flap.clear()
        self._sandbox.faults.clear()

    def halt(self) -> None:
        """Stop serving."""
        self._halt.set()
        self.join(30)

    async def _phases(self) -> None:
        while not self._halt.is_set():
            port = int(self.url.rpartition(":")[2]) if self.url else 0
            async with serve(self._sandbox, port=port) as self.url:
                self._ready.set()
                await self._until_outage()
            if not self._halt.is_set():
                self.phases[_CLOSED] += 1
                await self._pause(self._random.uniform(2, _LONGEST_PHASE))

    async def _until_outage(self) -> None:
        while not self._halt.is_set():
            await self._pause(self._random.uniform(2, _LONGEST_PHASE))
            if not self._flap.is_set():
                continue
            spec = self._random.choice([_CLOSED, *OUTAGES, *ODDITIES, "any:expire-tokens"])
            if spec == _CLOSED:
                return
            self.phases[spec] += 1
            self._sandbox.faults.add(Fault.model_validate(spec))
            await self._pause(self._random.uniform(2, _LONGEST_PHASE))
            self._sandbox.faults.clear()

    async def _pause(self, seconds: float) -> None:
        for _ in range(int(seconds / _BLINK)):
            if not self._halt.is_set():  # by another thread
                await asyncio.sleep(_BLINK)


@contextlib.contextmanager
def started(name: str, *argv: str, url: str, log: Path) -> Iterator[Watched]:
    """Start the program with a minimal environment; kill it if it does not end."""
    environ = {
        "PATH": os.environ["PATH"],
        "AIRBYTE_URL": url,
        "AIRBYTE_CLIENT_ID": "sandbox-client-id",
        "AIRBYTE_CLIENT_SECRET": "sandbox-client-secret",
        "AIRBYTE_HEADERS": f"X-Sandbox-Caller: {name}",
    }
    with log.open("wb") as stderr, log.with_suffix(".json").open("wb") as stdout:
        process = subprocess.Popen(  # our own program
            [sys.executable, "-m", "airbyte_sync_cli", *argv, "-o", "json"],
            env=environ, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
        )  # fmt: skip
    try:
        yield Watched(name, process, time.monotonic())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)


@dataclass(frozen=True)
class Line:
    """A regression line."""

    per_hour: float
    rise: float
    """From its start to its end."""
    scatter: float
    """The standard deviation around it."""

    @classmethod
    def through(cls, points: list[tuple[float, float]]) -> "Line":
        """Fit a line to values at seconds."""
        times, values = zip(*points, strict=True)
        slope, start = statistics.linear_regression(times, values)
        rest = [value - start - slope * at for at, value in points]
        return cls(slope * 3600, slope * (times[-1] - times[0]), statistics.pstdev(rest))

    def is_flat(self, limit: float) -> bool:
        """Return whether it rises by less than the limit per hour, or within the scatter."""
        return self.per_hour <= limit or self.rise <= 2 * self.scatter


def figures_of(watched: Watched, requests: int) -> dict[str, object]:
    """Return the published figures of a process; `is_flat` is the verdict."""
    samples = watched.samples
    half = samples[len(samples) // 2 :]
    memory = Line.through([(each.at, each.memory) for each in half])
    descriptors = Line.through([(each.at, float(each.descriptors)) for each in half])
    step = max(len(half) // _WINDOWS, 1)
    shares = [
        (late.at, (late.cpu - early.cpu) / (late.at - early.at) * 100)
        for early, late in zip(half[::step], half[step::step], strict=False)
    ]
    cpu = Line.through(shares)
    whole = samples[-1]
    return {
        "requests": requests,
        "memory": round(whole.memory, 1),
        "peak": round(max(each.memory for each in samples), 1),
        "memory_per_hour": round(memory.per_hour, 2),
        "memory_scatter": round(memory.scatter, 2),
        "descriptors": [min(each.descriptors for each in half),
                        max(each.descriptors for each in half)],
        "descriptors_per_hour": round(descriptors.per_hour, 1),
        "cpu_percent": round(whole.cpu / whole.at * 100, 2),
        "cpu_per_hour": round(cpu.per_hour, 2),
        "is_flat": memory.is_flat(RISE["memory"])
        and descriptors.is_flat(RISE["descriptors"])
        and _least(samples, 4) <= _least(samples, 2)
        and cpu.is_flat(RISE["cpu"]),
    }  # fmt: skip


def _least(samples: list[Sample], quarter: int) -> int:
    """Return the minimum of descriptors in a quarter of the time: a leak raises it."""
    size = len(samples) // 4
    return min(each.descriptors for each in samples[size * (quarter - 1) : size * quarter])


def soak(minutes: float, seed: int, folder: Path) -> dict[str, object]:
    """Run two processes that wait; return the figures."""
    seconds = minutes * 60
    sandbox = Sandbox(SandboxConfig(auth="client-credentials", token_lifetime=_TOKENS_LIVE))
    script = JobScript(life=f"running {seconds:g}, succeeded")
    names = [f"orders_{number:02}" for number in range(JOBS)]
    for name in names:
        sandbox.add_connection(name, script=script)
    alone = sandbox.start_job(sandbox.add_connection("alone", script=script))
    api = Flapping(sandbox, random.Random(seed))  # noqa: S311  # no secret
    api.start()
    many = ["run", "--poll-interval", "2s", *[word for name in names for word in ("-c", name)]]
    try:
        url = api.await_url()
        with (
            started("twenty", *many, url=url, log=folder / "twenty.log") as twenty,
            started("one", "wait", str(alone.id), url=url, log=folder / "one.log") as one,
        ):
            watch([twenty, one], sandbox, api, seconds)
            codes = [each.process.poll() for each in (twenty, one)]
    finally:
        api.halt()
    asked = Counter(request.caller for request in sandbox.requests)
    outcomes = Counter(job.status for job in sandbox.jobs)
    logs = "".join((folder / f"{each}.log").read_text("utf-8") for each in ("twenty", "one"))
    return {
        "minutes": round(minutes, 1),
        "seed": seed,
        "phases": sum(api.phases.values()),
        "faults": dict(sorted(api.phases.items())),
        "codes": codes,
        "jobs": dict(outcomes),
        "ended_well": codes == [0, 0]
        and outcomes == {"succeeded": JOBS + 1}
        and "Traceback" not in logs,
        "processes": {each.name: figures_of(each, asked[each.name]) for each in (twenty, one)},
    }


def watch(processes: list[Watched], sandbox: Sandbox, api: Flapping, seconds: float) -> None:
    """Measure once a second until all have ended; print a line once a minute."""
    began, told = time.monotonic(), 0.0
    while any(each.process.poll() is None for each in processes):
        time.sleep(1)
        for each in processes:
            each.measure()
        passed = time.monotonic() - began
        if len(sandbox.jobs) == JOBS + 1 and passed < seconds:
            api.begin()
        if passed >= seconds:
            api.calm()
        if passed >= told + 60:
            told = passed
            print(f"{passed / 60:4.0f} min  {'; '.join(map(_now, processes))}", flush=True)
        if passed > seconds + _MARGIN:
            return


def _now(watched: Watched) -> str:
    last = watched.samples[-1]
    return (
        f"{watched.name}: {last.memory:.1f} MiB, {last.descriptors} descriptors, "
        f"{last.cpu:.1f} s of CPU"
    )


def publish(key: str, figures: dict[str, object]) -> None:
    """Store figures for the documents, with the date and the machine."""
    where = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }
    store(key, {**where, **figures})


def virtual(hours: float, seed: int) -> dict[str, object]:
    """Wait in virtual time; return the figures."""
    waited = wait_in_virtual_time(hours, jobs=JOBS, seed=seed, poll_interval=_VIRTUAL_POLLS)
    return {
        "hours": hours,
        "jobs": JOBS,
        "seed": seed,
        "looks": waited.looks,
        "outages": waited.outages,
        "objects": [each.objects for each in waited.samples],
        "blocks": [each.blocks for each in waited.samples],
        "is_flat": waited.is_flat,
        "ended_well": waited.ended_well,
    }


def main() -> None:
    """Run the waits and print the figures; exit 1 if they are not flat."""
    parser = argparse.ArgumentParser(description="see `make soak`")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--hours", type=float, help="hours of virtual time instead")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.hours:
        key, figures = "endurance", virtual(chosen.hours, chosen.seed)
        is_fine = figures["is_flat"] and figures["ended_well"]
    else:
        with tempfile.TemporaryDirectory() as folder:
            key, figures = "soak", soak(chosen.minutes, chosen.seed, Path(folder))
        processes = figures["processes"]
        assert isinstance(processes, dict)  # noqa: S101  # for the type checker
        is_fine = figures["ended_well"] and all(each["is_flat"] for each in processes.values())
    print(json.dumps(figures, indent=1))
    if chosen.hours or chosen.minutes >= MINUTES:
        publish(key, figures)
    raise SystemExit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
