"""The container image, built for real and run as a pod would run it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TAG = "airbyte-sync:test"
HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=host",
    "--pull=never",
)
"""How a careful cluster runs it; the network is the host's, to reach a sandbox on loopback."""


def find_engine() -> str | None:
    """Find what builds and runs images here."""
    return shutil.which("podman") or shutil.which("docker")


@dataclass(frozen=True, slots=True)
class Image:
    """The image, and the engine that runs it."""

    engine: str
    tag: str = TAG

    def build(self, scratch: Path) -> None:
        """Build it, from AIRBYTE_SYNC_BASE_IMAGE where that is set."""
        base = os.environ.get("AIRBYTE_SYNC_BASE_IMAGE")
        chosen = ["--build-arg", f"BASE_IMAGE={base}", "--pull=never"] if base else []
        trust = _private_trust(scratch) if "podman" in self.engine else []
        self.call("build", "--network=host", *chosen, *trust, "--tag", self.tag, str(ROOT))

    def call(self, *arguments: str) -> str:
        """Call the engine; its stdout. Raises AssertionError with all it said if it fails."""
        done = subprocess.run(  # noqa: S603  # the engine that was found
            [self.engine, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(
        self, *arguments: str, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the program in a container to its end."""
        command = [self.engine, "run", "--rm", *HARDENED, *options, self.tag, *arguments]
        return subprocess.run(  # noqa: S603  # the same
            command, capture_output=True, text=True, check=False, timeout=120
        )

    @contextmanager
    def running(self, *arguments: str, options: Sequence[str] = ()) -> Iterator[str]:
        """Start the program in a container; the container's id."""
        started = self.call("run", "--detach", *HARDENED, *options, self.tag, *arguments)
        container = started.strip().splitlines()[-1]
        try:
            yield container
        finally:
            self.call("rm", "--force", container)

    def exit_code(self, container: str) -> int:
        """Wait for a container's end."""
        return int(self.call("wait", container).strip())

    def inspect(self) -> dict[str, object]:
        """Read what the image says of itself."""
        found = json.loads(self.call("image", "inspect", self.tag))[0]["Config"]
        assert isinstance(found, dict)
        return found


def _private_trust(scratch: Path) -> list[str]:
    """Let the build trust what this machine trusts: there may be a proxy with its own CA."""
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    if not bundle:
        return []
    inside = "/etc/ssl/certs/ca-certificates.crt"
    config = scratch / "pip.conf"
    config.write_text(f"[global]\ncert = {inside}\n", encoding="ascii")
    return ["--volume", f"{bundle}:{inside}:ro", "--volume", f"{config}:/etc/pip.conf:ro"]
