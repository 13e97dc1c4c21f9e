"""`logs`: in both formats of Airbyte, of finished jobs and with --follow."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from airbyte_sync_cli.airbyte.client import Airbyte
from airbyte_sync_cli.airbyte.config_api import ConfigApi
from airbyte_sync_cli.airbyte.http import HttpClient
from airbyte_sync_cli.airbyte.models import LogLine
from airbyte_sync_cli.airbyte.public_api import PublicApi
from airbyte_sync_cli.errors import UnavailableError
from airbyte_sync_cli.output.listings import log_text
from airbyte_sync_cli.output.terminal import Screen
from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig
from airbyte_sync_cli.sync.logs import AttemptLine, Completion, Follower, LogReader
from tests.support.children import running
from tests.support.core import START, LoopClock, SocketLike
from tests.support.program import CommandResult, FollowingClock, assert_told_well, call
from tests.support.servers import Stage
from tests.support.virtual import run

FAILED = "running 60, incomplete 10, running 60, failed"
BOTH_SHAPES = ("1.0", "latest")


def a_past(life: str = FAILED, *, version: str = "latest", **more: object) -> Sandbox:
    """Return a sandbox whose job 1 has ended."""
    sandbox = Sandbox(SandboxConfig(airbyte_version=version))
    history = JobScript.model_validate({"life": life, **more})
    sandbox.add_connection("orders", history=(history,))
    return sandbox


def messages(ending: CommandResult) -> list[str]:
    return [line["message"] for line in ending.report["lines"]]


# Finished jobs


@pytest.mark.parametrize("version", BOTH_SHAPES)
@pytest.mark.parametrize("api", ["public", "config"])
def test_latest_attempt_is_shown(stage: Stage, version: str, api: str) -> None:
    url = stage.sandbox(a_past(version=version))
    ending = call("logs", "1", "--api", api, "-o", "json", AIRBYTE_URL=url)
    assert ending.code == 0
    assert {line["attempt"] for line in ending.report["lines"]} == {2}
    assert messages(ending)[-1].endswith(
        "Attempt 1 ended: failed"
    )  # Airbyte counts attempts from 0 there
    assert ending.report["syncs"][0]["status"] == "failed"
    assert ending.report["error"] is None


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_attempt_option_shows_earlier_attempt(stage: Stage, version: str) -> None:
    url = stage.sandbox(a_past(version=version))
    ending = call("logs", "1", "--attempt", "1", "-o", "json", AIRBYTE_URL=url)
    assert "Starting attempt 0" in messages(ending)[0]
    assert {line["attempt"] for line in ending.report["lines"]} == {1}


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_level_keeps_errors_with_stack_trace(stage: Stage, version: str) -> None:
    url = stage.sandbox(a_past(version=version))
    ending = call("logs", "1", "--level", "warn", "-o", "json", AIRBYTE_URL=url)
    lines = ending.report["lines"]
    assert [line["level"] for line in lines] == ["error"] * 3
    assert lines[0]["message"].endswith("Something went wrong in the connector.")
    assert lines[2]["message"].lstrip().startswith("at io.airbyte.sandbox.Source.read")
    assert all(line["at"].endswith("Z") for line in lines)


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_tail_shows_last_lines(stage: Stage, version: str) -> None:
    url = stage.sandbox(a_past("running 60, succeeded", version=version))
    whole = call("logs", "1", AIRBYTE_URL=url).stdout.splitlines()
    tail = call("logs", "1", "--tail", "3", AIRBYTE_URL=url).stdout.splitlines()
    assert len(whole) == 12
    assert tail == whole[-3:]


def test_line_has_time_origin_and_level(stage: Stage) -> None:
    url = stage.sandbox(a_past("running 60, succeeded"))
    line = call("logs", "1", "--tail", "1", AIRBYTE_URL=url).stdout
    stamp, rest = line.split(" ", 1)
    assert datetime.fromisoformat(stamp).tzinfo is UTC
    assert rest == "platform INFO > Attempt 0 ended: succeeded\n"


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_control_characters_in_log_are_removed(stage: Stage, version: str) -> None:
    evil = "a\x1b[2Jb\x1b]0;title\x07c\rd\x08e\x9bf\u202eg\u2028h"
    url = stage.sandbox(a_past("running 60, succeeded", version=version, logs=(evil,)))
    plain = call("logs", "1", AIRBYTE_URL=url)
    rows = call("logs", "1", "-o", "json", AIRBYTE_URL=url)
    for text in (plain.stdout, *messages(rows)):
        assert not set(text) & set("\x1b\x07\r\x08\x9b\u202e\u2028")
    assert "2J" not in plain.stdout


def test_no_line_at_level_is_a_warning(stage: Stage) -> None:
    url = stage.sandbox(a_past("running 60, succeeded"))
    ending = call("logs", "1", "--level", "error", AIRBYTE_URL=url)
    assert (ending.code, ending.stdout) == (0, "")
    assert ending.warnings[0].endswith("none of the 12 lines is at level error or above")


def test_empty_log_is_a_warning(stage: Stage) -> None:
    sandbox = a_past("running 60, succeeded", logs_late=10**6)
    ending = call("logs", "1", AIRBYTE_URL=stage.sandbox(sandbox))
    assert (ending.code, ending.stdout) == (0, "")
    assert ending.warnings[0].endswith("job 1 has no log lines yet")


def test_id_format_prints_job_id(stage: Stage) -> None:
    url = stage.sandbox(a_past())
    assert call("logs", "1", "-o", "id", AIRBYTE_URL=url).stdout == "1\n"


# The latest job of a connection


def two_jobs() -> Sandbox:
    sandbox = Sandbox()
    lives = ("running 60, succeeded", FAILED)
    history = tuple(JobScript.model_validate({"life": life}) for life in lives)
    sandbox.add_connection("orders", history=history)
    return sandbox


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_connection_selects_its_latest_job(stage: Stage, follow: tuple[str, ...]) -> None:
    sandbox = two_jobs()
    url = stage.sandbox(sandbox)
    ending = call("logs", "--conn", "orders", *follow, "-o", "json", AIRBYTE_URL=url)
    assert ending.code == 0
    assert ending.report["syncs"][0]["job_id"] == max(job.id for job in sandbox.jobs)
    assert "Starting attempt" in ending.stdout


def test_job_id_wins_over_connection_in_environment(stage: Stage) -> None:
    url = stage.sandbox(two_jobs())
    latest = call("logs", "-o", "id", AIRBYTE_URL=url, AIRBYTE_CONNECTION="orders")
    named = call("logs", "1", "-o", "id", AIRBYTE_URL=url, AIRBYTE_CONNECTION="orders")
    assert (latest.stdout, named.stdout) == ("2\n", "1\n")


def test_connection_without_job_exits_7(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.add_connection("orders")
    ending = call("logs", "--conn", "orders", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 7)
    assert ending.lines("error: ") == ["error: 'orders' has no job yet"]


# Missing jobs, attempts and logs


def test_unknown_job_exits_7(stage: Stage) -> None:
    ending = call("logs", "99", AIRBYTE_URL=stage.sandbox(a_past()))
    assert_told_well(ending, 7)
    assert "job 99 not found" in ending.lines("error: ")[0]


def test_unknown_attempt_exits_7(stage: Stage) -> None:
    ending = call("logs", "1", "--attempt", "3", AIRBYTE_URL=stage.sandbox(a_past()))
    assert_told_well(ending, 7)
    assert ending.lines("error: ") == ["error: job 1 has no attempt 3, only 2 attempts"]


def test_job_without_attempt_has_follow_hint(stage: Stage) -> None:
    sandbox = Sandbox()
    sandbox.start_job(sandbox.add_connection("orders", script=JobScript(life="pending")))
    ending = call("logs", "1", AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 7)
    assert ending.lines("hint: ") == ["hint: use --follow to wait for it"]


@pytest.mark.parametrize("follow", [(), ("--follow",)])
@pytest.mark.parametrize(("fault", "code"), [("html", 10), ("404", 10), ("403", 6), ("422", 10)])
def test_missing_config_api_links_to_job_in_web_ui(
    stage: Stage, fault: str, code: int, follow: tuple[str, ...]
) -> None:
    sandbox = a_past()
    sandbox.faults.add(Fault.model_validate(f"any:{fault}:api=config"))
    url = stage.sandbox(sandbox)
    ending = call("logs", "1", *follow, AIRBYTE_URL=url)
    assert_told_well(ending, code)
    assert ending.lines("error: ")[0].startswith("error: only the Config API has logs")
    connection = sandbox.connections[0]
    page = f"{url}/workspaces/{connection.workspace_id}/connections/{connection.id}"
    hint = f"hint: see the job in the web UI: {page}/timeline?openLogs=true&jobId=1"
    assert ending.lines("hint: ") == [hint]


def test_failing_config_api_exits_9(stage: Stage) -> None:
    sandbox = a_past()
    sandbox.faults.add(Fault.model_validate("logs:503"))
    assert_told_well(call("logs", "1", AIRBYTE_URL=stage.sandbox(sandbox)), 9)


@pytest.mark.parametrize(
    "argv",
    [
        ("logs",),
        ("logs", "x"),
        ("logs", "0"),
        ("logs", "1", "2"),
        ("logs", "1 2"),
        ("logs", "1", "--conn", "orders"),
        ("logs", "--conn", "orders", "--conn", "sales"),
        ("logs", "1", "--attempt", "0"),
        ("logs", "1", "--tail", "-1"),
        ("logs", "1", "--level", "loud"),
    ],
)
def test_invalid_arguments_exit_2_before_any_request(stage: Stage, argv: tuple[str, ...]) -> None:
    sandbox = a_past()
    ending = call(*argv, AIRBYTE_URL=stage.sandbox(sandbox))
    assert_told_well(ending, 2)
    assert sandbox.requests == []


def test_usage_error_has_empty_lines_in_json() -> None:
    ending = call("logs", "x", "-o", "json")
    assert (ending.code, ending.report["lines"], ending.report["syncs"]) == (2, [], [])


# --follow in virtual time


@dataclass
class Followed:
    """Every line with the second at which it was shown, and the warnings."""

    lines: list[tuple[float, AttemptLine]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def texts(self) -> list[str]:
        return [found.line.message for _, found in self.lines]

    @property
    def attempts(self) -> list[int]:
        return [found.attempt for _, found in self.lines]


def follow(
    life: str,
    *,
    attempt: int | None = None,
    version: str = "latest",
    faults: tuple[str, ...] = (),
    after: float = 0.0,
    **more: object,
) -> Followed:
    """Start a job, wait `after` seconds, and follow its log to the end."""
    told = Followed()

    async def work() -> None:
        sandbox = Sandbox(SandboxConfig(airbyte_version=version, start=START))
        script = JobScript.model_validate({"life": life, **more})
        sandbox.start_job(sandbox.add_connection("orders", script=script))
        for fault in faults:
            sandbox.faults.add(Fault.model_validate(fault))
        clock = LoopClock()
        await clock.sleep(after)
        async with httpx.AsyncClient(transport=SocketLike(sandbox, (0, 0))) as client:
            http_client = HttpClient(client, clock=clock, limit=30)
            public = PublicApi(http_client, "http://airbyte/api/public/v1", trigger_limit=180)
            config = ConfigApi(http_client, "http://airbyte/api/v1", trigger_limit=180)
            airbyte = Airbyte(http_client, public, config, ui=None)
            follower = Follower(airbyte=airbyte, clock=clock, warn=told.warnings.append)

            def show(lines: Sequence[AttemptLine]) -> bool:
                told.lines.extend((clock.monotonic(), line) for line in lines)
                return True

            reader = LogReader(airbyte, 1, show=show, attempt=attempt)
            async for _ in follower.follow(reader, 1):
                pass
        told.seconds = clock.monotonic() - after

    run(work())
    return told


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_follow_shows_every_line_once_within_seconds(version: str) -> None:
    told = follow("pending 20, running 100, incomplete 30, running 50, failed", version=version)
    assert sum("Starting attempt" in text for text in told.texts) == 2
    assert sum("Records read" in text for text in told.texts) == 18
    assert len(told.texts) == len(set(zip(told.attempts, told.texts, strict=True)))
    assert told.attempts == sorted(told.attempts)
    ages = [
        shown - (found.line.at - START).total_seconds()
        for shown, found in told.lines
        if found.line.at
    ]
    assert max(ages) < 4
    assert told.seconds == pytest.approx(200 + 5, abs=3)


def test_follow_waits_for_late_lines() -> None:
    told = follow("running 30, succeeded", logs_late=4)
    assert "ended: succeeded" in told.texts[-1]


def test_follow_of_old_job_ends_at_once() -> None:
    told = follow("running 30, succeeded", after=1000)
    assert (len(told.lines), told.seconds) == (12, 0)


def test_follow_of_attempt_ends_with_it() -> None:
    told = follow("running 30, incomplete 10, running 1000, succeeded", attempt=1)
    assert set(told.attempts) == {1}
    assert told.texts[-1] == "Attempt 0 ended: failed"
    assert told.seconds < 45


def test_follow_waits_for_future_attempt() -> None:
    told = follow("running 30, incomplete 10, running 30, succeeded", attempt=2)
    assert set(told.attempts) == {2}
    assert "Starting attempt 1" in told.texts[0]


def test_follow_tolerates_outage_with_one_warning() -> None:
    told = follow("running 300, succeeded", faults=("any:503:from=60:for=120",))
    assert len(told.warnings) == 1
    assert told.warnings[0].startswith("the log cannot be read, retrying: ")
    assert len(told.texts) == 12


def test_follow_ends_with_error_in_lasting_outage() -> None:
    with pytest.raises(UnavailableError):
        follow("running 3000, succeeded", faults=("any:503:from=60",))


# --follow as a command


def busy(life: str, *, speed: float | None = None) -> Sandbox:
    """Return a sandbox whose job 1 runs; without a speed, in the time of the program's pauses."""
    clock = FollowingClock() if speed is None else None
    sandbox = Sandbox(SandboxConfig(speed=speed or 1), clock=clock)
    sandbox.start_job(sandbox.add_connection("orders", script=JobScript(life=life)))
    return sandbox


