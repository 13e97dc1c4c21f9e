"""A release is rehearsed: the steps of release.yml, run for a tag in a clone.

What they build is then installed and run with nothing else: the sdist in an empty virtual
environment, the one file in an empty environment, the image in a container.
"""

import email
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

from airbyte_sync_cli import __version__
from tests.e2e.image import HARDENED, Image, find_engine
from tests.support.environments import environment

ROOT = Path(__file__).resolve().parents[2]
TAG = f"v{__version__}"
STEPS = (
    "Check the tag and write the release notes",
    "Build sdist and wheel",
    "Test the wheel",
    "Build and test airbyte-sync.pyz",
)
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "someone/airbyte-sync",
}
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|MPL|Mozilla Public License")
"""No licence of a dependency may extend to programs that use it."""
DEMO = "2 of 3 ok"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a release is made of a repository"),
]
needs_engine = pytest.mark.skipif(find_engine() is None, reason="podman and docker are missing")


def run(*command: str | Path, cwd: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603  # the commands below
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def git(clone: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    return run("git", *who, *arguments, cwd=clone, environ=dict(os.environ)).strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone the repository, and tag it with a changelog as of a release."""
    folder = tmp_path_factory.mktemp("release") / "clone"
    git(ROOT, "clone", "--quiet", "--no-local", "--depth=1", f"file://{ROOT}", str(folder))
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if f"## [{__version__}]" not in text:
        section = f"## [Unreleased]\n\n## [{__version__}] - 2026-01-01"
        changelog.write_text(text.replace("## [Unreleased]", section, 1), encoding="utf-8")
        git(folder, "commit", "--quiet", "--all", "--message", f"Release {__version__}")
    git(folder, "tag", TAG)
    return folder


@pytest.fixture(scope="module")
def released(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the steps of the workflow that build; return the folder with what they built."""
    workflow = yaml.safe_load((clone / ".github/workflows/release.yml").read_text("utf-8"))
    scripts = {step.get("name"): step.get("run") for step in workflow["jobs"]["build"]["steps"]}
    tools = tmp_path_factory.mktemp("tools")
    (tools / "python").symlink_to(sys.executable)
    environ = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path_factory.mktemp("runner")),
        "GITHUB_REF_NAME": TAG,
        **GITHUB,
    }
    for name in STEPS:
        run("bash", "-eo", "pipefail", "-c", scripts[name], cwd=clone, environ=environ)
    return clone


@pytest.fixture(scope="module")
def pyz(released: Path) -> Path:
    return released / "one-file" / "airbyte-sync.pyz"


@pytest.fixture(scope="module")
def sbom(released: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((released / "one-file/airbyte-sync.cdx.json").read_text())
    return found


def wheel(released: Path) -> Path:
    (found,) = (released / "dist").glob("*.whl")
    return found


def sdist(released: Path) -> Path:
    (found,) = (released / "dist").glob("*.tar.gz")
    return found


def in_wheel(released: Path, name: str) -> str:
    with zipfile.ZipFile(wheel(released)) as archive:
        (found,) = (one for one in archive.namelist() if one.endswith(name))
        return archive.read(found).decode()


def test_release_builds_one_wheel_and_one_sdist_and_notes(released: Path) -> None:
    assert {path.suffix for path in (released / "dist").iterdir()} == {".whl", ".gz"}
    assert wheel(released).name == f"airbyte_sync_cli-{__version__}-py3-none-any.whl"
    assert (released / "notes.md").read_text(encoding="utf-8").strip()


def test_packages_have_metadata_licence_and_commit(released: Path) -> None:
    metadata = email.message_from_string(in_wheel(released, "METADATA"))

    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert in_wheel(released, "LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Repository, https://github.example/someone/airbyte-sync" in metadata.get_all(
        "Project-URL", []
    )
    assert in_wheel(released, "commit.txt").strip() == git(
        released, "rev-parse", "--short=12", "HEAD"
    )
    assert _of_sdist(released)["Requires-Dist"] == metadata["Requires-Dist"]


def _of_sdist(released: Path) -> Message:
    with tarfile.open(sdist(released)) as archive:
        (name,) = (one for one in archive.getnames() if one.endswith("PKG-INFO"))
        content = archive.extractfile(name)
        assert content is not None
        return email.message_from_bytes(content.read())


def test_sdist_installs_into_an_empty_environment(released: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "HOME": str(tmp_path)}
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path, environ=environ)
    python = tmp_path / "venv" / "bin" / "python"
    package = f"{sdist(released)}[sandbox]"
    run(python, "-m", "pip", "install", "--quiet", package, cwd=tmp_path, environ=environ)

    assert DEMO in run(python.with_name("airbyte-sync"), "demo", cwd=tmp_path, environ={})
    run(python, "-m", "pip", "check", cwd=tmp_path, environ=environ)


def test_one_file_has_its_checksum_and_same_bytes_twice(released: Path, pyz: Path) -> None:
    epoch = git(released, "log", "-1", "--format=%ct")
    again = released / "again" / "airbyte-sync.pyz"
    tools = next(Path(released.parents[1]).glob("runner*/build/bin/python"))

    run(
        tools, "pyz/build.py", again,
        cwd=released, environ={**os.environ, **GITHUB, "SOURCE_DATE_EPOCH": epoch},
    )  # fmt: skip

    assert again.read_bytes() == pyz.read_bytes()
    checksum = pyz.with_suffix(".pyz.sha256").read_text(encoding="utf-8").split()
    assert checksum == [hashlib.sha256(pyz.read_bytes()).hexdigest(), pyz.name]


def pythons() -> list[str]:
    """Return the supported Pythons of this machine; pyenv's shims of unselected ones fail."""
    found = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13, 14)]
    return [
        path
        for path in dict.fromkeys([sys.executable, *filter(None, found)])
        if subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603
    ]


