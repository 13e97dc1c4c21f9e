"""Airbyte's log within a run: streamed with `--logs`, and its last lines after a failure."""

from collections.abc import Sequence

import pytest

from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.sandbox import Fault
from airbyte_sync_cli.sync.events import AirbyteLogged, Finished, Warned
from airbyte_sync_cli.sync.job_log import BURST
from airbyte_sync_cli.sync.logs import AttemptLine
from airbyte_sync_cli.sync.policy import LINES_PER_SECOND, RunPolicy
from airbyte_sync_cli.sync.state import SyncState
from tests.support.core import Bench, bench, script

BOTH_SHAPES = ("1.0", "latest")
TWICE = "pending 20, running 100, incomplete 30, running 50, failed"
ALL = RunPolicy(log_level="trace")


def streamed(stage: Bench, life: str = TWICE, **more: object) -> SyncState:
    connection = stage.sandbox.add_connection("orders", script=script(life, **more))
    [state] = stage.run(connection)
    return state


def lines_of(stage: Bench) -> Sequence[AttemptLine]:
    return [line for event in stage.emitted(AirbyteLogged) for line in event.lines]


def left_out(stage: Bench) -> int:
    return sum(event.left_out for event in stage.emitted(AirbyteLogged))


# --logs


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_every_line_of_every_attempt_is_shown_once(version: str) -> None:
    stage = bench(version, policy=ALL)
    state = streamed(stage)

    told = [(one.attempt, one.line.message) for one in lines_of(stage)]
    assert state.exit_code is ExitCode.FAILED
    assert len(told) == len(set(told))
    assert sum("Starting attempt" in message for _, message in told) == 2
    assert sum("Records read" in message for _, message in told) == 18
    assert [attempt for attempt, _ in told] == sorted(attempt for attempt, _ in told)
    assert left_out(stage) == 0


def test_lines_that_arrive_after_the_end_are_shown() -> None:
    stage = bench(policy=ALL)
    streamed(stage, "running 100, succeeded", logs_late=4)
    assert lines_of(stage)[-1].line.message.endswith("ended: succeeded")


def test_job_ends_although_its_log_never_does() -> None:
    stage = bench(policy=ALL)
    state = streamed(stage, "running 100, succeeded", logs_late=10**6)
    assert (state.exit_code, lines_of(stage)) == (ExitCode.OK, [])
    assert stage.seconds < 130


def test_level_selects_lines() -> None:
    stage = bench(policy=RunPolicy(log_level="error"))
    streamed(stage)
    assert {one.line.level for one in lines_of(stage)} == {"error"}


def test_nothing_is_read_without_the_option() -> None:
    stage = bench()
    streamed(stage, "running 100, succeeded")
    assert stage.sandbox.sent("logs") == []


def test_flood_is_limited_and_what_is_left_out_is_counted() -> None:
    flood = [f"line {number}" for number in range(20_000)]
    flood.append({"message": "the one that matters", "level": "error"})  # type: ignore[arg-type]
    stage = bench(policy=ALL)
    streamed(stage, "running 100, succeeded", logs=flood)

    told = [one.line.message for one in lines_of(stage)]
    assert len(told) < BURST + 110 * LINES_PER_SECOND
    assert len(told) + left_out(stage) == 20_001 + 12
    assert "the one that matters" in told
    assert max(len(event.lines) for event in stage.emitted(AirbyteLogged)) <= 2 * BURST


def test_outage_loses_no_line() -> None:
    stage = bench(policy=ALL)
    stage.cut_between = (30, 90)
    state = streamed(stage, "running 200, succeeded")

    told = [one.line.message for one in lines_of(stage)]
    assert state.exit_code is ExitCode.OK
    assert (len(told), len(set(told))) == (12, 12)


@pytest.mark.parametrize("fault", ["logs:403", "logs:html", "logs:503", "logs:bad-json"])
def test_unreadable_log_is_a_warning_and_no_outcome(fault: str) -> None:
    stage = bench(policy=ALL)
    stage.sandbox.faults.add(Fault.model_validate(fault))
    state = streamed(stage, "running 100, succeeded")

    assert state.exit_code is ExitCode.OK
    assert 1 <= len(stage.warnings) <= 2
    assert all(one.startswith("Airbyte's log cannot be read now: ") for one in stage.warnings[:-1])
    assert stage.warnings[-1].startswith("Airbyte's log could not be read: ")


def test_signal_ends_the_stream_at_once() -> None:
    stage = bench(policy=ALL)
    connection = stage.sandbox.add_connection("orders", script=script("running 1000, succeeded"))
    stage.sandbox.faults.add(Fault.model_validate("logs:never"))
    stage.run(connection, stop_after=100)

    assert stage.seconds < 105
    assert stage.emitted(Warned) == []


def test_wait_shows_the_log_from_its_beginning() -> None:
    stage = bench(policy=ALL)
    stage.sandbox.add_connection("orders", history=(script(TWICE),))
    stage.wait(1)
    assert {one.attempt for one in lines_of(stage)} == {1, 2}


# The last lines of a failure


def tail_of(stage: Bench) -> Sequence[str]:
    return [one.line.message for event in stage.emitted(Finished) for one in event.log_tail]


NOISE = [{"message": f"slow {number}", "level": "warn"} for number in range(100)]


@pytest.mark.parametrize("version", BOTH_SHAPES)
def test_failure_has_the_last_warnings_and_errors(version: str) -> None:
    stage = bench(version, policy=RunPolicy(log_tail=3))
    streamed(stage, logs=NOISE)

    first, second, third = tail_of(stage)
    assert first.endswith("slow 99")
    assert second.endswith("Something went wrong in the connector.")
    assert third.startswith("java.lang.RuntimeException")  # without the frames below it


@pytest.mark.parametrize(
    ("policy", "life"),
    [
        (RunPolicy(log_tail=0), TWICE),
        (RunPolicy(), "running 100, succeeded"),
        (RunPolicy(), "running 100, cancelled"),
    ],
)
def test_no_log_is_read_where_nothing_is_to_be_shown(policy: RunPolicy, life: str) -> None:
    stage = bench(policy=policy)
    streamed(stage, life)
    assert stage.sandbox.sent("logs") == []
    assert tail_of(stage) == []


def test_streamed_errors_are_not_repeated_at_the_end() -> None:
    stage = bench(policy=ALL)
    streamed(stage)
    assert tail_of(stage) == []


@pytest.mark.parametrize("fault", ["logs:never", "logs:503", "logs:403", "logs:drip"])
def test_unreadable_last_lines_change_nothing(fault: str) -> None:
    plain, stage = bench(), bench()
    stage.sandbox.faults.add(Fault.model_validate(fault))
    streamed(plain)
    state = streamed(stage)

    assert state.result() == plain.emitted(Finished)[0].result
    assert tail_of(stage) == []
    assert stage.seconds <= plain.seconds + 10


def test_signal_ends_the_reading_of_the_last_lines() -> None:
    stage = bench()
    stage.sandbox.faults.add(Fault.model_validate("logs:never"))
    connection = stage.sandbox.add_connection("orders", script=script("running 100, failed"))
    [state] = stage.run(connection, stop_after=128)

    assert state.exit_code is ExitCode.FAILED
    assert stage.seconds < 129


def test_lines_left_out_are_counted_although_the_end_was_not_read() -> None:
    flood = [f"line {number}" for number in range(5_000)]
    stage = bench(policy=ALL)
    stage.sandbox.faults.add(Fault.model_validate("logs:truncate"))
    streamed(stage, "running 20, succeeded", logs=flood)
    assert left_out(stage) > 0
