"""What a start, a status, a trigger and many waits cost, against peers measured in the same run.

    make bench               rewrites docs/benchmarks.md and docs/benchmarks.svg
    make bench QUICK=1       fewer runs and shorter waits, and nothing is rewritten

Only ratios are published: both sides are measured in turn on the same machine, against the same
server (`benchmarks/server.py`, which is not the sandbox). A row that is worse than its limit fails
the command. Each program has its own byte-compiled virtual environment, because other installed
packages change what is imported; times and peaks are medians of alternating runs.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import trustme

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import frontier
from benchmarks.report import Row, publish, show
from benchmarks.server import connection_id

ROOT: Final = Path(__file__).resolve().parent.parent
VENVS: Final = ROOT / ".e2e"
MIB: Final = 1024 * 1024
LATENCY: Final = 0.04
"""Seconds until a response: a server in the same country."""
_SLOW: Final = 0.3
"""Seconds: requests that are sent at the same time must all have arrived by then."""

SDK_READ: Final = """
import sys
from airbyte_api import AirbyteAPI
from airbyte_api.api import GetJobRequest
api = AirbyteAPI(server_url=sys.argv[1] + "/api/public/v1")
read = api.jobs.get_job(request=GetJobRequest(job_id=int(sys.argv[2]))).job_response
"""
BARE_READ: Final = """
import asyncio, sys
sys.modules["httpx._main"] = None
import httpx, pydantic, typer
class Job(pydantic.BaseModel):
    jobId: int
async def read(url):
    async with httpx.AsyncClient(verify=False) as client:
        return Job.model_validate_json((await client.get(url)).content)
asyncio.run(read(sys.argv[1] + "/api/public/v1/jobs/" + sys.argv[2]))
"""


# -- environments, processes, servers --------------------------------------------------------


def clean_environment() -> dict[str, str]:
    """Return the caller's environment without what forbids bytecode or points elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("AIRBYTE_")
    }


def environment(name: str, *packages: str) -> Path:
    """Create (or reuse) a byte-compiled virtual environment; return its folder of programs."""
    folder = VENVS / f"bench-{name}"
    stamp = folder / ".made"
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([*pip, *packages], check=True, env=clean_environment())
        stamp.touch()
    elif name == "ours":
        again = [*pip, "--no-deps", "--force-reinstall", str(ROOT)]
        subprocess.run(again, check=True, env=clean_environment())
    return folder / "bin"


