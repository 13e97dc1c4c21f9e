"""The image is built and works in a hardened pod.

Needs podman or docker; without them these tests are skipped. `.ci/image-builder` installs one on a
fresh Debian machine.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airbyte_sync_cli import __version__
from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox, SandboxConfig
from tests.e2e.image import REVISION, Image, find_engine
from tests.support.children import until
from tests.support.sandboxes import serve_in_thread

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        find_engine() is None,
        reason="podman and docker are missing; on Debian, root installs one by .ci/image-builder",
    ),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    engine = find_engine()
    assert engine is not None
    built = Image(engine)
    built.build(tmp_path_factory.mktemp("image"))
    return built


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox(SandboxConfig(speed=50))
    sandbox.add_connection("quick", script=JobScript(life="running 5, succeeded"))
    sandbox.add_connection("slow", script=JobScript(life="running 5000, succeeded"))
    sandbox.add_connection(
        "broken",
        script=JobScript(
            life="running 5, failed",
            failure=JobFailure(origin="source", type="config_error", message="The key ended."),
        ),
    )
    return sandbox


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with serve_in_thread(sandbox) as address:
        yield address


def test_image_has_version_and_labels(image: Image) -> None:
    config = image.inspect()

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["airbyte-sync"]
    labels = config["Labels"]
    assert isinstance(labels, dict)
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.base.name"]
    start = f"airbyte-sync {__version__} (commit {REVISION[:12]}, Python 3."
    assert image.run("--version").stdout.startswith(start)


def test_image_has_compiled_program_and_no_installer(image: Image) -> None:
    found = json.loads(image.python(_LOOK_AROUND))

    assert {"airbyte_sync_cli", "starlette", "google"} <= set(found["packages"])
    assert not {"pip", "setuptools", "tests", "hatchling", "pytest"} & set(found["packages"])
    assert found["compiled"] == found["sources"] > 100
    assert found["writable"] == []
    assert [name for name in found["commands"] if not name.startswith("python")] == [
        "airbyte-sync"
    ]


@pytest.mark.skipif(
    "podman" not in (find_engine() or ""), reason="docker's `build` has no --timestamp"
)
def test_two_builds_are_the_same(image: Image, tmp_path: Path) -> None:
    images = [replace(image, tag=f"airbyte-sync:same-{number}") for number in (1, 2)]

    for one in images:
        one.build(tmp_path, "--no-cache", "--timestamp=1700000000")

    first, second = (one.call("image", "inspect", one.tag, "--format={{.Id}}") for one in images)
    assert first == second


def test_image_works_without_shell(image: Image, url: str) -> None:
    shells = [f"--volume=/dev/null:/bin/{name}:ro" for name in ("sh", "bash")]

    done = image.run("run", "--conn", "quick", "--url", url, options=shells)

    assert done.returncode == 0, done.stderr
    with pytest.raises(AssertionError, match=r"(?i)permission denied"):
        image.call("run", "--rm", *shells, "--entrypoint=/bin/sh", image.tag, "-c", "true")


def test_demo_needs_only_the_image(image: Image) -> None:
    done = image.run("demo")

    assert done.returncode == 0, done.stderr
    assert "2 of 3 ok" in done.stdout


@pytest.mark.parametrize("user", ["10001", "54321:54321"], ids=["its own uid", "an unknown uid"])
def test_sync_runs_on_read_only_file_system(image: Image, url: str, user: str) -> None:
    done = image.run(
        "run", "--conn", "quick", "--url", url, "-o", "json",
        options=[f"--user={user}", *_no_tmpfs(image)],
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["syncs"][0]["status"] == "succeeded"


def test_sigterm_as_process_1_cancels_sync(image: Image, sandbox: Sandbox, url: str) -> None:
    with image.running("run", "--conn", "slow", "--url", url) as container:
        until(lambda: [job.status for job in sandbox.active_jobs()] == ["running"])
        image.call("kill", "--signal", "TERM", container)
        code = image.exit_code(container)

    assert code == 143
    assert [job.status for job in sandbox.jobs] == ["cancelled"]


def test_xcom_and_termination_files_are_written(image: Image, url: str, tmp_path: Path) -> None:
    xcom, message = tmp_path / "xcom", tmp_path / "message"
    xcom.mkdir()
    message.touch()
    xcom.chmod(0o777)
    message.chmod(0o666)

    done = image.run(
        "run", "--conn", "broken", "--url", url,
        options=[
            f"--volume={xcom}:/airflow/xcom",
            f"--volume={message}:/dev/termination-log",
            "--env=KUBERNETES_SERVICE_HOST=10.0.0.1",
        ],
    )  # fmt: skip

    assert done.returncode == 3
    result = json.loads((xcom / "return.json").read_text(encoding="utf-8"))
    assert result["syncs"][0]["failure"]["message"] == "The key ended."
    assert "The key ended." in message.read_text(encoding="utf-8")


def test_waiting_run_fits_in_64_mib(image: Image, sandbox: Sandbox, url: str) -> None:
    options = ["--memory=64m"]
    with image.running("run", "--conn", "slow", "--url", url, options=options) as container:
        until(lambda: len(sandbox.active_jobs()) == 1)
        until(lambda: len(sandbox.sent("job")) >= 2)
        pid = image.call("inspect", "--format", "{{.State.Pid}}", container).strip()
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        image.call("kill", "--signal", "TERM", container)
        code = image.exit_code(container)

    assert code == 143
    assert _kib(status, "VmHWM") < 56 * 1024


_LOOK_AROUND = """
import json, os, pathlib, sys
lib = pathlib.Path(sys.prefix, "lib")
print(json.dumps({
    "commands": [path.name for path in pathlib.Path(sys.prefix, "bin").iterdir()],
    "packages": [path.name for path in next(lib.glob("*/site-packages")).iterdir()],
    "sources": sum(1 for _ in lib.rglob("*.py")),
    "compiled": sum(1 for _ in lib.rglob("*.pyc")),
    "writable": [str(path) for path in lib.rglob("*") if os.access(path, os.W_OK)],
}))
"""


def _no_tmpfs(image: Image) -> list[str]:
    return ["--read-only-tmpfs=false"] if "podman" in image.engine else []


def _kib(status: str, name: str) -> int:
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