def test_follow_separates_attempts_and_repeats_nothing(stage: Stage) -> None:
    url = stage.sandbox(busy("running 500, incomplete 500, running 500, succeeded"))
    lines = call("logs", "1", "--follow", AIRBYTE_URL=url).stdout.splitlines()
    assert lines.count("--- attempt 2 ---") == 1
    assert sum("Starting attempt" in line for line in lines) == 2
    assert sum("ended: succeeded" in line for line in lines) == 1


def test_follow_prints_an_object_a_line_and_the_report_last(stage: Stage) -> None:
    url = stage.sandbox(busy("running 50, succeeded"))
    ending = call("logs", "1", "--follow", "-o", "json", AIRBYTE_URL=url)
    rows = [json.loads(line) for line in ending.stdout.splitlines()[:-1]]
    assert len(rows) == 12
    assert {tuple(row) for row in rows} == {("attempt", "level", "source", "at", "message")}
    assert ending.report["lines"] == []
    assert ending.report["syncs"][0]["status"] == "succeeded"


def test_follow_with_tail_0_shows_only_new_lines(stage: Stage) -> None:
    url = stage.sandbox(a_past("running 50, succeeded"))
    assert call("logs", "1", "--follow", "--tail", "0", AIRBYTE_URL=url).stdout == ""


