"""Every mend can still be taken out, and something is named that finds it (`make mends`)."""

import json

import pytest

from benchmarks.figures import FIGURES
from benchmarks.mends import ROOT
from tests.fuzz.mends import Edit, Mend, mends
from tests.fuzz.test_found import FOUND

MENDS = {mend.name: mend for mend in mends()}
_UNSEEN = {"job_behind_a_503_is_named_where_a_running_job_fails_the_run"}
"""Scenarios that the judge excuses without their mend; a test finds that."""


@pytest.mark.parametrize("mend", MENDS.values(), ids=MENDS)
def test_each_edit_of_a_mend_fits_the_code_once(mend: Mend) -> None:
    for edit in mend.edits:
        compile(edit.applied_to(ROOT), edit.file, "exec")


@pytest.mark.parametrize("mend", MENDS.values(), ids=MENDS)
def test_each_mend_names_what_finds_it(mend: Mend) -> None:
    assert mend.scenarios or (mend.tests and mend.why_tests)
    assert set(mend.scenarios) <= set(FOUND)
    for test in mend.tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_each_found_scenario_belongs_to_a_mend() -> None:
    found = {scenario for mend in MENDS.values() for scenario in mend.scenarios}

    assert set(FOUND) - found == _UNSEEN


def test_published_mends_are_those_of_the_list() -> None:
    published = json.loads(FIGURES.read_text(encoding="utf-8"))["mends"]

    assert {row["mend"]: row["breaks"] for row in published} == {
        mend.name: mend.breaks for mend in MENDS.values()
    }, "run `make mends`"


@pytest.mark.parametrize("was", ["no such text", "import"])
def test_edit_that_does_not_fit_once_is_refused(was: str) -> None:
    edit = Edit(file="sync/wait.py", was=was, becomes="")

    with pytest.raises(ValueError, match=r"occurs \d+ times, not once"):
        edit.applied_to(ROOT)
