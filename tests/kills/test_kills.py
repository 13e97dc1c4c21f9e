"""Some deaths of `make kills`, and what its judge finds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.kills.death import WAYS, Death, Way
from tests.kills.die import Died, Left, die
from tests.kills.judge import Broken, broken

linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
QUICK: tuple[Way, ...] = (
    "SIGSTOP, later SIGCONT",
    "readers of both leave",
    "terminal is closed",
    "result file on a full disk, SIGTERM",
    "disk becomes full",
)
DEATH = Death(
    seed=0,
    way="SIGTERM",
    after_requests=7,
    seconds=0.0,
    fault=None,
    version="latest",
    leaves=False,
    stopped_for=0.5,
)
REPORT = (
    '{"exit_code": 143, "error": {"message": "job 1 was interrupted"}, "syncs": [{"job_id": 1, '
    '"start": "started", "status": "cancelled", "exit_code": 143, "cancel": null}]}'
)
DIED = Died(
    death=DEATH,
    moment="after the trigger",
    seconds=1.0,
    left=Left(143, REPORT, "", REPORT),
    retry=None,
    jobs=[(1, "cancelled")],
    triggers=1,
    requests=8,
    log="",
)
NOTHING = REPORT.replace("job 1 was interrupted", "nothing was started")


@linux
@pytest.mark.parametrize("way", QUICK)
def test_death_breaks_no_promise(way: Way) -> None:
    died = die(replace(DEATH, way=way))

    assert set(broken(died)) - {"late"} == set(), died.story()


def test_seed_is_always_the_same_death() -> None:
    assert [Death.of(seed) for seed in range(50)] == [Death.of(seed) for seed in range(50)]
    assert {Death.of(seed).way for seed in range(300)} == set(WAYS)


def test_truthful_death_is_accepted() -> None:
    assert broken(DIED) == []


@pytest.mark.parametrize(
    ("died", "kind"),
    [
        (replace(DIED, jobs=[(1, "cancelled"), (2, "running")]), "orphan"),
        (replace(DIED, left=Left(143, "", "", None), jobs=[(1, "running")]), "orphan"),
        (replace(DIED, jobs=[(1, "running")]), "orphan"),
        (replace(DIED, jobs=[(1, "cancelled"), (2, "cancelled")]), "second job"),
        (replace(DIED, left=Left(143, REPORT[:-9], "", None)), "disagreement"),
        (replace(DIED, left=Left(143, NOTHING, "", None)), "disagreement"),
        (replace(DIED, jobs=[(1, "succeeded")]), "disagreement"),
        (replace(DIED, jobs=[]), "disagreement"),
        (replace(DIED, left=Left(0, REPORT, "", None)), "exit code"),
        (replace(DIED, left=Left(-15, "", "", None)), "exit code"),
        (replace(DIED, left=Left(143, "", "", None)), "no result"),
        (replace(DIED, left=Left(143, REPORT, "Traceback (most", None)), "traceback"),
        (replace(DIED, seconds=5.2), "late"),
    ],
)
def test_judge_finds_each_kind(died: Died, kind: Broken) -> None:
    assert kind in broken(died)
