"""Start and wait in two tasks: seen apart in the grid, and the wait may be retried on its own.

* `trigger` ends as soon as the sync is started; its XCom is the job's id. With several connections
  the ids stand on one line, because a BashOperator keeps only the last one.
* `wait` waits for that job. It may be killed and retried as often as you like: it never cancels
  anything. Clear it, and it reports on the same job; clear `trigger`, and there is a new one.
* Between the two, other tasks may run. Airflow's own AirbyteJobSensor takes the id as well.
"""

from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from airflow.providers.standard.operators.bash import BashOperator

# See airbyte_bash.py.
SINCE = (
    "{{ ti.try_number + task.retries == ti.max_tries + 1 and ti.start_date"
    " or dag_run.start_date }}"
)
ENV = {
    "AIRBYTE_URL": "{{ var.value.get('airbyte_url', 'http://localhost:8000') }}",
    "AIRBYTE_CONNECTION": "{{ params.connections }}",
    "SINCE": SINCE,
}

with DAG(
    dag_id="airbyte_two_tasks",
    schedule=None,
    params={"connections": "orders"},
    default_args={"retries": 2, "append_env": True},
    tags=["airbyte"],
):
    trigger = BashOperator(
        task_id="trigger",
        bash_command='ids=$(airbyte-sync trigger --since "$SINCE" -o id) && echo $ids',
        env=ENV,
    )
    wait = BashOperator(
        task_id="wait",
        # Digits and blanks: nothing that a shell could misread.
        bash_command="airbyte-sync wait {{ ti.xcom_pull('trigger') }} -o json",
        env=ENV,
    )
    trigger >> wait
