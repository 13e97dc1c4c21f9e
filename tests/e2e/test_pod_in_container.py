"""A pod of `dags/`, as Airflow renders it, in a container of the image with the pod's settings.

Needs podman or docker, like `test_image.py`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox, SandboxConfig
from tests.e2e.airflow_pods import base_of, pod_request, render
from tests.e2e.image import Image, find_engine
from tests.support.airflow import Airflow

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_engine() is None, reason="podman and docker are missing"),
]

USER: Final = 10001


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    engine = find_engine()
    assert engine is not None
    built = Image(engine, tag="airbyte-sync:pod")
    built.build(tmp_path_factory.mktemp("image"))
    yield built
    built.call("image", "rm", "--force", built.tag)


@pytest.fixture(scope="module")
def sandbox(line: str) -> Sandbox:
    del line
    sandbox = Sandbox(SandboxConfig(auth="client-credentials"))
    sandbox.add_connection("orders", script=JobScript(life="running 1, succeeded"))
    revoked = JobFailure(type="config_error", message="the key was revoked", retryable=False)
    sandbox.add_connection("bad", script=JobScript(life="running 1, failed", failure=revoked))
    return sandbox


@pytest.fixture
def folder(sandbox: Sandbox, tmp_path: Path) -> Path:
    """What Kubernetes mounts: the secret, the folder of the sidecar, the termination log."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "client-id").write_text(sandbox.config.client_id)
    (tmp_path / "secrets" / "client-secret").write_text(sandbox.config.client_secret)
    (tmp_path / "xcom").mkdir()
    (tmp_path / "termination-log").touch()
    for name in ("xcom", "termination-log"):
        os.chown(tmp_path / name, USER, USER)  # as fsGroup does
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("connection", ["orders", "bad"])
def test_rendered_pod_works_in_hardened_container(
    airflow: Airflow, image: Image, folder: Path, connection: str
) -> None:
    [pod] = render(airflow, pod_request("airbyte_pod", connection=connection))
    base = base_of(pod)
    assert pod["spec"]["securityContext"]["runAsUser"] == USER

    done = image.run(
        *base["args"],
        options=[
            f"--user={USER}:{USER}",
            f"--memory={base['resources']['limits']['memory'].removesuffix('i').lower()}",
            f"--volume={folder}/secrets:/run/secrets/airbyte:ro",
            f"--volume={folder}/xcom:/airflow/xcom",
            f"--volume={folder}/termination-log:/dev/termination-log",
            "--env=KUBERNETES_SERVICE_HOST=10.0.0.1",
            *(f"--env={each['name']}={each['value']}" for each in base["env"]),
        ],
    )

    result = json.loads((folder / "xcom" / "return.json").read_text("utf-8"))
    code = 3 if connection == "bad" else 0
    assert (done.returncode, result["exit_code"]) == (code, code), done.stderr
    message = (folder / "termination-log").read_text("utf-8")
    assert ("the key was revoked" in message) is (connection == "bad")
