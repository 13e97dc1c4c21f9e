"""What goes where, in which form, of syncs over a real socket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig
from tests.support.program import FollowingClock, call, start
from tests.support.servers import Stage

RUN = ("run", "--conn", "orders")
QUICK = "pending 1, running 3, succeeded"


@pytest.fixture
def sandbox() -> Sandbox:
    it = Sandbox(SandboxConfig(speed=50))
    it.add_connection("orders", script=JobScript(life=QUICK))
    return it


@pytest.fixture
def url(stage: Stage, sandbox: Sandbox) -> str:
    return stage.sandbox(sandbox)


def test_text_on_stdout_is_the_result_alone(url: str) -> None:
    ending = call(*RUN, AIRBYTE_URL=url)

    [line] = ending.stdout.splitlines()
    assert line.startswith("succeeded  orders  job 1")
    assert "started" in ending.stderr


@pytest.mark.parametrize(
    ("form", "lines"), [("id", ["1"]), ("text", ["succeeded"]), ("json", ['{"schema_version":1'])]
)
def test_the_form_comes_from_the_environment_too(url: str, form: str, lines: list[str]) -> None:
    ending = call(*RUN, AIRBYTE_URL=url, AIRBYTE_OUTPUT=form)

    told = ending.stdout.splitlines()
    assert len(told) == len(lines)
    assert all(line.startswith(start) for line, start in zip(told, lines, strict=True))


def test_a_log_of_json_is_json_in_every_line(url: str) -> None:
    ending = call(*RUN, "--log-format", "json", "-vv", "--min-records", "9999", AIRBYTE_URL=url)

    lines = [json.loads(line) for line in ending.stderr.splitlines()]
    assert ending.code == 13
    assert len({tuple(line) for line in lines}) == 1, "the same keys in each"
    assert [line["event"] for line in lines][-2:] == ["error", "hint"]


def test_quiet_and_verbose(url: str) -> None:
    quiet, plain, loud = (call(*RUN, *more, AIRBYTE_URL=url) for more in (["-q"], [], ["-vv"]))

    assert {ending.code for ending in (quiet, plain, loud)} == {0}
    assert quiet.stderr == ""
    assert "GET " not in plain.stderr
    assert "GET " in loud.stderr


@pytest.mark.parametrize(("every", "beats"), [("60s", True), ("0", False)])
def test_a_heartbeat_breaks_the_silence(stage: Stage, every: str, beats: object) -> None:
    sandbox = Sandbox(clock=FollowingClock())
    plot = JobScript(life="running 600, succeeded")
    sandbox.start_job(sandbox.add_connection("orders", script=plot))
    argv = ("wait", "1", "--heartbeat", every)

    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code == 0
    assert ("still running" in ending.stderr) is beats


@pytest.mark.parametrize(
    ("environ", "painted"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_in_a_pipe_must_be_asked_for(
    url: str, environ: dict[str, str], painted: object
) -> None:
    ending = start(*RUN, AIRBYTE_URL=url, **environ)

    assert ending.code == 0
    assert ("\x1b[" in ending.stdout) is painted


@pytest.mark.parametrize("form", ["text", "json", "id"])
def test_a_closed_stdout_changes_no_verdict(url: str, sandbox: Sandbox, form: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *RUN, "-o", form],
        env={"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
        cwd=Path(__file__).resolve().parents[2],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    os.close(writer)

    assert done.returncode == 0
    assert [job.status for job in sandbox.jobs] == ["succeeded"]
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr
