"""A running Airflow: its scheduler and what belongs to it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from tests.support.airflow import Airflow
from tests.support.airflow_hands import ApiHands, Hands, ScriptHands

_CONFIG: Final = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    # Airflow 2 keeps LocalExecutor from SQLite, where it is safe for a few tasks if the scheduler
    # alone schedules: without row locks, a task that ends may count its successor's try twice.
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    "AIRFLOW__SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",
}


@contextlib.contextmanager
def running(airflow: Airflow) -> Iterator[Hands]:
    """Start what runs tasks for real, on loopback, and end it afterwards."""
    with contextlib.ExitStack() as stack:
        stack.callback(_end_survivors, airflow.home)
        if airflow.version.startswith("2."):
            stack.enter_context(_service(airflow, {}, "scheduler", "--skip-serve-logs"))
            yield ScriptHands(airflow)
            return
        port = _free_port()
        root = f"http://127.0.0.1:{port}"
        more = {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{root}/execution/",
            "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
            "AIRFLOW__API__SECRET_KEY": "only-for-this-test-too",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        }
        serve = ("api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        for argv in (serve, ("scheduler", "--skip-serve-logs"), ("dag-processor",)):
            stack.enter_context(_service(airflow, more, *argv))
        until(lambda: _answers(f"{root}/api/v2/version"), "the API server", limit=90)
        yield ApiHands(root)


@contextlib.contextmanager
def _service(airflow: Airflow, more: Mapping[str, str], *argv: str) -> Iterator[None]:
    with (airflow.home / f"{argv[0]}.log").open("wb") as log:
        process = _start(airflow, more, argv, log)
        try:
            yield
        finally:
            _end(process)


def _start(
    airflow: Airflow, more: Mapping[str, str], argv: tuple[str, ...], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # its own commands
        [str(airflow.python.parent / "airflow"), *argv],
        env={**airflow.environ, **_CONFIG, **more},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, retry_for in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(retry_for)
            return


def _end_survivors(home: Path) -> None:
    """End what outlived its task: one that is killed by SIGKILL takes no child along."""
    for pid, _ in processes_of(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_of(home: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Find every process of the Airflow that lives there, with its environment."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        environ = dict(line.partition("=")[::2] for line in text.split("\0"))
        if environ.get("AIRFLOW_HOME") == str(home):
            yield int(folder.name), environ


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # loopback
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(true: Callable[[], Any], what: str, *, limit: float = 60) -> None:
    """Look again and again until it is true; AssertionError after so many seconds."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"waited {limit:.0f} s in vain for {what}"
        time.sleep(0.1)
