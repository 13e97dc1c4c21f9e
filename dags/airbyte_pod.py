"""One sync in its own pod: nothing to install on the workers.

* Credentials: a Kubernetes secret `airbyte-sync` with the keys `client-id` and `client-secret`,
  mounted as files. `kubectl create secret generic airbyte-sync --from-file=client-id
  --from-file=client-secret`. Without authentication, remove `secrets` and the `_FILE` lines.
* The result becomes the XCom, also of failed pods. The reason of a failure is the pod's
  termination message, which Airflow includes in the task's error.
* A killed task deletes the pod. Cancelling the job takes at most 5 s of the grace period.
* A retry is safe: `--since` adopts the job of an earlier try. See docs/airflow.md.
"""

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from kubernetes.client import models as k8s

# See airbyte_bash.py.
SINCE = (
    "{{ ti.try_number + task.retries == ti.max_tries + 1 and ti.start_date"
    " or dag_run.start_date }}"
)
SECRETS = "/run/secrets/airbyte"

with DAG(
    dag_id="airbyte_pod",
    schedule=None,
    params={"connection": "orders", "if_running": "wait"},
    default_args={"retries": 2},
    tags=["airbyte"],
):
    KubernetesPodOperator(
        task_id="sync",
        name="airbyte-sync",
        image="{{ var.value.get('airbyte_sync_image', 'airbyte-sync:latest') }}",
        arguments=[
            "run",
            *("--conn", "{{ params.connection }}"),
            *("--if-running", "{{ params.if_running }}"),
            *("--since", SINCE),
        ],
        env_vars={
            "AIRBYTE_URL": (
                "{{ var.value.get('airbyte_url',"
                " 'http://airbyte-airbyte-server-svc.airbyte:8001') }}"
            ),
            "AIRBYTE_CLIENT_ID_FILE": f"{SECRETS}/client-id",
            "AIRBYTE_CLIENT_SECRET_FILE": f"{SECRETS}/client-secret",
        },
        secrets=[Secret("volume", SECRETS, "airbyte-sync")],
        do_xcom_push=True,
        skip_on_exit_code=99,
        termination_grace_period=30,
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "50m", "memory": "64Mi"},  # it uses about 45 MiB while it waits
            limits={"memory": "128Mi"},
        ),
        # For the whole pod: the XCom sidecar runs as the same user and shares a directory.
        security_context={
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        container_security_context={
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        automount_service_account_token=False,
    )
