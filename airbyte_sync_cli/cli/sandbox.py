"""`airbyte-sync sandbox` and `demo`: a simulated Airbyte to try things on."""

from pathlib import Path
from typing import Annotated

import typer


def demo(context: typer.Context) -> None:
    """Run three syncs against a simulated Airbyte, in seconds."""
    from airbyte_sync_cli.commands.demo import play_demo  # noqa: PLC0415  # --help is light
    from airbyte_sync_cli.commands.session import perform  # noqa: PLC0415  # the same
    from airbyte_sync_cli.output.options import OutputOptions  # noqa: PLC0415  # the same

    code = perform("demo", play_demo, wiring=context.obj, server=None, options=OutputOptions())
    raise typer.Exit(code)


def sandbox(
    context: typer.Context,
    *,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on: 127.0.0.1 accepts connections from this machine only, "
            "0.0.0.0 from other machines, too.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Port to listen on; 0 picks a free one."
        ),
    ] = 8000,  # the default of --url
    airbyte_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Airbyte version to simulate: 0.63, 1.0, 1.8, 2.0, latest, or any other number.",
            show_default="latest",
        ),
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="none|basic|client-credentials",
            help="Authentication: off, a user name and password, or tokens for a client id and "
            "secret.",
            show_default="none",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            metavar="FACTOR",
            help="Simulated seconds per second: with 10, a sync of 20 seconds takes 2.",
            show_default="1",
        ),
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML file with these options and more: the connections, their jobs, and the "
            "faults.",
        ),
    ] = None,
    print_scenario: Annotated[
        bool,
        typer.Option("--print-scenario", help="Print a scenario file with every key, and exit."),
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="Fault to inject, as WHEN:ACTION[=VALUE][:KEY=VALUE]...; with "
            "trigger:lost-after:times=1, the first trigger starts a job and its response is lost. "
            "Repeatable.",
        ),
    ] = None,
) -> None:
    """Serve a simulated Airbyte, with faults on demand.

    It has both APIs; its jobs start, run, retry and end as real ones do.
    """
    from airbyte_sync_cli.commands.sandbox import (  # noqa: PLC0415  # --help is light
        SandboxOptions,
        example_scenario,
        serve_sandbox,
    )

    if print_scenario:
        typer.echo(example_scenario(), nl=False)
        return
    options = SandboxOptions(
        host=host,
        port=port,
        airbyte_version=airbyte_version,
        auth=auth,
        speed=speed,
        scenario=scenario,
        faults=fault or [],
    )
    serve_sandbox(context.obj, options)
