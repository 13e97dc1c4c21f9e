"""The command line: its commands, and how an error before them is written."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from airbyte_sync_cli import __version__
from airbyte_sync_cli.cli.completion import completion_script, prepare_for_shell
from airbyte_sync_cli.cli.help import ALL, WIDTH, PanelledCommand, PanelledGroup
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.errors import AirbyteSyncError, UsageError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.text import refuse_undecodable

if TYPE_CHECKING:
    from typer._click import Context

NAME: Final = "airbyte-sync"
_SHOW_COMPLETION: Final = "--show-completion"


class Place(NamedTuple):
    """Where a command is defined, and its panel in the help."""

    module: str
    function: str
    panel: str


COMMANDS: Final[Mapping[str, Place]] = {
    "run": Place("run", "run", "Syncs"),
    "trigger": Place("run", "trigger", "Syncs"),
    "wait": Place("run", "wait", "Syncs"),
    "status": Place("status", "status", "Syncs"),
    "cancel": Place("status", "cancel", "Syncs"),
    "check": Place("check", "check", "Inspect"),
    "connections": Place("listings", "connections", "Inspect"),
    "workspaces": Place("listings", "workspaces", "Inspect"),
    "jobs": Place("listings", "jobs", "Inspect"),
    "logs": Place("logs", "logs", "Inspect"),
    "open": Place("open", "open_page", "Inspect"),
    "config": Place("config", "config", "Inspect"),
    "help": Place("topics", "show_help", "Inspect"),
    "demo": Place("sandbox", "demo", "Simulated Airbyte"),
    "sandbox": Place("sandbox", "sandbox", "Simulated Airbyte"),
}


def make_app(argv: Sequence[str] = ()) -> typer.Typer:
    """Make the Typer app: with all commands, or only the one that `argv` begins with.

    Typer needs milliseconds for each command, and a start only needs one.
    """
    wanted = argv[0] if argv and argv[0] in COMMANDS else None
    # To parse options before the command, Typer imports pydantic: that took half of the time of
    # `run --help` (139 instead of 75 ms of CPU). So without such options the group has none.
    app = typer.Typer(
        name=NAME,
        cls=PanelledGroup,
        add_completion=wanted is None,
        add_help_option=wanted is None,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help", ALL], "max_content_width": WIDTH},
    )
    app.callback(help=main.__doc__)(_no_options if wanted else main)
    for name in [wanted] if wanted else COMMANDS:
        place = COMMANDS[name]
        function = getattr(import_module(f"airbyte_sync_cli.cli.{place.module}"), place.function)
        app.command(name, cls=PanelledCommand, rich_help_panel=place.panel)(function)
    return app


def _no_options() -> None:
    """Do nothing: the command follows."""


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # Typer's form of a callback
    if wanted:
        commit = _commit()
        python = f"Python {sys.version.split()[0]}"
        typer.echo(f"{NAME} {__version__} ({f'commit {commit}, ' if commit else ''}{python})")
        raise typer.Exit


def _commit() -> str | None:
    """Return the commit that this package was built from; hatch_build.py writes the file."""
    try:
        return (Path(__file__).parents[1] / "commit.txt").read_text(encoding="ascii").strip()
    except OSError:  # a checkout, or built without git
        return None


def main(
    *,
    version: Annotated[  # its callback does the work
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Start Airbyte syncs, wait for them, and report their real outcome."""


