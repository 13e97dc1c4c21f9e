"""The experiment on `--since`: a task that writes down, at each try, what templates give it."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tests.support.airflow import DAGS, Airflow
from tests.support.airflow_hands import Hands
from tests.support.airflow_services import until

Row = dict[str, str]
"""What one try saw, by the candidate's name."""

_DAG_FILE: Final = """
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

SINCE = (
@SHIPPED@
)
CANDIDATES = {
    "shipped": SINCE,
    "setup task": "{{ ti.xcom_pull('mark') }}",
    "dag_run.start_date": "{{ dag_run.start_date }}",
    "dag_run.queued_at": "{{ dag_run.queued_at if dag_run.queued_at is defined }}",
    "dag_run.run_after": "{{ dag_run.run_after if dag_run.run_after is defined }}",
    "dag_run.clear_number": "{{ dag_run.clear_number }}",
    "ti.start_date": "{{ ti.start_date }}",
    "ti.try_number": "{{ ti.try_number }}",
    "ti.max_tries": "{{ ti.max_tries }}",
}
FIELDS = "{" + ", ".join('"%s": "%s"' % pair for pair in CANDIDATES.items()) + "}"
ODD_FAILS = 'echo "$FIELDS" >> "$FILE"; test $(( $(wc -l < "$FILE") % 2 )) -eq 0'

for name in ("idle", "busy"):
    with DAG("anchor_" + name, schedule=None):
        mark = BashOperator(task_id="mark", bash_command="date -u +%FT%T.%6NZ").as_setup()
        file = "@FOLDER@/" + name
        env = {"FIELDS": FIELDS, "FILE": file}
        look = BashOperator(
            task_id="look", bash_command=ODD_FAILS, env=env, append_env=True, retries=1
        )
        mark >> look
        if name == "busy":
            wait = "until test -e " + file + ".done; do sleep 0.2; done"
            BashOperator(task_id="other", bash_command=wait)
"""


def write_dags(airflow: Airflow) -> None:
    """Add the experiment's DAGs; the anchor in them is the one that `dags/` ships."""
    shipped = re.search(
        r"\nSINCE = \(\n(.*?)\n\)\n", (DAGS / "airbyte_bash.py").read_text("utf-8"), re.DOTALL
    )
    assert shipped is not None
    text = _DAG_FILE.replace("@SHIPPED@", shipped[1]).replace("@FOLDER@", str(airflow.home))
    (airflow.dags / "anchor.py").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Experiment:
    """One run of `anchor_idle`, or of `anchor_busy`, in which another task keeps on."""

    airflow: Airflow
    hands: Hands
    dag: str

    def begin(self) -> None:
        """Start the run: a try that fails, and a retry."""
        self.hands.trigger({f"{self.dag}-run": (self.dag, {})})

    def clear(self, task_id: str | None = None) -> None:
        """Clear the task or the run: once more a try that fails, and a retry."""
        self.hands.clear(self.dag, f"{self.dag}-run", task_id)

    def rows(self, tries: int) -> list[Row]:
        """Wait for so many tries, the last of which succeeds; what each saw."""
        until(lambda: len(self._lines()) >= tries, f"try {tries} of {self.dag}")
        until(lambda: self.airflow.states(self.dag)["look"] == "success", f"{self.dag}'s task")
        return [json.loads(line) for line in self._lines()]

    def wait_for_end(self) -> None:
        """Wait until the run is over."""
        state = "select state from dag_run where dag_id = ?"
        until(lambda: self.airflow.query(state, self.dag) == [("success",)], f"{self.dag}'s end")

    def release(self) -> None:
        """Let the other task end."""
        self._file.with_name("busy.done").touch()

    @property
    def _file(self) -> Path:
        return self.airflow.home / self.dag.removeprefix("anchor_")

    def _lines(self) -> list[str]:
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []


def survives_retry(anchor: str, first: Row, retry: Row) -> bool:
    """Whether the retry's anchor is no later than the first try: its job is found."""
    return _time(retry[anchor]) <= _time(first["ti.start_date"])


def renewed(anchor: str, before: Row, after: Row) -> bool:
    """Whether the anchor lies behind what was tried before: a job of then does not count."""
    return _time(after[anchor]) > _time(before["ti.start_date"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def tell(title: str, rows: list[Row]) -> None:
    """Print the evidence; `pytest -rP` shows it."""
    print(f"\n{title}")  # noqa: T201  # that is what it is for
    for name in rows[0]:
        print(f"  {name:20}", *(f"{row[name]:33}" for row in rows))  # noqa: T201  # the same
