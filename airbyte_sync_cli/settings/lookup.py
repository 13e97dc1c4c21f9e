"""Looks settings up in one source after another, and records their origins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import expanded, is_folder, why_unreadable
from airbyte_sync_cli.settings.names import flag_of
from airbyte_sync_cli.settings.shown import (
    NOT_A_PATH,
    NOT_SHOWN,
    shown,
    shown_path,
    without_value,
)
from airbyte_sync_cli.settings.sources import Found, Source, unquoted
from airbyte_sync_cli.text import parse_duration

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class Lookup:
    """The sources, best first."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.origins: dict[str, str] = {}

    def find(self, name: str) -> Found | None:
        """Find a setting in the best source that has it; its rank is the source's."""
        return next(iter(self.find_all(name)), None)

    def find_all(self, name: str) -> Sequence[Found]:
        """Find a setting in every source that has it, best first."""
        found = [
            replace(one, rank=rank)
            for rank, source in enumerate(self._sources)
            if (one := source.find(name)) is not None
        ]
        self.origins[name] = found[0].origin if found else "default"
        return found

    def text(self, name: str) -> str | None:
        """Return a text; None if it is not set."""
        found = self.find(name)
        return found.text.strip() if found else None

    def duration(self, name: str, default: float) -> float:
        """Return seconds, greater than 0."""
        found = self.find(name)
        if found is None:
            return default
        with without_value(found.text, where=where(name, found)):
            seconds = parse_duration(found.text, name=where(name, found))
        if seconds <= 0:
            raise UsageError(f"{where(name, found)}: must be greater than 0", hint="try 30s")
        return seconds

    def is_on(self, name: str) -> bool:
        """Return whether a setting is on."""
        found = self.find(name)
        word = found.text.strip().lower() if found else "off"
        if word in _TRUE | _FALSE:
            return word in _TRUE
        raise UsageError(
            f"{where(name, found)}: {shown(word, _TRUE | _FALSE)} is not a boolean",
            hint="use true or false",
        )

    def path(self, name: str) -> Path | None:
        """Return the path of a file that must exist and be readable."""
        found = self.find(name)
        if found is None:
            return None
        folder, text = found.folder or Path(), found.text.strip()
        path = folder / expanded(text)
        if is_folder(path):
            raise UsageError(
                f"{where(name, found)}: {path} is a directory, not a file",
                hint="use a PEM file; it may contain several certificates",
            )
        try:
            path.open("rb").close()
        except (OSError, ValueError) as error:
            told = shown_path(text, folder)
            raise UsageError(
                f"{where(name, found)}: {told} cannot be read: {why_unreadable(error)}",
                hint=NOT_A_PATH
                if told == NOT_SHOWN
                else "is it mounted, and readable by this user?",
            ) from None
        return path


def where(name: str, found: Found | None) -> str:
    """Return the name of a setting as the user wrote it."""
    if found is None or found.origin.startswith("option "):
        return flag_of(name)
    kind, _, rest = found.origin.partition(" ")
    return rest if kind == "environment" else f"{found.origin}: {name}"


def any_of(environ: Mapping[str, str], *names: str) -> str:
    """Return the value of the first of these variables that is set."""
    return next((text for name in names if (text := unquoted(environ.get(name, "")))), "")
