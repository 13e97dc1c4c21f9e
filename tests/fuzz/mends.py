"""Reads `mends.toml`: how each mend is taken out of the code, and what must find that."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = "airbyte_sync_cli"
_LIST: Final = Path(__file__).with_name("mends.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of one text in one module of the package."""

    file: str
    was: str
    becomes: str

    def applied_to(self, root: Path) -> str:
        """Return the changed text. Raises ValueError unless the old one occurs exactly once."""
        text = (root / PACKAGE / self.file).read_text(encoding="utf-8")
        if (count := text.count(self.was)) != 1:
            raise ValueError(f"{self.file}: {self.was!r} occurs {count} times, not once")
        return text.replace(self.was, self.becomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """A mended fault: `name` says what holds now, `breaks` what went wrong without it."""

    name: str
    breaks: str
    edits: Sequence[Edit]
    scenarios: Sequence[str]
    """Of `test_found.py`: the judge finds a broken promise in each."""
    tests: Sequence[str]
    """Where the judge cannot see it, pytest's names of tests that fail."""
    why_tests: str

    def take_out_of(self, root: Path) -> None:
        """Take it out of the copy of the package below `root`."""
        for edit in self.edits:
            (root / PACKAGE / edit.file).write_text(edit.applied_to(root), encoding="utf-8")


def mends() -> Sequence[Mend]:
    """Read the whole list."""
    entries = tomllib.loads(_LIST.read_text(encoding="utf-8"))["mend"]
    return [_mend(entry) for entry in entries]


def _mend(entry: dict[str, Any]) -> Mend:
    return Mend(
        name=entry["name"],
        breaks=entry["breaks"],
        edits=[Edit(**edit) for edit in entry["edit"]],
        scenarios=entry.get("scenarios", []),
        tests=entry.get("tests", []),
        why_tests=entry.get("why_tests", ""),
    )
