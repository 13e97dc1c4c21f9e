"""One sync in its own pod: nothing to install on the workers.

* Settings: the Airflow Variables `airbyte_url`, `airbyte_sync_image` (required: your image, with a
  version) and `airbyte_sync_namespace` (default: the namespace of Airflow's own pods).
* Credentials: a Kubernetes secret `airbyte-sync` in that namespace, with the keys `client-id` and
  `client-secret`, mounted as files: `kubectl create secret generic airbyte-sync
  --from-file=client-id --from-file=client-secret`. Without authentication, remove `secrets` and
  the `_FILE` lines.
* The result becomes the XCom, also of failed pods. The reason of a failure is the pod's
  termination message, which Airflow includes in the task's error.
* A killed task deletes the pod, which cancels the job. A retry is safe: `--since` adopts the job
  of an earlier try. A failure that a retry cannot fix is not retried (Airflow 3.3 and newer).

docs/airflow.md describes what happens at each kind of death, and managed Airflow.
"""

from datetime import timedelta

from airbyte_retries import RETRY_POLICY, SINCE
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.secret import Secret
from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from kubernetes.client import models as k8s

SECRETS = "/run/secrets/airbyte"
CONTAINER = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}

with DAG(
    dag_id="airbyte_pod",
    schedule=None,
    params={"connection": "orders", "if_running": "wait"},
    default_args={"retries": 2, "retry_policy": RETRY_POLICY},
    tags=["airbyte"],
):
    KubernetesPodOperator(
        task_id="sync",
        name="airbyte-sync",
        namespace="{{ var.value.get('airbyte_sync_namespace', '') }}",
        image="{{ var.value.airbyte_sync_image }}",
        arguments=[
            "run",
            "--conn={{ params.connection }}",
            "--if-running={{ params.if_running }}",
            f"--since={SINCE}",
            "--timeout=12h",
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
        # Waiting occupies no worker slot, but needs a triggerer. The log is updated once a minute.
        deferrable=True,
        logging_interval=60,
        # Longer than --timeout, which cancels the job, writes the result, and gives the reason.
        execution_timeout=timedelta(hours=13),
        startup_timeout_seconds=600,  # a cluster that has to add a node first
        # delete_pod: the pod is also deleted when the task is killed, which cancels the job. With
        # keep_pod and delete_succeeded_pod the job would keep running after execution_timeout.
        on_finish_action="delete_pod",
        termination_grace_period=10,  # the cancel takes at most 5 s
        # A pod that is evicted cancels its job. These ask the autoscalers to leave it alone.
        annotations={
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "karpenter.sh/do-not-disrupt": "true",
        },
        log_pod_spec_on_failure=False,  # 500 lines, which would bury the reason
        do_xcom_push=True,
        skip_on_exit_code=99,
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "50m", "memory": "64Mi"},  # it uses about 45 MiB while it waits
            limits={"memory": "128Mi"},
        ),
        # Admissible in a namespace with the Pod Security Standard "restricted". For the whole pod:
        # the XCom sidecar runs as the same user and shares a directory.
        security_context={
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        container_security_context=CONTAINER,
        # The sidecar's image is set by the Airflow connection `kubernetes_default`.
        xcom_sidecar_container_security_context=CONTAINER,
        automount_service_account_token=False,
    )
