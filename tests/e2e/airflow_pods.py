"""Pods of the DAGs as Airflow's KubernetesPodOperator renders them, without a cluster."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from tests.support.airflow import Airflow

_RENDER: Final = """
import json, sys
from datetime import datetime, timedelta
from types import SimpleNamespace
from kubernetes.client import ApiClient
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

class Variables(dict):
    __getattr__ = dict.__getitem__

sys.path.append(sys.argv[1])  # as Airflow does
bag = DagBag(sys.argv[1])
pods = []
for dag_id, request in json.loads(sys.argv[2]):
    dag = bag.get_dag(dag_id)
    task = dag.get_task("sync")
    if "mapped" in request["params"]:
        environments = dag.get_task("environments").python_callable(
            request["variables"]["airbyte_url"], "orders,customers"
        )
        task = task.unmap({"env_vars": environments[int(request["params"]["mapped"])]})
    task = task.prepare_for_execution()
    start = datetime.fromisoformat(request["start"])
    ti = SimpleNamespace(
        dag_id=dag_id, task_id="sync", map_index=-1, max_tries=task.retries,
        try_number=request["try"], start_date=start + timedelta(minutes=request["try"] - 1),
    )
    dag_run = SimpleNamespace(start_date=start, run_id="manual__1")
    params = {"connection": "orders", "if_running": "wait", **request.get("params", {})}
    context = {
        "dag": dag, "dag_run": dag_run, "run_id": "manual__1", "task": task, "ti": ti,
        "params": params, "var": {"value": Variables(request.get("variables", {}))},
    }
    task.render_template_fields(context)
    pod = task.build_pod_request_obj(context, dry_run=True)
    pods.append(ApiClient().sanitize_for_serialization(pod))
print(json.dumps(pods))
"""

VALIDATE: Final = """
import json, sys, kubernetes_validate
for pod in json.loads(sys.argv[1]):
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
print("null")
"""
"""Validates pods (JSON) as Kubernetes does."""


def pod_request(dag_id: str, number: int = 1, **params: str) -> tuple[str, dict[str, Any]]:
    """Return a request for the pod of a DAG in a certain try with certain parameters."""
    return dag_id, {"start": datetime.now(UTC).isoformat(), "try": number, "params": params}


def render(airflow: Airflow, *requests: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pods that the operator would send to Kubernetes."""
    for _, values in requests:
        image = airflow.environ["AIRFLOW_VAR_AIRBYTE_SYNC_IMAGE"]
        ours = {"airbyte_url": airflow.url, "airbyte_sync_image": image}
        values["variables"] = ours | values.get("variables", {})
    pods: list[dict[str, Any]] = airflow.script(_RENDER, str(airflow.dags), json.dumps(requests))
    return pods


def base_of(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the container that runs the program."""
    [base] = [each for each in pod["spec"]["containers"] if each["name"] == "base"]
    return dict(base)
