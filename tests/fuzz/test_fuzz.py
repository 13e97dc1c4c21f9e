"""Three hundred random scenarios with fixed seeds: every promise is kept in each."""

import pytest

from tests.fuzz.judge import faults
from tests.fuzz.play import play
from tests.fuzz.scenario import Attempt, Line, Process, Scenario, Stranger, generate
from tests.fuzz.shrink import shrink
from tests.fuzz.tally import tally
from tests.fuzz.trace import trace

_SEEDS = 300
_EACH = 25


@pytest.mark.parametrize("start", range(0, _SEEDS, _EACH))
def test_random_scenarios_keep_every_promise(start: int) -> None:
    found = tally(range(start, start + _EACH))

    assert found.failed == {}, f"see `make fuzz SEED={min(found.failed)}`"
    assert found.scenarios == _EACH


def test_same_seed_gives_the_same_story() -> None:
    assert generate(7) == generate(7)
    assert trace(play(generate(7))) == trace(play(generate(7)))


def test_scenario_is_printed_as_python_that_makes_it() -> None:
    for seed in range(20):
        assert eval(repr(generate(seed))) == generate(seed)  # noqa: S307  # our own words


def test_shrinking_drops_what_does_not_matter() -> None:
    big = Scenario(
        faults=("job:503:nth=1", "trigger:lost-before:nth=1"),
        processes=(
            Process("p1", latency=0.3, lines=(Line(1.0, 2.0),)),
            Process("p2", skew=2.0, attempts=(Attempt("SIGKILL", 3.0), Attempt())),
        ),
        strangers=(Stranger(3.0), Stranger(5.0, "clear")),
    )

    small = shrink(big, lambda it: any("trigger" in fault for fault in it.faults))

    assert small == Scenario(faults=("trigger:lost-before:nth=1",), processes=(Process("p2"),))


def test_killed_process_has_its_sent_trigger_delivered() -> None:
    dead = Process("p1", latency=0.3, attempts=(Attempt("SIGKILL", 1.5),))

    played = play(Scenario(processes=(dead,)))

    [left] = played.lefts
    assert [sent.outcome for sent in left.sent if sent.is_trigger] == ["given up"]
    assert [job.asked_by for job in played.jobs] == [["p1.1#5"]]


def test_false_success_is_found() -> None:
    played = play(Scenario(jobs=("running 5, succeeded",)))
    played.jobs[0].spans[-1] = played.jobs[0].spans[0]

    assert [fault.kind for fault in faults(played)] == ["wrong verdict", "false success"]
