"""The examples for other launchers are what Kubernetes, GitHub and Argo take."""

import subprocess
from pathlib import Path

import pytest

from tests.support.environments import environment

pytestmark = pytest.mark.e2e
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "launchers"
ARGO_SCRIPT = """
import sys, yaml
from hera.workflows.models import WorkflowTemplate

given = yaml.safe_load(open(sys.argv[1]))
model = WorkflowTemplate.model_validate(given)
read = model.model_dump(by_alias=True, exclude_none=True, mode="json")

def missing(given, read, path=""):
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(read, dict) or key not in read:
                yield f"{path}.{key}"
            else:
                yield from missing(value, read[key], f"{path}.{key}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            yield from missing(value, read[number], f"{path}[{number}]")

sys.exit("\\n".join(missing(given, read)) or 0)
"""
"""The models ignore what they do not know, so what was given must come back."""


@pytest.fixture(scope="module")
def python() -> Path:
    return environment("launchers", "kubernetes-validate", "check-jsonschema", "hera", "pyyaml")


def run(python: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # tools of the environment above
        [str(python), *command], capture_output=True, text=True, check=False
    )


def spoilt(name: str, old: str, new: str, folder: Path) -> Path:
    """Write one of the files with a mistake in it."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert old in text
    path = folder / name
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_kubernetes_takes_the_cronjob_and_would_notice_a_mistake(
    python: Path, tmp_path: Path
) -> None:
    tool = str(python.parent / "kubernetes-validate")
    wrong = spoilt("cronjob.yaml", "podFailurePolicy", "podFailurPolicy", tmp_path)

    good = run(python, tool, "--strict", str(FOLDER / "cronjob.yaml"))
    bad = run(python, tool, "--strict", str(wrong))

    assert good.returncode == 0, good.stdout + good.stderr
    assert bad.returncode != 0


def test_github_takes_the_workflow_and_would_notice_a_mistake(
    python: Path, tmp_path: Path
) -> None:
    tool = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    wrong = spoilt("github-actions.yaml", "runs-on:", "runs-upon:", tmp_path)

    good = run(python, *tool, str(FOLDER / "github-actions.yaml"))
    bad = run(python, *tool, str(wrong))

    assert good.returncode == 0, good.stdout + good.stderr
    assert bad.returncode != 0


def test_argo_takes_the_template_and_would_notice_a_mistake(python: Path, tmp_path: Path) -> None:
    wrong = spoilt("argo.yaml", "retryStrategy", "retryStrateg", tmp_path)

    good = run(python, "-c", ARGO_SCRIPT, str(FOLDER / "argo.yaml"))
    bad = run(python, "-c", ARGO_SCRIPT, str(wrong))

    assert good.returncode == 0, good.stderr
    assert ".spec.templates[0].retryStrateg" in bad.stderr
