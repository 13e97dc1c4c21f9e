"""The pause between two polls: bounded, shorter near the typical end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.poll_interval import LONGEST, SHORTEST, pause_before_poll
from benchmarks.frontier import cost

ages = st.floats(min_value=-10, max_value=1e7, allow_nan=False)
jitters = st.floats(min_value=-1, max_value=1)
histories = st.lists(st.floats(min_value=0, max_value=1e6), max_size=5).map(
    lambda durations: History(durations=tuple(durations))
)


@given(ages, histories, jitters)
def test_pause_is_between_one_second_and_two_minutes(
    age: float, history: History, jitter: float
) -> None:
    assert SHORTEST <= pause_before_poll(age, history=history, jitter=jitter) <= LONGEST


@given(ages, jitters)
def test_pause_without_history_is_about_a_tenth_of_the_age(age: float, jitter: float) -> None:
    pause = pause_before_poll(age, history=History(), jitter=jitter)

    assert pause <= max(0.11 * age, SHORTEST) + 1e-9


def test_polls_are_denser_near_the_typical_end() -> None:
    history = History(durations=(3600.0,))

    far = pause_before_poll(1800, history=history, jitter=0)
    near = pause_before_poll(3590, history=history, jitter=0)

    assert far == 100
    assert near == 24


@given(st.floats(min_value=1, max_value=1e5))
def test_day_of_waiting_takes_few_polls(typical: float) -> None:
    age, polls = 0.0, 0
    while age < 86_400:
        age += pause_before_poll(age, history=History(durations=(typical,)), jitter=0)
        polls += 1

    assert polls < 86_400 / 60 + 150


HOUR = 3600.0


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1, 0.2])
def test_hour_with_history_takes_sixty_polls_and_a_delay_of_one_percent(spread: float) -> None:
    one = cost(HOUR, spread, history=History(durations=(HOUR,)))

    assert one.polls <= 60
    assert one.delay <= 0.01


def test_hour_without_history_takes_at_most_120_polls_and_a_delay_of_one_percent() -> None:
    one = cost(HOUR, 0.0)

    assert one.polls <= 120
    assert one.delay <= 0.01


@pytest.mark.parametrize(
    ("length", "delay", "known"), [(10, 0.055, 0.055), (60, 0.055, 0.025), (300, 0.05, 0.015)]
)
def test_short_sync_is_noticed_as_early_as_ever(length: float, delay: float, known: float) -> None:
    history = History(durations=(length,))

    assert cost(length, 0.05).delay <= delay
    assert cost(length, 0.2, history=history).delay <= known
