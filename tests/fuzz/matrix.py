"""The fault matrix: every request of every command meets every fault, in virtual time.

`check` resolves names and connects to ports, so it alone runs over a real socket.

Which requests a command sends is not written down here: it is played once without a fault, and
asked of the sandbox. A fault hits a request once, or for as long as the command lives.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airbyte_sync_cli.commands.listings import (
    ConnectionFilter,
    JobsOptions,
    list_connections,
    list_jobs,
)
from airbyte_sync_cli.commands.logs import LogOptions, show_log
from airbyte_sync_cli.commands.run import run_syncs, wait_for
from airbyte_sync_cli.commands.session import Selection
from airbyte_sync_cli.commands.status import cancel_jobs, show_status
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from airbyte_sync_cli.settings import ClientCredentials
from airbyte_sync_cli.sync.policy import RunPolicy, WaitPolicy
from tests.fuzz.loop import run
from tests.fuzz.play import CONNECTION
from tests.fuzz.process import START, Command, Left, Process, ProcessClock, settings_for
from tests.fuzz.wire import Wire
from tests.support.program import call
from tests.support.sandboxes import serve_in_thread

FAULTS: Final = (
    "lost-before",
    "lost-after",
    "never",
    "hold=10",
    "truncate",
    "bad-json",
    "wrong-shape",
    "html",
    "huge=20",
    "drip=0.01",
    "login",
    "redirect-loop",
    "400",
    "401",
    "403",
    "404",
    "408",
    "422",
    "429",
    "500",
    "502",
    "503",
    "504:applied",
    "rate-limit=2",
    "try-again-later",
    "state-conflict",
    "forbidden",
    "expire-tokens",
)
_ONLY_TRIGGERS: Final = ("never:applied", "500:applied", "late-job=20", "late-job=70")
"""What matters only where a request takes effect."""
_LIMITS: Final = WaitPolicy(timeout=7200.0)


_ALL: Final = Selection(connections=[CONNECTION])
COMMANDS: Final[Mapping[str, Command]] = {
    "run": lambda it: run_syncs(it, _ALL, RunPolicy(wait=_LIMITS)),
    "trigger": lambda it: run_syncs(it, _ALL, RunPolicy(wait=_LIMITS, trigger_only=True)),
    "wait": lambda it: wait_for(it, Selection(job_ids=[1]), RunPolicy(wait=_LIMITS)),
    "status": lambda it: show_status(it, _ALL, exit_status=False),
    "cancel": lambda it: cancel_jobs(it, _ALL),
    "logs": lambda it: show_log(it, LogOptions(job=CONNECTION)),
    "jobs": lambda it: list_jobs(it, _ALL, JobsOptions()),
    "connections": lambda it: list_connections(it, ConnectionFilter()),
}
NAMES: Final = (*COMMANDS, "check")
_STARTS: Final = {"run", "trigger"}
_CHECK_LIMIT: Final = "1"
"""Seconds that `check` gives each request here: it asks over a real socket."""
SLOW: Final = frozenset({"never", "hold=10", "drip=0.01"})
"""The faults that take `check` so long."""
Rows = dict[str, dict[str, list[str]]]
"""By request: which outcome comes of which faults."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its code, and for those that start jobs, what they made."""

    code: int
    jobs: int
    triggers: int

    def __str__(self) -> str:
        return f"{self.code} ({self.jobs} of {self.triggers})"


def matrix(command: str, *, lasting: bool) -> Rows:
    """Run a command with every fault at every request; return the faults by outcome."""
    table: Rows = {}
    for request, api in _requests(command):
        by_outcome: dict[str, list[str]] = defaultdict(list)
        for fault in (*FAULTS, *(_ONLY_TRIGGERS if request == "trigger" else ())):
            spec = f"{request}:{fault}:api={api}" + ("" if lasting else ":times=1")
            by_outcome[_told(command, meet(command, spec)[0])].append(fault)
        table[f"{request} ({api})"] = dict(by_outcome)
    return table


def meet(command: str, fault: str | None) -> tuple[Outcome, Sandbox]:
    """Play a command before a sandbox with one fault."""
    sandbox = _sandbox(command, fault)
    if command == "check":
        code = _check(sandbox)
    else:
        left = run(_play(sandbox, command, COMMANDS[command]))
        assert left.code is not None
        code = left.code
    return Outcome(code, len(sandbox.jobs), len(sandbox.sent("trigger"))), sandbox


def _sandbox(command: str, fault: str | None) -> Sandbox:
    start = None if command == "check" else START
    sandbox = Sandbox(SandboxConfig(start=start, auth="client-credentials"))
    script = JobScript(life="pending 1, running 5, succeeded")
    connection = sandbox.add_connection("orders", id=CONNECTION, script=script)
    if command not in _STARTS:
        sandbox.start_job(connection, script=JobScript(life="running 30, succeeded"))
    if fault is not None:
        sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


def _check(sandbox: Sandbox) -> int:
    """`check` opens sockets, so it needs a server on one."""
    argv = ("check", "--conn", CONNECTION, "--request-timeout", _CHECK_LIMIT, "-o", "json")
    with serve_in_thread(sandbox) as url:
        settings = settings_for(api="public", auth=True)
        assert isinstance(settings.credentials, ClientCredentials)
        return call(
            *argv,
            AIRBYTE_URL=url,
            AIRBYTE_CLIENT_ID=settings.credentials.client_id,
            AIRBYTE_CLIENT_SECRET=settings.credentials.client_secret.get_secret_value(),
        ).code


async def _play(sandbox: Sandbox, command: str, work: Command) -> Left:
    sandbox.clock.now()  # its time begins with its first use
    left = Left(command, asyncio.get_running_loop().time())
    process = Process(
        Wire(sandbox, command, latency=0.0, lines=()),
        left,
        command=command,
        settings=settings_for(api="public", auth=True),
        clock=ProcessClock(0.0, random.Random(command)),  # noqa: S311  # no secret
    )
    await process.run(work)
    return left


def _requests(command: str) -> list[tuple[str, str]]:
    """Ask the sandbox what a command sends where nothing is wrong, each once."""
    _, sandbox = meet(command, None)
    return list(
        dict.fromkeys(
            (record.name, "config" if record.path.startswith("/api/v1") else "public")
            for record in sandbox.requests
            if record.name
        )
    )


def _told(command: str, outcome: Outcome) -> str:
    return str(outcome) if command in _STARTS else str(outcome.code)
