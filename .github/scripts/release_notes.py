"""Print the release notes of a tag: its section of CHANGELOG.md.

Exits with 1 and a message if the tag is not the package's version, or its section is missing or
empty. Needs only Python; called by release.yml.
"""  # noqa: INP001  # a script

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(root: Path, tag: str) -> str:
    """Return the release notes of a tag. Raises ValueError if there are none."""
    version = tag.removeprefix("v")
    code = (root / "airbyte_sync_cli" / "__init__.py").read_text(encoding="utf-8")
    if f'__version__ = "{version}"\n' not in code:
        raise ValueError(f"tag {tag} is not the version in airbyte_sync_cli/__init__.py")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(
        rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[[^\]\n]+\]: |\Z)",
        changelog,
        re.DOTALL | re.MULTILINE,
    )
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no section ## [{version}], or it is empty")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(main(ROOT, sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
