"""Text from Airbyte: no escape sequence of it reaches a terminal, and JSON stays one line."""

import json
import os
import re
import select
import sys
import time
from pathlib import Path

import pyte
import pytest

from airbyte_sync_cli.sandbox import (
    ConnectionConfig,
    JobFailure,
    JobScript,
    LogEntry,
    Sandbox,
    SandboxConfig,
)
from tests.support.hostile import EVIL, EVIL_WORD, STRAY
from tests.support.program import Outside, call, call_in
from tests.support.servers import Answer, Stage, always, response

pty = pytest.importorskip("pty", reason="terminals like this are POSIX's")
_OURS = re.compile(
    r"\x1b\[(?:0|1|2|3[1236]|1;3[1-6])m"  # colours, bold, dim
    r"|\x1b\[2?K|\r\x1b\[[0-9]+A"  # the live view: erase a line, go up
    r"|\r?\n|\r"
)
_REDRAWN = "\x1b[K"
_LONGEST = 60.0
_FAILURE = JobFailure(
    origin=EVIL, type=EVIL, message=EVIL, internal_message=EVIL, stacktrace=f"{EVIL}\n\tat {EVIL}"
)
_JOB = JobScript(
    life=f"pending 1, {EVIL_WORD} 15, running 15, failed",
    job_type=EVIL_WORD,
    failure=_FAILURE,
    flush_every=0,
    commit_lag=0,
    logs=(EVIL, LogEntry(level=EVIL_WORD, source=EVIL, message=EVIL)),
)
_PAST = _JOB.model_copy(update={"life": "running 60, failed"})


def a_world(version: str = "latest") -> Sandbox:
    common = {"workspace": EVIL, "source": EVIL, "destination": EVIL, "tags": (EVIL,)}
    shared = {**common, "streams": (EVIL, f"{EVIL} too"), "jobs": (_JOB,)}
    evil = {"name": EVIL, "schedule": "cron 0 0 0 * * ?", "history": (_PAST,)}
    return Sandbox(
        SandboxConfig(
            airbyte_version=version,
            speed=10,
            connections=(
                ConnectionConfig.model_validate({**shared, **evil}),
                ConnectionConfig.model_validate({**shared, "name": f"{EVIL} too"}),
            ),
        )
    )


