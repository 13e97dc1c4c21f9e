"""Where a value can come from, best first: an option, the environment, a profile.

Profiles are tables of one TOML file, for people who work with several servers.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from stat import S_IROTH, S_ISDIR, S_ISVTX, S_IWGRP, S_IWOTH
from typing import Final, Protocol

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.paths import expanded, is_file, why_unreadable
from airbyte_sync_cli.settings.model import ServerOptions
from airbyte_sync_cli.settings.names import ENVIRONMENT, OPTIONS, SECRETS, flag_of
from airbyte_sync_cli.settings.shown import NOT_A_PATH, NOT_SHOWN, shown, shown_path
from airbyte_sync_cli.text import most_similar

_HERE: Final = Path()
_PROFILE_KEYS: Final = (*ENVIRONMENT, *(f"{name}_file" for name in SECRETS))
_TABLES: Final = ("default", "profiles")
_HOMES: Final = ("HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE")


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
    """A place with values for some settings."""

    def find(self, name: str) -> Found | None:
        """Find a setting by its name. Raises UsageError for an unreadable file."""
        ...


class Options:
    """The command line."""

    def __init__(self, typed: ServerOptions) -> None:
        self._typed = typed

    def find(self, name: str) -> Found | None:
        """Find an option's value; repeatable ones become lines."""
        value = getattr(self._typed, OPTIONS.get(name, name), None)
        # A flag that was not typed must not hide AIRBYTE_INSECURE.
        if value is None or value is False or value == []:
            return None
        text = "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return Found(text=text, origin=f"option {flag_of(name)}")


class Environment:
    """Environment variables; empty ones count as not set: Compose files leave them so."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def find(self, name: str) -> Found | None:
        """Find the first variable of those that a setting goes by."""
        for variable in ENVIRONMENT.get(name, ()):
            text, path = self._get(variable), self._get(f"{variable}_FILE")
            if name in SECRETS and text and path:
                raise UsageError(
                    f"{variable} and {variable}_FILE are both set", hint="unset one of them"
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


def find_config(environ: Mapping[str, str]) -> Path | None:
    """Return the config file: AIRBYTE_CONFIG, or the one in the platform's folder if it exists."""
    named = unquoted(environ.get("AIRBYTE_CONFIG", ""))
    if named:
        return expanded(named)
    usual = usual_config(environ)
    return usual if usual is not None and is_file(usual) else None


def usual_config(environ: Mapping[str, str]) -> Path | None:
    """Return where the config file would be; None for a user without a home."""
    if not any(environ.get(name) for name in _HOMES):
        return None
    import platformdirs  # noqa: PLC0415  # 15 ms, which a pod without a home need not spend

    return platformdirs.user_config_path("airbyte-sync") / "config.toml"


class Profile:
    """One table. A profile inherits nothing from `[default]`."""

    def __init__(self, path: Path, name: str | None, *, where: str) -> None:
        self._path = path
        self._origin = f"profile {name or 'default'} in {path}"
        self._table = _table(_read_toml(path), path, name, where)
        _check_keys(self._table, _PROFILE_KEYS, where=self._origin)

    def find(self, name: str) -> Found | None:
        """Find a setting, or the file that holds it."""
        value, file = self._table.get(name), self._table.get(f"{name}_file")
        if value is not None and file is not None:
            raise UsageError(
                f"{self._origin}: {name} and {name}_file are both set", hint="remove one of them"
            )
        if file is not None:
            return read_secret(
                str(file), name=f"{name}_file in {self._path}", folder=self._path.parent
            )
        if value is None or value is False or value == "":
            return None
        return Found(
            text=_toml_text(value, f"{self._origin}: {name}"),
            origin=self._origin,
            folder=self._path.parent,
        )

    def warnings(self) -> Sequence[str]:
        """Return warnings if others can read a file with secrets, or change the file."""
        found = []
        has_secret = any(self._table.get(name) for name in SECRETS)
        if has_secret and self._path.stat().st_mode & S_IROTH:
            found.append(
                f"{self._path} contains a secret and other users can read it: "
                f"chmod 600 {self._path}"
            )
        # An empty one, such as /dev/null of `config init`, controls nothing.
        others = _changed_by_others(self._path) if self._table else None
        if others is not None:
            found.append(
                f"{self._path} controls where credentials are sent, and other users can change "
                f"{others}: chmod go-w {others}"
            )
        return found