@contextlib.contextmanager
def served(
    *, latency: float = 0.0, jobs: int = 1, seconds: float = 3600.0, certificate: str = ""
) -> Iterator[str]:
    """Serve a small Airbyte in a process of its own; yield its address."""
    options = {"latency": latency, "jobs": jobs, "seconds": seconds, "certificate": certificate}
    argv = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "server.py"), *argv],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None  # noqa: S101  # it was asked for
    try:
        port = server.stdout.readline().strip()
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def seen(url: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return the requests by path, and the round trips before the first one of each."""
    with urllib.request.urlopen(f"{url}/seen") as response:  # noqa: S310  # our own server
        found = json.load(response)
    return found["requests"], found["round_trips_before"]


def measure(command: Sequence[str]) -> tuple[float, float, int]:
    """Run a command; return its wall seconds, its CPU seconds, and its peak memory in bytes."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            print(log.read().decode(errors="replace"), file=sys.stderr)
            raise SystemExit(f"{' '.join(command)[:200]} exited with {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def in_turn(runs: int, *commands: Sequence[str]) -> Sequence[tuple[float, float]]:
    """Run the commands in turn; return the median seconds and peak bytes of each."""
    for command in commands:  # the first run reads the files from disk
        measure(command)
    rounds = [[measure(command) for command in commands] for _ in range(runs)]
    return [
        (statistics.median(one[0] for one in each), statistics.median(one[2] for one in each))
        for each in zip(*rounds, strict=True)
    ]


# -- what is measured ------------------------------------------------------------------------


def start(ours: Path, runs: int) -> Sequence[Row]:
    """Measure `--help` against importing Typer alone."""
    typer = environment("typer", "typer") / "python"
    helps, imports = in_turn(
        runs, [str(ours / "airbyte-sync"), "--help"], [str(typer), "-c", "import typer"]
    )
    return [
        Row("`--help`: time", "`import typer`", helps[0] / imports[0], limit=1.5),
        Row("`--help`: memory", "`import typer`", helps[1] / imports[1], limit=1.2),
    ]


def status(ours: Path, runs: int) -> Sequence[Row]:
    """Measure a whole `status JOB_ID` against the SDK's read of that job, and the bare read."""
    sdk = environment("sdk", "airbyte-api") / "python"
    rows: list[Row] = []
    for latency, limit in ((0.0, 0.9), (LATENCY, 0.95)):
        with served(latency=latency) as url:
            whole, read, bare = in_turn(
                runs,
                [str(ours / "airbyte-sync"), "status", "1", "--url", url, "-o", "json"],
                [str(sdk), "-c", SDK_READ, url, "1"],
                [str(ours / "python"), "-c", BARE_READ, url, "1"],
            )
        where = f"at {latency * 1000:.0f} ms"
        rows.append(Row(f"`status JOB` {where}: time", "the SDK", whole[0] / read[0], limit=limit))
        rows.append(Row(f"`status JOB` {where}: time", "the bare read", whole[0] / bare[0]))
    rows.append(Row("`status JOB`: memory", "the SDK", whole[1] / read[1], limit=1.05))
    rows.append(Row("`status JOB`: memory", "the bare read", whole[1] / bare[1]))
    return rows


def round_trips(ours: Path) -> Sequence[Row]:
    """Count the round trips that follow each other, up to an end, a look, or a trigger."""
    cases = (
        ("`status JOB`: round trips", ("status", "1"), None, 2),
        ("`wait JOB`: up to the first status", ("wait", "1"), "GET /api/public/v1/jobs/N", 1),
        ("`run --conn ID`: before the trigger", ("trigger", "--conn", connection_id(1)),
         "POST /api/public/v1/jobs", 2),
        ("`run --conn NAME`: before the trigger", ("trigger", "--conn", "orders 1"),
         "POST /api/public/v1/jobs", 3),
    )  # fmt: skip
    rows = []
    for name, argv, request, limit in cases:
        is_trigger = request is not None and request.startswith("POST")
        # A trigger would wait for a job that is active.
        with served(
            latency=_SLOW, seconds=0.0 if is_trigger or argv[0] == "wait" else 3600
        ) as url:
            measure([str(ours / "airbyte-sync"), *argv, "--url", url, "-o", "json"])
            before = seen(url)[1]
        count = (max(before.values()) if request is None else before[request]) + (not is_trigger)
        rows.append(Row(name, "", float(count), limit=float(limit), is_ratio=False))
    return rows


def many_waits(ours: Path, seconds: float, most: int) -> Sequence[Row]:
    """Measure requests and CPU for each job of a process that waits for many."""
    rows: list[Row] = []
    alone_requests = alone_cpu = 0.0
    for jobs in (1, 10, 100, 1000):
        if jobs > most:
            break
        with served(jobs=jobs, seconds=seconds) as url:
            ids = [str(one) for one in range(1, jobs + 1)]
            argv = [str(ours / "airbyte-sync"), "wait", *ids, "--url", url, "-q", "-o", "json"]
            _, cpu, peak = measure(argv)
            requests = sum(seen(url)[0].values())
        if jobs == 1:
            alone_requests, alone_cpu = requests, cpu
            print(f"one wait of {seconds:.0f} s: {requests} requests, {cpu:.2f} s of CPU")
            continue
        print(f"{jobs} waits of {seconds:.0f} s: {requests} requests, {cpu:.2f} s of CPU")
        name, alone = f"{jobs:,} waits", f"{jobs:,} single waits"
        limit = {10: None, 100: 0.2, 1000: 0.2}[jobs]
        rows.append(Row(f"{name}: requests", alone, requests / jobs / alone_requests, limit=limit))
        rows.append(Row(f"{name}: CPU", alone, cpu / jobs / alone_cpu, limit=limit))
        if jobs == most == 1000:  # noqa: PLR2004  # the last of the series
            rows.append(Row(f"{name}: MiB of memory", "", peak / MIB, limit=90, is_ratio=False))
    return rows


def polling() -> Sequence[Row]:
    """Count the polls for an hour, and the delay of its end: arithmetic, with no requests."""
    [hour] = [row for row in frontier.table() if row.length == 3600]  # noqa: PLR2004
    known, airflow = hour.known[-1], hour.peers[list(frontier.PEERS).index("Airflow")]
    percent = 100 * known.delay
    return [
        Row("1 h, with a history: polls", "", known.polls, limit=60, is_ratio=False),
        Row("1 h, with a history: % of delay", "", percent, limit=1, is_ratio=False),
        Row("1 h, without one: polls", "", hour.unknown.polls, limit=120, is_ratio=False),
        Row("1 h, with a history: polls", "Airflow's operator", known.polls / airflow.polls),
    ]


def one_wait(ours: Path) -> Sequence[Row]:
    """Measure the resident memory of a waiting `run`, over http and over TLS."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        authority, certificate = Path(folder, "ca.pem"), Path(folder, "server.pem")
        issuer = trustme.CA()
        issuer.cert_pem.write_to_path(str(authority))
        issuer.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            str(certificate)
        )
        for name, options, server, limit in (
            ("http", (), "", 45.0),
            ("TLS", ("--ca-bundle", str(authority)), str(certificate), 49.0),
        ):
            with served(certificate=server) as url:
                used = waiting_memory([str(ours / "airbyte-sync"), "wait", "1", "--url", url,
                                       "-o", "json", *options])  # fmt: skip
            row = Row(f"one wait, {name}: MiB of memory", "", used / MIB, limit, is_ratio=False)
            rows.append(row)
    return rows


def waiting_memory(command: Sequence[str]) -> int:
    """Return the resident bytes of a wait that has polled for a while."""
    process = subprocess.Popen(
        command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(8)
    pages = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    return int(pages) * resource.getpagesize()


def image_start(runs: int) -> Sequence[Row]:
    """Measure a start of the image against its bare Python, if both can be run here."""
    builder = shutil.which("podman") or shutil.which("docker")
    image = os.environ.get("AIRBYTE_SYNC_IMAGE", "airbyte-sync")
    if builder is None or subprocess.run([builder, "image", "inspect", image], check=False,
                                         capture_output=True).returncode:  # fmt: skip
        print(f"skipped: image start (no podman or docker that has the image {image})")
        return []
    run = [builder, "run", "--rm"]
    ours, bare = in_turn(
        runs,
        [*run, image, "--version"],
        [*run, "--entrypoint", "python", image, "-c", "import typer"],
    )
    return [Row("image, `--version`: time", "`import typer` in it", ours[0] / bare[0], limit=1.5)]


def main() -> None:
    """Measure everything; exit 1 if a row is worse than its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    is_quick = parser.parse_args().quick
    runs, seconds, most = (5, 10.0, 100) if is_quick else (21, 60.0, 1000)
    ours = environment("ours", f"{ROOT}[sandbox]")
    groups = {
        "Start": start(ours, runs),
        "A whole status": status(ours, runs),
        "Round trips": round_trips(ours),
        "Many waits": many_waits(ours, seconds, most),
        "Polling": polling(),
        "Memory of one wait": one_wait(ours),
        "Image": image_start(runs),
    }
    for name, rows in groups.items():
        show(name, rows)
    if not is_quick:
        publish(groups)
    sys.exit(any(row.is_exceeded for rows in groups.values() for row in rows))


if __name__ == "__main__":
    main()
