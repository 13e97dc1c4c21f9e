"""Help in the style of click, with panels as headings and examples."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from typer.core import TyperCommand, TyperGroup

from airbyte_sync_cli.cli.options import CREDENTIALS, SERVER
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.exit_codes import TABLE

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter, Parameter

_DEFAULT: Final = "Options"
_LAST: Final = "Help"
WIDTH: Final = 100
"""Columns at most."""
ALL: Final = "--help-all"
"""Shows every option; `--help` leaves out those that few need."""
_SELDOM_NEEDED: Final = frozenset(
    {
        *("--job-type", "--stream", "--max-parallel", "--max-rejected", "--require-stream"),
        *("--start-timeout", "--on-timeout", "--on-interrupt", "--poll-interval", "--max-outage"),
        *("--stall-warning", "--log-tail", "--log-format", "--heartbeat", "--result-file"),
    }
)
_SHOWN_OF_SERVER: Final = frozenset({"--url", "--profile", "--workspace"})
"""All others of its section are in `airbyte-sync help network`."""
_LOGS: Final = "--logs"
_WITH_EXIT_CODES: Final = frozenset({"run", "wait"})
_NO_LIMIT: Final = 1000
"""Characters: summaries are wrapped, never cut."""
_LEAKS: Final = (
    (re.compile(r"\bx>=(\d+)(?=\]$)"), r"at least \1"),
    (re.compile(r"\b(\d+)<=x<=(\d+)(?=\]$)"), r"\1 to \2"),
    (re.compile(r"(?<=\[default: )\(([^()]*)\)"), r"\1"),
)
"""Typer's notation of limits, in words."""
Row = tuple[str, str]


class PanelledCommand(TyperCommand):
    """A command that shows its options in panels, and has a hint for a stray argument."""

    allow_extra_args = True  # by the parser, so that parse_args can add a hint

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Parse the arguments. Raises UsageError for those that are left over."""
        ctx.meta[ALL] = ALL in args
        if not ctx.resilient_parsing:
            args = _with_log_level(args)
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:  # set on Tab: the line is incomplete
            import shlex  # noqa: PLC0415  # for an error only

            from airbyte_sync_cli.settings.shown import (  # noqa: PLC0415  # the same
                NOT_SHOWN,
                shown_name,
            )

            if any(shown_name(word) == NOT_SHOWN for word in left):
                raise UsageError(
                    f"unexpected: {NOT_SHOWN}",
                    hint=f"`{ctx.command_path} --help` shows its arguments",
                )
            takes_conn = any("--conn" in param.opts for param in self.params)
            raise UsageError(
                f"unexpected: {shlex.join(left)}",
                hint=meant_as_connections(left)
                if takes_conn and not any(word.isdigit() for word in left)
                else f"`{ctx.command_path} --help` shows its arguments",
            )
        return left

    def collect_usage_pieces(
        self,
        ctx: "Context",  # noqa: ARG002  # as in the overridden method
    ) -> list[str]:
        """Format arguments the usual way: `JOB_ID`, `[JOB_ID]`, `[JOB_ID]...`."""
        names = [_argument(param) for param in self.params if _is_argument(param)]
        return [self.options_metavar or "", *names]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the options: the command's own first, then the common ones, then `--help`."""
        is_all = ctx.meta.get(ALL, False)
        params = [one for one in self.get_params(ctx) if is_all or not _is_seldom_needed(one)]
        _write_panels(formatter, (_row(param, ctx) for param in params))

    def format_epilog(
        self,
        ctx: "Context",
        formatter: "HelpFormatter",
    ) -> None:
        """Write exit codes, where to read on, and examples to copy, one per line."""
        if self.name in _WITH_EXIT_CODES:
            with formatter.section("Exit codes"):
                formatter.write_dl(exit_code_rows())
        if any(_panel_of(param) == SERVER for param in self.params):
            with formatter.section("More help"):
                formatter.write_dl(
                    [
                        (f"{ctx.command_path} {ALL}", "every option"),
                        ("airbyte-sync help network", "credentials, TLS, proxies, timeouts"),
                    ]
                )
        _write_lines(formatter, "Examples", EXAMPLES.get(self.name or "", ()))


def _with_log_level(args: Sequence[str]) -> list[str]:
    """Return the arguments with a level behind `--logs`, which may stand alone.

    Click takes the next word as its value, whatever it is: `wait --logs 42` would fail.
    """
    nexts = [*args[1:], "-"]
    return [
        f"{_LOGS}=trace" if one == _LOGS and not word[:1].isalpha() else one
        for one, word in zip(args, nexts, strict=False)
    ]


def write_network_help(ctx: "Context", command: "Command", formatter: "HelpFormatter") -> None:
    """Write the options about server and network, which every command has, and credentials."""
    params = [one for one in command.get_params(ctx) if _panel_of(one) == SERVER]
    _write_panels(formatter, (_row(param, ctx) for param in params))
    _write_lines(formatter, "Credentials", CREDENTIALS)


def exit_code_rows() -> Sequence[Row]:
    """Return each exit code and its meaning, as plain text."""
    return [(str(int(code)), re.sub(r"[`*]", "", row.meaning)) for code, row in TABLE.items()]


