"""The container image: build it, and run it as a hardened pod does."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "airbyte-sync:test"
REVISION = "0123456789abcdef0123456789abcdef01234567"
HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=host",
    "--pull=never",
)
"""The options of a hardened pod; the host's network, to reach a sandbox on loopback."""


def find_engine() -> str | None:
    """Return podman or docker, if it works: a client without its daemon does not."""
    for engine in filter(None, (shutil.which("podman"), shutil.which("docker"))):
        answers = subprocess.run([engine, "info"], capture_output=True, check=False)  # noqa: S603  # the same
        if answers.returncode == 0:
            return engine
    return None


@dataclass(frozen=True, slots=True)
class Image:
    """The image and the engine that runs it."""

    engine: str
    tag: str = TAG
    context: Path = ROOT

    def build(self, scratch: Path, *options: str) -> None:
        """Build it, from AIRBYTE_SYNC_BASE_IMAGE if that is set."""
        base = os.environ.get("AIRBYTE_SYNC_BASE_IMAGE")
        chosen = ["--build-arg", f"BASE_IMAGE={base}", "--pull=never"] if base else []
        pip = _machines_pip(scratch) if "podman" in self.engine else []
        options = ("--build-arg", f"REVISION={REVISION}", *options)
        self.call(
            "build",
            "--network=host",
            *chosen,
            *pip,
            *options,
            "--tag",
            self.tag,
            str(self.context),
        )

    def call(self, *arguments: str) -> str:
        """Run the engine; return its stdout. Raises AssertionError with its output if it fails."""
        done = subprocess.run(  # noqa: S603  # the engine that was found
            [self.engine, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(
        self, *arguments: str, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the program in a container and wait for it."""
        command = [self.engine, "run", "--rm", *HARDENED, *options, self.tag, *arguments]
        return subprocess.run(  # noqa: S603  # the same
            command, capture_output=True, text=True, check=False, timeout=120
        )

    def python(self, program: str) -> str:
        """Run a Python script in a container without hardening; return its stdout."""
        entry = "--entrypoint=/opt/airbyte-sync/bin/python"
        return self.call("run", "--rm", "--pull=never", entry, self.tag, "-c", program)

    @contextmanager
    def running(self, *arguments: str, options: Sequence[str] = ()) -> Iterator[str]:
        """Start the program in a container; yield the container's id."""
        started = self.call("run", "--detach", *HARDENED, *options, self.tag, *arguments)
        container = started.strip().splitlines()[-1]
        try:
            yield container
        finally:
            self.call("rm", "--force", container)

    def exit_code(self, container: str) -> int:
        """Wait for a container; return its exit code."""
        return int(self.call("wait", container).strip())

    def inspect(self) -> dict[str, object]:
        """Return the configuration of the image."""
        found = json.loads(self.call("image", "inspect", self.tag))[0]["Config"]
        assert isinstance(found, dict)
        return found


def _machines_pip(scratch: Path) -> list[str]:
    """Return options that give pip in the build this machine's CA bundle and indexes.

    Both are mounted during the build only, so that nothing of the machine is in the image.
    """
    settings = _pip_settings()
    lines, options = ["[global]"], list[str]()
    bundle = settings.pop("cert", None) or os.environ.get("SSL_CERT_FILE")
    if bundle:
        inside = "/etc/ssl/certs/ca-certificates.crt"
        lines.append(f"cert = {inside}")
        options += ["--volume", f"{bundle}:{inside}:ro"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    config = scratch / "pip.conf"
    config.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [*options, "--volume", f"{config}:/etc/pip.conf:ro"]


def _pip_settings() -> dict[str, str]:
    """Return pip's CA bundle and web indexes; the environment, which pip lists last, wins."""
    listed = subprocess.run(
        ["python3", "-m", "pip", "config", "list"],  # noqa: S607  # whichever pip is the user's
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found = re.findall(r"^\S+?\.(cert|index-url|extra-index-url)='(.*)'$", listed, re.MULTILINE)
    return {
        name: value
        for name, value in found
        # A local folder does not exist in the build.
        if name == "cert" or all(part.startswith("http") for part in value.split())
    }
