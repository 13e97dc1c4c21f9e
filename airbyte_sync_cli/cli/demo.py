"""`airbyte-sync demo`: real syncs against a sandbox in this process, in a quarter of a minute."""

import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final

import typer

from airbyte_sync_cli.cli.app import NAME
from airbyte_sync_cli.errors import UsageError, extra_hint
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import CommandResult
    from airbyte_sync_cli.output.output import Output
    from airbyte_sync_cli.sandbox import JobScript, SandboxConfig

_EXPLANATION: Final = """
What you saw
  `airbyte-sync run` worked over real HTTP against an Airbyte simulated here:
    orders     succeeded at the first attempt
    customers  failed at first, Airbyte tried again, and it succeeded: exit 0
    events     failed, with Airbyte's reason: alone, `run` would have exited 3
  Of several syncs the lowest code other than 0 counts: here {verdict}.
  The demo itself exits with 0, because all of this was as expected.

Next
  {program} sandbox
      a simulated Airbyte; leave it running, and in another terminal:
  {program} run --conn orders
      one sync; `echo $?` prints its exit code
  {program} run --conn billing -o json
      one that fails, with the result as one line of JSON
  {program} run --help
      all options
With your own Airbyte: export AIRBYTE_URL=http://localhost:8000 (or its address)
"""


def demo() -> None:
    """Show three syncs against a simulated Airbyte, in seconds."""
    from airbyte_sync_cli.commands.session import perform_offline  # noqa: PLC0415  # --help is light

    raise typer.Exit(perform_offline("demo", _play))


async def _play(output: "Output", environ: Mapping[str, str]) -> "CommandResult":
    from airbyte_sync_cli.commands.run import run_syncs  # noqa: PLC0415
    from airbyte_sync_cli.commands.session import hold_session  # noqa: PLC0415
    from airbyte_sync_cli.settings import load_settings  # noqa: PLC0415
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415

    try:
        from airbyte_sync_cli.sandbox import Sandbox, serve  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"the simulated Airbyte is not installed ({error.name} is missing)",
            hint=extra_hint("sandbox"),
        ) from error
    names = ["orders", "customers", "events"]
    async with serve(Sandbox(_world())) as url:
        proxies = {name: value for name, value in environ.items() if name.lower() == "no_proxy"}
        settings = load_settings({"url": url}, proxies)
        ending = await hold_session(
            lambda session: run_syncs(session, names, [], RunPolicy()),
            settings,
            output,
            stops_itself=True,
        )
    return _explained(ending, output, environ)


def _explained(
    ending: "CommandResult", output: "Output", environ: Mapping[str, str]
) -> "CommandResult":
    """End with 0 where all went as planned; anything else is an ending of its own."""
    from airbyte_sync_cli.commands.session import CommandResult  # noqa: PLC0415

    if [sync.exit_code for sync in ending.syncs] != [ExitCode.OK, ExitCode.OK, ExitCode.FAILED]:
        return ending
    values = {"verdict": int(ExitCode.FAILED), "program": _program(environ)}
    text = _EXPLANATION.format(**values).rstrip()
    return CommandResult(
        syncs=ending.syncs, exit_code=ExitCode.OK, text=f"{output.summary(ending.syncs)}\n{text}"
    )


def _program(environ: Mapping[str, str]) -> str:
    """Return what to type for this program: `make demo` leaves it in `.venv`, not on the PATH."""
    here = Path(sys.argv[0])
    if which(NAME, path=environ.get("PATH")):
        return NAME
    if here.name != NAME:
        return f"{shlex.quote(sys.executable)} -m airbyte_sync_cli"
    with suppress(OSError, ValueError):  # not below the current folder, or that is deleted
        here = here.absolute().relative_to(Path.cwd())
    return shlex.quote(str(here))


def _world() -> "SandboxConfig":
    from airbyte_sync_cli.sandbox import (  # noqa: PLC0415
        ConnectionConfig,
        JobFailure,
        JobScript,
        SandboxConfig,
    )

    past = tuple(JobScript(life=f"pending 1, running {n}, succeeded") for n in (11, 9, 10))
    wrong_key = JobFailure(
        origin="source",
        type="config_error",
        message="The API key was rejected: it may have been revoked.",
        retryable=False,
    )
    retried = "pending 1, running 4, incomplete 2, running 5, succeeded"
    failing = "queued 2, running 5, incomplete 0.2, failed"
    return SandboxConfig(
        connections=(
            ConnectionConfig(
                name="orders",
                streams=("orders", "order_lines"),
                history=past,
                jobs=(_script("pending 1, running 10, succeeded", 182_000),),
            ),
            ConnectionConfig(name="customers", history=past, jobs=(_script(retried, 51_000),)),
            ConnectionConfig(
                name="events",
                history=past,
                jobs=(_script(failing, 8_000).model_copy(update={"failure": wrong_key}),),
            ),
        ),
    )


def _script(life: str, records: int) -> "JobScript":
    from airbyte_sync_cli.sandbox import JobScript  # noqa: PLC0415

    numbers = {"records": records, "byte_count": records * 214}
    return JobScript(life=life, **numbers, flush_every=0.5, commit_lag=0.5)
