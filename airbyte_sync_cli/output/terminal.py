"""What the streams and the environment allow: a live view, colours."""

from collections.abc import Mapping
from typing import Final, TextIO

from airbyte_sync_cli.output.options import OutputOptions

_WATCHED: Final = frozenset({"run", "wait", "demo"})
"""The commands that wait long enough for something to be watched."""


def wants_live_view(
    command: str | None, options: OutputOptions, *, environ: Mapping[str, str], stream: TextIO
) -> bool:
    """Whether there is somebody who looks at a terminal that can be drawn on."""
    return (
        command in _WATCHED
        and options.format == "text"
        and options.log_format == "text"
        and options.verbosity >= 0
        and not _is_set(environ, "CI")
        and environ.get("TERM") != "dumb"
        and is_terminal(stream)
    )


def wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether a stream shows colours: no-color.org first, then force-color.org, then a look."""
    if stream is None or environ.get("NO_COLOR"):
        return False
    if _is_set(environ, "FORCE_COLOR"):
        return True
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() not in {"", "0", "false"}


def is_terminal(stream: TextIO) -> bool:
    """Whether a person may sit at the other end."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
