"""Many connections: all in one pod, or one pod per connection.

The Airflow Variable `airbyte_connections` has their names or ids, separated by commas.

* `airbyte_many_one_pod`: one pod syncs all of them in parallel, with one exit code. It needs about
  50 MiB for a hundred syncs. A retry adopts the syncs that succeeded or are active, and starts
  only the others. It is made only if a retry can fix one of the failed syncs.
* `airbyte_many_mapped`: one mapped task and one pod per connection, each with its own log, state
  and retries.

airbyte_pod.py explains the pod's settings and the other Variables.
"""

from datetime import timedelta

from airbyte_retries import RETRY_POLICY, SINCE
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.providers.common.compat.sdk import DAG, task  # on Airflow 3 alone: from airflow.sdk
from kubernetes.client import models as k8s

URL = "{{ var.value.get('airbyte_url', 'http://airbyte-airbyte-server-svc.airbyte:8001') }}"
CONNECTIONS = "{{ var.value.get('airbyte_connections', 'orders,customers') }}"
SECRETS = "/run/secrets/airbyte"
KEYS = {
    "AIRBYTE_CLIENT_ID_FILE": f"{SECRETS}/client-id",
    "AIRBYTE_CLIENT_SECRET_FILE": f"{SECRETS}/client-secret",
}
CONTAINER = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
POD = {
    "name": "airbyte-sync",
    "namespace": "{{ var.value.get('airbyte_sync_namespace', '') }}",
    "image": "{{ var.value.airbyte_sync_image }}",
    "arguments": ["run", f"--since={SINCE}", "--timeout=12h"],
    "secrets": [Secret("volume", SECRETS, "airbyte-sync")],
    "deferrable": True,
    "logging_interval": 60,
    "execution_timeout": timedelta(hours=13),
    "startup_timeout_seconds": 600,
    "on_finish_action": "delete_pod",
    "termination_grace_period": 10,
    "annotations": {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    },
    "log_pod_spec_on_failure": False,
    "do_xcom_push": True,
    "skip_on_exit_code": 99,
    "container_resources": k8s.V1ResourceRequirements(
        requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "128Mi"}
    ),
    "security_context": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "container_security_context": CONTAINER,
    "xcom_sidecar_container_security_context": CONTAINER,
    "automount_service_account_token": False,
}
RETRIES = {"retries": 2, "retry_policy": RETRY_POLICY}

with DAG(dag_id="airbyte_many_one_pod", schedule=None, default_args=RETRIES, tags=["airbyte"]):
    KubernetesPodOperator(
        task_id="sync",
        env_vars={**KEYS, "AIRBYTE_URL": URL, "AIRBYTE_CONNECTION": CONNECTIONS},
        **POD,
    )


@task
def environments(url: str, names: str) -> list[dict[str, str]]:
    """Return the environment of each pod."""
    return [{**KEYS, "AIRBYTE_URL": url, "AIRBYTE_CONNECTION": name} for name in names.split(",")]


with DAG(dag_id="airbyte_many_mapped", schedule=None, default_args=RETRIES, tags=["airbyte"]):
    KubernetesPodOperator.partial(
        task_id="sync",
        max_active_tis_per_dagrun=8,
        **POD,
    ).expand(env_vars=environments(URL, CONNECTIONS))
