"""The pause between two polls: bounded, shorter near the typical end."""

from hypothesis import given
from hypothesis import strategies as st

from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.poll_interval import LONGEST, SHORTEST, pause_before_poll

ages = st.floats(min_value=-10, max_value=1e7, allow_nan=False)
jitters = st.floats(min_value=-1, max_value=1)
histories = st.lists(st.floats(min_value=0, max_value=1e6), max_size=5).map(
    lambda durations: History(durations=tuple(durations))
)


@given(ages, histories, jitters)
def test_pause_is_between_one_and_thirty_seconds(
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

    assert far == LONGEST
    assert near == 2


@given(st.floats(min_value=1, max_value=1e5))
def test_day_of_waiting_takes_few_polls(typical: float) -> None:
    age, polls = 0.0, 0
    while age < 86_400:
        age += pause_before_poll(age, history=History(durations=(typical,)), jitter=0)
        polls += 1

    assert polls < 86_400 / LONGEST + 150
