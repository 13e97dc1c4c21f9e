"""Pods in a real cluster, as Airflow starts them; skipped without a cluster.

`dags test` runs Airflow's own KubernetesPodOperator with the cluster of KUBECONFIG; Airbyte is a
sandbox in another pod. Only AIRBYTE_SYNC_IMAGE is used: it has a shell, so that it can be the XCom
sidecar, too.
"""

import re

import pytest

from tests.e2e.airflow_pods import pod_request, render
from tests.e2e.cluster import WHY_NOT, Cluster, is_there
from tests.support.airflow import LINES, Airflow
from tests.support.children import until

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not is_there(), reason=WHY_NOT)]


@pytest.fixture(scope="module", params=LINES)
def airflow(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Airflow:
    """Airflow with that cluster and the DAGs of this repository."""
    home = tmp_path_factory.mktemp("airflow")
    return Airflow.install(str(request.param), home, url, **cluster.airflow_environ())


def test_succeeded_pod_is_succeeded_task_with_xcom(
    airflow: Airflow,
) -> None:
    told = airflow.test("airbyte_pod", {"connection": "orders"})

    assert told.code == 0, told.text
    assert airflow.states("airbyte_pod") == {"sync": "success"}
    assert airflow.xcom("airbyte_pod", "sync")["outcome"] == "ok"


def test_task_error_has_reason_of_failed_sync(airflow: Airflow) -> None:
    told = airflow.test("airbyte_pod", {"connection": "bad"})

    assert "failed" in airflow.states("airbyte_pod").values()
    errors = re.findall(r"Pod \S+ returned a failure\.\n(.*)", told.text)
    assert errors
    for error in errors:  # one for each try
        assert error.startswith("airbyte-sync run: failed (exit 3). job ")
        assert "the key was revoked" in error


@pytest.mark.parametrize("dag_id", ["airbyte_many_one_pod", "airbyte_many_mapped"])
def test_connections_are_synced_in_one_pod_or_one_each(
    airflow: Airflow, cluster: Cluster, dag_id: str
) -> None:
    names = ("orders", "customers")
    before = {name: cluster.job_statuses(name) for name in names}

    told = airflow.test(dag_id, {})

    assert told.code == 0, told.text
    for name in names:
        assert cluster.job_statuses(name) == ["succeeded", *before[name]]


def test_pod_with_exit_99_is_skipped_task(airflow: Airflow, cluster: Cluster) -> None:
    cluster.exec_program("trigger", "--conn", "busy", "--if-running", "attach")

    airflow.test("airbyte_pod", {"connection": "busy", "if_running": "skip"})

    assert "skipped" in airflow.states("airbyte_pod").values()


@pytest.mark.parametrize("on_finish_action", ["delete_pod", "delete_active_pod"])
def test_task_timeout_cancels_sync(
    airflow: Airflow, cluster: Cluster, on_finish_action: str
) -> None:
    before = cluster.job_statuses("slow")
    airflow.vary(
        "airbyte_pod",
        f"short_{on_finish_action}",
        deferrable="False",
        execution_timeout="timedelta(seconds=15)",
        on_finish_action=repr(on_finish_action),
    )

    airflow.test(f"short_{on_finish_action}", {"connection": "slow"})

    until(lambda: "running" not in cluster.job_statuses("slow"), "the cancel", limit=20)
    since = cluster.job_statuses("slow")[: -len(before) or None]
    assert set(since) == {"cancelled"}


def test_own_timeout_of_deferred_task_cancels_sync(airflow: Airflow, cluster: Cluster) -> None:
    before = cluster.job_statuses("slow")
    text = (airflow.dags / "airbyte_pod.py").read_text("utf-8")
    changed = text.replace("--timeout=12h", "--timeout=10s").replace('"airbyte_pod"', '"limited"')
    (airflow.dags / "limited.py").write_text(changed, encoding="utf-8")

    told = airflow.test("limited", {"connection": "slow"})

    assert "exit 5" in told.text
    since = cluster.job_statuses("slow")[: -len(before) or None]
    assert set(since) == {"cancelled"}


def test_every_pod_is_admitted_to_restricted_namespace(airflow: Airflow, cluster: Cluster) -> None:
    requests = [pod_request(dag_id) for dag_id in ("airbyte_pod", "airbyte_many_one_pod")]
    pods = render(airflow, *requests, pod_request("airbyte_many_mapped", mapped="0"))

    refused = [cluster.refusal(pod) for pod in pods]

    assert refused == [""] * 3
    # Airflow's default is a sidecar without a security context, which is refused.
    del pods[0]["spec"]["containers"][1]["securityContext"]
    assert "airflow-xcom-sidecar" in cluster.refusal(pods[0])


def test_termination_message_has_reason(airflow: Airflow, cluster: Cluster) -> None:
    [pod] = render(airflow, pod_request("airbyte_pod", connection="bad"))

    name = cluster.run(pod)

    until(lambda: cluster.ended(name) is not None, "the end of the pod")
    ended = cluster.ended(name)
    assert ended is not None
    assert ended["exitCode"] == 3
    assert "the key was revoked" in ended["message"]


def test_deleted_pod_cancels_sync(airflow: Airflow, cluster: Cluster) -> None:
    [pod] = render(airflow, pod_request("airbyte_pod", connection="slow"))
    before = cluster.job_statuses("slow")

    name = cluster.run(pod)
    until(lambda: cluster.job_statuses("slow") == ["running", *before], "the sync")
    cluster.call("delete", "pod", name, "--wait=false")

    until(lambda: cluster.job_statuses("slow") == ["cancelled", *before], "the cancel", limit=20)
