"""What tests of the whole program need: a stage for servers."""

from collections.abc import Iterator

import pytest

from tests.support.program import HurriedClock
from tests.support.servers import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with open_stage() as it:
        yield it


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause that the program takes, in the seconds that it asks for."""
    taken: list[float] = []
    sleep = HurriedClock.sleep

    async def note(self: HurriedClock, seconds: float) -> None:
        taken.append(seconds)
        await sleep(self, seconds)

    monkeypatch.setattr(HurriedClock, "sleep", note)
    return taken
