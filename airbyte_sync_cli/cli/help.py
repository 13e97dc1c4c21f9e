"""Help under headings, in plain text: rich would cost more than all the rest of `--help`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from typer.core import TyperCommand, TyperGroup

from airbyte_sync_cli.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter, Parameter

_DEFAULT: Final = "Options"
Row = tuple[str, str]


class PanelledCommand(TyperCommand):
    """Shows its options under the headings that they name."""

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Write the options, those without a heading last."""
        _write_panels(
            formatter,
            (
                (_panel_of(param), row)
                for param in self.get_params(ctx)
                if (row := param.get_help_record(ctx)) is not None
            ),
        )

    def format_epilog(
        self,
        ctx: "Context",  # noqa: ARG002  # the method that this replaces has it
        formatter: "HelpFormatter",
    ) -> None:
        """Write examples, a line each, ready to be copied."""
        examples = EXAMPLES.get(self.name or "", ())
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class PanelledGroup(TyperGroup):
    """Shows its commands under the headings that they name."""

    def format_commands(
        self,
        ctx: "Context",  # noqa: ARG002  # the method that this replaces has it
        formatter: "HelpFormatter",
    ) -> None:
        """Write the commands with what each does."""
        limit = formatter.width - 6 - max(len(name) for name in self.commands)
        _write_panels(
            formatter,
            (
                (
                    getattr(command, "rich_help_panel", None) or "Commands",
                    (name, command.get_short_help_str(limit)),
                )
                for name, command in self.commands.items()
                if not command.hidden
            ),
        )


def _panel_of(param: "Parameter") -> str:
    if param.param_type_name == "argument":
        return "Arguments"
    return str(getattr(param, "rich_help_panel", None) or _DEFAULT)


def _write_panels(formatter: "HelpFormatter", rows: Iterable[tuple[str, Row]]) -> None:
    panels: dict[str, list[Row]] = {}
    for panel, row in rows:
        panels.setdefault(str(panel), []).append(row)
    last = panels.pop(_DEFAULT, None)
    for title, written in [*panels.items(), *([(_DEFAULT, last)] if last else [])]:
        with formatter.section(title):
            formatter.write_dl(written)
