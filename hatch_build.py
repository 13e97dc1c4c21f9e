"""Project URLs, known only where the package is built: CI knows its repository, a checkout not."""

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


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
