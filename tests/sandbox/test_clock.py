"""Simulated time."""

from datetime import UTC, datetime

import pytest

from airbyte_sync_cli.sandbox import Sandbox, SandboxConfig
from airbyte_sync_cli.sandbox.clock import SimClock
from tests.support.virtual import run

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_clock_continues_in_next_event_loop() -> None:
    clock = SimClock(start=START, speed=10)

    async def nap() -> None:
        await clock.sleep(50)

    assert clock.now() == clock.start
    for naps in (1, 2, 3):
        run(nap())
        assert clock.now() - clock.start == pytest.approx(50 * naps)
        assert clock.wall() - clock.start == pytest.approx(5 * naps)


def test_clock_starts_now_by_default() -> None:
    before = datetime.now(UTC).timestamp()
    assert before <= Sandbox().clock.now() <= datetime.now(UTC).timestamp()
    assert Sandbox(SandboxConfig(start=START)).clock.now() == START.timestamp()
