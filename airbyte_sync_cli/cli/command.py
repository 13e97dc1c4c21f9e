"""What the commands share: the options of server and output, and the way to their ending."""

import functools
import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import typer

from airbyte_sync_cli.cli.options import output_options, server_options

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Work
    from airbyte_sync_cli.commands.wiring import Wiring


def command(
    name: str, *, without: Collection[str] = (), unsettled: Collection[str] = ()
) -> Callable[[Callable[..., "Work"]], Callable[..., None]]:
    """Make a command of a function that parses its own options, and returns what is to be done.

    Typer reads options from a function's parameters: so the command gets those of
    `server_options` and `output_options` as well, but for the names in `without`. The name may
    contain the value of an argument: `config {action}`. Settings are read before the command
    starts, unless its name is in `unsettled`.
    """

    def decorate(start: Callable[..., "Work"]) -> Callable[..., None]:
        server = _parameters(server_options)
        output = [p for p in _parameters(output_options) if p.name not in without]

        @functools.wraps(start)
        def invoke(context: typer.Context, **values: Any) -> None:  # noqa: ANN401  # whatever the options' types are
            from airbyte_sync_cli.commands.session import perform  # noqa: PLC0415  # --help needs no HTTP

            wiring: Wiring = context.obj
            full_name = name.format_map(values)
            typed_server = server_options(**{p.name: values.pop(p.name) for p in server})
            typed_output = {p.name: values.pop(p.name) for p in output}
            code = perform(
                full_name,
                functools.partial(start, **values),
                wiring=wiring,
                server=typed_server,
                settled=full_name not in unsettled,
                options=output_options(full_name, wiring.environ, **typed_output),
            )
            raise typer.Exit(code)

        of_typer = inspect.Parameter(
            "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
        parameters = [of_typer, *_parameters(start), *server, *output]
        # Typer reads both, the signature and the annotations.
        invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        invoke.__annotations__ = {p.name: p.annotation for p in parameters}
        return invoke

    return decorate


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters that are options: the keyword-only ones."""
    parameters = inspect.signature(function).parameters.values()
    return [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
