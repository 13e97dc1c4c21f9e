"""`airbyte-sync help`: the help of a command, or of what all commands share."""

from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.help import ALL, WIDTH, exit_code_rows, write_network_help
from airbyte_sync_cli.errors import UsageError
from airbyte_sync_cli.text import most_similar

if TYPE_CHECKING:
    from typer._click import Command, Context

_SHARED: Final = ("network", "exit-codes")


def _topics(incomplete: str) -> list[str]:
    from airbyte_sync_cli.cli.app import COMMANDS  # noqa: PLC0415  # it imports this module

    return [one for one in (*_SHARED, *COMMANDS) if one.startswith(incomplete)]


def show_help(
    *,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            help="A command, network, or exit-codes.",
            autocompletion=_topics,
            show_default="all commands",
        ),
    ] = None,
) -> None:
    """Show the help of a command or topic: network, exit-codes."""
    typer.echo(help_text(topic))


def help_text(topic: str | None) -> str:
    """Return the help of a topic. Raises UsageError for an unknown one."""
    from airbyte_sync_cli.cli.app import NAME, make_app  # noqa: PLC0415  # it imports this module

    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)  # noqa: S101  # for the type checker
    if topic is not None and topic in group.commands:
        context = _context(group.commands[topic], f"{NAME} {topic}")
        context.meta[ALL] = True
        return context.get_help()
    context = _context(group, NAME)
    formatter = context.make_formatter()
    match topic:
        case None:
            return context.get_help()
        case "network":
            write_network_help(context, group.commands["status"], formatter)
        case "exit-codes":
            formatter.write_dl(exit_code_rows())
        case _:
            near = most_similar(topic, _topics(""))
            raise UsageError(
                f"no help on {topic!r}",
                hint=f"did you mean {near!r}?" if near else f"topics: {', '.join(_topics(''))}",
            )
    return formatter.getvalue().rstrip()


def _context(command: "Command", path: str) -> "Context":
    # Resilient: without arguments a group or a command would print its help and exit.
    return command.make_context(path, [], resilient_parsing=True, max_content_width=WIDTH)
