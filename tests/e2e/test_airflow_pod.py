"""The pods of `dags/`, as Airflow's KubernetesPodOperator renders them; no cluster is needed.

Each pod is validated against Kubernetes' schema. Then its command is run here: the image's
ENTRYPOINT, which is the program, with the pod's arguments and environment.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox, SandboxConfig
from tests.e2e.airflow_experiments import MOMENTS, SIGNALS, Kill, KilledSync, table
from tests.e2e.airflow_pods import VALIDATE, base_of, pod_request, render
from tests.e2e.cluster import sandbox_pod
from tests.support.airflow import Airflow
from tests.support.environments import environment
from tests.support.pod_security import containers, violations
from tests.support.program import Outside, call_in

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def sandbox(line: str) -> Sandbox:
    """An Airbyte with authentication, one for each line."""
    del line
    sandbox = Sandbox(SandboxConfig(auth="client-credentials"))
    good = JobScript(life="pending 0.2, running 1, succeeded")
    for name in ("orders", "customers"):
        sandbox.add_connection(name, script=good)
    revoked = JobFailure(type="config_error", message="the key was revoked", retryable=False)
    sandbox.add_connection("bad", script=JobScript(life="running 1, failed", failure=revoked))
    endless = sandbox.add_connection("busy", script=JobScript(life="running"))
    sandbox.start_job(endless)
    return sandbox


@pytest.fixture
def secrets(tmp_path: Path, sandbox: Sandbox) -> Path:
    """The folder of secrets that Kubernetes would mount."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "client-id").write_text(sandbox.config.client_id)
    (folder / "client-secret").write_text(sandbox.config.client_secret)
    return folder