class PanelledGroup(TyperGroup):
    """A group that shows its commands in panels."""

    def get_help_option_names(self, ctx: "Context") -> list[str]:
        """Return the names in order (they would be a set), without the one of commands."""
        return [name for name in ctx.help_option_names if name != ALL]

    def format_commands(
        self,
        ctx: "Context",  # noqa: ARG002  # as in the overridden method
        formatter: "HelpFormatter",
    ) -> None:
        """Write the commands with their summaries, wrapped rather than cut."""
        _write_panels(
            formatter,
            (
                (
                    getattr(command, "rich_help_panel", None) or "Commands",
                    (name, command.get_short_help_str(_NO_LIMIT)),
                )
                for name, command in self.commands.items()
                if not command.hidden
            ),
        )


def meant_as_connections(words: Iterable[str]) -> str:
    """Return the hint for names of connections without `--conn`."""
    import shlex  # noqa: PLC0415  # for an error only

    return f"did you mean {' '.join(f'--conn {shlex.quote(word)}' for word in words)}?"


def _is_argument(param: "Parameter") -> bool:
    return param.param_type_name == "argument"


def _argument(param: "Parameter") -> str:
    name = param.metavar or param.name
    name = name if param.required else f"[{name}]"
    return name if param.nargs == 1 else f"{name}..."


def _panel_of(param: "Parameter") -> str:
    if _is_argument(param):
        return "Arguments"
    if "--help" in param.opts:
        return _LAST
    return str(getattr(param, "rich_help_panel", None) or _DEFAULT)


def _is_seldom_needed(param: "Parameter") -> bool:
    names = frozenset(param.opts)
    if _panel_of(param) == SERVER:
        return names.isdisjoint(_SHOWN_OF_SERVER)
    return not names.isdisjoint(_SELDOM_NEEDED)


def _row(param: "Parameter", ctx: "Context") -> tuple[str, Row]:
    """Return the panel of an option and its row: `a|b` instead of `<a|b>`, limits in words."""
    name, text = param.get_help_record(ctx) or (str(param.metavar or param.name), "")
    for leak, words in _LEAKS:
        text = leak.sub(words, text)
    if _is_argument(param):
        name = str(param.metavar or param.name)
    if "--help" in param.opts:
        name = "-h, --help"  # in the parser they are a set; ALL is shown below
    return _panel_of(param), (name.replace("<", "").replace(">", ""), text)


def _write_panels(formatter: "HelpFormatter", rows: Iterable[tuple[str, Row]]) -> None:
    panels: dict[str, list[Row]] = {}
    for panel, row in rows:
        panels.setdefault(str(panel), []).append(row)
    for title, written in panels.items():
        with formatter.section(title):
            formatter.write_dl(written)


def _write_lines(formatter: "HelpFormatter", title: str, lines: Sequence[str]) -> None:
    """Write lines unchanged under a heading; nothing if there are none."""
    if lines:
        with formatter.section(title):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "run": (
        'airbyte-sync run --conn "Orders to warehouse"',
        "airbyte-sync run --tag nightly --fail-fast --timeout 6h",
        'airbyte-sync run -c orders --since "2026-01-01T06:00:00Z" -o json',
        "airbyte-sync run -c orders --if-running attach --min-records 1",
    ),
    "trigger": (
        "airbyte-sync trigger --conn orders -o id",
        "airbyte-sync trigger --tag nightly --if-running skip -o json",
    ),
    "wait": ("airbyte-sync wait 42", "airbyte-sync wait 42 43 --timeout 2h -o json"),
    "status": (
        "airbyte-sync status --failing",
        "airbyte-sync status --conn orders",
        "airbyte-sync status 42 --exit-status",
    ),
    "cancel": ("airbyte-sync cancel 42", "airbyte-sync cancel --conn orders"),
    "check": (
        "airbyte-sync check --url https://airbyte.example.com",
        "airbyte-sync check --conn orders -o json",
    ),
    "connections": (
        "airbyte-sync connections",
        "airbyte-sync connections --search postgres --tag nightly",
    ),
    "workspaces": ("airbyte-sync workspaces", "airbyte-sync workspaces -o csv"),
    "open": ("airbyte-sync open 42", "airbyte-sync open --conn orders"),
    "jobs": (
        "airbyte-sync jobs --conn orders",
        "airbyte-sync jobs --conn orders --limit 100 --status failed",
    ),
    "logs": (
        "airbyte-sync logs 42 --level warn",
        "airbyte-sync logs 42 --follow",
        "airbyte-sync logs --conn orders --tail 50",
    ),
    "help": (
        "airbyte-sync help run",
        "airbyte-sync help network",
        "airbyte-sync help exit-codes",
    ),
    "config": (
        "airbyte-sync config show",
        "airbyte-sync config show --profile production",
        "airbyte-sync config init production --url https://airbyte.example.com",
    ),
    "sandbox": (
        "airbyte-sync sandbox --speed 10",
        "airbyte-sync sandbox --auth client-credentials --airbyte-version 1.8",
        "airbyte-sync sandbox --fault trigger:lost-after:times=1",
    ),
}
