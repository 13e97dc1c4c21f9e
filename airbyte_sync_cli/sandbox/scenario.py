"""Scenario files: a sandbox written down in TOML."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from airbyte_sync_cli.sandbox.config import SandboxConfig
from airbyte_sync_cli.sandbox.mistakes import tell_mistakes


class ScenarioError(ValueError):
    """A scenario that cannot be played; the message names the file and every wrong key."""


def load_config(path: Path) -> SandboxConfig:
    """Read a scenario file. Raises ScenarioError."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path} is not TOML: {error}") from error
    return build_config(fields, origin=str(path))


def build_config(fields: dict[str, object], *, origin: str) -> SandboxConfig:
    """Check the fields of a sandbox. Raises ScenarioError."""
    try:
        return SandboxConfig.model_validate(fields)
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {tell_mistakes(error, fields)}") from error
