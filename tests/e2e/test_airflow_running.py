"""The DAGs of `dags/` in a running Airflow of both lines: outcomes, retries, kills, the anchor.

`pytest -m e2e -rP tests/e2e/test_airflow_running.py` shows the tables of docs/airflow.md.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox
from tests.e2e.airflow_experiments import (
    MOMENTS,
    SIGNALS,
    Experiment,
    Kill,
    KilledSync,
    kill_all,
    renewed,
    survives_retry,
    table,
    tell,
    write_dags,
)
from tests.e2e.airflow_services import AirflowUi, running
from tests.support.airflow import LINES, Airflow, documented_dags, serve_awake
from tests.support.children import until

pytestmark = pytest.mark.e2e

GOOD = JobScript(life="pending 0.2, running 1, succeeded", flush_every=1)
REVOKED = JobFailure(type="config_error", message="the key was revoked", retryable=False)
BAD = JobScript(life="pending 0.2, running 1, failed", failure=REVOKED)
HICCUP = JobScript(life=BAD.life, failure=JobFailure(message="a hiccup", retryable=True))
ENDLESS = JobScript(life="pending 0.2, running", cancel_takes=0.2)

RUNS: Mapping[str, tuple[str, dict[str, str]]] = {
    "skip": ("airbyte_bash", {"connection": "busy", "if_running": "skip"}),
    "bad": ("airbyte_bash", {"connection": "bad"}),
    "two": ("airbyte_two_tasks", {"connections": "one,two"}),
    "recovers": ("airbyte_failure_branch", {"connection": "recovers"}),
    "hopeless": ("airbyte_failure_branch", {"connection": "bad too"}),
    "endless": ("airbyte_bash", {"connection": "endless"}),
    "again": ("airbyte_bash", {"connection": "again"}),
    "limited": ("limited", {"connection": "limited"}),
    "exact": ("airbyte_exact", {"connection": "exact"}),
    "nowhere": ("airbyte_give_up", {"connection": "nowhere"}),
    "revoked": ("airbyte_give_up", {"connection": "bad three"}),
    "hiccup": ("airbyte_give_up", {"connection": "hiccup"}),
    "typo": ("airbyte_bash", {"connection": "nowhere"}),
}
_LONGEST_RUN = 180.0
"""Seconds: a dozen runs with retries at once, on two cores."""
ENDED = {"success", "failed", "skipped", "upstream_failed"}


@dataclass(frozen=True)
class RunningAirflow:
    """Airflow, its UI, and its Airbyte."""

    airflow: Airflow
    ui: AirflowUi
    sandbox: Sandbox

    def end(self, run: str, dag: str | None = None) -> dict[str, str | None]:
        """Wait for the end of a run; return the states of its tasks."""
        dag = dag or RUNS[run][0]
        until(
            lambda: set((states := self.airflow.states(dag, run)).values()) <= ENDED and states,
            f"the end of {run}",
            limit=_LONGEST_RUN,
        )
        return self.airflow.states(dag, run)

    def log(self, run: str) -> str:
        """Return the logs of a run's tasks."""
        files = sorted((self.airflow.home / "logs").glob(f"dag_id=*/run_id={run}/**/*.log"))
        return "\n".join(file.read_text(encoding="utf-8") for file in files)

    def jobs(self, name: str) -> list[str]:
        """Return the statuses of a connection's jobs."""
        [identity] = [each.id for each in self.sandbox.connections if each.name == name]
        return [job.status for job in self.sandbox.jobs if job.connection_id == identity]


def _sandbox() -> Sandbox:
    sandbox = Sandbox()
    for name, scripts in {
        "one": (GOOD,),
        "two": (GOOD,),
        "bad": (BAD,),
        "bad too": (BAD,),
        "bad three": (BAD,),
        "hiccup": (HICCUP, GOOD),
        "recovers": (HICCUP, GOOD),
        "endless": (ENDLESS,),
        "again": (ENDLESS, GOOD),
        "limited": (ENDLESS,),
        "exact": (HICCUP, GOOD),
    }.items():
        sandbox.add_connection(name, scripts=scripts)
    sandbox.start_job(sandbox.add_connection("busy", script=ENDLESS))
    return sandbox


@pytest.fixture(scope="module", params=LINES)
def given(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningAirflow]:
    """A running Airflow in which RUNS have been triggered."""
    sandbox = _sandbox()
    with serve_awake(sandbox) as url:
        airflow = Airflow.install(request.param, tmp_path_factory.mktemp("airflow"), url)
        write_dags(airflow)
        airflow.vary("airbyte_bash", "limited", ("--timeout 12h", "--timeout 2s"))
        for number, text in enumerate(documented_dags()):
            (airflow.dags / f"documented_{number}.py").write_text(text, encoding="utf-8")
        with running(airflow) as ui:
            until(lambda: airflow.query("select count(*) from serialized_dag") == [(11,)], "DAGs")
            ui.trigger(RUNS)
            yield RunningAirflow(airflow, ui, sandbox)


def test_exit_99_is_skipped_task(given: RunningAirflow) -> None:
    assert given.end("skip") == {"sync": "skipped"}
    assert given.jobs("busy") == ["running"]


def test_job_id_of_trigger_reaches_wait_through_xcom(given: RunningAirflow) -> None:
    assert given.end("two") == {"trigger": "success", "wait": "success"}
    assert len(given.airflow.xcom("airbyte_two_tasks", "trigger", "two").split()) == 2
    assert (given.jobs("one"), given.jobs("two")) == (["succeeded"], ["succeeded"])


