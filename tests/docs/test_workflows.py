"""The GitHub workflows are valid, pinned and secure, and match the rest of the repository.

Tests with other programs (zizmor, check-jsonschema) run with `make e2e`, offline.
"""

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from airbyte_sync_cli import __version__
from tests.support.environments import environment

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
WORKFLOW = "vendor.github-workflows"
SCHEMAS = {
    "workflows/*.yml": WORKFLOW,
    "dependabot.yml": "vendor.dependabot",
    "ISSUE_TEMPLATE/[!c]*.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}
pytestmark = pytest.mark.skipif(not GITHUB.exists(), reason="an sdist has no workflows")
call = partial(subprocess.run, capture_output=True, text=True, check=False)


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((GITHUB / name).read_text(encoding="utf-8"))
    return loaded


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def notes(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    return call([sys.executable, root / ".github" / "scripts" / "release_notes.py", tag])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the release notes' inputs, with the changelog of a released version."""
    for name in (".github/scripts/release_notes.py", "airbyte_sync_cli/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n- later\n\n## [{__version__}] - 2026-01-01\n\n"
        "### Added\n\n- this\n\n## [0.0.1]\n\n- before\n\n[Unreleased]: https://example.com\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_hash_with_version_comment(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))

    assert uses
    assert [line for line in uses if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_each_action_has_one_hash() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)

    pins = set(re.findall(r"uses: ([^@]+)@(\S+ # \S+)", text))

    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_declare_their_permissions_and_timeout(path: Path) -> None:
    workflow = load(f"workflows/{path.name}")

    assert workflow["permissions"] == {}
    assert all(job["permissions"] and job["timeout-minutes"] for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_make_target_in_workflows_exists(path: Path) -> None:
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    made = re.findall(r"run: make ([a-z0-9 ]+)", path.read_text(encoding="utf-8"))

    assert made
    assert {name for line in made for name in line.split()} <= set(targets)


def test_ci_matrix_covers_every_supported_python() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

    assert load("workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"] == promised


def test_release_passes_known_build_arguments() -> None:
    known = re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    build = next(
        step["with"] for step in steps(load("workflows/release.yml")) if "build-args" in str(step)
    )

    given = re.findall(r"^(\w+)=", build["build-args"], re.MULTILINE)

    assert set(given) == {"BASE_IMAGE", "BASE_DIGEST", "REVISION", "SOURCE_DATE_EPOCH"}
    assert set(given) <= set(known)


def test_release_notes_are_the_changelog_section(repository: Path) -> None:
    done = notes(repository, f"v{__version__}")

    assert done.stdout == "### Added\n\n- this\n"
    assert done.returncode == 0


def test_tag_other_than_version_fails_the_release(repository: Path) -> None:
    done = notes(repository, "v0.0.1")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "v0.0.1 is not the version" in done.stderr


@pytest.mark.parametrize(
    "changelog", ["# Changelog\n", f"## [{__version__}]\n\n## [0.0.1]\n- x\n"]
)
def test_version_without_changelog_section_fails_the_release(
    repository: Path, changelog: str
) -> None:
    (repository / "CHANGELOG.md").write_text(changelog, encoding="utf-8")

    done = notes(repository, f"v{__version__}")

    assert done.returncode == 1
    assert "has no section" in done.stderr


def test_bug_report_form_asks_for_check_and_debug_output() -> None:
    asked = yaml.safe_dump(load("ISSUE_TEMPLATE/bug.yml"))

    assert "airbyte-sync check -o json" in asked
    assert "-vv" in asked


@pytest.mark.e2e
@pytest.mark.parametrize("pattern", SCHEMAS)
def test_github_files_match_their_schemas(pattern: str) -> None:
    files = sorted(GITHUB.glob(pattern))
    python = environment("workflows")

    done = call([python, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[pattern], *files])

    assert files
    assert done.returncode == 0, done.stdout


@pytest.mark.e2e
def test_github_actions_example_passes_schema_and_zizmor(tmp_path: Path) -> None:
    example = tmp_path / ".github" / "workflows" / "sync.yml"
    example.parent.mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "launchers" / "github-actions.yml", example)
    python = environment("workflows")

    fits = call([python, "-m", "check_jsonschema", "--builtin-schema", WORKFLOW, example])
    safe = zizmor(tmp_path)

    assert fits.returncode == 0, fits.stdout
    assert "No findings" in safe.stdout


@pytest.mark.e2e
def test_zizmor_has_no_findings() -> None:
    done = zizmor(GITHUB)

    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


@pytest.mark.e2e
def test_zizmor_detects_unpinned_action(tmp_path: Path) -> None:
    text = (GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8")
    loose = tmp_path / ".github" / "workflows" / "ci.yml"
    loose.parent.mkdir(parents=True)
    loose.write_text(re.sub(r"@[0-9a-f]{40} # (v\d+)\S*", r"@\1", text), encoding="utf-8")

    done = zizmor(tmp_path)

    assert done.returncode != 0
    assert "unpinned-uses" in done.stdout


def zizmor(folder: Path) -> subprocess.CompletedProcess[str]:
    python = environment("workflows")
    return call([python.parent / "zizmor", "--offline", "--pedantic", "--color=never", folder])
