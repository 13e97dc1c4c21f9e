"""A running Airflow: its scheduler and API server, and what a user does in its UI."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Final, Protocol

from tests.support.airflow import Airflow
from tests.support.children import until

_UI_CALLS = """
import json, sys
from datetime import datetime
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.dagbag import DagBag
from airflow.utils.state import DagRunState, TaskInstanceState

action, dag_id, run_id, more = json.loads(sys.argv[1])
if action == "trigger":
    for run_id, (dag_id, conf) in more.items():
        trigger_dag(dag_id=dag_id, run_id=run_id, conf=conf, replace_microseconds=False)
else:  # as airflow.www.views does it
    dag = DagBag(read_dags_from_db=True).get_dag(dag_id)
    date = dag.get_dagrun(run_id=run_id).logical_date
    if action == "fail":
        dag.set_task_instance_state(
            task_id=more, run_id=run_id, state=TaskInstanceState.FAILED
        )
    else:
        if more:
            dag = dag.partial_subset(task_ids_or_regex=[more], include_upstream=False)
        dag.clear(start_date=date, end_date=date, dag_run_state=DagRunState.QUEUED)
print("null")
"""


Runs = Mapping[str, tuple[str, Mapping[str, str]]]
"""The DAG and the configuration of each run, by its id."""


class AirflowUi(Protocol):
    """What a user does in the UI: the same for both lines of Airflow."""

    def trigger(self, runs: Runs) -> None:
        """Start runs of DAGs."""

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        """Clear a task, or the whole run."""

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed."""


@dataclass(frozen=True)
class Airflow3Ui:
    """Airflow 3: the requests that its UI sends."""

    root: str

    def trigger(self, runs: Runs) -> None:
        for run_id, (dag_id, conf) in runs.items():
            body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
            self._ask(f"dags/{dag_id}/dagRuns", body)

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        whole = {"dry_run": False, "only_failed": False}
        if task_id is None:
            self._ask(f"dags/{dag_id}/dagRuns/{run_id}/clear", whole)
        else:
            one = {"dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True}
            self._ask(f"dags/{dag_id}/clearTaskInstances", {**whole, **one})

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        self._ask(
            f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}",
            {"new_state": "failed"},
            method="PATCH",
        )

    def _ask(self, path: str, body: object, *, method: str = "POST") -> None:
        with urllib.request.urlopen(f"{self.root}/auth/token", timeout=30) as answer:  # noqa: S310  # loopback
            token = json.load(answer)["access_token"]
        request = urllib.request.Request(  # noqa: S310  # loopback
            f"{self.root}/api/v2/{path}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method=method,
        )
        until(lambda: _is_done(request), f"an answer of {path}")


def _is_done(request: urllib.request.Request) -> bool:
    """Send a request; return False if it has to be sent again: SQLite was locked."""
    try:
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  # loopback
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.CONFLICT:  # done before the error
            return True
        if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return False
    return True


@dataclass(frozen=True)
class Airflow2Ui:
    """Airflow 2: the calls that its UI makes, without the UI."""

    airflow: Airflow

    def trigger(self, runs: Runs) -> None:
        self._do("trigger", None, None, runs)

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        self._do("clear", dag_id, run_id, task_id)

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        self._do("fail", dag_id, run_id, task_id)

    def _do(self, *action: object) -> None:
        self.airflow.script(_UI_CALLS, json.dumps(action))


_CONFIG: Final = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    # Airflow 2 forbids LocalExecutor with SQLite. It is safe for a few tasks if only the scheduler
    # schedules: without row locks, a task that ends may count its successor's try twice.
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    "AIRFLOW__SCHEDULER__SCHEDULE_AFTER_TASK_EXECUTION": "False",
}


@contextlib.contextmanager
def running(airflow: Airflow, *, triggerer: bool = False) -> Iterator[AirflowUi]:
    """Run the scheduler (and the API server) on loopback; yield its UI."""
    others: list[tuple[str, ...]] = [("triggerer", "--skip-serve-logs")] if triggerer else []
    with contextlib.ExitStack() as stack:
        stack.callback(_end_survivors, airflow.home)
        if airflow.version.startswith("2."):
            for one in (("scheduler", "--skip-serve-logs"), *others):
                stack.enter_context(_service(airflow, {}, *one))
            yield Airflow2Ui(airflow)
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
        for argv in (serve, ("scheduler", "--skip-serve-logs"), ("dag-processor",), *others):
            stack.enter_context(_service(airflow, more, *argv))
        until(lambda: _answers(f"{root}/api/v2/version"), "the API server", limit=90)
        yield Airflow3Ui(root)


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
    """Kill the processes that outlived their task: SIGKILL leaves its children running."""
    for pid, _ in processes_of(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes_of(home: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the processes of the Airflow in that home, with their environments."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:  # it has ended meanwhile, or belongs to another user
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
