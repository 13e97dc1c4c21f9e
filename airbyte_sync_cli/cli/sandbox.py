"""`airbyte-sync sandbox`: serve a simulated Airbyte."""

import importlib
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.commands.signals import redeliver_noted
from airbyte_sync_cli.errors import UsageError, extra_hint
from airbyte_sync_cli.foreign_text import printable

if TYPE_CHECKING:
    from airbyte_sync_cli.sandbox import SandboxConfig


def sandbox_command(  # Typer reads its options from the parameters
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
    ] = 8000,
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
    _require_extra()
    if print_scenario:
        _print_scenario()
        return
    options: dict[str, object | None] = {
        "airbyte_version": airbyte_version,
        "auth": auth,
        "speed": speed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    config = _config(scenario, given, fault or [])
    _serve(config, host=host, port=port)


def _print_scenario() -> None:
    from airbyte_sync_cli.sandbox import example_scenario  # noqa: PLC0415  # as below

    typer.echo(example_scenario(), nl=False)


def _config(
    scenario: Path | None, given: Mapping[str, object], faults: list[str]
) -> "SandboxConfig":
    from airbyte_sync_cli import sandbox  # noqa: PLC0415  # an extra, and slow to load

    try:
        base = sandbox.load_config(scenario) if scenario else sandbox.demo_config()
        # The command line first: the first fault that matches a request is applied.
        fields = {**dict(base), **given, "faults": [*faults, *base.faults]}
        return sandbox.build_config(fields, origin="options")
    except sandbox.ScenarioError as error:
        raise UsageError(
            f"cannot configure the sandbox: {error}",
            hint="see `airbyte-sync sandbox --print-scenario` for every key and every fault",
        ) from error


def _serve(config: "SandboxConfig", *, host: str, port: int) -> None:
    from airbyte_sync_cli.sandbox import run_sandbox  # noqa: PLC0415  # as above

    try:
        run_sandbox(config, host=host, port=port, on_ready=lambda url: _ready(config, url))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="use another --port; --port 0 picks a free one",
        ) from error


def _ready(config: "SandboxConfig", url: str) -> None:
    name = shlex.quote(config.connections[0].name) if config.connections else "NAME"
    lines = [
        f"sandbox: simulating Airbyte {config.airbyte_version} at {url} (Ctrl-C stops it)",
        "try, in another terminal:",
        f"  export AIRBYTE_URL={url}",
        *_credentials(config),
        "  airbyte-sync connections",
        f"  airbyte-sync run --conn {name}",
    ]
    with suppress(OSError, ValueError, AttributeError):  # stderr is closed, or None
        sys.stderr.write(printable("\n".join(lines)) + "\n")
        sys.stderr.flush()
    redeliver_noted()


def _credentials(config: "SandboxConfig") -> list[str]:
    """Return how to set the credentials, which are valid for this sandbox only."""
    if config.auth == "basic":
        return [f"  export AIRBYTE_USERNAME={config.username} AIRBYTE_PASSWORD={config.password}"]
    if config.auth == "client-credentials":
        return [
            f"  export AIRBYTE_CLIENT_ID={config.client_id}"
            f" AIRBYTE_CLIENT_SECRET={config.client_secret}"
        ]
    return []


def _require_extra() -> None:
    """Import the sandbox only now: no other command needs it."""
    try:
        importlib.import_module("airbyte_sync_cli.sandbox")
    except ImportError as error:
        raise UsageError(
            f"the sandbox is not installed ({error.name} is missing)",
            hint=extra_hint("sandbox"),
        ) from error
