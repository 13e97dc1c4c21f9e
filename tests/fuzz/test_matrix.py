"""The published fault matrix is what the program does."""

import json

import pytest

from benchmarks.figures import FIGURES
from tests.fuzz.matrix import COMMANDS, FAULTS, NAMES, matrix, meet

_STORED = json.loads(FIGURES.read_text(encoding="utf-8"))["matrix"]


_HELD = [("once", "run"), ("once", "trigger"), *(("lasting", name) for name in COMMANDS)]
"""The rest would take as long again, and says little more."""


@pytest.mark.parametrize(("how_long", "command"), _HELD)
def test_command_meets_each_fault_as_published(how_long: str, command: str) -> None:
    found = matrix(command, lasting=how_long == "lasting")

    assert found == _STORED[how_long][command], "run `make matrix`"


@pytest.mark.parametrize("fault", ["lost-before", "403", "html"])
def test_check_meets_lasting_faults_as_published(fault: str) -> None:
    for request, outcomes in _STORED["lasting"]["check"].items():
        name, _, api = request.rstrip(")").partition(" (")
        [published] = [code for code, faults in outcomes.items() if fault in faults]

        outcome, _ = meet("check", f"{name}:{fault}:api={api}")

        assert str(outcome.code) == published, request


def test_published_matrix_names_every_command_and_fault() -> None:
    for how_long in ("once", "lasting"):
        assert list(_STORED[how_long]) == list(NAMES)
        for requests in _STORED[how_long].values():
            for outcomes in requests.values():
                assert set(FAULTS) <= {fault for faults in outcomes.values() for fault in faults}


def test_no_fault_ends_in_a_bug_or_starts_a_second_job() -> None:
    for how_long in ("once", "lasting"):
        for command, requests in _STORED[how_long].items():
            for request, outcomes in requests.items():
                for outcome, faults in outcomes.items():
                    code, _, made = outcome.partition(" (")
                    assert code != "1", (command, request, faults)
                    assert not made or int(made.split()[0]) <= 1, (command, request, faults)
