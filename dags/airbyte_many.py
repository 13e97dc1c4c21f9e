"""Many connections: all in one pod, or one pod per connection.

The Airflow Variable `airbyte_connections` has their names or ids, separated by commas.

* `airbyte_many_one_pod`: one pod syncs all of them in parallel, with one exit code. It needs about
  50 MiB and one worker slot for a hundred syncs. A retry adopts the syncs that succeeded or are
  active, and starts only the others.
* `airbyte_many_mapped`: one mapped task and one pod per connection, each with its own log, state
  and retries.

airbyte_pod.py explains the pod's settings.
"""

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.providers.common.compat.sdk import DAG, task  # on Airflow 3 alone: from airflow.sdk
from kubernetes.client import models as k8s

# See airbyte_bash.py.
SINCE = (
    "{{ ti.try_number + task.retries == ti.max_tries + 1 and ti.start_date"
    " or dag_run.start_date }}"
)
URL = "{{ var.value.get('airbyte_url', 'http://airbyte-airbyte-server-svc.airbyte:8001') }}"
CONNECTIONS = "{{ var.value.get('airbyte_connections', 'orders,customers') }}"
SECRETS = "/run/secrets/airbyte"
KEYS = {
    "AIRBYTE_CLIENT_ID_FILE": f"{SECRETS}/client-id",
    "AIRBYTE_CLIENT_SECRET_FILE": f"{SECRETS}/client-secret",
}
POD = {
    "name": "airbyte-sync",
    "image": "{{ var.value.get('airbyte_sync_image', 'airbyte-sync:latest') }}",
    "secrets": [Secret("volume", SECRETS, "airbyte-sync")],
    "do_xcom_push": True,
    "skip_on_exit_code": 99,
    "termination_grace_period": 30,
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
    "container_security_context": {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    },
    "automount_service_account_token": False,
    "retries": 2,
}

with DAG(dag_id="airbyte_many_one_pod", schedule=None, tags=["airbyte"]):
    KubernetesPodOperator(
        task_id="sync",
        arguments=["run", "--since", SINCE],
        env_vars={**KEYS, "AIRBYTE_URL": URL, "AIRBYTE_CONNECTION": CONNECTIONS},
        **POD,
    )


@task
def environments(url: str, names: str) -> list[dict[str, str]]:
    """Return the environment of each pod."""
    return [{**KEYS, "AIRBYTE_URL": url, "AIRBYTE_CONNECTION": name} for name in names.split(",")]


with DAG(dag_id="airbyte_many_mapped", schedule=None, tags=["airbyte"]):
    KubernetesPodOperator.partial(
        task_id="sync",
        arguments=["run", "--since", SINCE],
        max_active_tis_per_dagrun=8,
        **POD,
    ).expand(env_vars=environments(URL, CONNECTIONS))
