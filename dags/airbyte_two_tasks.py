"""Start and wait in two tasks: both are visible in the grid, and the wait can be retried alone.

* `trigger` ends as soon as the sync is started; its XCom is the job id. With several connections
  the ids are on one line, because a BashOperator pushes only the last line.
* `wait` waits for that job and never cancels it, so it can be killed and retried. Clearing `wait`
  reports the same job again; clearing `trigger` starts a new one.
* Other tasks may run between the two. Airflow's AirbyteJobSensor accepts the id as well.
"""

from airbyte_retries import RESULT_FILE, RETRY_POLICY, SINCE
from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from airflow.providers.standard.operators.bash import BashOperator

ENV = {
    "AIRBYTE_URL": "{{ var.value.get('airbyte_url', 'http://localhost:8000') }}",
    "AIRBYTE_CONNECTION": "{{ params.connections }}",
    "SINCE": SINCE,
    "RESULT_FILE": RESULT_FILE,
}

with DAG(
    dag_id="airbyte_two_tasks",
    schedule=None,
    params={"connections": "orders"},
    default_args={"retries": 2, "retry_policy": RETRY_POLICY, "append_env": True},
    tags=["airbyte"],
):
    trigger = BashOperator(
        task_id="trigger",
        bash_command=(
            'ids=$(airbyte-sync trigger --since "$SINCE" --result-file "$RESULT_FILE" -o id)'
            " && echo $ids"
        ),
        env=ENV,
    )
    wait = BashOperator(
        task_id="wait",
        # Digits and spaces only, so no quoting is needed.
        bash_command=(
            "airbyte-sync wait {{ ti.xcom_pull('trigger') }}"
            ' --timeout 12h --result-file "$RESULT_FILE" -o json'
        ),
        env=ENV,
    )
    trigger >> wait
