"""A real Kubernetes cluster, if the environment names one: a namespace with a sandbox in it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from airbyte_sync_cli.sandbox import SandboxConfig

WHY_NOT: Final = (
    "no cluster: set KUBECONFIG, and AIRBYTE_SYNC_IMAGE to an image that its nodes have "
    "(CONTRIBUTING.md shows it with kind)"
)
_SANDBOX: Final = "sandbox"
_PORT: Final = 8000
_RESTRICTED: Final = "pod-security.kubernetes.io/enforce=restricted"


def is_there() -> bool:
    """Return whether the environment names a cluster and an image; there are no defaults."""
    named = os.environ.get("KUBECONFIG") and os.environ.get("AIRBYTE_SYNC_IMAGE")
    return bool(named) and shutil.which("kubectl") is not None


@dataclass(frozen=True)
class Cluster:
    """A namespace of a cluster."""

    namespace: str
    image: str
    config: str

    @classmethod
    @contextmanager
    def borrow(cls) -> Iterator["Cluster"]:
        """Create a "restricted" namespace, and delete it afterwards."""
        image, config = os.environ["AIRBYTE_SYNC_IMAGE"], os.environ["KUBECONFIG"]
        cluster = cls(f"airbyte-sync-{uuid4().hex[:8]}", image, config)
        cluster.call("create", "namespace", cluster.namespace)
        try:
            cluster.call("label", "namespace", cluster.namespace, _RESTRICTED)
            yield cluster
        finally:
            cluster.call("delete", "namespace", cluster.namespace, "--wait=false")

    def call(self, *arguments: str, given: object = None) -> str:
        """Run kubectl in the namespace; return its stdout. Raises AssertionError if it fails."""
        done = self._kubectl(*arguments, given=given)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _kubectl(
        self, *arguments: str, given: object = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603  # kubectl
            ["kubectl", "--namespace", self.namespace, *arguments],  # noqa: S607  # the user's
            input=json.dumps(given) if given is not None else None,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def airflow_environ(self) -> dict[str, str]:
        """Return the environment of an Airflow that starts its pods in the namespace."""
        extra = {"namespace": self.namespace, "xcom_sidecar_container_image": self.image}
        return {
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps(
                {"conn_type": "kubernetes", "extra": extra}
            ),
            "AIRFLOW_VAR_AIRBYTE_SYNC_IMAGE": self.image,
            "KUBECONFIG": self.config,
        }

    def refusal(self, pod: dict[str, Any]) -> str:
        """Return why the namespace refuses a pod; empty if it would admit it."""
        given = {**pod, "metadata": {"name": pod["metadata"]["name"]}}
        done = self._kubectl("create", "--dry-run=server", "-f", "-", given=given)
        return done.stderr if done.returncode else ""

    def pods(self, selector: str) -> list[str]:
        """Return the names of the running pods with these labels."""
        listed = self.call(
            *("get", "pods", "-l", selector, "--field-selector=status.phase=Running"),
            *("-o", "jsonpath={.items[*].metadata.name}"),
        )
        return listed.split()

    def kill_program(self, pod: str) -> None:
        """Send SIGKILL to the program, from its sidecar: they share the process namespace."""
        kill = 'grep -qa "airbyte-syn[c]" $p/cmdline && kill -9 ${p#/proc/}'
        script = f"for p in /proc/[0-9]*; do {kill}; done; true"
        self.call("exec", pod, "-c", "airflow-xcom-sidecar", "--", "sh", "-c", script)

    def create(self, resource: dict[str, Any]) -> None:
        """Create a resource."""
        self.call("create", "-f", "-", given=resource)

    def run(self, pod: dict[str, Any]) -> str:
        """Start a pod with our image in all its containers; return its name."""
        name = str(pod["metadata"]["name"])
        containers = [{**each, "image": self.image} for each in pod["spec"]["containers"]]
        spec = {**pod["spec"], "containers": containers}
        self.create({**pod, "metadata": {"name": name}, "spec": spec})
        return name

    def ended(self, pod: str) -> dict[str, Any] | None:
        """Return the terminated state of a pod's container `base`; None while it runs."""
        found = json.loads(self.call("get", "pod", pod, "-o", "json"))
        all_of_them = found["status"].get("containerStatuses", [])
        states = {each["name"]: each["state"] for each in all_of_them}
        ended: dict[str, Any] | None = states.get("base", {}).get("terminated")
        return ended

    def serve_sandbox(self, scenario: Path) -> str:
        """Run a sandbox in a pod, with the Secret that the DAGs use; return its address."""
        config = SandboxConfig()
        keys = {"client-id": config.client_id, "client-secret": config.client_secret}
        self._keep("Secret", "airbyte-sync", keys)
        self._keep("ConfigMap", _SANDBOX, {"scenario.toml": scenario.read_text("utf-8")})
        self.create(sandbox_pod(self.image, keys))
        self.call("wait", "pod", _SANDBOX, "--for=condition=Ready", "--timeout=90s")
        ip = self.call("get", "pod", _SANDBOX, "-o", "jsonpath={.status.podIP}")
        return f"http://{ip}:{_PORT}"

    def exec_program(self, *arguments: str) -> str:
        """Run the program in the sandbox's pod; return its stdout."""
        return self.call("exec", _SANDBOX, "--", "airbyte-sync", *arguments)

    def job_statuses(self, connection: str) -> list[str]:
        """Return the statuses of a connection's jobs in the sandbox, newest first."""
        listed = json.loads(self.exec_program("jobs", "--conn", connection, "-o", "json"))
        return [sync["status"] for sync in listed["syncs"]]

    def _keep(self, kind: str, name: str, values: dict[str, str]) -> None:
        field = "stringData" if kind == "Secret" else "data"
        resource = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: values}
        self.create(resource)


def sandbox_pod(image: str, keys: dict[str, str]) -> dict[str, Any]:
    """Return a pod that serves a sandbox."""
    scenario = "/etc/sandbox"
    arguments = ["sandbox", "--host", "0.0.0.0", "--scenario", f"{scenario}/scenario.toml"]  # noqa: S104  # a pod
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _SANDBOX},
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [{"name": "scenario", "configMap": {"name": _SANDBOX}}],
            "containers": [
                {
                    "name": "base",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "args": arguments,
                    "env": [
                        {"name": "AIRBYTE_CLIENT_ID", "value": keys["client-id"]},
                        {"name": "AIRBYTE_CLIENT_SECRET", "value": keys["client-secret"]},
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "scenario", "mountPath": scenario}],
                }
            ],
        },
    }
