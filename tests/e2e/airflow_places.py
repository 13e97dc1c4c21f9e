"""Where the pods of a running Airflow run: here, or in a real cluster if there is one."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.e2e.cluster import Cluster
from tests.e2e.pod_api import PodApi, serve_pods
from tests.support.airflow import serve_awake

Scripts = Mapping[str, JobScript]
"""The script of each connection."""


class Place(Protocol):
    """Pods, and the Airbyte that they use."""

    url: str
    environ: Mapping[str, str]
    """What Airflow needs in order to start pods there."""

    def jobs(self, connection: str) -> list[str]:
        """Return the statuses of a connection's jobs, oldest first."""

    def start_job(self, connection: str) -> None:
        """Start a job as another user of Airbyte."""

    def kill(self, connection: str) -> None:
        """Send SIGKILL to the program that syncs the connection."""

    def evict(self, connection: str) -> None:
        """Delete its pod."""


@dataclass(frozen=True)
class Here:
    """A stand-in for the cluster, with processes on this machine."""

    url: str
    environ: Mapping[str, str]
    sandbox: Sandbox
    api: PodApi

    @classmethod
    @contextlib.contextmanager
    def serve(cls, folder: Path, scripts: Scripts) -> Iterator["Here"]:
        """Serve an Airbyte and the API of Kubernetes."""
        sandbox = Sandbox(SandboxConfig(auth="client-credentials"))
        for name, script in scripts.items():
            sandbox.add_connection(name, script=script)
        secrets = folder / "secrets"
        secrets.mkdir()
        (secrets / "client-id").write_text(sandbox.config.client_id, encoding="utf-8")
        (secrets / "client-secret").write_text(sandbox.config.client_secret, encoding="utf-8")
        with serve_awake(sandbox) as url, serve_pods(folder, secrets) as (api, config):
            yield cls(url, {"KUBECONFIG": str(config)}, sandbox, api)

    def jobs(self, connection: str) -> list[str]:
        return [
            job.status for job in self.sandbox.jobs if job.connection_id == self._id(connection)
        ]

    def start_job(self, connection: str) -> None:
        [found] = [each for each in self.sandbox.connections if each.name == connection]
        self.sandbox.start_job(found)

    def kill(self, connection: str) -> None:
        self.api.pod_of(connection).process.kill()

    def evict(self, connection: str) -> None:
        self.api.pod_of(connection).delete(10)

    def _id(self, connection: str) -> str:
        return next(each.id for each in self.sandbox.connections if each.name == connection)


@dataclass(frozen=True)
class There:
    """A real cluster; the runs of Airflow have the names of their connections."""

    url: str
    environ: Mapping[str, str]
    cluster: Cluster

    @classmethod
    @contextlib.contextmanager
    def serve(cls, folder: Path, scripts: Scripts) -> Iterator["There"]:
        """Run an Airbyte in a namespace of the cluster."""
        scenario = folder / "scenario.toml"
        scenario.write_text(_scenario(scripts), encoding="utf-8")
        with Cluster.borrow() as cluster:
            yield cls(cluster.serve_sandbox(scenario), cluster.airflow_environ(), cluster)

    def jobs(self, connection: str) -> list[str]:
        return self.cluster.job_statuses(connection)[::-1]

    def start_job(self, connection: str) -> None:
        self.cluster.exec_program("trigger", "--conn", connection)

    def kill(self, connection: str) -> None:
        self.cluster.kill_program(self._pod(connection))

    def evict(self, connection: str) -> None:
        self.cluster.call("delete", "pod", self._pod(connection), "--wait=false")

    def _pod(self, connection: str) -> str:
        return self.cluster.pods(f"run_id={connection}")[-1]


def _scenario(scripts: Scripts) -> str:
    lines = ['auth = "client-credentials"']
    for name, script in scripts.items():
        lines += ["[[connections]]", f'name = "{name}"', "[[connections.jobs]]"]
        lines += [f'life = "{script.life}"']
        if script.failure.retryable is False:
            reason = f'type = "{script.failure.type}", message = "{script.failure.message}"'
            lines += [f"failure = {{ {reason}, retryable = false }}"]
    return "\n".join(lines)
