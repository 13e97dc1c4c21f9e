"""Print a release's notes: the section of CHANGELOG.md that belongs to a tag.

Ends with 1 and a sentence unless the tag, the package's version, and a section of the changelog
with something in it agree. Needs nothing but Python; called by release.yml.
"""  # noqa: INP001  # a script

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(root: Path, tag: str) -> str:
    """Find the notes of the tag in the repository at `root`. Raises ValueError where they miss."""
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
        raise ValueError(f"CHANGELOG.md says nothing below ## [{version}]")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(main(ROOT, sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
