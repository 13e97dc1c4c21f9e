"""`airbyte-sync sandbox`: its output, invalid options, and its exit codes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.program import assert_told_well, call

SCRIPT = "from airbyte_sync_cli.__main__ import main; main()"

WATCH = """
def tell():
    heavy = {"airbyte_sync_cli.sandbox", "starlette", "uvicorn"}
    print("loaded:", sorted(heavy & sys.modules.keys()))
atexit.register(tell)
"""


def start(*options: str) -> tuple["subprocess.Popen[str]", list[str]]:
    """Start the command as a process; yield it and its first lines."""
    process = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", SCRIPT, "sandbox", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or "run --conn" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert process.poll() is None, lines
    return process, lines


@contextlib.contextmanager
def held(url: str) -> Iterator[None]:
    """Keep a request open without a response."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(b"GET /api/public/v1/jobs/1 HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        # A response on another connection shows that the first request was accepted.
        httpx.get(f"{url}/api/v1/health")
        yield


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1],
)
def test_sandbox_prints_next_commands_and_stops_quietly_on_signal(number: signal.Signals) -> None:
    faults = ("--fault", "jobs:401", "--fault", "job:hold=600", "--fault", "tags:lost-after")
    process, lines = start("--auth", "client-credentials", *faults)
    with process, httpx.Client(base_url=lines[0].split(" at ")[1].split()[0]) as client:
        url = str(client.base_url).rstrip("/")
        health, jobs = client.get("/api/v1/health"), client.get("/api/public/v1/jobs")
        with pytest.raises(httpx.ReadError):
            client.get("/api/public/v1/tags")
        with held(url):
            process.send_signal(number)
            assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert (health.status_code, jobs.status_code) == (200, 401)
    assert f"export AIRBYTE_URL={url}" in lines[2]
    assert "AIRBYTE_CLIENT_ID=sandbox-client-id" in lines[3]


def run_to_its_end(code: str, *options: str) -> str:
    """Run code with these arguments and return its stdout."""
    command = [sys.executable, "-c", code, "sandbox", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_printed_scenario_can_be_served(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(run_to_its_end(SCRIPT, "--print-scenario"), encoding="utf-8")
    process, lines = start("--scenario", str(path))
    with process:
        process.terminate()
    assert lines[-1] == "  airbyte-sync run --conn orders\n"


def test_help_does_not_import_the_sandbox() -> None:
    told = run_to_its_end(f"import atexit, sys\n{WATCH}\n{SCRIPT}", "--help")
    assert "--print-scenario" in told
    assert told.splitlines()[-1] == "loaded: []"


def test_name_with_space_is_quoted_for_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text('[[connections]]\nname = "all orders"', encoding="utf-8")
    process, lines = start("--scenario", str(path))
    with process:
        process.terminate()
    assert lines[-1] == "  airbyte-sync run --conn 'all orders'\n"


@pytest.mark.parametrize(
    "options",
    [
        ("--fault", "trigger:explode"),
        ("--airbyte-version", "latets"),
        ("--auth", "kerberos"),
        ("--speed", "-1"),
        ("--scenario", "/nowhere.toml"),
    ],
)
def test_invalid_option_is_a_usage_error(options: tuple[str, str]) -> None:
    ending = call("sandbox", *options)

    assert_told_well(ending, 2)
    assert "cannot configure the sandbox" in ending.lines("error: ")[0]
    assert "airbyte-sync sandbox --print-scenario" in ending.lines("hint: ")[0]


def test_port_in_use_is_a_usage_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ending = call("sandbox", "--port", str(port))

    assert_told_well(ending, 2)
    assert f"cannot listen on 127.0.0.1:{port}" in ending.lines("error: ")[0]


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_missing_extra_names_how_to_install_it(command: str) -> None:
    code = f"import sys; sys.modules['starlette'] = None; {SCRIPT}"

    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code, command], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "is not installed" in done.stderr
    assert "hint: pip install '.[sandbox]' in a checkout of airbyte-sync\n" in done.stderr
