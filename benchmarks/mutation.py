"""Change the code in small ways, one at a time; a change that no test notices fails this script.

`make mutation` takes all modules of `[tool.mutmut]` (an hour), with `MODULE=sync/trigger.py` one
of them. A survivor becomes a test, or an entry in tests/mutation/equivalent.toml that says why
nobody can notice it. An entry without its survivor fails the script, too. Texts for people are
not changed (tests/cli, tests/commands and tests/docs read those), nor is anything run that mypy
rejects.

mutmut makes the changes. Its own runner collects the tests anew for each of them, in no order;
here they are collected once, and each change is judged in a fork, by the tests that call the
function: first by those that have noticed other changes of it, then by one of each kind.
"""

import ast
import difflib
import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing import Array
from pathlib import Path
from typing import Final

import pytest
from _pytest.runner import runtestprotocol
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils import file_utils

PACKAGE: Final = Path("airbyte_sync_cli")
WORK: Final = Path("mutants")
"""Where mutmut puts its copies."""
EQUIVALENT: Final = Path("tests/mutation/equivalent.toml")
_OF_THE_COPIES: Final = {
    "has-type", "ignore-without-code", "no-redef", "redundant-expr", "unused-ignore",
}  # fmt: skip
"""What mypy says because each function is there many times over."""
_TEXT: Final = re.compile(r'f?"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one function: its lines before and after."""

    module: str
    function: str
    was: str
    becomes: str

    @property
    def is_of_a_sentence(self) -> bool:
        """Whether only the letters of a text with blanks change."""
        before, after = _TEXT.findall(self.was), _TEXT.findall(self.becomes)
        is_text = _TEXT.sub("", self.was) == _TEXT.sub("", self.becomes)
        return is_text and any(" " in a for a, b in zip(before, after, strict=True) if a != b)


class Judge:
    """A plugin of pytest that runs the collected tests for each change, instead of once."""

    def __init__(self, mutants: Sequence[str]) -> None:
        self._mutants = mutants
        self.fates: dict[str, str] = {}
        self._noticed: defaultdict[str, Counter[int]] = defaultdict(Counter)
        """How many changes of a function each test has noticed."""
        self._last_test = Array("l", len(mutants), lock=False)
        """For each change the test that ran last, written by the forks."""
        self._running: dict[int, int] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests without a change, then those of each change."""
        calls, seconds = _measure(session.items)
        variant = _variants(session.items)
        set_mutant_under_test("")
        gc.collect()
        gc.freeze()
        for number, mutant in enumerate(self._mutants):
            function = mutant.rpartition("__mutmut_")[0]
            noticed = self._noticed[function]
            tests = sorted(
                calls[function], key=lambda test: (-noticed[test], variant[test], seconds[test])
            )
            if not tests:
                self.fates[mutant] = "no test"
                continue
            if len(self._running) >= (os.cpu_count() or 1):
                self._await_one()
            pid = os.fork()
            if not pid:
                self._judge(number, [(test, session.items[test], seconds[test]) for test in tests])
            self._running[pid] = number
        while self._running:
            self._await_one()
        return True

    def _judge(self, number: int, tests: list[tuple[int, pytest.Item, float]]) -> None:
        """Leave this fork with 1 when a test notices the change, with 0 when none does."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        set_mutant_under_test(self._mutants[number])
        for test, item, seconds in tests:
            self._last_test[number] = test
            signal.setitimer(signal.ITIMER_PROF, 2 + 6 * seconds)  # of work: an endless loop
            signal.setitimer(signal.ITIMER_REAL, 30 + 40 * seconds)  # in all: waits for ever
            if not _passes(item):
                os._exit(1)
        os._exit(0)

    def _await_one(self) -> None:
        pid, status = os.wait()
        number = self._running.pop(pid)
        mutant = self._mutants[number]
        if os.waitstatus_to_exitcode(status) == 0:
            self.fates[mutant] = "survived"
        else:
            self.fates[mutant] = "timed out" if os.WIFSIGNALED(status) else "killed"
            self._noticed[mutant.rpartition("__mutmut_")[0]][self._last_test[number]] += 1
        if sys.stdout.isatty():
            print(f"\r{len(self.fates)} of {len(self._mutants)}", end="", flush=True)


def main(modules: list[str]) -> int:
    """Mutate, test, print a table; 1 for a survivor without a reason or a stale entry."""
    explained = {
        Change(**{key: text for key, text in entry.items() if key != "reason"})
        for entry in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    }
    changes = dict(_changes(modules))
    judge = Judge([mutant for mutant, one in changes.items() if not one.is_of_a_sentence])
    set_mutant_under_test("stats")
    os.chdir(WORK)
    options = [*config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection]
    code = pytest.main(["--rootdir=.", "-q", "--no-header", *options], plugins=[judge])
    if code:
        return int(code)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    stale = {change for change in explained if not modules or change.module in modules}
    unexplained = []
    for mutant, fate in judge.fates.items():
        change = changes[mutant]
        is_missed = fate in {"survived", "no test"}
        stale -= {change} if is_missed else set()
        if is_missed and change not in explained:
            unexplained.append((fate, change))
        is_equivalent = is_missed and change in explained
        counts[change.module]["equivalent" if is_equivalent else fate] += 1
    for module, fates in counts.items():
        print(f"{module:28}", *(f"{n} {fate}" for fate, n in sorted(fates.items())))
    for fate, change in unexplained:
        print(f"\n{fate}: {change.module} {change.function}")
        print(f"- {change.was}\n+ {change.becomes}")
    for change in stale:
        print(f"\nno survivor any more: {change.module} {change.function}\n+ {change.becomes}")
    print(f"\n{len(unexplained)} survivors without a test or a reason, {len(stale)} stale entries")
    return 1 if unexplained or stale else 0


def _changes(modules: list[str]) -> Iterator[tuple[str, Change]]:
    """Let mutmut write each module with all its changes; read those that mypy lets pass."""
    set_mutant_under_test("mutant_generation")
    WORK.mkdir(exist_ok=True)
    with redirect_stdout(StringIO()):  # the name of each file
        file_utils.copy_src_dir()
        file_utils.copy_also_copy_files()
        file_utils.setup_source_paths()
        create_mutants(max_children=1)
    refusals = _refusals()
    for path in file_utils.walk_mutatable_files():
        module = str(path.relative_to(PACKAGE))
        if modules and module not in modules:
            continue
        data = SourceFileMutationData(path=path)
        data.load()
        text = (WORK / path).read_text(encoding="utf-8")
        nodes = {
            node.name: node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        bodies = {
            name: [line.strip() for line in text.splitlines()[node.lineno : node.end_lineno]]
            for name, node in nodes.items()
        }
        refused = {
            name: {
                words
                for line, words in refusals[str(path)]
                if node.lineno <= line <= (node.end_lineno or 0)
            }
            for name, node in nodes.items()
        }
        for mutant in data.exit_code_by_key:
            name = mutant.rpartition(".")[2]
            function = name.rpartition("__mutmut_")[0]
            original = f"{function}__mutmut_orig"
            if refused[name] - refused[original]:
                continue
            lines = list(difflib.ndiff(bodies[original], bodies[name]))
            yield (
                mutant,
                Change(
                    module=module,
                    function=function.removeprefix("x")
                    .removeprefix("_")
                    .strip("ǁ")
                    .replace("ǁ", "."),
                    was=_lines_after("- ", lines),
                    becomes=_lines_after("+ ", lines),
                ),
            )


def _refusals() -> defaultdict[str, set[tuple[int, str]]]:
    """Ask mypy about the changed files; return lines and words for each."""
    files = [str(path) for path in file_utils.walk_mutatable_files()]
    command = [sys.executable, "-m", "mypy", "--output=json", *files]
    told = subprocess.run(command, cwd=WORK, check=False, capture_output=True, text=True)
    refusals: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
    for error in map(json.loads, told.stdout.splitlines()):
        if error["severity"] == "error" and error["code"] not in _OF_THE_COPIES:
            refusals[error["file"]].add((error["line"], error["message"]))
    return refusals


def _lines_after(sign: str, lines: list[str]) -> str:
    return "\n".join(line.removeprefix(sign) for line in lines if line.startswith(sign))


def _measure(items: Sequence[pytest.Item]) -> tuple[defaultdict[str, list[int]], list[float]]:
    """Return the tests that call each function, and the seconds of each test."""
    calls: defaultdict[str, list[int]] = defaultdict(list)
    seconds = []
    for test, item in enumerate(items):
        state()._stats.clear()  # noqa: SLF001  # mutmut has no public name for it
        began = time.perf_counter()
        if not _passes(item):
            raise pytest.UsageError(f"{item.nodeid} fails without any change")
        seconds.append(time.perf_counter() - began)
        for function in state()._stats:  # noqa: SLF001
            calls[function].append(test)
    return calls, seconds


def _variants(items: Sequence[pytest.Item]) -> list[int]:
    """Return each test's number among those of the same function: much alike, so after others."""
    seen: Counter[str] = Counter()
    variants = []
    for item in items:
        function = item.nodeid.partition("[")[0]
        variants.append(seen[function])
        seen[function] += 1
    return variants


def _passes(item: pytest.Item) -> bool:
    return not any(one.failed for one in runtestprotocol(item, log=False, nextitem=None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
