"""Experiments with a running Airflow: what anchors `--since`, and what a kill leaves behind."""

import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from tests.e2e.airflow_services import AirflowUi, processes_of
from tests.support.airflow import Airflow
from tests.support.children import until

Row = dict[str, str]
"""The value of each candidate in one try, by the candidate's name."""

_DAG_FILE: Final = """
from airbyte_retries import SINCE
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

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
    """Write the experiment's DAGs."""
    text = _DAG_FILE.replace("@FOLDER@", str(airflow.home))
    (airflow.dags / "anchor.py").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Experiment:
    """One run of `anchor_idle`, or of `anchor_busy`, in which another task is running."""

    airflow: Airflow
    ui: AirflowUi
    dag: str

    def begin(self) -> None:
        """Start the run: a try that fails, and a retry."""
        self.ui.trigger({f"{self.dag}-run": (self.dag, {})})

    def clear(self, task_id: str | None = None) -> None:
        """Clear the task or the run: another try that fails, and a retry."""
        self.ui.clear(self.dag, f"{self.dag}-run", task_id)

    def rows(self, tries: int) -> list[Row]:
        """Wait for that many tries, the last of which succeeds, and return their values."""
        until(lambda: len(self._lines()) >= tries, f"try {tries} of {self.dag}")
        until(lambda: self.airflow.states(self.dag)["look"] == "success", f"{self.dag}'s task")
        return [json.loads(line) for line in self._lines()]

    def wait_for_end(self) -> None:
        """Wait until the run is over."""
        state = "select state from dag_run where dag_id = ?"
        until(lambda: self.airflow.query(state, self.dag) == [("success",)], f"{self.dag}'s end")

    def release(self) -> None:
        """End the other task."""
        self._file.with_name("busy.done").touch()

    @property
    def _file(self) -> Path:
        return self.airflow.home / self.dag.removeprefix("anchor_")

    def _lines(self) -> list[str]:
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []


def survives_retry(anchor: str, first: Row, retry: Row) -> bool:
    """Return whether the retry's anchor is not after the first try, so that its job is found."""
    return _time(retry[anchor]) <= _time(first["ti.start_date"])


def renewed(anchor: str, before: Row, after: Row) -> bool:
    """Return whether the anchor is after the earlier try, so that its job does not count."""
    return _time(after[anchor]) > _time(before["ti.start_date"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def tell(title: str, rows: list[Row]) -> None:
    """Print the values; `pytest -rP` shows them."""
    print(f"\n{title}")  # noqa: T201  # for `pytest -rP`
    for name in rows[0]:
        print(f"  {name:20}", *(f"{row[name]:33}" for row in rows))  # noqa: T201  # the same


Moment = Literal["before the trigger", "during the trigger", "while waiting"]
MOMENTS: Final[tuple[Moment, ...]] = ("before the trigger", "during the trigger", "while waiting")
SIGNALS: Final = (signal.SIGTERM, signal.SIGKILL)
_LIFE: Final = JobScript(life="pending 0.2, running 6, succeeded", cancel_takes=0.2)
_HELD: Final[dict[Moment, Fault | None]] = {
    "before the trigger": Fault(when="jobs", action="hold", seconds=12, times=1),
    "during the trigger": Fault(when="trigger", action="hold", seconds=12, times=1, applied=True),
    "while waiting": None,
}


@dataclass(frozen=True)
class Kill:
    """A sync that is killed once, in its first try."""

    victim: str
    """The process that gets the signal: `command` or the task that started it."""
    signal: signal.Signals
    moment: Moment

    @property
    def connection(self) -> str:
        """A connection of its own."""
        return f"{self.victim}-{self.signal.name}-{self.moment}".replace(" ", "-")


@dataclass(frozen=True)
class KilledSync:
    """A kill and its sandbox: when to send the signal, and which jobs are left."""

    kill: Kill
    sandbox: Sandbox

    @classmethod
    def prepare(cls, kill: Kill, sandbox: Sandbox) -> "KilledSync":
        """Add the connection, and a fault that holds the first try at the moment of the kill."""
        sandbox.add_connection(kill.connection, script=_LIFE)
        held = _HELD[kill.moment]
        if held is not None:
            sandbox.faults.add(held.model_copy(update={"connection": kill.connection}))
        return cls(kill, sandbox)

    def send_signal(self, pid: int) -> bool:
        """Send the signal if it is the moment; return whether it was sent."""
        if not self._is_moment():
            return False
        os.kill(pid, self.kill.signal)
        return True

    def _is_moment(self) -> bool:
        if self.kill.moment == "while waiting":
            return "running" in self.statuses()
        name = "jobs" if self.kill.moment == "before the trigger" else "trigger"
        identity = self._identity
        return any(
            each.fault == "hold" and identity in f"{each.path} {each.query} {each.body!r}"
            for each in self.sandbox.sent(name)
        )

    @property
    def _identity(self) -> str:
        return next(
            each.id for each in self.sandbox.connections if each.name == self.kill.connection
        )

    def statuses(self) -> list[str]:
        """The statuses of all its jobs."""
        return [job.status for job in self.sandbox.jobs if job.connection_id == self._identity]

    def row(self) -> str:
        """Return the jobs that are left, as a row of the table."""
        left = Counter(self.statuses())
        jobs = ", ".join(f"{number} {status}" for status, number in sorted(left.items()))
        return f"| {self.kill.victim} | {self.kill.signal.name} | {self.kill.moment} | {jobs} |"

    def is_clean(self) -> bool:
        """Return whether exactly one sync succeeded and every other was cancelled."""
        left = Counter(self.statuses())
        cancelled = left["cancelled"] if self.kill.signal is signal.SIGTERM else 0
        return left["succeeded"] == 1 and left.total() == 1 + cancelled


def kill_all(syncs: Sequence[KilledSync], home: Path) -> None:
    """Kill each process, or the task that started it, at its moment."""
    left = list(syncs)

    def kill_at_their_moment() -> bool:
        found = commands(home)
        for sync in left.copy():
            pid = found.get(sync.kill.connection)
            if pid is not None:
                victim = pid if sync.kill.victim == "command" else parent_of(pid)
                if sync.send_signal(victim):
                    left.remove(sync)
        return not left

    until(kill_at_their_moment, f"the moments of {left}", limit=180)


def table(syncs: list[KilledSync]) -> str:
    """Return the whole table."""
    head = ["| killed | by | when | jobs in the end |", "|---|---|---|---|"]
    return "\n".join([*head, *(sync.row() for sync in syncs)])


def commands(home: Path) -> dict[str, int]:
    """Return the processes of `airbyte-sync run` of this Airflow, by connection."""
    found = {}
    for pid, environ in processes_of(home):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"run" in argv and b"--since" in argv and "CONNECTION" in environ:
                found[environ["CONNECTION"]] = pid
    return found


def parent_of(pid: int) -> int:
    """Return the parent process."""
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    return int(stat.rpartition(")")[2].split()[1])