def run(argv: Sequence[str], wiring: Wiring) -> int:
    """Run a command line to its exit code; a mistake in it is written as any other error."""
    command = typer.main.get_command(make_app(argv))
    prepare_for_shell(wiring.environ)
    code: object
    try:
        refuse_undecodable(argv, wiring.environ)
        with redirect_stdout(wiring.stdout):  # Typer prints --help, --version and completion
            if len(argv) > 1 and argv[0] == _SHOW_COMPLETION:
                # Typer prints the script of the shell that it runs in, and of no other.
                typer.echo(completion_script(argv[1]))
                code = ExitCode.OK
            else:
                # Not standalone: Typer would print errors its own way, and exit.
                code = command.main(
                    list(argv) or ["--help"], prog_name=NAME, standalone_mode=False, obj=wiring
                )
    except TyperException as error:
        return _wrong_usage(argv, error, wiring)
    except AirbyteSyncError as error:  # before a command has its output, or needs none
        return _conclude(argv, argv[0] if argv and argv[0] in COMMANDS else None, error, wiring)
    except SystemExit as error:  # of completion; or `--help | head` closed the pipe
        is_broken_pipe = isinstance(error.__context__, BrokenPipeError)
        return error.code if isinstance(error.code, int) and not is_broken_pipe else ExitCode.OK
    except OSError as error:  # of `--help` and the like, which Typer prints
        problem = f"cannot be printed to stdout: {error.strerror}"
        return _conclude(
            argv, None, UsageError(problem, hint="check the free disk space (`df`)"), wiring
        )
    except (typer.Abort, KeyboardInterrupt):  # Ctrl-C at a question
        return ExitCode.SIGINT
    return code if isinstance(code, int) else ExitCode.OK


def _wrong_usage(argv: Sequence[str], error: TyperException, wiring: Wiring) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else NAME
    hint = _misplaced(argv, error, context) or f"`{path} --help` shows more"
    problem = UsageError(_without_value(_plain(error.format_message()), argv, error), hint=hint)
    return _conclude(argv, path.removeprefix(NAME).strip() or None, problem, wiring)


def _misplaced(
    argv: Sequence[str], error: TyperException, context: "Context | None"
) -> str | None:
    """Return a hint if an option of a command stands before the command."""
    option = getattr(error, "option_name", None)
    if context is None or not isinstance(context.command, TyperGroup) or option is None:
        return None
    having = [
        name
        for name, command in context.command.commands.items()
        if any(option in param.opts for param in command.params)
    ]
    meant = [word for word in argv if word in having] or having
    return f"options go after the command: `{NAME} {meant[0]} {option} ...`" if meant else None


def _without_value(message: str, argv: Sequence[str], error: TyperException) -> str:
    """Leave out a bad value of an option or an argument that may be a secret."""
    from airbyte_sync_cli.settings.shown import (  # noqa: PLC0415  # only on this way out
        NOT_SHOWN,
        shown,
    )

    option = getattr(error, "option_name", None)
    if option and shown(option.strip("-"), where=option) == NOT_SHOWN:
        return f"no such option: {NOT_SHOWN}"
    own = getattr(getattr(error, "param", None), "opts", ())
    quoted = [text for text in _words(argv) if text and text not in own and repr(text) in message]
    if not quoted:
        return message
    text = max(quoted, key=len)
    before, _, choices = message.partition(repr(text))
    known = [*COMMANDS, *choices.replace(",", " ").replace("'", " ").split()]
    return before + shown(text, known, where="--") + choices


def _words(argv: Sequence[str]) -> list[str]:
    """Split a command line into what a parser may take for a value: `S`, `--api=S`, `-oS`."""
    return [part for word in argv for part in (word, word.partition("=")[2], word[2:])]


def _conclude(
    argv: Sequence[str], command: str | None, error: AirbyteSyncError, wiring: Wiring
) -> int:
    """Write the ending of a command that did not begin."""
    from airbyte_sync_cli.output.options import early_options  # noqa: PLC0415  # only on this way

    output = wiring.output(command, early_options(argv, wiring.environ))
    return output.conclude((), error=error, exit_code=error.exit_code)


def _plain(message: str) -> str:
    """Format a message of the parser like our own: `Invalid value: Value error, …`."""
    words = message.replace("Value error, ", "").replace(": Input should", ": it should")
    words = words.rstrip(".")
    return words[:1].lower() + words[1:]
