"""The files in docs/launchers are valid by Kubernetes' schemas and Argo's models."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.environments import environment
from tests.support.launchers import LAUNCHERS, documents

pytestmark = pytest.mark.e2e


def ask(name: str, *command: str) -> tuple[int, str]:
    python = environment(name)
    done = subprocess.run(  # noqa: S603  # the programs of that environment
        [python, *command], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.30", "1.31", "1.37"])
def test_cron_job_matches_kubernetes_schema(version: str) -> None:
    path = LAUNCHERS / "kubernetes-cronjob.yaml"

    code, said = kubernetes(path, version)

    assert code == 0, said
    assert "passed for resource cronjob/airbyte-sync-orders" in said


def test_kubernetes_schema_rejects_unknown_key(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    text = (LAUNCHERS / "kubernetes-cronjob.yaml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("onExitCodes", "onExitCode"), encoding="utf-8")

    code, said = kubernetes(wrong, "1.37")

    assert code != 0
    assert "onExitCode" in said


def kubernetes(path: Path, version: str) -> tuple[int, str]:
    arguments = ("--strict", "--kubernetes-version", version, str(path))
    return ask("kubernetes", "-m", "kubernetes_validate", *arguments)


HERA = """
import json, sys
from hera.workflows import models
documents = json.load(open(sys.argv[1]))
for told in documents:
    model = getattr(models, told["kind"]).model_validate(told)
    understood = json.loads(model.model_dump_json(exclude_unset=True, by_alias=True))
    assert understood == told, understood
"""
"""Hera's models are generated from Argo's schema; they drop unknown keys."""


def test_workflows_match_argo_models(tmp_path: Path) -> None:
    code, said = hera(tmp_path, json.dumps(documents("argo-workflows.yaml")))

    assert code == 0, said


def test_argo_models_reject_unknown_key(tmp_path: Path) -> None:
    text = json.dumps(documents("argo-workflows.yaml"))

    code, _ = hera(tmp_path, text.replace('"retryStrategy"', '"retryStrategies"'))

    assert code != 0


def hera(folder: Path, text: str) -> tuple[int, str]:
    path = folder / "workflows.json"
    path.write_text(text, encoding="utf-8")
    return ask("argo", "-c", HERA, str(path))
