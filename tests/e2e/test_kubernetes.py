"""Pods in a real cluster, as Airflow starts them; skipped without a cluster.

`dags test` runs Airflow's own KubernetesPodOperator with the cluster of KUBECONFIG; Airbyte is a
sandbox in another pod. Only AIRBYTE_SYNC_IMAGE is used: it has a shell, so that it can be the XCom
sidecar, too.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.e2e.airflow_pods import pod_request, render
from tests.e2e.cluster import WHY_NOT, Cluster, is_there
from tests.support.airflow import LINES, Airflow
from tests.support.children import until
from tests.support.launchers import documents

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not is_there(), reason=WHY_NOT)]


SCENARIO = """
auth = "client-credentials"

[[connections]]
name = "orders"
jobs = ["pending 0.2, running 3, succeeded"]

[[connections]]
name = "customers"
jobs = ["pending 0.2, running 3, succeeded"]

[[connections]]
name = "slow"
jobs = ["pending 0.2, running"]

[[connections]]
name = "long"
jobs = ["pending 0.2, running 40, succeeded"]

[[connections]]
name = "busy"
jobs = ["pending 0.2, running"]

[[connections]]
name = "bad"

[[connections.jobs]]
life = "running 1, failed"
failure = { type = "config_error", message = "the key was revoked", retryable = false }
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A namespace for this module."""
    with Cluster.borrow() as borrowed:
        yield borrowed


@pytest.fixture(scope="module")
def url(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sandbox in the cluster."""
    scenario = tmp_path_factory.mktemp("scenario") / "scenario.toml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    return cluster.serve_sandbox(scenario)


@pytest.fixture(scope="module", params=LINES)
def airflow(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Airflow:
    """Airflow with that cluster and the DAGs of this repository."""
    home = tmp_path_factory.mktemp("airflow")
    airflow = Airflow.install(str(request.param), home, url, **cluster.airflow_environ())
    for path in airflow.dags.glob("*.py"):  # `dags test` of 2.11 cannot defer these pods
        text = path.read_text(encoding="utf-8")
        text = text.replace("deferrable=True", "deferrable=False")
        path.write_text(
            text.replace('"deferrable": True', '"deferrable": False'), encoding="utf-8"
        )
    return airflow


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
        execution_timeout="timedelta(seconds=15)",
        on_finish_action=repr(on_finish_action),
    )

    airflow.test(f"short_{on_finish_action}", {"connection": "slow"})

    until(lambda: "running" not in cluster.job_statuses("slow"), "the cancel", limit=20)
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


def test_deleted_pod_of_cron_job_leaves_sync_to_next_pod(cluster: Cluster, url: str) -> None:
    [cron_job] = documents("kubernetes-cronjob.yaml")
    cron_job["spec"]["suspend"] = True
    [container] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    container["image"] = cluster.image
    given = {"AIRBYTE_URL": url, "AIRBYTE_CONNECTION": "long"}
    for each in container["env"]:
        each.update({"value": given[each["name"]]} if each["name"] in given else {})
    cluster.create(cron_job)
    name = f"airbyte-sync-orders-{int(datetime.now(UTC).timestamp()) // 60}"

    cluster.call("create", "job", name, "--from=cronjob/airbyte-sync-orders")
    until(lambda: cluster.job_statuses("long") == ["running"], "the sync")
    [pod] = cluster.pods(f"batch.kubernetes.io/job-name={name}")
    cluster.call("delete", "pod", pod, "--wait=false")

    cluster.call("wait", f"job/{name}", "--for=condition=complete", "--timeout=110s")
    assert cluster.job_statuses("long") == ["succeeded"]
