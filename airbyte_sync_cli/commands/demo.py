"""What `demo` does: real syncs against a sandbox in this process, in a quarter of a minute."""

import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Final

from airbyte_sync_cli.commands.run import run_syncs
from airbyte_sync_cli.commands.session import CommandResult, Invocation, Selection
from airbyte_sync_cli.errors import UsageError, extra_hint
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.settings import ServerOptions, load_settings
from airbyte_sync_cli.sync.policy import RunPolicy

if TYPE_CHECKING:
    from airbyte_sync_cli.sandbox import JobScript, SandboxConfig

_NAME: Final = "airbyte-sync"

_EXPLANATION: Final = """
What you saw
  `airbyte-sync run` sent real HTTP requests to a simulated Airbyte:
    orders     succeeded at the first attempt
    customers  succeeded after Airbyte retried a failed attempt: exit 0
    events     failed, with Airbyte's reason: on its own, exit 3
  With several syncs, the exit code is the lowest one other than 0: here {verdict}.
  The demo itself exits with 0: this is its expected outcome.

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


async def play_demo(invocation: Invocation) -> CommandResult:
    """Run three syncs against a sandbox, and explain what was seen."""
    try:
        from airbyte_sync_cli.sandbox import Sandbox, serve  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError(
            f"the simulated Airbyte is not installed ({error.name} is missing)",
            hint=extra_hint("sandbox"),
        ) from error
    environ = invocation.wiring.environ
    async with serve(Sandbox(_world())) as url:
        # Nothing else of the environment: it has the user's own Airbyte and credentials.
        proxies = {name: value for name, value in environ.items() if name.lower() == "no_proxy"}
        settings = load_settings(ServerOptions(url=url), proxies)
        result = await run_syncs(
            replace(invocation, settings=settings),
            Selection(connections=["orders", "customers", "events"]),
            RunPolicy(),
        )
    if [sync.exit_code for sync in result.syncs] != [ExitCode.OK, ExitCode.OK, ExitCode.FAILED]:
        return result
    return _explained(result, invocation)


def _explained(result: CommandResult, invocation: Invocation) -> CommandResult:
    """End with 0: all went as planned."""
    program = _program(invocation.wiring.environ)
    text = _EXPLANATION.format(verdict=int(ExitCode.FAILED), program=program).rstrip()
    summary = invocation.output.summary(result.syncs)
    return CommandResult(syncs=result.syncs, exit_code=ExitCode.OK, text=f"{summary}\n{text}")


def _program(environ: Mapping[str, str]) -> str:
    """Return what to type for this program: `make demo` leaves it in `.venv`, not on the PATH."""
    here = Path(sys.argv[0])
    if which(_NAME, path=environ.get("PATH")):
        return _NAME
    if here.suffix == ".pyz":  # one file (pyz/), perhaps not executable
        return shlex.join([sys.executable, str(here)])
    if here.name != _NAME:
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
