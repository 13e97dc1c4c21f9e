"""Simulated time follows whichever loop runs, and never jumps between two of them."""

from datetime import UTC, datetime

import pytest

from airbyte_sync_cli.sandbox import Sandbox, SandboxConfig
from airbyte_sync_cli.sandbox.clock import SimClock
from airbyte_sync_cli.sandbox.versions import quirks_of
from tests.support.virtual import run

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_time_goes_on_from_one_loop_to_the_next() -> None:
    clock = SimClock(start=START, speed=10)

    async def nap() -> None:
        await clock.sleep(50)

    assert clock.now() == clock.start
    for naps in (1, 2, 3):
        run(nap())
        assert clock.now() - clock.start == pytest.approx(50 * naps)
        assert clock.wall() - clock.start == pytest.approx(5 * naps)


def test_time_begins_now_unless_told_otherwise() -> None:
    before = datetime.now(UTC).timestamp()
    assert before <= Sandbox().clock.now() <= datetime.now(UTC).timestamp()
    assert Sandbox(SandboxConfig(start=START)).clock.now() == START.timestamp()


def test_versions_are_compared_as_numbers() -> None:
    assert quirks_of("v1.10.2").since(1, 9)
    assert not quirks_of("0.63").since(0, 64)
    assert quirks_of("latest").since(2, 1)
    with pytest.raises(ValueError, match="is not an Airbyte version"):
        quirks_of("two")


def test_only_http_is_spoken() -> None:
    async def connect() -> None:
        await Sandbox().app({"type": "websocket"}, None, None)  # type: ignore[arg-type]  # never called

    with pytest.raises(ValueError, match="speaks HTTP only"):
        run(connect())
