"""One sync as a shell command: the shortest way, where `airbyte-sync` is installed on the workers.

It lives in a virtual environment of its own and needs nothing of Airflow's: `pipx install
airbyte-sync-cli`, or a virtual environment whose `bin` is on the workers' PATH.

* Settings: the Airflow Variable `airbyte_url`; credentials come from the workers' environment
  (`AIRBYTE_CLIENT_ID_FILE` and so on), never from here. The connection is a parameter.
* Exit 0 is success, 99 is shown as skipped, anything else fails the task, with the reason in the
  task's log. The result (one line of JSON) becomes the XCom, as a dictionary.
* A retry is safe: `--since` makes it adopt what an earlier try has started. See docs/airflow.md.
* A killed task (execution_timeout, marked as failed by hand) cancels its job in Airbyte.
"""

import json

from airflow.providers.common.compat.sdk import DAG  # on Airflow 3 alone: from airflow.sdk
from airflow.providers.standard.operators.bash import BashOperator

# The first of the task's tries looks for nothing older than itself, a retry for what this run of
# the DAG has started. After a person's "clear" all tries are left again: then it is a first one.
SINCE = (
    "{{ ti.try_number + task.retries == ti.max_tries + 1 and ti.start_date"
    " or dag_run.start_date }}"
)

with DAG(
    dag_id="airbyte_bash",
    schedule=None,
    params={"connection": "orders", "if_running": "wait"},  # or attach, skip, fail
    default_args={"retries": 2},
    tags=["airbyte"],
):
    BashOperator(
        task_id="sync",
        bash_command=(
            'airbyte-sync run --conn "$CONNECTION" --if-running "$IF_RUNNING"'
            ' --since "$SINCE" -o json'
        ),
        # Values go through the environment, where no quote of theirs can become a command.
        env={
            "AIRBYTE_URL": "{{ var.value.get('airbyte_url', 'http://localhost:8000') }}",
            "CONNECTION": "{{ params.connection }}",
            "IF_RUNNING": "{{ params.if_running }}",
            "SINCE": SINCE,
        },
        append_env=True,
        output_processor=json.loads,
    )
