"""The DAGs of `dags/` in real Airflow, both lines, by `airflow dags test`; Airbyte is a sandbox.

Airflow has an environment of its own, which knows nothing of ours: only the program is on PATH.
"""

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox
from tests.support.airflow import Airflow
from tests.support.children import until

pytestmark = pytest.mark.e2e

IMPORT = """
import importlib.util, json, pathlib, sys, warnings
import airflow
import airflow.providers.cncf.kubernetes.operators.pod, airflow.providers.standard.operators.bash
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

sys.path.append(sys.argv[1])  # as Airflow does
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    ours = [str(each.message) for each in caught if each.filename == str(path)]
    assert not ours, (path, ours)
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(json.dumps(sorted(bag.dags)))
"""


@pytest.fixture(scope="module")
def sandbox(line: str) -> Sandbox:
    """A connection whose sync ends, and one whose sync does not; one sandbox for each line."""
    del line
    sandbox = Sandbox()
    sandbox.add_connection("good", script=JobScript(life="pending 0.2, running 1, succeeded"))
    sandbox.add_connection("endless", script=JobScript(life="pending 0.2, running"))
    return sandbox


def test_every_dag_imports_without_own_warning(airflow: Airflow) -> None:
    assert airflow.script(IMPORT, str(airflow.dags)) == [
        "airbyte_bash",
        "airbyte_failure_branch",
        "airbyte_many_mapped",
        "airbyte_many_one_pod",
        "airbyte_pod",
        "airbyte_two_tasks",
    ]


def test_succeeded_sync_is_succeeded_task_with_xcom(
    airflow: Airflow,
) -> None:
    told = airflow.test("airbyte_bash", {"connection": "good"})

    assert told.code == 0, told.text
    assert airflow.states("airbyte_bash") == {"sync": "success"}
    result = airflow.xcom("airbyte_bash", "sync")
    assert (result["outcome"], result["syncs"][0]["records_synced"]) == ("ok", 1000)


def test_task_timeout_cancels_job(airflow: Airflow, sandbox: Sandbox) -> None:
    before = len(sandbox.jobs)
    airflow.vary("airbyte_bash", "short", execution_timeout="timedelta(seconds=3)")

    told = airflow.test("short", {"connection": "endless"})

    assert "AirflowTaskTimeout" in told.text
    # Airflow does not wait for those whom it kills.
    until(lambda: not sandbox.active_jobs(), "the cancel", limit=10)
    assert {job.status for job in sandbox.jobs[before:]} == {"cancelled"}
