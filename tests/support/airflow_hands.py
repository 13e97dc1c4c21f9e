"""A person's hands on Airflow's UI: starting runs, clearing, marking as failed."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.support.airflow import Airflow

_HANDS = """
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


class Hands(Protocol):
    """What a person does in the UI."""

    def trigger(self, runs: Runs) -> None:
        """Start runs of DAGs."""

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        """Clear a task, or the whole run."""

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed."""


@dataclass(frozen=True)
class ApiHands:
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
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  # loopback


@dataclass(frozen=True)
class ScriptHands:
    """Airflow 2: the calls that its UI makes, without the UI."""

    airflow: Airflow

    def trigger(self, runs: Runs) -> None:
        self._do("trigger", None, None, runs)

    def clear(self, dag_id: str, run_id: str, task_id: str | None = None) -> None:
        self._do("clear", dag_id, run_id, task_id)

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        self._do("fail", dag_id, run_id, task_id)

    def _do(self, *action: object) -> None:
        self.airflow.script(_HANDS, json.dumps(action))
