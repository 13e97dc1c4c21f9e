"""The options of output: format, log format, verbosity, heartbeat, result file."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.paths import why_unreadable
from airbyte_sync_cli.settings.shown import NOT_SHOWN, shown, shown_path, without_value
from airbyte_sync_cli.text import parse_duration

Format = Literal["text", "json", "id", "csv"]
_FORMATS: Final = get_args(Format)
_VARIABLE: Final = "AIRBYTE_OUTPUT"
LISTINGS: Final = frozenset({"connections", "jobs", "status", "workspaces"})
"""The commands whose result is a table, and so can be CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """What is written where."""

    format: Format = "text"
    log_format: Literal["text", "json"] = "text"
    verbosity: int = 0
    """-1 quiet, 0, 1 (-v), 2 (-vv)."""
    heartbeat: float = 60.0
    """Seconds without a log line before a heartbeat is written; 0 is never."""
    result_file: Path | None = None


def parse_output_options(  # as many as there are options
    command: str,
    *,
    output: Format | None,
    log_format: Literal["text", "json"],
    heartbeat: str,
    result_file: Path | None,
    quiet: bool,
    verbose: int,
    environ: Mapping[str, str],
) -> OutputOptions:
    """Parse the options. Raises UsageError, also for a result file that cannot be written."""
    with without_value(heartbeat, where="--heartbeat"):
        seconds = parse_duration(heartbeat, name="--heartbeat")
    if result_file is not None:
        _require_writable(result_file)
    chosen = output or _format_in(environ)
    if chosen == "csv" and command not in LISTINGS:
        raise UsageError(
            f"{command} has no CSV output; the listings have: {', '.join(sorted(LISTINGS))}",
            hint="use -o json (it wins over AIRBYTE_OUTPUT)",
        )
    return OutputOptions(
        format=chosen,
        log_format=log_format,
        verbosity=-1 if quiet else min(verbose, 2),  # -vvv is -vv, and -q wins over -v
        heartbeat=seconds,
        result_file=result_file,
    )


def _format_in(environ: Mapping[str, str]) -> Format:
    """Read AIRBYTE_OUTPUT. Raises UsageError."""
    text = environ.get(_VARIABLE) or "text"
    if text in _FORMATS:
        return _format(text)
    raise UsageError(
        f"invalid value for {_VARIABLE}: {shown(text, _FORMATS)} is not one of "
        f"{', '.join(map(repr, _FORMATS))}",
        hint="text, json, id, or csv",
    )


def early_options(argv: Sequence[str], environ: Mapping[str, str]) -> OutputOptions:
    """Guess the options of a command line that could not be parsed: JSON stays JSON."""
    wanted = _typed(argv, "--output", short="-o") or environ.get(_VARIABLE, "text")
    file = _typed(argv, "--result-file")
    return OutputOptions(format=_format(wanted), result_file=Path(file) if file else None)


def _typed(argv: Sequence[str], name: str, *, short: str | None = None) -> str | None:
    """Return the last value of an option, however it is written."""
    found = None
    for before, text in zip(["", *argv], argv, strict=False):
        if before in {name, short}:
            found = text
        elif text.startswith(f"{name}="):
            found = text.removeprefix(f"{name}=")
        elif short and text.startswith(short) and len(text) > len(short):
            found = text.removeprefix(short)
    return found


def _format(text: str) -> Format:
    match text:
        case "json" | "id" | "csv":
            return text
        case _:
            return "text"


def _require_writable(path: Path) -> None:
    """Raise UsageError for a file that obviously cannot be written."""
    try:
        why = _why_unwritable(path)
    except (
        OSError,
        ValueError,
    ) as error:  # a name too long, a folder without permission, a null byte
        why = why_unreadable(error)
    if why:
        shown = shown_path(str(path), Path())
        raise UsageError(
            f"--result-file: {shown} cannot be written"
            + (f": {why}" if shown != NOT_SHOWN else ""),
            hint="use a path in an existing, writable directory",
        )


def _why_unwritable(path: Path) -> str | None:
    folder = Path(os.path.realpath(path)).parent
    replaceable = os.access(folder, os.W_OK | os.X_OK)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not folder.is_dir():
            return f"directory {folder} does not exist"
        return None if replaceable else f"directory {folder} is not writable"
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
        return "it is a directory" if stat.S_ISDIR(mode) else "it is a socket"
    # A read-only file can be replaced: the rename only needs a writable directory.
    if os.access(path, os.W_OK) or (stat.S_ISREG(mode) and replaceable):
        return None
    return "it is not writable"