@pytest.mark.parametrize(
    ("number", "code", "errors"), [(signal.SIGINT, 130, 0), (signal.SIGTERM, 143, 1)]
)
def test_signal_ends_follow_and_leaves_job_running(
    stage: Stage, number: signal.Signals, code: int, errors: int
) -> None:
    sandbox = busy("running 1000, succeeded", speed=1)
    with following(stage.sandbox(sandbox)) as process:
        assert process.stdout is not None
        assert "Starting attempt 0" in process.stdout.readline()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=5)
    assert process.returncode == code
    assert stderr.count("error: ") == errors
    assert sandbox.sent("cancel") == []


def test_interrupted_follow_has_printed_its_lines_as_json(stage: Stage) -> None:
    sandbox = busy("running 1000, succeeded", speed=1)
    with following(stage.sandbox(sandbox), "-o", "json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=5)
    report = json.loads(stdout.splitlines()[-1])
    assert (process.returncode, report["exit_code"], report["outcome"]) == (
        130,
        130,
        "interrupted",
    )
    assert "Starting attempt 0" in first["message"]
    assert report["lines"] == []
    assert stderr == ""


@contextmanager
def following(url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    with running("logs", "1", "--follow", *options, AIRBYTE_URL=url) as child:
        yield child.process


def wait_for(sandbox: Sandbox, name: str) -> None:
    """Wait for the second such request: the first response was printed before it."""
    until = time.monotonic() + 20
    while len(sandbox.sent(name)) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_closed_pipe_ends_follow_with_0(stage: Stage) -> None:
    with following(stage.sandbox(busy("running 100, succeeded", speed=20))) as process:
        assert process.stdout is not None
        assert "Starting attempt 0" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


# Parsing lines


def plain(*texts: str) -> list[LogLine]:
    return list(map(Completion(), [LogLine(message=text) for text in texts]))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2024-05-01 10:00:00 source > INFO i.a.cdk(run):12 starting", "info"),
        ("2024-05-01 10:00:00 \x1b[1;31mERROR\x1b[m i.a.w.Worker - failed", "error"),
        ("2024-05-01 10:00:00 destination > WARN something", "warn"),
        ("2024-05-01 10:00:00 platform WARNING > something", "warning"),
        ("2024-05-01T10:00:00.123Z DEBUG something", "debug"),
        ("2024-05-01 10:00:00 platform > nothing special", "info"),
    ],
)
def test_level_and_time_are_parsed_from_plain_line(text: str, level: str) -> None:
    (line,) = plain(text)
    assert (line.level, line.at) == (level, datetime(2024, 5, 1, 10, tzinfo=UTC))
    assert line.message == text


