"""How much longer it takes: a range that stays true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.output.live.estimate import estimate
from airbyte_sync_cli.sync.anomalies import History


def words(past: tuple[float, ...], worked: float) -> str:
    guess = estimate(History(durations=past), worked)
    return guess.sentence if guess else "nothing"


@pytest.mark.parametrize(
    ("past", "worked", "said"),
    [
        ((), 10, "nothing"),
        ((240, 300, 360), 60, "about 3-5 min left"),
        ((240, 240, 240), 120, "about 2 min left"),
        ((240, 300, 360), 250, "< 2 min left"),
        ((240, 300, 360), 330, "< 30 s left"),
        ((240, 300, 360), 360, "longer than usual"),
        ((240,), 0, "about 3-5 min left"),
        ((7200, 10800, 14400), 0, "about 2-4 h left"),
        ((0, 0, 0), 5, "longer than usual"),
    ],
)
def test_estimate_follows_from_past_durations(
    past: tuple[float, ...], worked: float, said: str
) -> None:
    assert words(past, worked) == said


durations = st.lists(st.floats(1, 200_000), min_size=3, max_size=20).map(tuple)


@given(past=durations, worked=st.floats(0, 300_000))
def test_estimate_includes_every_longer_past_sync(past: tuple[float, ...], worked: float) -> None:
    guess = estimate(History(durations=past), worked)

    assert guess is not None
    assert 0.0 <= guess.share < 1.0
    longer = [one - worked for one in past if one > worked]
    if guess.low is None or guess.high is None:
        assert longer == []
    else:
        assert all(guess.low <= rest <= guess.high for rest in longer)


@given(past=durations, worked=st.floats(0, 300_000), later=st.floats(0, 10_000))
def test_share_done_never_falls(past: tuple[float, ...], worked: float, later: float) -> None:
    history = History(durations=past)
    before, after = estimate(history, worked), estimate(history, worked + later)

    assert before is not None
    assert after is not None
    assert before.share <= after.share
