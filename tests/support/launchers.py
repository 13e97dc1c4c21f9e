"""The files in docs/launchers, and a machine that runs their commands unchanged."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
LAUNCHERS = ROOT / "docs" / "launchers"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((LAUNCHERS / name).read_text(encoding="utf-8")))


def cron_job() -> dict[str, Any]:
    spec: dict[str, Any] = documents("kubernetes-cronjob.yaml")[0]["spec"]["jobTemplate"]["spec"]
    return spec


def argo_template() -> dict[str, Any]:
    template: dict[str, Any] = documents("argo-workflows.yaml")[0]["spec"]["templates"][0]
    return template


def github_step(name: str) -> list[str]:
    steps = documents("github-actions.yml")[0]["jobs"]["sync"]["steps"]
    script = {step["name"]: step["run"] for step in steps}[name]
    return ["bash", "-e", "-c", script]


def scheduled_now() -> str:
    """Return a job name as the CronJob controller makes it: with the minutes since 1970."""
    return f"airbyte-sync-orders-{int(datetime.now(UTC).timestamp()) // 60}"


def cron_job_container() -> dict[str, Any]:
    container: dict[str, Any] = cron_job()["template"]["spec"]["containers"][0]
    return container


@dataclass(frozen=True)
class Machine:
    """Where a launcher runs: a folder, a PATH with the program, and a server."""

    folder: Path
    environ: Mapping[str, str]
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def place(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def start(self, *command: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a command, as the launcher would."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        process = subprocess.Popen(  # noqa: S603  # the launchers' own commands
            command,
            env={"PATH": path, **self.environ, **environ},
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def clean(self) -> None:
        """Kill every process, also the children of a failed test's shells."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def run(self, *command: str, **environ: str) -> tuple[int, str]:
        """Run a command; return its exit code and output."""
        process = self.start(*command, **environ)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def pod(self, container: dict[str, Any], **downward: str) -> tuple[list[str], dict[str, str]]:
        """Return a container's command and environment, with `folder` for the mounted secrets."""
        environ = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        fields = {each["name"] for each in container["env"]} - set(environ)
        assert fields == set(downward)
        given = {
            name: value.replace("/run/secrets/airbyte", str(self.folder))
            for name, value in {**environ, **downward}.items()
        }
        command = [*container["command"], *container["args"]]
        return command, {**given, "AIRBYTE_URL": self.environ["AIRBYTE_URL"]}


def fill(word: str, told: Mapping[str, str]) -> str:
    for old, new in told.items():
        word = word.replace(old, new)
    return word