@pytest.mark.parametrize("python", pythons())
def test_one_file_runs_demo_in_an_empty_environment(
    pyz: Path, tmp_path: Path, python: str
) -> None:
    (tmp_path / "nothing").mkdir()
    command: list[str | Path] = [python, "-I", pyz]

    first = run(*command, "demo", cwd=tmp_path / "nothing", environ={"HOME": str(tmp_path)})
    version = run(*command, "--version", cwd=tmp_path, environ={"HOME": str(tmp_path)})

    assert DEMO in first
    assert list((tmp_path / "nothing").iterdir()) == []
    assert version.startswith(f"airbyte-sync {__version__} (commit ")
    assert "dirty" not in version


@needs_engine
def test_one_file_runs_in_a_read_only_container_with_nothing_but_python(pyz: Path) -> None:
    base = os.environ.get("AIRBYTE_SYNC_BASE_IMAGE", "python:3.13-slim")
    image = Image(find_engine() or "", base)
    mounted = f"--volume={pyz}:/airbyte-sync.pyz:ro"
    options = [*HARDENED, "--user=10001", "--entrypoint=python3", mounted]
    if "podman" in image.engine:
        options.append("--read-only-tmpfs=false")
    command = [image.engine, "run", "--rm", *options]

    closed = subprocess.run(  # noqa: S603  # the engine that was found
        [*command, base, "/airbyte-sync.pyz", "--version"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    cache = ["--tmpfs=/cache:exec,mode=1777", "--env=TMPDIR=/cache"]
    output = image.call(*command[1:], *cache, base, "/airbyte-sync.pyz", "demo")

    assert closed.returncode == 2, closed.stderr
    assert "Read-only file system" in closed.stderr
    assert "hint: set XDG_CACHE_HOME" in closed.stderr
    assert DEMO in output


def test_sbom_lists_every_locked_package_with_a_permissive_licence(
    released: Path, sbom: dict[str, Any]
) -> None:
    locked = re.findall(
        r"^([\w.-]+)==(\S+)", (released / "requirements.txt").read_text(), re.MULTILINE
    )

    listed = {(one["name"], one["version"]): one for one in sbom["components"]}

    assert set(locked) - set(listed) == {one for one in locked if one[0] == "colorama"}  # Windows
    assert set(listed) <= set(locked)
    licences = {name: one["licenses"][0]["license"]["name"] for (name, _), one in listed.items()}
    assert {name for name, text in licences.items() if not PERMISSIVE.search(text)} == set()


def test_sbom_is_valid_and_its_hashes_are_locked(released: Path, sbom: dict[str, Any]) -> None:
    locked = (released / "requirements.txt").read_text(encoding="utf-8")
    validate = (
        "import sys; from cyclonedx.schema import SchemaVersion;"
        "from cyclonedx.validation.json import JsonStrictValidator;"
        "print(JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()))"
    )
    done = subprocess.run(  # noqa: S603  # the validator
        [environment("workflows"), "-c", validate],
        input=json.dumps(sbom), capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout == "None\n", done.stdout + done.stderr
    files = [file for one in sbom["components"] for file in one["components"]]
    assert [file for file in files if file["hashes"][0]["content"] not in locked] == []


@needs_engine
def test_image_is_built_from_the_tag_and_runs_demo(clone: Path, tmp_path: Path) -> None:
    image = Image(find_engine() or "", "airbyte-sync:rehearsal", clone)

    image.build(tmp_path)

    assert DEMO in image.run("demo").stdout


def test_make_image_labels_what_it_builds(clone: Path) -> None:
    planned = run("make", "--dry-run", "image", cwd=clone, environ={**os.environ, **GITHUB})

    labels = dict(re.findall(r"--label org\.opencontainers\.image\.(\w+)=(\S+)", planned))

    assert labels["version"] == __version__
    assert labels["revision"] == git(clone, "rev-parse", "HEAD")
    assert labels["source"] == "https://github.example/someone/airbyte-sync"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["created"])
