"""`status --watch`: redrawn on a terminal, changes in a pipe, and ended by Ctrl-C."""

import signal
from collections.abc import Callable

import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox
from tests.support.program import (
    CommandResult,
    FollowingClock,
    HurriedClock,
    Outside,
    assert_told_well,
    call,
    call_in,
    call_on_terminal,
)
from tests.support.servers import Stage

LOOK = 10.0
"""Seconds between two looks."""


class PatientUser(HurriedClock):
    """A clock of a user who watches some looks, and then presses Ctrl-C."""

    def __init__(self, looks: int, *, meanwhile: Callable[[int], object] = lambda _: None) -> None:
        super().__init__()
        self._looks = looks
        self._meanwhile = meanwhile

    def another(self) -> HurriedClock:
        return HurriedClock(is_followed=False)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if seconds >= LOOK:
            looks = sum(pause >= LOOK for pause in self.pauses)
            self._meanwhile(looks)
            if looks == self._looks:
                signal.raise_signal(signal.SIGINT)


def a_house(life: str = "running 15, failed") -> Sandbox:
    """Return a sandbox with a connection whose job runs, and one without a job."""
    sandbox = Sandbox(clock=FollowingClock())
    orders = sandbox.add_connection("orders", script=JobScript(life=life))
    sandbox.add_connection("events")
    sandbox.start_job(orders)
    return sandbox


def watch(user: HurriedClock, url: str, *argv: str) -> CommandResult:
    return call_in(Outside(clock=user), "status", "--watch", *argv, AIRBYTE_URL=url)


def test_pipe_gets_the_table_and_then_changes_only(stage: Stage) -> None:
    ending = watch(PatientUser(4), stage.sandbox(a_house()))

    assert ending.code == 130
    _, events, orders, counts, change = ending.stdout.splitlines()
    assert events.split()[1:] == ["no", "job", "events"]
    assert orders.split()[1:3] == ["running", "orders"]
    assert counts.startswith("2 connections")
    assert " orders: failed (job 1, 15s, source: Something went wrong" in change


def test_ctrl_c_is_no_error(stage: Stage) -> None:
    ending = watch(PatientUser(1), stage.sandbox(a_house()))
    assert (ending.code, ending.stderr) == (130, "")


def test_failing_only_reports_what_fails_and_what_recovers(stage: Stage) -> None:
    sandbox = a_house()
    events = sandbox.connections[1]

    def start_another(looks: int) -> None:
        if looks == 3:
            sandbox.start_job(events)

    user = PatientUser(4, meanwhile=start_another)
    ending = watch(user, stage.sandbox(sandbox), "--failing")

    first, change = ending.stdout.splitlines()
    assert first == "none of 2 connections is failing"
    assert " orders: failed" in change


def test_outage_is_one_warning_and_watching_goes_on(stage: Stage) -> None:
    sandbox = a_house("running 100, succeeded")

    def break_down(looks: int) -> None:
        if looks == 1:
            sandbox.faults.add(Fault.model_validate("jobs:503:times=30"))

    user = PatientUser(14, meanwhile=break_down)
    ending = watch(user, stage.sandbox(sandbox))

    assert ending.code == 130
    assert len(ending.warnings) == 1
    assert " orders: succeeded" in ending.stdout.splitlines()[-1]


def test_unreachable_server_at_the_start_is_an_error() -> None:
    assert_told_well(watch(PatientUser(9), "http://127.0.0.1:1"), 9)


def test_table_stays_on_the_terminal(stage: Stage) -> None:
    user = PatientUser(3)
    shown = call_on_terminal(
        Outside(clock=user),
        *("status", "--watch"),
        AIRBYTE_URL=stage.sandbox(a_house()),
        TERM="xterm",
        NO_COLOR="1",
    )
    assert shown.code == 130
    assert ", Ctrl-C ends" in shown.stdout
    last = shown.stdout.splitlines()[-1]
    assert last == "2 connections: 1 failed, 1 no job"


def test_outage_on_the_terminal_keeps_the_time_of_the_last_look(stage: Stage) -> None:
    sandbox = a_house()

    def break_down(looks: int) -> None:
        if looks == 1:
            sandbox.faults.add(Fault.model_validate("jobs:503"))

    shown = call_on_terminal(
        Outside(clock=PatientUser(2, meanwhile=break_down)),
        *("status", "--watch"),
        AIRBYTE_URL=stage.sandbox(sandbox),
        TERM="xterm",
        NO_COLOR="1",
    )
    assert ": retrying" in shown.stdout
    assert "not read since 20" in shown.stdout


@pytest.mark.parametrize(
    "argv", [("-o", "json"), ("-o", "csv"), ("-o", "id"), ("--exit-status",), ("7",)]
)
def test_watch_with_what_it_cannot_have_is_usage_error(argv: tuple[str, ...]) -> None:
    ending = call("status", "--watch", *argv, AIRBYTE_URL="http://127.0.0.1:1")
    assert ending.code == 2
    assert len(ending.lines("hint: ")) == 1
