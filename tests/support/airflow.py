"""A real Airflow installation for tests: its commands and its database."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from airbyte_sync_cli.sandbox import Sandbox
from tests.support.environments import environment
from tests.support.sandboxes import serve_in_thread

LINES: Final = ("3.3.2", "2.11.2")
"""The tested releases: the newest one of each major line in use. Each has a lock file."""
DAGS: Final = Path(__file__).resolve().parents[2] / "dags"


def documented_dags() -> list[str]:
    """Return the complete DAGs in docs/airflow.md."""
    text = (DAGS.parent / "docs" / "airflow.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@contextlib.contextmanager
def serve_awake(sandbox: Sandbox) -> Iterator[str]:
    """Serve a sandbox whose clock runs from now on, not only from the first request."""
    with serve_in_thread(sandbox) as url:
        urllib.request.urlopen(f"{url}/api/public/v1/health", timeout=10).close()  # noqa: S310  # loopback
        yield url


@dataclass(frozen=True)
class CommandOutput:
    """Exit code and output (stdout and stderr) of a command."""

    code: int
    text: str


@dataclass(frozen=True)
class Airflow:
    """An installation with a home, a database and a folder of DAGs for one test module."""

    version: str
    python: Path
    home: Path
    url: str
    """The address of the Airbyte that its tasks use."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Additional environment variables."""

    @classmethod
    def install(cls, version: str, home: Path, url: str, **environ: str) -> "Airflow":
        """Install it unless it is installed, and create an empty database."""
        python = environment(f"airflow-{version}")
        airflow = cls(version, python, home, url, environ)
        shutil.copytree(DAGS, airflow.dags)
        (home / "bin").mkdir()
        (home / "bin" / "airbyte-sync").symlink_to(Path(sys.executable).parent / "airbyte-sync")
        made = airflow.run("db", "migrate")
        assert made.code == 0, made.text
        return airflow

    @property
    def dags(self) -> Path:
        return self.home / "dags"

    def vary(self, dag_id: str, variant: str, *edit: tuple[str, str], **arguments: str) -> None:
        """Add a DAG with other words, or other arguments of its operator, given as Python."""
        text = (self.dags / f"{dag_id}.py").read_text(encoding="utf-8")
        for name, value in {"dag_id": repr(variant), **arguments}.items():
            text, found = re.subn(
                rf"\b{name}=.*,( +#.*)?$", f"{name}={value},", text, flags=re.MULTILINE
            )
            assert found == 1, name
        for old, new in edit:
            assert old in text
            text = text.replace(old, new)
        (self.dags / f"{variant}.py").write_text(text, encoding="utf-8")

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes; of this project only the program is on PATH."""
        path = [str(self.python.parent), str(self.home / "bin"), os.environ["PATH"]]
        return {
            "HOME": str(self.home),
            "PATH": os.pathsep.join(path),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_VAR_AIRBYTE_URL": self.url,
            "AIRFLOW_VAR_AIRBYTE_SYNC_IMAGE": "registry.example.com/airbyte-sync:1.0",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            **self.more,
        }

    def run(self, *argv: str, **environ: str) -> CommandOutput:
        """Run one of its commands."""
        return self._started([str(self.python.parent / "airflow"), *argv], environ)

    def script(self, text: str, *argv: str) -> Any:  # noqa: ANN401  # JSON
        """Run a script with its Python; return the JSON in the last line."""
        output = self._started([str(self.python), "-c", text, *argv], {})
        assert output.code == 0, output.text
        return json.loads(output.text.splitlines()[-1])

    def test(self, dag_id: str, conf: dict[str, str], **environ: str) -> CommandOutput:
        """Run a DAG by `airflow dags test`, retries included."""
        return self.run("dags", "test", dag_id, "-c", json.dumps(conf), **environ)

    def _started(self, command: Sequence[str], environ: dict[str, str]) -> CommandOutput:
        done = subprocess.run(  # noqa: S603  # its own commands
            command,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return CommandOutput(done.returncode, done.stdout)

    def states(self, dag_id: str, run_id: str = "%") -> dict[str, str | None]:
        """Return the states of a run's tasks, by name."""
        found = self.query(
            "select task_id, state from task_instance where dag_id = ? and run_id like ?",
            dag_id,
            run_id,
        )
        return {str(task): state for task, state in found}

    def tries(self, dag_id: str, run_id: str, task_id: str) -> int:
        """Return the number of tries of a task."""
        [[number]] = self.query(
            "select try_number from task_instance"
            " where dag_id = ? and run_id like ? and task_id = ?",
            *(dag_id, run_id, task_id),
        )
        return int(number)

    def xcom(self, dag_id: str, task_id: str, run_id: str = "%") -> Any:  # noqa: ANN401  # JSON
        """Return the XCom of a task; None if there is none."""
        found = self.query(
            "select value from xcom where dag_id = ? and task_id = ? and run_id like ?"
            " and key = 'return_value'",
            *(dag_id, task_id, run_id),
        )
        return json.loads(found[0][0]) if found else None

    def query(self, statement: str, *values: str) -> list[Any]:
        """Run a query in its database."""
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=30)) as database:
            return database.execute(statement, values).fetchall()
