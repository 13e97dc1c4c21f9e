"""Exit codes of every command: the same on a terminal, in a pipe, and as JSON.

A new command or exit code fails here until it has a case.
"""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from airbyte_sync_cli.cli.app import COMMANDS
from airbyte_sync_cli.exit_codes import BY_SIGNAL, ExitCode
from airbyte_sync_cli.output.report import REPORTS
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from airbyte_sync_cli.sync.result import Report, SyncResult
from tests.support.children import until
from tests.support.program import (
    CommandResult,
    HurriedClock,
    Outside,
    call_in,
    call_in_pipe,
    call_on_terminal,
    read_all,
)
from tests.support.servers import always, open_stage

REPOSITORY: Final = Path(__file__).resolve().parents[2]
ENDLESS: Final = JobScript(life="running")
NOBODY: Final = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""
WITHOUT_JSON: Final = frozenset({"sandbox", "demo"})
CODES: Final[Mapping[str, frozenset[int]]] = {
    "run": frozenset(ExitCode),
    "trigger": frozenset(ExitCode) - {3, 4, 13},
    "wait": frozenset(ExitCode) - {8, 99},
    "status": frozenset(ExitCode) - {5, 8, 13, 99},
    "cancel": frozenset(ExitCode) - {3, 4, 5, 8, 13, 99},
    "check": frozenset({0, 2, 6, 7, 9, 10, 11, *BY_SIGNAL}),
    "connections": frozenset({0, 1, 2, 6, 7, 9, 10, 11, *BY_SIGNAL}),
    "jobs": frozenset({0, 1, 2, 6, 7, 9, 10, 11, *BY_SIGNAL}),
    "logs": frozenset({0, 1, 2, 6, 7, 9, 10, 11, *BY_SIGNAL}),
    "workspaces": frozenset({0, 1, 2, 6, 9, 10, 11, *BY_SIGNAL}),
    "open": frozenset({0, 1, 2, 6, 7, 9, 10, 11, *BY_SIGNAL}),
    "config": frozenset({0, 2}),  # sends no request and ends at once
    "demo": frozenset({2, *BY_SIGNAL}),  # 0 takes 15 s: tests/commands/test_demo.py
    "sandbox": frozenset({0, 2}),  # a signal ends it: tests/commands/test_sandbox.py
}
"""What each command can end with. 1 has no cause that can be named: it stands for the commands
that share a session, in which a defect is provoked."""


@dataclass(frozen=True)
class Expected:
    """A command line, its server, and its expected exit code."""

    code: int
    line: str
    """`{orders}` is the id of that connection's latest job."""
    server: str = "fine"
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        return self.line.split()[0]

    def __str__(self) -> str:
        return f"{self.line} -> {self.code}"


def on(server: str, code: int, *lines: str, **environ: str) -> list[Expected]:
    return [Expected(code, line, server, environ) for line in lines]


READING: Final = (
    "run -c orders", "trigger -c orders", "status -c orders", "cancel -c orders",
    "status", "check -c orders", "connections", "jobs -c orders", "logs -c orders",
    "workspaces", "open -c orders",
)  # fmt: skip
"""All commands that contact a server, except `wait`, which takes a job id."""
EVERY: Final = (*READING, "wait 1")