def test_failed_sync_fails_task_with_reason_in_log(given: RunningAirflow) -> None:
    assert given.end("bad") == {"sync": "failed"}
    assert "the key was revoked" in given.log("bad")
    assert "exit code 3" in given.log("bad")


def test_retry_policy_does_not_retry_permanent_failure(given: RunningAirflow) -> None:
    given.end("bad")
    assert given.end("typo") == {"sync": "failed"}

    # Airflow before 3.3 has no retry policies and ignores them: a task with two retries.
    tries = 3 if given.airflow.version.startswith("2.") else 1
    assert given.jobs("bad") == ["failed"] * tries
    assert given.airflow.tries("airbyte_bash", "typo", "sync") == tries


def test_retryable_failure_is_retried(given: RunningAirflow) -> None:
    assert given.end("recovers") == {
        "sync": "success",
        "what_next": "success",
        "sync_again": "success",
        "alert": "skipped",
        "loaded": "success",
    }
    assert given.jobs("recovers") == ["failed", "succeeded"]


def test_permanent_failure_alerts_without_retry(given: RunningAirflow) -> None:
    states = given.end("hopeless")

    assert (states["sync_again"], states["alert"]) == ("skipped", "failed")
    assert given.jobs("bad too") == ["failed"]


def test_documented_operator_does_not_retry_permanent_failure(given: RunningAirflow) -> None:
    assert given.end("nowhere") == {"sync": "failed"}
    assert given.end("revoked") == {"sync": "failed"}

    assert given.airflow.tries("airbyte_give_up", "nowhere", "sync") == 1
    assert "exit code 7" in given.log("nowhere")
    assert given.jobs("bad three") == ["failed"]


def test_documented_operator_retries_other_failures(given: RunningAirflow) -> None:
    assert given.end("hiccup") == {"sync": "success"}
    assert given.jobs("hiccup") == ["failed", "succeeded"]


def test_documented_setup_task_anchors_retry(given: RunningAirflow) -> None:
    assert given.end("exact") == {"mark": "success", "sync": "success"}
    assert given.jobs("exact") == ["failed", "succeeded"]


def test_task_marked_as_failed_cancels_job(given: RunningAirflow) -> None:
    until(lambda: given.jobs("endless") == ["running"], "the endless sync")

    given.ui.fail("airbyte_bash", "endless", "sync")

    until(lambda: given.jobs("endless") == ["cancelled"], "the cancel")
    assert given.end("endless") == {"sync": "failed"}


def test_cleared_running_task_cancels_job_and_starts_another(given: RunningAirflow) -> None:
    until(lambda: given.jobs("again") == ["running"], "the sync")

    given.ui.clear("airbyte_bash", "again", "sync")

    until(lambda: given.jobs("again") == ["cancelled", "succeeded"], "the second sync", limit=90)
    assert given.end("again") == {"sync": "success"}


def test_own_timeout_cancels_job_with_exit_code_5(given: RunningAirflow) -> None:
    assert given.end("limited") == {"sync": "failed"}
    assert given.jobs("limited") == ["cancelled"] * 3  # with --timeout, a retry may help
    assert "exit code 5" in given.log("limited")


def test_killed_task_and_its_retry_leave_one_success_and_no_orphan(
    given: RunningAirflow,
) -> None:
    kills = itertools.product(("command", "task"), SIGNALS, MOMENTS)
    syncs = [KilledSync.prepare(Kill(*kill), given.sandbox) for kill in kills]
    names = [sync.kill.connection for sync in syncs]

    given.ui.trigger({name: ("airbyte_bash", {"connection": name}) for name in names})
    kill_all(syncs, given.airflow.home)
    ends = {name: given.end(name, "airbyte_bash") for name in names}

    print(f"\n{given.airflow.version}\n{table(syncs)}")  # noqa: T201  # shown by pytest -rP
    assert [sync.row() for sync in syncs if not sync.is_clean()] == []
    assert ends == {name: {"sync": "success"} for name in names}


def test_anchor_is_stable_in_retries_and_renewed_by_clearing(given: RunningAirflow) -> None:
    experiment = Experiment(given.airflow, given.ui, "anchor_idle")
    experiment.begin()
    experiment.rows(2)
    for again, what in enumerate(("look", None)):
        experiment.wait_for_end()
        experiment.clear(what)
        rows = experiment.rows(4 + 2 * again)

    tell(f"{given.airflow.version}: run; task cleared after its end; run cleared", rows)
    for anchor in ("shipped", "dag_run.start_date", "setup task"):
        for first, retry in ((0, 1), (2, 3), (4, 5)):
            assert survives_retry(anchor, rows[first], rows[retry])
        for before, after in ((1, 2), (1, 3), (3, 4), (3, 5)):
            assert renewed(anchor, rows[before], rows[after])


def test_anchor_is_renewed_for_first_try_while_run_is_active(given: RunningAirflow) -> None:
    experiment = Experiment(given.airflow, given.ui, "anchor_busy")
    experiment.begin()
    experiment.rows(2)
    experiment.clear("look")
    rows = experiment.rows(4)
    experiment.release()

    tell(f"{given.airflow.version}: run; task cleared while the run goes on", rows)
    assert [renewed("dag_run.start_date", rows[1], rows[at]) for at in (2, 3)] == [False, False]
    assert [renewed("shipped", rows[1], rows[at]) for at in (2, 3)] == [True, False]
    assert [renewed("setup task", rows[1], rows[at]) for at in (2, 3)] == [True, True]
    assert survives_retry("shipped", rows[2], rows[3])
    assert survives_retry("setup task", rows[2], rows[3])
