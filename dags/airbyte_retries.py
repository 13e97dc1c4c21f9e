"""What the DAGs beside this file share: which sync a retry counts as its own, and when to retry.

Copy it with them: Airflow adds the DAGs folder to Python's path. See docs/airflow.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The value of --since. First try: the task's start. Retry: the start of the DAG run, which is the
# same for every retry. Clearing a task gives it all its tries again: the next one is a first try.
SINCE = (
    "{{ ti.start_date if ti.try_number + task.retries == ti.max_tries + 1"
    " else dag_run.start_date }}"
)

# Where a BashOperator keeps its result: it pushes no XCom if the command fails.
RESULT_FILE = "/tmp/{{ ti.dag_id }}.{{ ti.run_id }}.{{ ti.task_id }}.{{ ti.try_number }}.json"  # noqa: S108

PERMANENT = {1, 2, 4, 6, 7, 10, 11}  # exit codes; docs/exit-codes.md


def is_permanent(context: Mapping[str, Any]) -> bool:
    """Return whether a retry of the failed task cannot succeed, according to its result."""
    result = _read_result(context)
    if result is None:  # killed, or the pod did not start
        return False
    failed = [sync for sync in result["syncs"] if sync["exit_code"] not in {0, 99}]
    return all(
        sync["exit_code"] in PERMANENT or sync.get("retryable") is False
        for sync in failed or [result]
    )


def _read_result(context: Mapping[str, Any]) -> dict[str, Any] | None:
    ti, environ = context["ti"], getattr(context["task"], "env", None) or {}
    if "RESULT_FILE" not in environ:  # a pod: its XCom is pushed in any case
        return ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    file = Path(environ["RESULT_FILE"])
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


try:
    from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy
except ImportError:  # Airflow before 3.3 ignores it in default_args; docs/airflow.md has a class
    RETRY_POLICY = None
else:

    class GiveUpIfPermanent(RetryPolicy):
        """Fail at once if a retry cannot succeed; otherwise `retries` decides."""

        def evaluate(
            self, *, context: Mapping[str, Any] | None = None, **_: object
        ) -> RetryDecision:
            """Return the decision; Airflow calls it by keywords when a task has failed."""
            if context and is_permanent(context):
                return RetryDecision.fail("a retry cannot succeed")
            return RetryDecision.default()

    RETRY_POLICY = GiveUpIfPermanent()
