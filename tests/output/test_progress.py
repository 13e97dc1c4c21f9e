"""Progress on stderr: which lines a live view replaces, and the heartbeat."""

import asyncio
from datetime import datetime

import pytest

from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sync import events as ev
from tests.output.scenes import (
    ENVIRON,
    ManualClock,
    Sight,
    Terminal,
    captured_output,
    job,
    snapshot,
)


def reporter(verbosity: int = 0) -> tuple[Output, Sight]:
    sight = Sight()
    output = captured_output(
        OutputOptions(verbosity=verbosity), stderr=sight.stream, environ=ENVIRON
    )
    return output.output, sight


@pytest.mark.parametrize("verbosity", [0, 1])
def test_log_lines_above_the_view_need_a_warning_or_v(verbosity: int) -> None:
    captured, sight = reporter(verbosity)

    async def play() -> None:
        async with captured.alive():
            captured(ev.Triggering(sync=snapshot("orders"), number=1))
            captured(ev.Warned(sync=snapshot("orders"), message="odd"))
            await asyncio.sleep(0)

    asyncio.run(play())

    lines = sight.lines()
    assert ("starting a job" in "\n".join(lines)) is (verbosity > 0)
    assert lines[-1].endswith("warning: [orders] odd")


class FailingTerminal(Terminal):
    """A terminal whose size cannot be read once: a bug in whatever draws."""

    fails = False

    def fileno(self) -> int:
        if self.fails:
            self.fails = False
            raise ZeroDivisionError("a bug")
        return super().fileno()


class FailingClock(ManualClock):
    """A clock that cannot be read once: a bug in whatever takes an event."""

    fails = False

    def now(self) -> datetime:
        if self.fails:
            self.fails = False
            raise ZeroDivisionError("a bug")
        return super().now()


@pytest.mark.parametrize("place", ["take", "refresh"])
def test_failing_view_falls_back_to_log_lines(place: str) -> None:
    sight, clock = Sight(), FailingClock()
    sight.stream = terminal = FailingTerminal()
    captured = captured_output(stderr=terminal, environ=ENVIRON, clock=clock).output
    after: list[str] = []

    async def play() -> None:
        async with captured.alive():
            clock.fails, terminal.fails = place == "take", place == "refresh"
            captured(ev.OutageEnded(sync=snapshot("orders"), seconds=1))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            captured(ev.Triggering(sync=snapshot("orders"), number=1))
            after.append("still here")

    asyncio.run(asyncio.wait_for(play(), 5))

    assert after == ["still here"]
    text = "\n".join(sight.lines())
    assert "live view failed (ZeroDivisionError: a bug)" in text
    assert "starting a job" in text


@pytest.mark.parametrize(("heartbeat", "beats"), [(60.0, 3), (0.0, 0)])
def test_heartbeat_follows_a_minute_without_log_lines(heartbeat: float, beats: int) -> None:
    captured = captured_output(OutputOptions(heartbeat=heartbeat))

    async def play() -> None:
        async with captured.output.alive():
            known = ev.JobKnown(sync=snapshot("orders", job=job()))
            captured.output(known)
            for _ in range(10):  # each lets the heartbeat sleep once: 60 s by its clock
                await asyncio.sleep(0)
                if captured.clock.at >= 180 + 1:
                    break

    asyncio.run(asyncio.wait_for(play(), 10))

    lines = captured.stderr.getvalue().splitlines()
    assert [line.partition("still ")[2] for line in lines if "still " in line] == [
        "running, for 1m 00s",
        "running, for 2m 00s",
        "waiting: running when last read, 3m 00s ago",
    ][:beats]
