"""`airbyte-sync sandbox`: a simulated Airbyte to try things on."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airbyte_sync_cli.errors import UsageError

if TYPE_CHECKING:
    from airbyte_sync_cli.sandbox import SandboxConfig


def sandbox_command(  # Typer reads its options from the parameters
    *,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one."
        ),
    ] = 8000,
    airbyte_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="0.63, 1.0, 1.8, 2.0 or latest.", show_default="latest"
        ),
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="none|basic|client-credentials", help="How to sign in.", show_default="none"
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(metavar="FACTOR", help="Simulated seconds per second.", show_default="1"),
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file with connections, jobs and faults."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="A failure to play, such as trigger:lost-after:times=1. Repeatable.",
        ),
    ] = None,
) -> None:
    """Serve a simulated Airbyte, with failures on demand.

    It has both APIs, and jobs that live and end as real ones do.
    """
    _require_extra()
    options: dict[str, object | None] = {
        "airbyte_version": airbyte_version,
        "auth": auth,
        "speed": speed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    config = _config(scenario, given, fault or [])
    _serve(config, host=host, port=port)


def _config(
    scenario: Path | None, given: Mapping[str, object], faults: list[str]
) -> "SandboxConfig":
    from airbyte_sync_cli import sandbox  # noqa: PLC0415  # an extra, and slow to load

    try:
        base = (
            sandbox.load_config(scenario)
            if scenario
            else sandbox.SandboxConfig(connections=sandbox.DEMO_CONNECTIONS)
        )
        # Faults of the command line come first: the first one that matches is played.
        fields = {**dict(base), **given, "faults": [*faults, *base.faults]}
        return sandbox.build_config(fields, origin="options")
    except sandbox.ScenarioError as error:
        raise UsageError(
            f"the sandbox cannot be set up: {error}",
            hint="docs/sandbox.md lists what a scenario and a fault may say",
        ) from error


def _serve(config: "SandboxConfig", *, host: str, port: int) -> None:
    from airbyte_sync_cli.sandbox import run_sandbox  # noqa: PLC0415  # as above

    try:
        run_sandbox(config, host=host, port=port, on_ready=lambda url: _ready(config, url))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="--port 0 takes a free port",
        ) from error


def _ready(config: "SandboxConfig", url: str) -> None:
    name = config.connections[0].name if config.connections else "NAME"
    lines = [
        f"sandbox: Airbyte {config.airbyte_version} is simulated at {url} (Ctrl-C ends it)",
        "try, in another terminal:",
        f"  export AIRBYTE_URL={url}",
        *_credentials(config),
        "  airbyte-sync connections",
        f"  airbyte-sync run --conn {name}",
    ]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _credentials(config: "SandboxConfig") -> list[str]:
    """The credentials of a sandbox open nothing but the sandbox: they may be shown."""
    if config.auth == "basic":
        return [f"  export AIRBYTE_USERNAME={config.username} AIRBYTE_PASSWORD={config.password}"]
    if config.auth == "client-credentials":
        return [
            f"  export AIRBYTE_CLIENT_ID={config.client_id}"
            f" AIRBYTE_CLIENT_SECRET={config.client_secret}"
        ]
    return []


def _require_extra() -> None:
    """Load the sandbox only now: no other command pays for it."""
    try:
        importlib.import_module("airbyte_sync_cli.sandbox")
    except ImportError as error:
        raise UsageError(
            f"the sandbox needs a package that is not installed: {error.name}",
            hint="pip install 'airbyte-sync-cli[sandbox]'",
        ) from error
