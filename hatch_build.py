"""What is known only where the package is built: its project URLs and its commit."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

COMMIT_FILE: Final = "airbyte_sync_cli/commit.txt"
"""Read by `--version`. Not in a checkout, whose commit changes."""


class ProjectUrls(MetadataHookInterface):
    """Set `project.urls` from GitHub's variables; elsewhere there are none to promise."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses of the repository that CI builds from."""
        server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
        root = f"{server}/{name}" if server and name else None
        metadata["urls"] = (
            {"Repository": root, "Issues": f"{root}/issues", "Changelog": f"{root}/releases"}
            if root
            else {}
        )


class BuildCommit(BuildHookInterface[Any]):
    """Write the commit into sdist and wheel; leave it out where it is unknown."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless the sources are an sdist that has it already."""
        root = Path(self.root)
        commit = None if version == "editable" else _commit(root)
        if commit and not (root / COMMIT_FILE).exists():
            self._folder = tempfile.TemporaryDirectory()  # as long as this build
            file = Path(self._folder.name, "commit.txt")
            file.write_text(f"{commit}\n", encoding="ascii")
            build_data["force_include"][str(file)] = COMMIT_FILE


def _commit(root: Path) -> str | None:
    """Return SOURCE_COMMIT (an image is built without git's folder), or what git says."""
    given = os.environ.get("SOURCE_COMMIT", "").strip()
    if given:
        return given[:12]
    if not (root / ".git").exists():  # git would find the repository around an unpacked sdist
        return None
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return None
    return done.stdout.strip() or None