def _environ(pod: dict[str, Any], airflow: Airflow, secrets: Path) -> dict[str, str]:
    """Return the container's environment, with the path of the secrets folder here."""
    [mount] = [
        each for each in base_of(pod)["volumeMounts"] if each["mountPath"].startswith("/run")
    ]
    given = {each["name"]: each["value"] for each in base_of(pod)["env"]}
    moved = {
        name: value.replace(mount["mountPath"], str(secrets)) for name, value in given.items()
    }
    assert moved["AIRBYTE_URL"] == airflow.url  # the Airflow Variable
    return {**moved, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.fixture
def every_pod(airflow: Airflow) -> list[dict[str, Any]]:
    """A pod of each DAG."""
    mapped = pod_request("airbyte_many_mapped", mapped="0")
    return render(airflow, pod_request("airbyte_pod"), pod_request("airbyte_many_one_pod"), mapped)


def test_pods_match_kubernetes_schema(every_pod: list[dict[str, Any]]) -> None:
    python = environment("kubernetes")

    done = subprocess.run(  # noqa: S603  # our script
        [python, "-c", VALIDATE, json.dumps(every_pod)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_every_container_is_admissible_in_restricted_namespace(
    every_pod: list[dict[str, Any]],
) -> None:
    for pod in every_pod:
        assert violations(pod["spec"]) == []
        for each in containers(pod["spec"]):
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert re.search(r":(?!latest$)[^/:]+$", each["image"]), "a version"


def test_sandbox_of_cluster_tests_is_admissible_as_well() -> None:
    assert violations(sandbox_pod("image:1", {"client-id": "", "client-secret": ""})["spec"]) == []


def test_pod_is_small_and_left_alone_by_autoscalers(every_pod: list[dict[str, Any]]) -> None:
    for pod in every_pod:
        base = base_of(pod)
        assert base.get("command") in (None, [])  # the image's ENTRYPOINT
        assert base["resources"]["requests"] == {"cpu": "50m", "memory": "64Mi"}
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001
        assert pod["spec"]["terminationGracePeriodSeconds"] == 10
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["metadata"]["annotations"] == {
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "karpenter.sh/do-not-disrupt": "true",
        }
        assert {each["name"] for each in containers(pod["spec"])} == {
            "base",
            "airflow-xcom-sidecar",
        }
        assert all("valueFrom" not in each for each in base["env"])  # secrets are files


def test_namespace_is_variable_or_the_one_of_airflow(airflow: Airflow) -> None:
    given = pod_request("airbyte_pod")
    given[1]["variables"] = {"airbyte_sync_namespace": "loads"}

    pods = render(airflow, given, pod_request("airbyte_pod"))

    assert [pod["metadata"]["namespace"] for pod in pods] == ["loads", "default"]


def test_sidecar_image_is_set_by_airflow_connection(airflow: Airflow) -> None:
    image = "registry.example.com/alpine:3.24"
    connection = {"conn_type": "kubernetes", "extra": {"xcom_sidecar_container_image": image}}
    configured = replace(airflow, more={"AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(connection)})

    [pod] = render(configured, pod_request("airbyte_pod"))

    assert [each["image"] for each in containers(pod["spec"])][1:] == [image]


def test_pod_command_writes_xcom_and_termination_message(
    airflow: Airflow, secrets: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "airflow" / "xcom").mkdir(parents=True)
    (root / "dev").mkdir()
    (root / "dev" / "termination-log").touch()
    good, bad = render(
        airflow, pod_request("airbyte_pod"), pod_request("airbyte_pod", connection="bad")
    )

    ended = call_in(Outside(root=root), *base_of(good)["args"], **_environ(good, airflow, secrets))
    xcom = json.loads((root / "airflow/xcom/return.json").read_text())
    assert (ended.code, xcom["outcome"]) == (0, "ok"), ended.stderr
    assert (root / "dev/termination-log").read_text() == ""

    ended = call_in(Outside(root=root), *base_of(bad)["args"], **_environ(bad, airflow, secrets))
    xcom = json.loads((root / "airflow/xcom/return.json").read_text())
    assert (ended.code, xcom["syncs"][0]["failure"]["retryable"]) == (3, False)
    assert "the key was revoked" in (root / "dev/termination-log").read_text()


def test_one_pod_syncs_all_connections_of_variable(
    airflow: Airflow, secrets: Path, sandbox: Sandbox
) -> None:
    [pod] = render(airflow, pod_request("airbyte_many_one_pod"))
    before = len(sandbox.jobs)

    process = _start(pod, airflow, secrets)

    assert process.wait(30) == 0
    assert [job.status for job in sandbox.jobs[before:]] == ["succeeded"] * 2


def test_each_mapped_pod_syncs_one_connection_of_variable(
    airflow: Airflow, secrets: Path, sandbox: Sandbox
) -> None:
    requests = [pod_request("airbyte_many_mapped", mapped=index) for index in "01"]
    pods = render(airflow, *requests)
    before = len(sandbox.jobs)

    processes = [_start(pod, airflow, secrets) for pod in pods]

    assert [process.wait(30) for process in processes] == [0, 0]
    assert len({job.connection_id for job in sandbox.jobs[before:]}) == 2


def test_operator_treats_99_as_skipped(airflow: Airflow, secrets: Path) -> None:
    [pod] = render(airflow, pod_request("airbyte_pod", connection="busy", if_running="skip"))

    assert _start(pod, airflow, secrets).wait(30) == 99


def _start(pod: dict[str, Any], airflow: Airflow, secrets: Path) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).parent / "airbyte-sync"
    return subprocess.Popen(  # noqa: S603  # what the pod would run
        [program, *base_of(pod)["args"]],
        env={"PATH": os.environ["PATH"], **_environ(pod, airflow, secrets)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_pod_and_its_retry_leave_one_success_and_no_orphan(
    airflow: Airflow, secrets: Path, sandbox: Sandbox
) -> None:
    victim = f"pod {airflow.version}"
    kills = itertools.product((victim,), SIGNALS, MOMENTS)
    syncs = [KilledSync.prepare(Kill(*kill), sandbox) for kill in kills]
    names = [sync.kill.connection for sync in syncs]
    requests = [
        pod_request("airbyte_pod", number, connection=name) for name in names for number in (1, 2)
    ]
    pods = iter(render(airflow, *requests))

    pairs = [(next(pods), next(pods)) for _ in syncs]

    killed = [_start(first, airflow, secrets) for first, _ in pairs]
    left = list(zip(syncs, killed, strict=True))
    while left:
        left = [(sync, process) for sync, process in left if not sync.send_signal(process.pid)]
    codes = [process.wait(10) for process in killed]
    again = [_start(second, airflow, secrets) for _, second in pairs]

    assert [process.wait(60) for process in again] == [0] * len(syncs)
    assert codes == [143] * len(MOMENTS) + [-signal.SIGKILL] * len(MOMENTS)
    print(f"\n{table(syncs)}")  # noqa: T201  # shown by pytest -rP
    assert [sync.row() for sync in syncs if not sync.is_clean()] == []