def test_stack_trace_lines_have_level_of_first_line() -> None:
    lines = plain(
        "2024-05-01 10:00:00 source ERROR > failed", "  at ERROR_PRONE.java", "  at INFO.java"
    )
    assert [line.level for line in lines] == ["error", "error", "error"]
    assert len({line.at for line in lines}) == 1


def test_line_without_level_or_time_is_kept() -> None:
    (line,) = plain("2024-99-99 99:99:99 odd")
    assert (line.level, line.at) == ("info", None)


@pytest.mark.parametrize(
    ("level", "least", "shown"),
    [
        ("error", "error", 1),
        ("fatal", "error", 1),
        ("warning", "warn", 1),
        ("info", "warn", 0),
        (None, "warn", 0),
        ("strange", "info", 1),
        ("debug", "trace", 1),
    ],
)
def test_level_keeps_lines_at_or_above_it(level: str | None, least: str, shown: int) -> None:
    line = AttemptLine(attempt=1, line=LogLine(message="x", level=level))
    assert [line.weighs(least)].count(True) == shown


def test_errors_are_red_only_with_colours() -> None:
    line = AttemptLine(attempt=1, line=LogLine(message="broken", level="error"))
    assert log_text(line, Screen(colour=True)) == "\x1b[31mbroken\x1b[0m"
    assert log_text(line, Screen()) == "broken"


@pytest.mark.parametrize("api", ["public", "config"])
@pytest.mark.parametrize("command", ["logs", "status", "wait"])
def test_failed_read_does_not_mention_starting(stage: Stage, command: str, api: str) -> None:
    sandbox = a_past()
    sandbox.faults.add(Fault(when="job", action="status", status=502))
    limit = ["--max-outage", "10s"] if command == "wait" else []

    ending = call(command, "1", *limit, "--api", api, AIRBYTE_URL=stage.sandbox(sandbox))

    assert ending.code in {9, 12}
    assert "started" not in ending.stderr.splitlines()[-1] + ending.stderr.splitlines()[-2]
