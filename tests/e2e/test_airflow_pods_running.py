"""The pods of `dags/` in a running Airflow of both lines: outcomes, kinds of death, time limits.

They run with a stand-in for the cluster, and also in a real one if the environment names it.
`pytest -m e2e -rP tests/e2e/test_airflow_pods_running.py` shows the jobs that are left.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript
from tests.e2e.airflow_places import Here, Place, There
from tests.e2e.airflow_services import AirflowUi, running
from tests.e2e.cluster import WHY_NOT, is_there
from tests.support.airflow import Airflow, documented_dags
from tests.support.children import until

# Apart from `make e2e`: they wait for limits of 40 s, which a busy machine does not keep.
pytestmark = [pytest.mark.e2e, pytest.mark.deaths]

GOOD: Final = JobScript(life="pending 0.2, running 2, succeeded")
LONG: Final = JobScript(life="pending 0.2, running 90, succeeded")
ENDLESS: Final = JobScript(life="pending 0.2, running")
REVOKED: Final = JobFailure(type="config_error", message="the key was revoked", retryable=False)
ENDED: Final = {"success", "failed", "skipped"}

MODES: Final = {"deferred": "True", "waiting": "False"}
ACTIONS: Final = ("delete_pod", "delete_active_pod", "delete_succeeded_pod", "keep_pod")
TIMEOUTS: Final = [f"{action}_{mode}" for action, mode in itertools.product(ACTIONS, MODES)]
DEATHS: Final = {
    f"{death}_{mode}": mode
    for death, mode in itertools.product(("failed", "killed", "evicted", "left", "cleared"), MODES)
}

SCRIPTS: Final[Mapping[str, JobScript]] = {
    "ok": GOOD,
    "bad": JobScript(life="running 1, failed", failure=REVOKED),
    "give_up": JobScript(life="running 1, failed", failure=REVOKED),
    "busy": ENDLESS,
    "limited": ENDLESS,
    **dict.fromkeys(DEATHS, LONG),
    **dict.fromkeys(TIMEOUTS, ENDLESS),
}
"""The script of each connection. Its name is also the id of the run."""
SHARED_PROCESSES: Final = (
    "False, full_pod_spec=k8s.V1Pod("
    "spec=k8s.V1PodSpec(containers=[], share_process_namespace=True))"
)
"""So that the sidecar can kill the program."""


@dataclass(frozen=True)
class RunningPods:
    """Airflow, its UI, and the place of its pods."""

    airflow: Airflow
    ui: AirflowUi
    place: Place

    def end(self, run: str) -> str | None:
        """Wait for the end of a run's task; return its state."""
        until(lambda: self._state(run) in ENDED, f"the end of {run}", limit=240)
        return self._state(run)

    def _state(self, run: str) -> str | None:
        return self.airflow.states(_dag_of(run), run).get("sync")

    def start_and_act(self, runs: Iterable[str]) -> None:
        """Start runs; do to each task what its run is named after, once its sync is running."""
        left: list[str] = []

        def act() -> bool:
            left[:] = [run for run in left if not self._act_if_running(run)]
            return not left

        for run in runs:
            self.start(run)
            left.append(run)
            act()
        until(act, "the syncs", limit=300)

    def start(self, *runs: str) -> None:
        confs = {run: {"connection": run, "if_running": "wait"} for run in runs}
        if "busy" in confs:
            confs["busy"]["if_running"] = "skip"
        self.ui.trigger({run: (_dag_of(run), conf) for run, conf in confs.items()})

    def _act_if_running(self, run: str) -> bool:
        state = "deferred" if run.endswith("deferred") else "running"
        if self._state(run) != state or "running" not in self.place.jobs(run):
            return False
        self._act(run)
        return True

    def _act(self, run: str) -> None:
        match run.partition("_")[0]:
            case "failed":
                self.ui.fail(_dag_of(run), run, "sync")
            case "cleared":
                self.ui.clear(_dag_of(run), run, "sync")
            case "killed":
                self.place.kill(run)
            case "evicted" | "left":
                self.place.evict(run)

    def log(self, run: str) -> str:
        files = sorted((self.airflow.home / "logs").glob(f"dag_id=*/run_id={run}/**/*.log*"))
        return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Here, id="here"),
        pytest.param(
            There, id="cluster", marks=pytest.mark.skipif(not is_there(), reason=WHY_NOT)
        ),
    ],
)
def place(
    request: pytest.FixtureRequest, line: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    del line  # one for each
    with request.param.serve(tmp_path_factory.mktemp("pods"), SCRIPTS) as served:
        yield served


@pytest.fixture(scope="module")
def given(
    line: str, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPods]:
    """A running Airflow in which a run of each connection has been triggered."""
    home = tmp_path_factory.mktemp("airflow")
    airflow = Airflow.install(line, home, place.url, **place.environ)
    _add_variants(airflow)
    place.start_job("busy")
    with running(airflow, triggerer=True) as ui:
        dags = len(list(airflow.dags.glob("*.py")))  # one file has no DAG, and one has two
        counted = "select count(*) from serialized_dag"
        until(lambda: airflow.query(counted) == [(dags,)], "the DAGs", limit=120)
        pods = RunningPods(airflow, ui, place)
        pods.start_and_act(DEATHS)
        pods.start(*set(SCRIPTS) - set(DEATHS))
        yield pods


def _add_variants(airflow: Airflow) -> None:
    [documented] = [text for text in documented_dags() if "AirbytePodOperator" in text]
    (airflow.dags / "documented.py").write_text(documented, encoding="utf-8")
    airflow.vary(
        *("airbyte_pod", "give_up"),
        (
            "from airbyte_retries",
            "from documented import AirbytePodOperator\nfrom airbyte_retries",
        ),
        ("    KubernetesPodOperator(", "    AirbytePodOperator("),
        default_args='{"retries": 2}',
    )
    airflow.vary("airbyte_pod", "limited", ("--timeout=12h", "--timeout=10s"))
    leave = ('"--timeout=12h"', '"--timeout=12h", "--on-interrupt=leave"')
    for mode, value in MODES.items():
        airflow.vary("airbyte_pod", mode, deferrable=value)
        airflow.vary("airbyte_pod", f"left_{mode}", leave, deferrable=value)
        airflow.vary(
            *("airbyte_pod", f"killed_{mode}"),
            deferrable=value,
            automount_service_account_token=SHARED_PROCESSES,
        )
    for action, (mode, value) in itertools.product(ACTIONS, MODES.items()):
        airflow.vary(
            *("airbyte_pod", f"{action}_{mode}"),
            deferrable=value,
            on_finish_action=repr(action),
            execution_timeout="timedelta(seconds=40)",
            default_args="{}",
        )


def _dag_of(run: str) -> str:
    if run.startswith(("left", "killed", "limited", "give_up", *ACTIONS)):
        return run
    return "waiting" if run.endswith("waiting") else "airbyte_pod"


def test_succeeded_pod_was_deferred_and_pushes_xcom(given: RunningPods) -> None:
    assert given.end("ok") == "success"
    assert given.airflow.xcom("airbyte_pod", "sync", "ok")["outcome"] == "ok"
    assert "deferred" in given.log("ok").lower()


def test_exit_99_of_pod_is_skipped_task(given: RunningPods) -> None:
    assert given.end("busy") == "skipped"


def test_failed_pod_shows_reason_without_pod_specification(given: RunningPods) -> None:
    assert given.end("bad") == "failed"

    assert "failed (exit 3). job" in given.log("bad")
    assert "the key was revoked" in given.log("bad")
    assert "remote_pod:" not in given.log("bad")


def test_failed_pod_is_retried_only_where_airflow_has_no_retry_policy(given: RunningPods) -> None:
    given.end("bad")

    tries = 3 if given.airflow.version.startswith("2.") else 1
    assert given.place.jobs("bad") == ["failed"] * tries


def test_documented_operator_does_not_retry_permanent_failure(given: RunningPods) -> None:
    assert given.end("give_up") == "failed"
    assert given.place.jobs("give_up") == ["failed"]


@pytest.mark.parametrize("mode", MODES)
def test_task_marked_as_failed_cancels_sync(given: RunningPods, mode: str) -> None:
    run = f"failed_{mode}"
    until(lambda: given.place.jobs(run) == ["cancelled"], "the cancel", limit=60)
    assert given.end(run) == "failed"


@pytest.mark.parametrize("mode", MODES)
def test_killed_program_is_retried_and_its_job_adopted(given: RunningPods, mode: str) -> None:
    assert given.end(f"killed_{mode}") == "success"
    assert given.place.jobs(f"killed_{mode}") == ["succeeded"]


@pytest.mark.parametrize("mode", MODES)
def test_evicted_pod_cancels_sync_and_retry_starts_another(given: RunningPods, mode: str) -> None:
    assert given.end(f"evicted_{mode}") == "success"
    assert given.place.jobs(f"evicted_{mode}") == ["cancelled", "succeeded"]


@pytest.mark.parametrize("mode", MODES)
def test_evicted_pod_can_leave_sync_to_retry(given: RunningPods, mode: str) -> None:
    assert given.end(f"left_{mode}") == "success"
    assert given.place.jobs(f"left_{mode}") == ["succeeded"]


@pytest.mark.parametrize("mode", MODES)
def test_cleared_task_is_cancelled_or_its_pod_attached_to(given: RunningPods, mode: str) -> None:
    run = f"cleared_{mode}"
    assert given.end(run) == "success"

    # Airflow 3.3 does not end the pod of a deferred task: the next try attaches to it.
    attached = given.airflow.version.startswith("3.") and mode == "deferred"
    first, *others = given.place.jobs(run)
    assert first == ("succeeded" if attached else "cancelled")
    assert set(others) <= {"succeeded"}  # on a busy machine the request to clear may be repeated


def test_own_timeout_of_deferred_pod_cancels_sync(given: RunningPods) -> None:
    assert given.end("limited") == "failed"
    assert set(given.place.jobs("limited")) == {"cancelled"}
    assert "(exit 5)" in given.log("limited")


@pytest.mark.parametrize("run", TIMEOUTS)
def test_task_timeout_cancels_sync_only_if_pod_is_deleted(given: RunningPods, run: str) -> None:
    assert given.end(run) == "failed"
    with contextlib.suppress(AssertionError):
        until(lambda: given.place.jobs(run) == ["cancelled"], "the cancel", limit=15)

    print(given.airflow.version, run, given.place.jobs(run))  # noqa: T201  # shown by pytest -rP
    if given.airflow.version.startswith("2.") and run.endswith("deferred"):
        return  # by chance: see docs/airflow.md
    deletes = run.startswith(("delete_pod", "delete_active_pod"))
    assert given.place.jobs(run) == ["cancelled" if deletes else "running"]
