"""Profiles: tables of one TOML file, for people who work with several servers."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from stat import S_IROTH
from typing import Final

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.settings.names import ENVIRONMENT, SECRETS
from airbyte_sync_cli.settings.sources import Found, read_secret

_KEYS: Final = (*ENVIRONMENT, *(f"{name}_file" for name in SECRETS))
_TABLES: Final = ("default", "profiles")
_HOMES: Final = ("HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE")


def find_config(environ: Mapping[str, str]) -> Path | None:
    """Tell which config file there is: AIRBYTE_CONFIG, or the one in the platform's folder."""
    named = environ.get("AIRBYTE_CONFIG", "").strip()
    if named:
        return Path(named).expanduser()
    usual = usual_config(environ)
    return usual if usual is not None and usual.is_file() else None


def usual_config(environ: Mapping[str, str]) -> Path | None:
    """Tell where the config file would be; nowhere for a user without a home."""
    if not any(environ.get(name) for name in _HOMES):
        return None
    import platformdirs  # noqa: PLC0415  # 15 ms, which a pod without a home need not spend

    return platformdirs.user_config_path("airbyte-sync") / "config.toml"


class Profile:
    """One table. A profile stands alone: nothing of `[default]` gets into it."""

    def __init__(self, path: Path, name: str | None) -> None:
        self._path = path
        self._origin = f"profile {name or 'default'} in {path}"
        self._table = _table(_read(path), path, name)
        _check_keys(self._table, _KEYS, where=self._origin)

    def find(self, name: str) -> Found | None:
        """Find a setting, or the file that holds it."""
        value, file = self._table.get(name), self._table.get(f"{name}_file")
        if value is not None and file is not None:
            raise UsageError(
                f"{self._origin}: {name} and {name}_file at once", hint="remove one of them"
            )
        if file is not None:
            path = self._path.parent / Path(str(file)).expanduser()
            return read_secret(path, name=f"{name}_file in {self._path}")
        if value is None or value is False or value == "":
            return None
        return Found(
            text=_text(value, f"{self._origin}: {name}"),
            origin=self._origin,
            folder=self._path.parent,
        )

    def warning(self) -> str | None:
        """Warn of a file with a secret that everybody on this machine can read."""
        if not any(self._table.get(name) for name in SECRETS):
            return None
        if not self._path.stat().st_mode & S_IROTH:
            return None
        return f"{self._path} holds a secret and everybody can read it: chmod 600 {self._path}"


def open_profile(
    environ: Mapping[str, str], name: str | None, config_path: Path | None
) -> Profile | None:
    """Open the chosen profile, or `[default]`; None where there is no config file.

    Raises UsageError for a broken file, and a profile that is not there.
    """
    path = config_path or find_config(environ)
    if path is not None:
        return Profile(path, name)
    if name is None:
        return None
    raise UsageError(
        f"--profile: {name!r}, but there is no config file",
        hint=f"write [profiles.{name}] into {usual_config(environ) or 'a file'}, "
        "or name a file in AIRBYTE_CONFIG",
    )


def _read(path: Path) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415  # 4 ms that those without a config file need not spend

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}", hint='write key = "value"'
        ) from None
    except (OSError, ValueError) as error:
        words = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise UsageError(
            f"{path} cannot be read: {words}", hint="AIRBYTE_CONFIG names another file"
        ) from None


def _table(content: Mapping[str, object], path: Path, name: str | None) -> Mapping[str, object]:
    _check_keys(content, _TABLES, where=str(path))
    profiles = content.get("profiles", {})
    tables = profiles if isinstance(profiles, dict) else {}
    table = content.get("default", {}) if name is None else tables.get(name)
    if isinstance(table, dict):
        return table
    if name is None:
        raise UsageError(f"{path}: default is not a table", hint="write [default]")
    raise UsageError(f"--profile: {name!r} is not in {path}", hint=_nearest(name, tables))


def _check_keys(table: Mapping[str, object], known: Iterable[str], *, where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {key!r} is unknown", hint=_nearest(key, known))


def _nearest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names) or 'none'}"


def _text(value: object, where: str) -> str:
    """Turn a TOML value into text: headers may be a table, durations a number."""
    match value:
        case dict():
            return "\n".join(f"{name}: {content}" for name, content in value.items())
        case list() if all(isinstance(one, str) for one in value):
            return "\n".join(value)
        case str() | int() | float():
            return str(value)
        case _:
            raise UsageError(f"{where} is not text", hint='write key = "value"')
