"""How the user wants to be told: frozen, decided before anything happens."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airbyte_sync_cli.durations import parse_duration
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.paths import why_unreadable
from airbyte_sync_cli.settings.shown import NOT_SHOWN, shown_path, without_value

Format = Literal["text", "json", "id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """What goes where."""

    format: Format = "text"
    log_format: Literal["text", "json"] = "text"
    verbosity: int = 0
    """-1 quiet, 0, 1 (-v), 2 (-vv)."""
    heartbeat: float = 60.0
    """Seconds without news after which a line says that it still lives; 0 is never."""
    result_file: Path | None = None


def read_output_options(typed: Mapping[str, object]) -> OutputOptions:
    """Read what was typed. Raises UsageError, also for a result file that cannot be written."""
    result_file = typed.get("result_file")
    heartbeat = str(typed.get("heartbeat") or "60s")
    with without_value(heartbeat, where="--heartbeat"):
        seconds = parse_duration(heartbeat, name="--heartbeat")
    options = OutputOptions(
        format=_format(str(typed.get("output") or "text")),
        log_format="json" if typed.get("log_format") == "json" else "text",
        verbosity=-1 if typed.get("quiet") else min(int(str(typed.get("verbose") or 0)), 2),
        heartbeat=seconds,
        result_file=result_file if isinstance(result_file, Path) else None,
    )
    if options.result_file is not None:
        _require_writable(options.result_file)
    return options


def early_options(argv: Sequence[str], environ: Mapping[str, str]) -> OutputOptions:
    """Guess the options of a line that could not be read: JSON stays JSON, in its file, too."""
    wanted = _typed(argv, "--output", short="-o") or environ.get("AIRBYTE_OUTPUT", "text")
    file = _typed(argv, "--result-file")
    return OutputOptions(format=_format(wanted), result_file=Path(file) if file else None)


def _typed(argv: Sequence[str], name: str, *, short: str | None = None) -> str | None:
    """Find the value of an option, last one first, in any way of writing it."""
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
        case "json" | "id":
            return text
        case _:
            return "text"


def _require_writable(path: Path) -> None:
    """Refuse a file that obviously cannot be written. Raises UsageError."""
    try:
        why = _why_unwritable(path)
    except (OSError, ValueError) as error:  # a name too long, a folder closed to us, a null byte
        why = why_unreadable(error)
    if why:
        told = shown_path(str(path), Path())
        raise UsageError(
            f"--result-file: {told} cannot be written" + (f": {why}" if told != NOT_SHOWN else ""),
            hint="name a file in a folder that exists and is mounted writable",
        )


def _why_unwritable(path: Path) -> str | None:
    folder = Path(os.path.realpath(path)).parent
    replaceable = os.access(folder, os.W_OK | os.X_OK)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not folder.is_dir():
            return f"there is no folder {folder}"
        return None if replaceable else f"the folder {folder} is not writable"
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
        return "it is a folder" if stat.S_ISDIR(mode) else "it is a socket"
    if os.access(path, os.W_OK) or (stat.S_ISREG(mode) and replaceable):
        return None
    return "it is not writable"
