"""Where a value can come from, best first: an option, the environment, and what they name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import expanded, why_unreadable
from airbyte_sync_cli.settings.model import ServerOptions
from airbyte_sync_cli.settings.names import ENVIRONMENT, OPTIONS, SECRETS, flag_of
from airbyte_sync_cli.settings.shown import NOT_A_PATH, NOT_SHOWN, shown_path

_HERE: Final = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One value, as text, and where it was found."""

    text: str
    origin: str
    rank: int = 0
    """0 is the best source."""
    file: Path | None = None
    """The file that held it."""
    folder: Path | None = None
    """What a relative path in it is relative to; None is the working directory."""

    def __repr__(self) -> str:
        return f"Found(origin={self.origin!r})"


class Source(Protocol):
    """Knows some of the settings."""

    def find(self, name: str) -> Found | None:
        """Find a setting by its name. Raises UsageError for an unreadable file."""
        ...


class Options:
    """What was typed."""

    def __init__(self, typed: ServerOptions) -> None:
        self._typed = typed

    def find(self, name: str) -> Found | None:
        """Find an option's value; repeatable ones become lines."""
        value = getattr(self._typed, OPTIONS.get(name, name), None)
        if value is None or value is False or value == []:
            return None
        text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return Found(text=text, origin=f"option {flag_of(name)}")


class Environment:
    """Variables; an empty one counts as not set, as shells and Compose files leave them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def find(self, name: str) -> Found | None:
        """Find the first variable of those that a setting goes by."""
        for variable in ENVIRONMENT.get(name, ()):
            text, path = self._get(variable), self._get(f"{variable}_FILE")
            if name in SECRETS and text and path:
                raise UsageError(
                    f"{variable} and {variable}_FILE at once", hint="unset one of them"
                )
            if text:
                return Found(text=text, origin=f"environment {variable}")
            if name in SECRETS and path:
                return read_secret(path, name=f"{variable}_FILE")
        return None

    def _get(self, variable: str) -> str:
        return unquoted(self._environ.get(variable, ""))


def unquoted(text: str) -> str:
    """Return a variable's value without blanks and quotation marks around it.

    `docker run --env-file` keeps the marks that a shell or Compose would take off.
    """
    text = text.strip()
    return text[1:-1].strip() if is_quoted(text) else text


def is_quoted(text: str) -> bool:
    """Return whether quotation marks stand around a value."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"


def read_secret(typed: str, *, name: str, folder: Path = _HERE) -> Found:
    """Read a file that holds one secret; neither a BOM nor the last line break is part of it.

    A relative path starts at the folder. Raises UsageError, without the path where that may be
    the secret itself.
    """
    path = folder / expanded(typed)
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        told = shown_path(typed, folder)
        raise UsageError(
            f"{name}: {told} cannot be read: {why_unreadable(error)}",
            hint=NOT_A_PATH
            if told == NOT_SHOWN
            else "is the secret mounted, and readable by this user?",
        ) from None
    if not text:
        raise UsageError(f"{name}: {path} is empty", hint="does the mounted secret have this key?")
    return Found(text=text, origin=f"file {path} ({name})", file=path)
