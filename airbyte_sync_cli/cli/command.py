"""What the commands share: the same server and output options, the same way to an ending."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from airbyte_sync_cli.cli.options import output_options, server_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import CommonOptions, Play, Prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The values of the options that every command has."""

    server: Mapping[str, object]
    output: Mapping[str, object]

    def perform(self, command: str, prepare: "Prepare", *, stops_itself: bool = False) -> ExitCode:
        """Do a command's work, and write its ending whatever happens."""
        from airbyte_sync_cli.commands.session import perform  # noqa: PLC0415  # --help needs no HTTP

        return perform(command, prepare, common=self._options(), stops_itself=stops_itself)

    def play(self, command: str, prepare: Callable[[Mapping[str, str]], "Play"]) -> ExitCode:
        """The same for a command that needs settings, but no session with a server."""
        from airbyte_sync_cli.commands.session import play  # noqa: PLC0415  # --help needs no HTTP

        return play(command, prepare, common=self._options())

    def _options(self) -> "CommonOptions":
        from airbyte_sync_cli.commands.session import CommonOptions  # noqa: PLC0415  # as above

        return CommonOptions(server=self.server, output=self.output)


def with_common_options(
    command: Callable[..., ExitCode], *, without: Collection[str] = ()
) -> Callable[..., None]:
    """Give a command the server's and the output's options, handed over as `common`.

    `without` names those of the output that make no sense for it. The options are those of
    `server_options` and `output_options`: functions that are never called, but whose
    parameters Typer reads here.
    """
    own = [p for p in _parameters(command) if p.name != "common"]
    server = _parameters(server_options)
    output = [p for p in _parameters(output_options) if p.name not in without]

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:  # noqa: ANN401  # whatever the options' types are
        common = Common(
            server={p.name: values.pop(p.name) for p in server},
            output={p.name: values.pop(p.name) for p in output},
        )
        raise typer.Exit(command(common=common, **values))

    parameters = [*own, *server, *output]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Read the parameters as keyword-only ones, so that groups can be joined."""
    signature = inspect.signature(function, eval_str=True)
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return [parameter.replace(kind=keyword_only) for parameter in signature.parameters.values()]
