"""One sync as a shell command, with `airbyte-sync` installed on the workers.

Install it in its own virtual environment, with its `bin` on the workers' PATH (`pipx` does both).

* Settings: the Airflow Variable `airbyte_url`; credentials come from the workers' environment
  (`AIRBYTE_CLIENT_ID_FILE` and so on), not from the DAG. The connection is a parameter.
* Exit 0 is success, 99 is skipped, anything else fails the task, with the reason in the task's
  log. The result (one line of JSON) becomes the XCom, as a dictionary.
* A retry is safe: `--since` adopts the job of an earlier try. A failure that a retry cannot fix is
  not retried (Airflow 3.3 and newer). See docs/airflow.md.
* A killed task (execution_timeout, marked as failed) cancels its job in Airbyte.
"""

import json
from datetime import timedelta

from airbyte_retries import RESULT_FILE, RETRY_POLICY, SINCE
from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from airflow.providers.standard.operators.bash import BashOperator

with DAG(
    dag_id="airbyte_bash",
    schedule=None,
    params={"connection": "orders", "if_running": "wait"},  # or attach, skip, fail
    default_args={"retries": 2, "retry_policy": RETRY_POLICY},
    tags=["airbyte"],
):
    BashOperator(
        task_id="sync",
        bash_command=(
            'airbyte-sync run --conn "$CONNECTION" --if-running "$IF_RUNNING"'
            ' --since "$SINCE" --timeout 12h --result-file "$RESULT_FILE" -o json'
        ),
        # Values are passed by the environment: quotes in them cannot inject a shell command.
        env={
            "AIRBYTE_URL": "{{ var.value.get('airbyte_url', 'http://localhost:8000') }}",
            "CONNECTION": "{{ params.connection }}",
            "IF_RUNNING": "{{ params.if_running }}",
            "SINCE": SINCE,
            "RESULT_FILE": RESULT_FILE,
        },
        append_env=True,
        output_processor=json.loads,
        # Longer than --timeout, which ends with a complete log and exit code 5.
        execution_timeout=timedelta(hours=13),
    )