def on_terminal(*argv: str, **environ: str) -> str:
    """Run the program on a terminal and return its output."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "airbyte_sync_cli", *argv]
        os.execve(sys.executable, command, {**kept, "TERM": "xterm-256color", **environ})  # noqa: S606  # our own program
    seen, until = b"", time.monotonic() + _LONGEST
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            content = os.read(terminal, 65536)
        except OSError:  # Linux's end of file on a terminal
            break
        seen += content
    os.waitpid(pid, 0)
    os.close(terminal)
    return seen.decode()


def assert_only_ours(seen: str) -> None:
    rest = _OURS.sub("", seen)
    found = STRAY.search(rest)
    assert not found, rest[max(found.start() - 60, 0) : found.end() + 60]


LATEST, BOTH = ("-c", EVIL), ("-c", EVIL, "-c", f"{EVIL} too")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", *LATEST, "--on-interrupt", "leave"),
    "run of two": ("run", *BOTH, "-v"),
    "run by tag": ("run", "--tag", EVIL, "--dry-run"),
    "json log": ("run", *BOTH, "--log-format", "json", "-vv"),
    "trigger": ("trigger", *LATEST),
    "wait": ("wait", "1", "-vv"),
    "status": ("status", *BOTH),
    "status of a job": ("status", "1", "--exit-status"),
    "cancel": ("cancel", *BOTH),
    "logs": ("logs", "1"),
    "logs that are followed": ("logs", "1", "--follow"),
    "connections": ("connections",),
    "connections by tag": ("connections", "--tag", "none"),
    "nothing found": ("connections", "--search", EVIL[:4] + "l"),
    "not found": ("status", "-c", f"{EVIL}l"),
    "ids": ("connections", "-o", "id"),
    "jobs": ("jobs", *BOTH),
    "check": ("check", *LATEST),
    "check of another": ("check", "-c", "nobody"),
    "no such workspace": ("connections", "--workspace", EVIL_WORD),
    "no such command": (EVIL,),
    "no such option": ("run", f"--{EVIL}"),
    "not a duration": ("run", *LATEST, "--timeout", EVIL),
    "not a job": ("wait", EVIL),
    "config": ("config", "show"),
}


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_terminal_gets_only_our_escape_sequences(stage: Stage, argv: tuple[str, ...]) -> None:
    seen = on_terminal(*argv, AIRBYTE_URL=stage.sandbox(a_world()))

    assert seen.strip()
    assert "Traceback" not in seen
    if argv in {COMMANDS["run"], COMMANDS["run of two"]}:
        assert _REDRAWN in seen
    assert_only_ours(seen)


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_json_is_one_line_for_every_line_splitter(stage: Stage, argv: tuple[str, ...]) -> None:
    url = stage.sandbox(a_world())
    output = () if "-o" in argv else ("-o", "json")
    ending = call(*argv, *output, AIRBYTE_URL=url)

    for line in ending.stdout.removesuffix("\n").split("\n"):
        assert line.splitlines() == [line]
        assert not STRAY.search(line)
    if output:
        assert ending.report["schema_version"] == 1
    assert_only_ours(ending.stderr)
    if "--log-format" in argv:
        for line in ending.stderr.splitlines():
            assert json.loads(line)["event"]


def test_names_in_json_are_unchanged(stage: Stage) -> None:
    ending = call("connections", "-o", "json", AIRBYTE_URL=stage.sandbox(a_world()))
    names = [row["connection_name"] for row in ending.report["connections"]]
    assert names == [EVIL, f"{EVIL} too"]


def test_files_have_no_control_characters(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "airflow" / "xcom").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "termination-log").touch()
    result = tmp_path / "result.json"
    argv = ("run", *BOTH, "--result-file", str(result))
    environ = {"AIRBYTE_URL": stage.sandbox(a_world()), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    assert call_in(Outside(root=tmp_path), *argv, **environ).code == 3

    for file in (result, tmp_path / "airflow" / "xcom" / "return.json"):
        line = file.read_bytes().decode().removesuffix("\n")
        assert line.splitlines() == [line]
        assert not STRAY.search(line)
        assert json.loads(line)["exit_code"] == 3
    reason = (tmp_path / "dev" / "termination-log").read_bytes().decode().removesuffix("\n")
    assert reason.startswith("airbyte-sync run: failed")
    assert not STRAY.search(reason)


PAGE = f"<!doctype html><title>{EVIL}</title><body>{EVIL}"
ANSWERS: dict[str, Answer] = {
    "problem": always(500, {"title": EVIL, "detail": EVIL, "data": {"message": EVIL}}),
    "refusal": always(400, {"message": EVIL, "errorId": EVIL}),
    "denial": always(403, EVIL),
    "page": always(404, PAGE, content_type="text/html"),
    "page instead of the API": always(200, PAGE, content_type="text/html"),
    "text": always(422, EVIL),
    "list": always(409, [EVIL]),
    "other shape": always(200, {"data": [{EVIL: EVIL, "status": 5}]}),
    "redirect": lambda _: response(302, Location="http://evil/\x9b5A\x85login"),
}


@pytest.mark.parametrize("argv", [("status", "7"), ("check",)], ids=" ".join)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_error_responses_bring_no_escape_sequence_to_terminal(
    stage: Stage, answer: Answer, argv: tuple[str, ...]
) -> None:
    url = stage.scripted(answer).url
    for output in ("text", "json"):
        ending = call(*argv, "-vv", "-o", output, AIRBYTE_URL=url)
        assert ending.code != 1
        assert_only_ours(ending.stdout + ending.stderr)


CUT = "… (cut)"


@pytest.mark.parametrize("unit", ["x", "\x1b]", "\x1b[0;", "canary-1234 "])
def test_long_failure_message_is_cut_with_a_mark(stage: Stage, tmp_path: Path, unit: str) -> None:
    huge = unit * (400_000 // len(unit))
    failure = JobFailure(message=huge, internal_message=huge, stacktrace=huge)
    sandbox = Sandbox(SandboxConfig(speed=100))
    sandbox.add_connection("orders", script=JobScript(life="running 5, failed", failure=failure))
    result = tmp_path / "result.json"
    argv = ("run", "-c", "orders", "-v", "--result-file", str(result))
    environ = {"AIRBYTE_URL": stage.sandbox(sandbox), "AIRBYTE_TOKEN": "canary-1234"}
    ending = call(*argv, **environ)

    message = json.loads(result.read_text(encoding="utf-8"))["syncs"][0]["failure"]["message"]
    assert len(message) == 4000
    assert CUT in message[-110:]
    assert max(map(len, ending.stderr.splitlines())) < 21_000
    assert "canary" not in ending.stderr.replace("********", "") + message
    assert_only_ours(ending.stdout + ending.stderr)


@pytest.mark.parametrize(
    "answer",
    [
        always(500, "<!doctype html>" + "<title>" * 200_000, content_type="text/html"),
        always(
            500, "<html>" + "<title" * 200_000 + "<title>end</title>", content_type="text/html"
        ),
        always(500, {"message": "\x1b]" * 500_000}),
        always(500, "\x1b]" * 500_000),
        always(500, ["\x1b]" * 500_000]),
        always(403, " log " * 200_000 + "type=" * 200_000, content_type="text/html"),
    ],
    ids=["titles", "open titles", "problem", "text", "list", "almost a login"],
)
def test_response_of_megabytes_gives_short_error(stage: Stage, answer: Answer) -> None:
    ending = call("status", "7", AIRBYTE_URL=stage.scripted(answer).url)

    assert ending.code in {6, 9}
    assert len(ending.stderr) < 3000
    assert_only_ours(ending.stderr)


WIDE = ("日本語のテーブル", "orders", "e\u0301" * 9, "한국어", "क्षेत्र", "\u0e01\u0e47\u0e1a")


@pytest.mark.parametrize("command", ["connections", "status"])
def test_wide_and_combining_characters_keep_columns_aligned(stage: Stage, command: str) -> None:
    sandbox = Sandbox()
    for name in WIDE:
        sandbox.add_connection(name, history=(JobScript(life="running 5, succeeded"),))
    seen = on_terminal(command, AIRBYTE_URL=stage.sandbox(sandbox), COLUMNS="160")

    behind_the_name = "Postgres" if command == "connections" else "ago"
    columns = {_column_of(behind_the_name, line) for line in _screen(seen)} - {None}
    assert len(columns) == 1


def _screen(seen: str) -> list[list[str]]:
    screen = pyte.Screen(160, 40)
    pyte.Stream(screen).feed(seen)
    return [[screen.buffer[y][x].data for x in range(160)] for y in range(40)]


def _column_of(text: str, cells: list[str]) -> int | None:
    """Return the first cell of a text; the second cell of a wide character is empty."""
    for x in range(len(cells)):
        if "".join(cells[x : x + len(text)]) == text:
            return x
    return None