CASES: Final = [
    *on("fine", 0, *READING, "wait {orders}", "config show", "sandbox --print-scenario"),
    *on("broken clock", 1, *(line for line in EVERY if not line.startswith("check"))),
    *on("fine", 2, *(f"{command} --no-such-option" for command in COMMANDS)),
    *on("fine", 2, "run", "trigger", "wait", "cancel", "jobs", "logs", "config"),
    *on("fine", 2, "run -c orders --timeout 3x", "wait x", "status x", "logs x"),
    *on("fine", 2, "status 1 --failing"),
    *on("fine", 3, "run -c bad", "wait {bad}", "status -c bad --exit-status"),
    *on("fine", 4, "run -c dropped", "wait {dropped}", "status {dropped} --exit-status"),
    *on("fine", 5, "run -c endless --timeout 5", "trigger -c busy --timeout 1"),
    *on("fine", 5, "wait {busy} --timeout 5", "run -c endless --start-timeout 5 --timeout 5"),
    *on("closed", 6, *EVERY),
    *on("fine", 7, *(line.replace("orders", "nope") for line in READING if "orders" in line)),
    *on("fine", 7, "wait 9999", "status 9999", "cancel 9999", "logs 9999"),
    *on("fine", 7, "connections --search zzz", "status -c unused --exit-status", "logs -c unused"),
    *on("fine", 7, "wait -c unused"),
    *on("fine", 8, "run -c busy --if-running fail", "trigger -c busy --if-running fail"),
    *on("nobody", 9, *READING, "wait -c orders"),
    *on("foreign", 10, *EVERY),
    *on("fine", 11, "run -c idle", "trigger -c idle", "check -c idle"),
    *on("refusing", 11, *(line for line in EVERY if not line.startswith("check"))),
    *on("nobody", 12, "wait 1"),
    *on("broken", 12, "run -c orders", "trigger -c orders"),
    *on("fine", 12, "status -c busy --exit-status"),
    *on("stubborn", 12, "cancel -c busy"),
    *on("fine", 13, "run -c orders --min-records 99999999"),
    *on("fine", 13, "wait {orders} --min-records 99999999"),
    *on("fine", 99, "run -c busy --if-running skip", "trigger -c busy --if-running skip"),
]  # fmt: skip
INTERRUPTED: Final = [*EVERY, "demo"]
"""Commands that can wait for a server when a signal arrives."""


def a_sandbox(*faults: str) -> Sandbox:
    sandbox = Sandbox(SandboxConfig(speed=50))
    quick = "pending 1, running 2"
    for name, end in (("orders", "succeeded"), ("bad", "failed"), ("dropped", "cancelled")):
        script = JobScript(life=f"{quick}, {end}")
        sandbox.add_connection(name, script=script, history=(script,))
    sandbox.add_connection("endless", script=ENDLESS)
    sandbox.add_connection("idle", status="inactive")
    sandbox.add_connection("unused")
    sandbox.start_job(sandbox.add_connection("busy", script=ENDLESS))
    for fault in faults:
        sandbox.faults.add(Fault.model_validate(fault))
    return sandbox


@dataclass(frozen=True)
class Servers:
    """The servers of the cases, each started once."""

    urls: Mapping[str, str]
    jobs: Mapping[str, str]
    """The id of each connection's latest job on the server `fine`."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    fine = a_sandbox()
    names = {each.id: each.name for each in fine.connections}
    with open_stage() as stage:
        urls = {
            "fine": stage.sandbox(fine),
            "broken clock": stage.sandbox(a_sandbox()),
            "closed": stage.sandbox(Sandbox(SandboxConfig(auth="basic"))),
            "nobody": NOBODY,
            "foreign": stage.scripted(always(200, "<html>", content_type="text/html")).url,
            "refusing": stage.sandbox(a_sandbox("any:400")),
            "broken": stage.sandbox(a_sandbox("trigger:500")),
            "stubborn": stage.sandbox(a_sandbox("cancel:503")),
        }
        yield Servers(urls, {names[job.connection_id]: str(job.id) for job in fine.jobs})


class BrokenClock(HurriedClock):
    """Raise in every command that has a session."""

    def monotonic(self) -> float:
        raise RuntimeError("a defect")


def outside(case: Expected) -> Outside:
    return Outside(clock=BrokenClock() if case.server == "broken clock" else HurriedClock())


def test_every_command_has_case_for_each_exit_code() -> None:
    covered = {name: {int(case.code) for case in CASES if case.command == name} for name in CODES}
    for line in INTERRUPTED:
        covered[line.split()[0]] |= set(BY_SIGNAL)

    assert set(CODES) == set(COMMANDS) - {"help"}  # which has no output options
    assert covered == {name: set(codes) for name, codes in CODES.items()}
    assert set().union(*CODES.values()) == set(ExitCode)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_exit_code_is_same_on_terminal_in_pipe_and_as_json(
    case: Expected, servers: Servers
) -> None:
    argv = case.line.format_map(servers.jobs).split()
    environ = {"AIRBYTE_URL": servers.urls[case.server], "TERM": "xterm-256color", **case.environ}

    terminal = call_on_terminal(outside(case), *argv, **environ)
    pipe = call_in_pipe(outside(case), *argv, **environ)
    report = None
    if case.command not in WITHOUT_JSON:
        report = call_in(outside(case), *argv, "-o", "json", **environ)

    assert (terminal.code, pipe.code) == (case.code, case.code), terminal.stdout + pipe.stdout
    for shown in (terminal.stdout, pipe.stdout):
        assert ("Traceback" in shown) is (case.code == ExitCode.BUG), shown
        assert case.code in {0, 99} or "error:" in shown or case.command == "check", shown
    if report is not None:
        assert_contract(report, case)


def assert_contract(ending: CommandResult, case: Expected) -> None:
    """Assert that the JSON is one line with all keys of the contract."""
    name = "config show" if case.command == "config" else case.command
    kind = REPORTS.get(name, Report)
    assert ending.code == case.code, ending.stderr
    assert len(ending.stdout.splitlines()) == 1
    assert ending.report["exit_code"] == case.code
    assert ending.report["outcome"] == ExitCode(case.code).outcome
    assert set(ending.report) in (set(kind.model_fields), set(Report.model_fields))
    assert all(set(sync) == set(SyncResult.model_fields) for sync in ending.report["syncs"])
    assert (ending.report["error"] is None) is (case.code in {0, 99})


# Signals, sent to a process


@pytest.fixture(scope="module")
def silent() -> Iterator[tuple[Sandbox, str]]:
    """A server that never answers, and its address."""
    sandbox = Sandbox()
    sandbox.faults.add(Fault.model_validate("any:never"))
    with open_stage() as stage:
        yield sandbox, stage.sandbox(sandbox)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", INTERRUPTED)
def test_signal_has_its_exit_code_on_terminal_in_pipe_and_as_json(
    line: str, number: signal.Signals, silent: tuple[Sandbox, str]
) -> None:
    sandbox, url = silent
    is_demo = line == "demo"
    asked = len(sandbox.requests)
    with ExitStack() as stack:
        shown = [stack.enter_context(started(line, pty.openpty(), url))]
        shown.append(stack.enter_context(started(line, os.pipe(), url)))
        if not is_demo:
            shown.append(stack.enter_context(started(f"{line} -o json -q", os.pipe(), url)))
            until(lambda: len(sandbox.requests) >= asked + len(shown))
        for each in shown:
            each.interrupt(number, after_output=is_demo)
        codes = [each.end() for each in shown]

    assert codes == [128 + number] * len(shown), [each.seen for each in shown]
    assert all("Traceback" not in each.seen for each in shown)
    if not is_demo:
        report = json.loads(shown[-1].seen.splitlines()[-1])
        assert set(report) == set(REPORTS.get(line.split(maxsplit=1)[0], Report).model_fields)
        assert (report["exit_code"], report["outcome"]) == (128 + number, "interrupted")


@dataclass
class Started:
    """The program as a process, and its output."""

    process: subprocess.Popen[bytes]
    reader: int
    seen: str = ""

    def interrupt(self, number: signal.Signals, *, after_output: bool) -> None:
        if after_output:
            self.seen += os.read(self.reader, 65536).decode()
        self.process.send_signal(number)

    def end(self) -> int:
        self.seen += b"".join(read_all(self.reader)).decode()
        return self.process.wait(timeout=30)


@contextmanager
def started(line: str, ends: tuple[int, int], url: str) -> Iterator[Started]:
    """Start the program with stdout and stderr on one descriptor, and kill it at the end."""
    reader, writer = ends
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *line.split()],
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", "AIRBYTE_URL": url},
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    try:
        yield Started(process, reader)
    finally:
        process.kill()
        process.wait(timeout=30)
        os.close(reader)
