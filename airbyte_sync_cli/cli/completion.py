"""Completion of connection names: what the server has, quickly or not at all.

Nothing heavy is imported here at the top: every `--help` reads this module.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from types import FrameType

    from typer._click.shell_completion import CompletionItem

HOOK: Final = "_AIRBYTE_SYNC_COMPLETE"
"""Set by the shell's hook (the name is Typer's): `complete_bash` and so on."""
_LIMIT: Final = 1.0
"""Seconds for asking the server: a person has pressed Tab."""
_HARD_LIMIT: Final = 2.5
"""Seconds for all of it, imports included: a name server that hangs cannot be cancelled."""
_ID_START: Final = re.compile(r"[0-9a-f]{4}[0-9a-f-]*", re.IGNORECASE)
_NEEDS_QUOTING: Final = re.compile(r"([^\w@%+:,./=-])")

Names = Sequence[tuple[str, str]]
"""Name and id of each connection."""


def complete_connection(ctx: typer.Context, incomplete: str) -> Names:
    """Offer names that begin so, and ids once four digits are typed; nothing if anything fails."""
    try:
        names = _known(ctx.params)
    except Exception:  # noqa: BLE001  # whatever it is, a half-typed line is no place to say it
        return []
    found = [(name, one) for name, one in names if name.startswith(incomplete)]
    if _ID_START.fullmatch(incomplete):
        found += [(one, name) for name, one in names if one.startswith(incomplete)]
    return found


def _known(typed: Mapping[str, object]) -> Names:
    from airbyte_sync_cli.cli.completion_names import known_names  # noqa: PLC0415  # only on Tab

    return known_names(typed, os.environ, limit=_LIMIT)


def prepare_for_shell() -> None:
    """Keep silence and time where it is the shell that asks."""
    if HOOK not in os.environ:
        return
    import logging  # noqa: PLC0415  # only on Tab
    import signal  # noqa: PLC0415

    logging.disable()
    _quote_for_bash()
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, _HARD_LIMIT)


def _give_up(_number: int, _frame: "FrameType | None") -> None:
    os._exit(0)


def _quote_for_bash() -> None:
    """Let bash take a name with spaces as one word: Typer hands it over as it is."""
    from typer._click.shell_completion import add_completion_class  # noqa: PLC0415  # only on Tab
    from typer._completion_classes import BashComplete  # noqa: PLC0415

    class QuotingBash(BashComplete):
        def format_completion(self, item: "CompletionItem") -> str:
            return quoted(str(item.value), os.environ)

    add_completion_class(QuotingBash, "bash")


def quoted(value: str, environ: Mapping[str, str]) -> str:
    """Quote a value for bash, unless its word begins with a quotation mark already."""
    words = environ.get("COMP_WORDS", "").split("\n")
    here = words[int(environ.get("COMP_CWORD", "0")) :][:1]
    if here and here[0].startswith(("'", '"')):
        return value
    return _NEEDS_QUOTING.sub(r"\\\1", value)
