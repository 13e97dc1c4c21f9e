"""Branch on the reason of a failed sync: retry if it is retryable, otherwise send an alert.

* `sync` succeeds on exit code 3 (the Airbyte job failed) as well, so that its result is pushed.
  Any other failure (access denied, unknown connection, killed ...) fails the task as usual.
* `what_next` reads the result: `retryable` comes from Airbyte, and is null if unknown. `failure`
  also has the origin (source, destination), the type and the message.
* A pod does not need this: KubernetesPodOperator pushes the result of a failed pod. Remove the
  `||` part there, and give `what_next` the trigger rule `all_done`.
"""

import json

from airbyte_retries import RESULT_FILE, RETRY_POLICY, SINCE
from airflow.providers.common.compat.sdk import DAG, task  # on Airflow 3 alone: from airflow.sdk
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

SYNC = (
    'airbyte-sync run --conn "$CONNECTION" --since "$SINCE" --timeout 12h'
    ' --result-file "$RESULT_FILE" -o json'
)
ENV = {
    "AIRBYTE_URL": "{{ var.value.get('airbyte_url', 'http://localhost:8000') }}",
    "CONNECTION": "{{ params.connection }}",
    "SINCE": SINCE,
    "RESULT_FILE": RESULT_FILE,
}


@task.branch
def what_next(result: dict) -> str:
    """Return the id of the task to run next."""
    if result["exit_code"] == 0:
        return "loaded"
    failed = [sync for sync in result["syncs"] if sync["outcome"] == "failed"]
    permanent = any(sync["retryable"] is False for sync in failed)
    return "alert" if permanent else "sync_again"


with DAG(
    dag_id="airbyte_failure_branch",
    schedule=None,
    params={"connection": "orders"},
    default_args={"append_env": True, "retry_policy": RETRY_POLICY},
    tags=["airbyte"],
):
    sync = BashOperator(
        task_id="sync",
        bash_command=SYNC + " || { code=$?; test $code -eq 3 || exit $code; }",
        env=ENV,
        output_processor=json.loads,
        retries=2,
    )
    sync_again = BashOperator(task_id="sync_again", bash_command=SYNC, env=ENV, retries=2)
    alert = BashOperator(
        task_id="alert",
        bash_command='echo "$REASON"; exit 1',  # send your alert here
        env={"REASON": "{{ ti.xcom_pull('sync')['error']['message'] }}"},
    )
    loaded = EmptyOperator(task_id="loaded", trigger_rule="none_failed_min_one_success")

    what_next(sync.output) >> [sync_again, alert, loaded]
    sync_again >> loaded
