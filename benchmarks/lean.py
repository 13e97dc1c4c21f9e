"""Start-up time and memory, as ratios against a baseline measured in the same run.

    make bench

- `--help` against `python -c 'import typer'`: at most 1.5 times the wall time.
- A whole `status JOB_ID` against a five-line script that does the same read with the
  `airbyte-api` SDK: at most 0.9 times the wall time, and 1.05 times the peak memory. The bare
  read with the packages that the program uses (typer, httpx, pydantic) is measured, too, as the
  minimum for any program that is built on them.
- The resident memory of one waiting `run`: at most 45 MiB.

Each program has its own byte-compiled virtual environment, because other installed packages
change what is imported. Wall times are medians of alternating runs.
"""

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".e2e"
RUNS = 21
MIB = 1024 * 1024

SDK_READ = """
import sys
from airbyte_api import AirbyteAPI
from airbyte_api.api import GetJobRequest
api = AirbyteAPI(server_url=sys.argv[1] + "/api/public/v1")
read = api.jobs.get_job(request=GetJobRequest(job_id=int(sys.argv[2]))).job_response
"""

BARE_READ = """
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


def environment(name: str, *packages: str) -> Path:
    """Make (or reuse) a byte-compiled virtual environment; return its bin folder."""
    folder = VENVS / f"bench-{name}"
    stamp = folder / ".made"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True, env=clean_environment())
        stamp.touch()
    elif name == "ours":
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", "--force-reinstall", str(ROOT)],
            check=True,
            env=clean_environment(),
        )
    return folder / "bin"


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what would forbid bytecode or point elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("AIRBYTE_")
    }
    return {**kept, **(more or {})}


def measure(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, int]:
    """Run a command; return its wall seconds and its peak memory in bytes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {process.returncode}")
    return seconds, usage.ru_maxrss * 1024


def side_by_side(
    ours: Sequence[str], theirs: Sequence[str], environ: Mapping[str, str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Alternate both commands; return median seconds and median peak bytes of each."""
    for command in (ours, theirs):
        measure(command, environ)
    pairs = [(measure(ours, environ), measure(theirs, environ)) for _ in range(RUNS)]
    first, second = zip(*pairs, strict=True)
    return _medians(first), _medians(second)


def _medians(measured: Sequence[tuple[float, int]]) -> tuple[float, float]:
    return (
        statistics.median(seconds for seconds, _ in measured),
        statistics.median(peak for _, peak in measured),
    )


def resident(pid: int) -> int:
    """Return the resident bytes of a running process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class Limit(NamedTuple):
    """The maximum ratio to the baseline, and how to print the numbers."""

    ratio: float
    unit: str
    scale: float


def report(name: str, ours: float, theirs: float, *, limit: Limit) -> bool:
    """Print one ratio; return whether it is within its limit."""
    ratio = ours / theirs
    verdict = "ok" if ratio <= limit.ratio else "TOO MUCH"
    print(
        f"{name:<44} {ours * limit.scale:7.1f} {limit.unit} against "
        f"{theirs * limit.scale:7.1f} {limit.unit}: {ratio:.2f} (at most {limit.ratio}) {verdict}"
    )
    return ratio <= limit.ratio


def start_sandbox(python: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a sandbox of the tested version on a free port; return it and its address."""
    program = python.parent / "airbyte-sync"
    process = subprocess.Popen(
        [str(program), "sandbox", "--port", "0"],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None  # noqa: S101  # it was asked for
    for line in process.stderr:
        if "http://" in line:
            return process, "http://" + line.split("http://")[1].split()[0].rstrip("/.,")
    raise SystemExit("the sandbox did not start")


def waiting_memory(program: Path, url: str) -> int:
    """Return the resident bytes of a `run` that has polled for a while."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(program), "run", "--conn", "events", "--url", url, "-o", "json"],
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        time.sleep(8)
        used = resident(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    return used


def main() -> None:
    """Measure everything; exit 1 if a limit is exceeded."""
    ours = environment("ours", f"{ROOT}[sandbox]")
    typer, sdk = environment("typer", "typer"), environment("sdk", "airbyte-api")
    program = ours / "airbyte-sync"
    environ = clean_environment()
    kept = []

    helps, imports = side_by_side(
        [str(program), "--help"], [str(typer / "python"), "-c", "import typer"], environ
    )
    limit = Limit(1.5, "ms", 1000)
    kept.append(report("--help, against `import typer`", helps[0], imports[0], limit=limit))

    server, url = start_sandbox(ours / "python")
    try:
        found = subprocess.run(
            [str(program), "trigger", "--conn", "orders", "--url", url, "-o", "json"],
            env=environ, check=True, capture_output=True, text=True,
        )  # fmt: skip
        job = str(json.loads(found.stdout)["syncs"][0]["job_id"])
        whole = [str(program), "status", job, "--url", url, "-o", "json"]
        status, read = side_by_side(
            whole, [str(sdk / "python"), "-c", SDK_READ, url, job], environ
        )
        bare, _ = side_by_side([str(ours / "python"), "-c", BARE_READ, url, job], whole, environ)
        time_limit, peak_limit = Limit(0.9, "ms", 1000), Limit(1.05, "MiB", 1 / MIB)
        kept.append(report("status, against the SDK: time", status[0], read[0], limit=time_limit))
        kept.append(report("status, against the SDK: peak", status[1], read[1], limit=peak_limit))
        report("the bare read, against the SDK: peak", bare[1], read[1], limit=peak_limit)
        used = waiting_memory(program, url)
        rss_limit = Limit(1.0, "MiB", 1 / MIB)
        kept.append(report("a waiting run, against 45 MiB", used, 45 * MIB, limit=rss_limit))
    finally:
        server.terminate()
        server.wait(timeout=10)
    raise SystemExit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
