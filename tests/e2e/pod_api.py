"""A stand-in for a cluster: the part of Kubernetes' API that KubernetesPodOperator uses.

The container `base` of a pod is the program, as a process on this machine. A deleted pod gets
SIGTERM, and SIGKILL after its grace period. Not simulated: scheduling, images, limits, admission.
"""

import base64
import contextlib
import hashlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

SIDECAR: Final = "airflow-xcom-sidecar"
_LAUNCH: Final = """
import os, sys
from pathlib import Path
from airbyte_sync_cli.cli.app import run
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
signals = Signals()
signals.note()
sys.exit(run(sys.argv[2:], Wiring(environ=os.environ, clock=SystemClock(), stdout=sys.stdout,
    stderr=sys.stderr, signals=signals, root=Path(sys.argv[1]))))
"""
"""The program, with another root for the folders that Kubernetes and Airflow provide."""


@dataclass
class Pod:
    """A pod whose program runs here."""

    manifest: dict[str, Any]
    root: Path
    process: "subprocess.Popen[bytes]"
    created: str
    arguments: list[str]
    sidecar_ended: bool = False
    deleted: str | None = None

    @classmethod
    def start(cls, manifest: dict[str, Any], root: Path, secrets: Path) -> "Pod":
        """Start the program of a pod."""
        for folder in ("airflow/xcom", "dev"):
            (root / folder).mkdir(parents=True)
        (root / "dev" / "termination-log").touch()
        [base] = [each for each in manifest["spec"]["containers"] if each["name"] == "base"]
        environ = {
            each["name"]: each["value"].replace("/run/secrets/airbyte", str(secrets))
            for each in base["env"]
        }
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # our program
                [sys.executable, "-c", _LAUNCH, str(root), *base["args"]],
                env={**environ, "KUBERNETES_SERVICE_HOST": "127.0.0.1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(manifest, root, process, _now(), base["args"])

    def delete(self, grace: int) -> None:
        """Terminate it as a kubelet does."""
        self.deleted = self.deleted or _now()
        self.process.send_signal(signal.SIGTERM)
        threading.Timer(grace, self.process.kill).start()

    @property
    def gone(self) -> bool:
        """Whether it was deleted and has ended."""
        return self.deleted is not None and self.process.poll() is not None

    def show(self) -> dict[str, Any]:
        """Return the pod as the API shows it."""
        metadata = {**self.manifest["metadata"], "creationTimestamp": self.created}
        if self.deleted:
            metadata["deletionTimestamp"] = self.deleted
        names = [each["name"] for each in self.manifest["spec"]["containers"]]
        states = {name: self._state(name) for name in names}
        ended = all("terminated" in state for state in states.values())
        failed = any(state.get("terminated", {}).get("exitCode") for state in states.values())
        statuses = [
            {
                "name": name,
                "state": state,
                "ready": True,
                "restartCount": 0,
                "image": "",
                "imageID": "",
            }
            for name, state in states.items()
        ]
        phase = "Running" if not ended else "Failed" if failed else "Succeeded"
        status = {"phase": phase, "startTime": self.created, "containerStatuses": statuses}
        return {**self.manifest, "metadata": metadata, "status": status}

    def _state(self, container: str) -> dict[str, Any]:
        code = self.process.poll()
        if code is None or (container == SIDECAR and not self.sidecar_ended and not self.deleted):
            return {"running": {"startedAt": self.created}}
        message = (self.root / "dev" / "termination-log").read_text("utf-8")
        if container == SIDECAR:
            code, message = 0, ""
        shown = code if code >= 0 else 128 - code  # as a container's exit code
        return {"terminated": {"exitCode": shown, "message": message, "finishedAt": _now()}}

    def log(self, *, follow: bool) -> Iterator[bytes]:
        """Yield the lines of the log, with timestamps."""
        with (self.root / "log").open("rb") as file:
            while True:
                ended = self.process.poll() is not None
                for line in file:
                    yield _now().encode() + b" " + line
                if ended or not follow:
                    return
                time.sleep(0.1)

    def execute(self, command: str) -> str:
        """Return the output of a command in the sidecar: those that Airflow sends."""
        if "return.json" in command:
            file = self.root / "airflow" / "xcom" / "return.json"
            return file.read_text("utf-8") if file.exists() else "__airflow_xcom_result_empty__"
        self.sidecar_ended = True
        return ""


@dataclass
class PodApi:
    """The pods, and the folders in which they run."""

    folder: Path
    secrets: Path
    pods: dict[str, Pod] = field(default_factory=dict)
    started: list[Pod] = field(default_factory=list)

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Start a pod."""
        name = str(manifest["metadata"]["name"])
        self.pods[name] = Pod.start(manifest, self.folder / name, self.secrets)
        self.started.append(self.pods[name])
        return self.pods[name].show()

    def find(self, name: str) -> Pod | None:
        """Return a pod that is not yet gone."""
        pod = self.pods.get(name)
        return pod if pod and not pod.gone else None

    def pod_of(self, connection: str) -> Pod:
        """Return the newest pod that syncs a connection."""
        [*_, pod] = [each for each in self.started if f"--conn={connection}" in each.arguments]
        return pod

    def select(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods with these labels."""
        rules = [rule for rule in selector.split(",") if rule]
        return [
            pod.show()
            for pod in self.pods.values()
            if not pod.gone and all(_has(pod.manifest["metadata"], rule) for rule in rules)
        ]


def _has(metadata: dict[str, Any], rule: str) -> bool:
    labels = metadata.get("labels", {})
    if rule.startswith("!"):
        return rule[1:] not in labels
    name, differs, value = rule.replace("!=", "!", 1).partition("!" if "!=" in rule else "=")
    return bool((labels.get(name) == value) is (differs == "="))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def api(self) -> PodApi:
        return cast("_Server", self.server).api

    def do_POST(self) -> None:
        self._send(self.api.create(self._body()), HTTPStatus.CREATED)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        kind, name, action = self._parts()
        if kind != "pods":  # events
            self._send({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})
        elif not name:
            items = self.api.select(query.get("labelSelector", [""])[0])
            self._send({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})
        elif (pod := self.api.find(name)) is None:
            self._not_found()
        elif action == "log":
            self._stream(pod.log(follow=query.get("follow") in (["true"], ["True"])))
        elif action == "exec":
            self._exec(pod, query["command"])
        else:
            self._send(pod.show())

    def do_PATCH(self) -> None:
        pod = self.api.find(self._parts()[1])
        if pod is None:
            self._not_found()
            return
        labels = self._body().get("metadata", {}).get("labels", {})
        pod.manifest["metadata"].setdefault("labels", {}).update(labels)
        self._send(pod.show())

    def do_DELETE(self) -> None:
        query, body = parse_qs(urlsplit(self.path).query), self._body()
        pod = self.api.find(self._parts()[1])
        if pod is None:
            self._not_found()
            return
        own = pod.manifest["spec"].get("terminationGracePeriodSeconds", 30)
        given = query.get("gracePeriodSeconds", [body.get("gracePeriodSeconds") or own])[0]
        pod.delete(int(given))
        self._send(pod.show())

    def _parts(self) -> tuple[str, str, str]:
        """Return kind, name and action of /api/v1/namespaces/NAMESPACE/KIND/NAME/ACTION."""
        parts = [*urlsplit(self.path).path.strip("/").split("/")[4:], "", "", ""]
        return parts[0], parts[1], parts[2]

    def _body(self) -> dict[str, Any]:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body: dict[str, Any] = json.loads(text) if text else {}
        return body

    def _send(self, answer: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _not_found(self) -> None:
        status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
        self._send(status, HTTPStatus.NOT_FOUND)

    def _stream(self, lines: Iterator[bytes]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            for line in lines:
                self.wfile.write(line)
        self.close_connection = True

    def _exec(self, pod: Pod, command: list[str]) -> None:
        """Answer a command by WebSocket, in channel 1 (stdout), and close with channel 3."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()  # noqa: S324  # RFC 6455
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        for name, value in {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept,
            "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if command == ["/bin/sh"]:  # reads the command from stdin, in one frame
            self.request.recv(65536)
        output = pod.execute(" ".join(command)).encode()
        for channel, content in ((1, output), (3, b'{"status":"Success"}')):
            self.wfile.write(_frame(bytes([channel]) + content))
        self.wfile.write(b"\x88\x02\x03\xe8")  # closed normally
        while self.request.recv(65536):  # until the client closes, too
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _frame(content: bytes) -> bytes:
    """Return a binary WebSocket frame of any length."""
    return b"\x82\x7f" + len(content).to_bytes(8, "big") + content


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: PodApi

    def handle_error(self, *_: object) -> None:
        """Ignore clients that leave."""


@contextlib.contextmanager
def serve_pods(folder: Path, secrets: Path) -> Iterator[tuple[PodApi, Path]]:
    """Serve the API on loopback; yield it with a kubeconfig."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.api = PodApi(folder / "pods", secrets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    config = folder / "kubeconfig.json"
    config.write_text(json.dumps(_kubeconfig(url)), encoding="utf-8")
    try:
        yield server.api, config
    finally:
        server.shutdown()
        server.server_close()
        for pod in server.api.started:
            pod.process.kill()
            pod.process.wait()


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
