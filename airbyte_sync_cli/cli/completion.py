"""Completion of values that only Airbyte or a file has, within a second or not at all.

Nothing heavy is imported here at the top: every `--help` reads this module.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Final

import typer

from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from types import FrameType

    from airbyte_sync_cli.commands.completions import Kind

HOOK: Final = "_AIRBYTE_SYNC_COMPLETE"
"""Set by the shell's completion script (the name is Typer's): `complete_bash` and so on."""
_LIMIT: Final = 1.0
"""Seconds for the request: a person has pressed Tab."""
_TOTAL_LIMIT: Final = 2.5
"""Seconds in total, with imports: a DNS lookup that hangs cannot be cancelled."""
_ID_START: Final = r"(?i)[0-9a-f]{4}[0-9a-f-]*"
_SAFE: Final = r"[\w.,+/→-]"
"""Characters without a meaning in bash, zsh, fish and PowerShell, anywhere in a word. Not `:`,
`=` and `@`, at which bash splits words (COMP_WORDBREAKS)."""
_SAFE_NAME: Final = rf"(?=\w){_SAFE}+(?: {_SAFE}+)*"
_UNSAFE: Final = rf"(?s)(?:(?!{_SAFE}).)+"
_LONGEST: Final = 100
"""Characters of a name that is offered, or shown beside an id."""
_SHELLS: Final = frozenset({"bash", "zsh", "fish", "powershell", "pwsh"})
Offers = Sequence[tuple[str, str]]
"""Each with its description."""


def complete_connection(ctx: typer.Context, incomplete: str) -> Offers:
    """Return the names with this prefix, and the ids once four digits are typed; [] on any error.

    Anyone may have chosen the names, and shells evaluate completions and their descriptions:
    so a name with other than safe characters is completed to its id.
    """
    return _names_or_ids("connections", ctx, incomplete)


def complete_workspace(ctx: typer.Context, incomplete: str) -> Offers:
    """Return names and ids of workspaces, as `complete_connection` does."""
    return _names_or_ids("workspaces", ctx, incomplete)


def complete_tag(ctx: typer.Context, incomplete: str) -> Offers:
    """Return the safe ones of the tags in use; a tag has no id that could replace its name."""
    tags = _values("tags", ctx)
    return [(_one_word(tag, ctx.obj.environ), "") for tag, _ in _fitting(tags, incomplete)]


def complete_job(ctx: typer.Context, incomplete: str) -> Offers:
    """Return the ids of the newest jobs, with connection and status."""
    jobs = _values("jobs", ctx)
    return [(job, _description(what)) for job, what in _fitting(jobs, incomplete)]


def complete_profile(ctx: typer.Context, incomplete: str) -> Offers:
    """Return the profiles of the config file."""
    try:
        from airbyte_sync_cli.settings.sources import profile_names  # noqa: PLC0415  # only on Tab

        names = [(name, "") for name in profile_names(ctx.obj.environ)]
    except Exception:  # noqa: BLE001  # an error message would garble the half-typed line
        return []
    return [(_one_word(name, ctx.obj.environ), "") for name, _ in _fitting(names, incomplete)]


def _names_or_ids(kind: "Kind", ctx: typer.Context, incomplete: str) -> Offers:
    environ = ctx.obj.environ
    offers = (_offer(name, one, incomplete, environ) for name, one in _values(kind, ctx))
    return [offer for offer in offers if offer is not None]


def _fitting(values: Offers, incomplete: str) -> Offers:
    return [one for one in values if _is_safe(one[0]) and one[0].startswith(incomplete)]


def _values(kind: "Kind", ctx: typer.Context) -> Offers:
    """Return what there is of a kind; [] on any error, which would garble the half-typed line."""
    try:
        from airbyte_sync_cli.commands.completions import values_of  # noqa: PLC0415  # only on Tab
        from airbyte_sync_cli.settings import ServerOptions  # noqa: PLC0415  # the same

        names = {one.name for one in fields(ServerOptions)}
        typed = {name: value for name, value in ctx.params.items() if name in names}
        return values_of(kind, ServerOptions(**typed), ctx.obj, limit=_LIMIT)
    except Exception:  # noqa: BLE001  # whatever the server or a proxy does
        return []


def _offer(
    name: str, connection_id: str, incomplete: str, environ: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return the name or the id, with the other one as description; None if neither matches."""
    if _is_safe(name) and name.startswith(incomplete):
        return _one_word(name, environ), _description(connection_id)
    wants_id = re.fullmatch(_ID_START, incomplete) or not _is_safe(name)
    fits = connection_id.startswith(incomplete) or name.startswith(incomplete)
    if wants_id and fits and _is_safe(connection_id):
        return connection_id, _description(name)
    return None


def _is_safe(name: str) -> bool:
    return len(name) <= _LONGEST and re.fullmatch(_SAFE_NAME, name) is not None


def _description(text: str) -> str:
    """Return a safe description: zsh evaluates it, Typer parses it as rich markup."""
    return re.sub(_UNSAFE, " ", text[:_LONGEST]).strip(" -")


def _one_word(name: str, environ: Mapping[str, str]) -> str:
    """Escape spaces for bash, which inserts a completion unchanged; zsh and fish quote it."""
    if environ.get(HOOK) != "complete_bash":
        return name
    words = environ.get("COMP_WORDS", "").split("\n")
    typed = words[int(environ.get("COMP_CWORD", "0")) :][:1]
    is_quoted = bool(typed) and typed[0].startswith(("'", '"'))
    return name if is_quoted else name.replace(" ", r"\ ")


def completion_script(shell: str) -> str:
    """Return what `--show-completion SHELL` prints. Raises UsageError for an unknown shell."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415  # rarely

    if shell not in _SHELLS:
        raise UsageError(
            f"no completion for {shell!r}", hint=f"available: {', '.join(sorted(_SHELLS))}"
        )
    return get_completion_script(prog_name="airbyte-sync", complete_var=HOOK, shell=shell)


def prepare_for_shell(environ: Mapping[str, str]) -> None:
    """Turn off logging and set the time limit, if a shell requests completions."""
    if HOOK not in environ:
        return
    import logging  # noqa: PLC0415  # only on Tab
    import signal  # noqa: PLC0415

    logging.disable()
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _exit)
        signal.setitimer(signal.ITIMER_REAL, _TOTAL_LIMIT)


def _exit(_number: int, _frame: "FrameType | None") -> None:
    # sys.exit would wait for the thread in which a DNS lookup hangs.
    os._exit(0)
