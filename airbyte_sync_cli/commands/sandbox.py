"""What `sandbox` does: serve a simulated Airbyte."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.errors import UsageError, extra_hint
from airbyte_sync_cli.fast_dataclass import dataclass
from airbyte_sync_cli.foreign_text import printable
from airbyte_sync_cli.streams import write

try:
    from airbyte_sync_cli import sandbox
except ImportError as missing:  # Starlette and uvicorn are an extra
    raise UsageError(
        f"the sandbox is not installed ({missing.name} is missing)",
        hint=extra_hint("sandbox"),
    ) from missing

example_scenario = sandbox.example_scenario
"""Offered here, because this file reports a missing extra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How to serve it; None: as the scenario or the default has it."""

    host: str
    port: int
    airbyte_version: str | None
    auth: str | None
    speed: float | None
    scenario: Path | None
    faults: Sequence[str]


def serve_sandbox(wiring: Wiring, options: SandboxOptions) -> None:
    """Serve until a signal ends it. Raises UsageError."""
    config = _config(options)

    def on_ready(url: str) -> None:
        with suppress(OSError, ValueError):  # the reader of stderr is gone
            if wiring.stderr is not None:
                write(wiring.stderr, printable(_introduction(config, url)) + "\n")
        wiring.signals.redeliver()

    try:
        sandbox.run_sandbox(config, host=options.host, port=options.port, on_ready=on_ready)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}",
            hint="use another --port; --port 0 picks a free one",
        ) from error


def _config(options: SandboxOptions) -> sandbox.SandboxConfig:
    try:
        base = sandbox.load_config(options.scenario) if options.scenario else sandbox.demo_config()
        typed = {
            "airbyte_version": options.airbyte_version,
            "auth": options.auth,
            "speed": options.speed,
        }
        given = {name: value for name, value in typed.items() if value is not None}
        # The command line first: the first fault that matches a request is applied.
        fields = {**dict(base), **given, "faults": [*options.faults, *base.faults]}
        return sandbox.build_config(fields, origin="options")
    except sandbox.ScenarioError as error:
        raise UsageError(
            f"cannot configure the sandbox: {error}",
            hint="see `airbyte-sync sandbox --print-scenario` for every key and every fault",
        ) from error


def _introduction(config: sandbox.SandboxConfig, url: str) -> str:
    name = shlex.quote(config.connections[0].name) if config.connections else "NAME"
    return "\n".join(
        [
            f"sandbox: simulating Airbyte {config.airbyte_version} at {url} (Ctrl-C stops it)",
            "try, in another terminal:",
            f"  export AIRBYTE_URL={url}",
            *_credentials(config),
            "  airbyte-sync connections",
            f"  airbyte-sync run --conn {name}",
        ]
    )


def _credentials(config: sandbox.SandboxConfig) -> list[str]:
    """Return how to set the credentials, which are valid for this sandbox only."""
    if config.auth == "basic":
        return [f"  export AIRBYTE_USERNAME={config.username} AIRBYTE_PASSWORD={config.password}"]
    if config.auth == "client-credentials":
        return [
            f"  export AIRBYTE_CLIENT_ID={config.client_id}"
            f" AIRBYTE_CLIENT_SECRET={config.client_secret}"
        ]
    return []
