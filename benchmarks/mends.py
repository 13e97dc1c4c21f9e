"""Take each mend out of a copy of the code: what finds it must fail there, and only there.

    make mends                every mend of tests/fuzz/mends.toml; rewrites docs/reliability.json
    make mends NAME=refresh   those whose name has that in it, and nothing is rewritten

Each is found by scenarios of tests/fuzz/test_found.py, in which the judge must report a broken
promise, or by tests where the judge cannot see it. Exit 1 where one is not found, where an edit
no longer fits the code, or where something fails in the unchanged copy.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' support

from benchmarks.figures import store
from tests.fuzz.mends import PACKAGE, Mend, mends

ROOT: Final = Path(__file__).resolve().parent.parent
_PLAY: Final = """
import json, sys
from pathlib import Path
import airbyte_sync_cli
from tests.fuzz.judge import faults
from tests.fuzz.play import play
from tests.fuzz.test_found import FOUND
assert Path(airbyte_sync_cli.__file__).is_relative_to(Path.cwd()), "not the copy"
found = {name: faults(play(FOUND[name])) for name in sys.argv[1:]}
print(json.dumps({name: [fault.kind for fault in each] for name, each in found.items()}))
"""
_TESTS_FAILED: Final = 1
"""pytest's exit code for that, and no other trouble."""
_LONGEST: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What found that a mend was taken out, with what was found; nothing: it was missed."""

    mend: Mend
    by: dict[str, str]

    @property
    def row(self) -> dict[str, object]:
        """The entry in `docs/reliability.json`."""
        mend = self.mend
        return {
            "mend": mend.name,
            "breaks": mend.breaks,
            "found": self.by,
            "why_tests": mend.why_tests,
        }


def copy(into: Path) -> None:
    """Copy what scenarios and tests need."""
    for name in (PACKAGE, "tests", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, into / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", into)


def run(arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python with the copy in this folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )


def broken(folder: Path, scenarios: Sequence[str]) -> dict[str, list[str]]:
    """Play scenarios with the copy in this folder; return the kinds of broken promises of each."""
    played = run(["-c", _PLAY, *scenarios], folder)
    if played.returncode:
        raise SystemExit(f"{', '.join(scenarios)} cannot be played:\n{played.stderr}")
    return dict(json.loads(played.stdout))


def fails(folder: Path, test: str) -> bool:
    """Return whether a test fails with the copy in this folder."""
    ran = run(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test], folder)
    if ran.returncode not in {0, _TESTS_FAILED}:
        raise SystemExit(f"{test} cannot be run:\n{ran.stdout}{ran.stderr}")
    return ran.returncode == _TESTS_FAILED


def findings(folder: Path, scenarios: Sequence[str], tests: Sequence[str]) -> dict[str, str]:
    """Return what fails with the copy in this folder, and how."""
    found = {}
    if scenarios:
        kinds = broken(folder, scenarios)
        found = {name: ", ".join(dict.fromkeys(each)) for name, each in kinds.items() if each}
    return found | {test: "a test fails" for test in tests if fails(folder, test)}


def take_out(mend: Mend) -> Found:
    """Take a mend out of a copy of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        mend.take_out_of(folder)
        return Found(mend=mend, by=findings(folder, mend.scenarios, mend.tests))


def baseline(chosen: Sequence[Mend]) -> dict[str, str]:
    """Return what fails though no mend is taken out: nothing may."""
    with tempfile.TemporaryDirectory() as name:
        copy(Path(name))
        scenarios = {scenario for mend in chosen for scenario in mend.scenarios}
        tests = {test for mend in chosen for test in mend.tests}
        return findings(Path(name), sorted(scenarios), sorted(tests))


def main() -> None:
    """Take out, print, and exit 1 where a mend is not missed."""
    parser = argparse.ArgumentParser(description="see `make mends`")
    parser.add_argument("--name", default="", help="part of the names of those to take out")
    chosen = parser.parse_args()
    every = mends()
    some = [mend for mend in every if chosen.name in mend.name]
    missed = 0
    for by, what in baseline(some).items():
        missed += 1
        print(f"! without any edit: {what}: {by}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(take_out, some))
    for each in found:
        print(f"\n{each.mend.name}: taken out -> {each.mend.breaks}")
        for by in (*each.mend.scenarios, *each.mend.tests):
            missed += by not in each.by
            print(f"  {each.by.get(by, '! NOT FOUND')}: {by}")
    print(f"\n{len(found)} mends, {missed} not found")
    if some == every and not missed:
        store("mends", [each.row for each in found])
    raise SystemExit(1 if missed or not some else 0)


if __name__ == "__main__":
    main()