def _changed_by_others(path: Path) -> Path | None:
    """Return the file, or the folder above it, that users other than its owner may change.

    In a folder with the sticky bit, such as /tmp, nobody can replace the files of others.
    """
    real = path.resolve()
    return next((place for place in (real, *real.parents) if _is_open(place)), None)


def _is_open(place: Path) -> bool:
    status = place.stat()
    is_protected = S_ISDIR(status.st_mode) and status.st_mode & S_ISVTX
    is_shared = status.st_mode & S_IWGRP and status.st_gid not in {0, os.getegid()}
    return not is_protected and bool(status.st_mode & S_IWOTH or is_shared)


def open_profile(
    environ: Mapping[str, str], name: str | None, config_path: Path | None, *, where: str
) -> Profile | None:
    """Open the chosen profile, or `[default]`; None where there is no config file.

    `where` is what chose it, for the messages.

    Raises UsageError for a broken file, and a profile that is not there.
    """
    path = config_path or find_config(environ)
    if path is not None:
        return Profile(path, name, where=where)
    if name is None:
        return None
    raise UsageError(
        f"{where}: {shown(name, where=where)}, but there is no config file",
        hint=f"add [profiles.NAME] to {usual_config(environ) or 'a file'}, "
        "or set AIRBYTE_CONFIG to your config file",
    )


def profile_names(environ: Mapping[str, str]) -> Sequence[str]:
    """Return the names of all profiles. Raises UsageError for a file that cannot be read."""
    path = find_config(environ)
    profiles = _read_toml(path).get("profiles", {}) if path else {}
    return sorted(profiles) if isinstance(profiles, dict) else []


def parse_toml(text: str, path: Path) -> Mapping[str, object]:
    """Parse the content of the config file. Raises UsageError."""
    import tomllib  # noqa: PLC0415  # 4 ms that those without a config file need not spend

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}", hint='write key = "value"'
        ) from None


def _read_toml(path: Path) -> Mapping[str, object]:
    try:
        return parse_toml(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, ValueError) as error:
        told = shown_path(str(path), Path())
        raise UsageError(
            f"the config file {told} cannot be read: {why_unreadable(error)}",
            hint=f"AIRBYTE_CONFIG: {NOT_A_PATH}"
            if told == NOT_SHOWN
            else "set AIRBYTE_CONFIG to use another file",
        ) from None


def _table(
    content: Mapping[str, object], path: Path, name: str | None, where: str
) -> Mapping[str, object]:
    _check_keys(content, _TABLES, where=str(path))
    profiles = content.get("profiles", {})
    tables = profiles if isinstance(profiles, dict) else {}
    table = content.get("default", {}) if name is None else tables.get(name)
    if isinstance(table, dict):
        return table
    if name is None:
        raise UsageError(f"{path}: default is not a table", hint="write [default]")
    raise UsageError(
        f"{where}: {shown(name, tables, where=where)} is not in {path}",
        hint=_similar_hint(name, tables),
    )


def _check_keys(table: Mapping[str, object], known: Iterable[str], *, where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(
                f"{where}: the key {shown(key, known)} is unknown", hint=_similar_hint(key, known)
            )


def _similar_hint(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = most_similar(word, names)
    return f"did you mean {near!r}?" if near else f"available: {', '.join(names) or 'none'}"


def _toml_text(value: object, where: str) -> str:
    """Turn a TOML value into text: headers may be a table, durations a number."""
    match value:
        case dict():
            return "\n".join(f"{name}: {content}" for name, content in value.items())
        case list() if all(isinstance(one, str) for one in value):
            return "\n".join(value)
        case str() | int() | float():
            return str(value)
        case _:
            raise UsageError(f"{where} is not a string", hint='write key = "value"')
