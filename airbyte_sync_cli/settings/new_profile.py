"""Add a profile to the config file, and leave what is there as it is."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import why_unreadable
from airbyte_sync_cli.settings.shown import shown
from airbyte_sync_cli.settings.sources import find_config, parse_toml, usual_config

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
"""A key that needs no quotation marks."""
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def path_for_new_profile(environ: Mapping[str, str], name: str | None) -> Path:
    """Return the config file. Raises UsageError if it has the profile (None: `[default]`)."""
    path = find_config(environ) or usual_config(environ)
    if path is None:
        raise UsageError(
            "there is no home directory for the config file",
            hint="set AIRBYTE_CONFIG to the path of the file to write",
        )
    content = parse_toml(_read(path), path)
    profiles = content.get("profiles", {})
    tables = profiles if isinstance(profiles, dict) else {}
    exists = "default" in content if name is None else name in tables
    if exists:
        told = "[default]" if name is None else f"profile {shown(name, tables)}"
        raise UsageError(
            f"{told} already exists in {path}",
            hint="edit the file, or pass another name: `airbyte-sync config init NAME`",
        )
    return path


@contextmanager
def drafted_profile(
    path: Path, name: str | None, values: Mapping[str, str | bool]
) -> Iterator[Path]:
    """Yield a draft of the file with the new table at its end, which only its owner can read.

    It lies beside the file, so that relative paths in it mean the same, and is removed unless it
    was renamed. Raises UsageError where it cannot be written.
    """
    text = _with_table(_read(path), name, values)
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The file's mode is 0600 from the start: it may hold a secret.
        descriptor, name_of_draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    draft = Path(name_of_draft)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        draft.unlink(missing_ok=True)


def keep_draft(draft: Path, path: Path) -> None:
    """Replace the file by its draft. A symbolic link stays one."""
    draft.replace(os.path.realpath(path))


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written: {why_unreadable(error)}",
        hint="set AIRBYTE_CONFIG to another file",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the config file {path} cannot be read: {why_unreadable(error)}",
            hint="set AIRBYTE_CONFIG to another file",
        ) from None


def _with_table(before: str, name: str | None, values: Mapping[str, str | bool]) -> str:
    title = "[default]" if name is None else f"[profiles.{_key(name)}]"
    table = [title, *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join([f"{before.rstrip()}\n"] * bool(before.strip()) + [*table, ""])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: str | bool) -> str:  # noqa: FBT001  # a value, not a switch
    """Format a boolean or a basic string, in which control characters are escaped (TOML 1.0)."""
    if isinstance(value, bool):
        return str(value).lower()
    escaped = (
        _ESCAPES.get(one, one if one.isprintable() else f"\\U{ord(one):08x}") for one in value
    )
    return f'"{"".join(escaped)}"'
