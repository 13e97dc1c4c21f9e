"""The commit that a package was built from, written by hatch_build.py and printed by --version."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from airbyte_sync_cli import __version__
from tests.support.program import call

ROOT = Path(__file__).resolve().parents[2]
COMMIT_FILE = "airbyte_sync_cli/commit.txt"
_GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  # git
        [*_GIT, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def build(folder: Path, *, target: str, commit: str = "") -> Path:
    """Build one package as `pip` does; return its file."""
    subprocess.run(  # noqa: S603  # hatchling
        [sys.executable, "-m", "hatchling", "build", "-t", target],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "SOURCE_COMMIT": commit},
        check=True,
        capture_output=True,
    )
    (built,) = (folder / "dist").glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


def commit_in(wheel: Path) -> str | None:
    with zipfile.ZipFile(wheel) as archive:
        is_there = COMMIT_FILE in archive.namelist()
        return archive.read(COMMIT_FILE).decode() if is_there else None


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Make a small copy of what a package is built from, not yet a repository."""
    folder = tmp_path / "sources"
    (folder / "airbyte_sync_cli").mkdir(parents=True)
    names = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
    for name in (*names, "airbyte_sync_cli/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def repository(sources: Path) -> Path:
    (sources / ".gitignore").write_text("dist/\n", encoding="utf-8")
    git(sources, "init", "--quiet")
    git(sources, "add", ".")
    git(sources, "commit", "--quiet", "--message", "Start")
    return sources


def test_wheel_contains_the_commit(repository: Path) -> None:
    commit = git(repository, "rev-parse", "--short=12", "HEAD")

    assert commit_in(build(repository, target="wheel")) == f"{commit}\n"


def test_commit_of_changed_sources_is_marked_dirty(repository: Path) -> None:
    (repository / "README.md").write_text("changed\n", encoding="utf-8")
    commit = git(repository, "rev-parse", "--short=12", "HEAD")

    assert commit_in(build(repository, target="wheel")) == f"{commit}-dirty\n"


def test_wheel_from_sdist_in_another_repository_has_the_commit_of_the_sdist(
    repository: Path, tmp_path: Path
) -> None:
    commit = git(repository, "rev-parse", "--short=12", "HEAD")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Other")
    with tarfile.open(build(repository, target="sdist")) as archive:
        archive.extractall(other, filter="data")

    (unpacked,) = other.glob("airbyte_sync_cli-*")

    assert commit_in(build(unpacked, target="wheel")) == f"{commit}\n"


def test_wheel_built_without_repository_has_no_commit(sources: Path) -> None:
    git(sources.parent, "init", "--quiet")  # a repository around it is another project

    assert commit_in(build(sources, target="wheel")) is None


def test_given_commit_is_shortened(sources: Path) -> None:
    wheel = build(sources, target="wheel", commit="0123456789abcdef0123456789abcdef01234567")

    assert commit_in(wheel) == "0123456789ab\n"


def test_version_of_checkout_names_python_and_no_commit() -> None:
    done = call("--version")

    assert done.stdout == f"airbyte-sync {__version__} (Python {platform.python_version()})\n"
    assert done.code == 0
