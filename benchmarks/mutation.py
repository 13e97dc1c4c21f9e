"""Change the code in small ways, one at a time; a change that no test notices fails this script.

`make mutation` takes all modules of `[tool.mutmut]` (hours), with `MODULE=sync/trigger.py` one of
them. A survivor becomes a test, or an entry in tests/mutation/equivalent.toml that says why
nobody can notice it. An entry without its survivor fails the script, too. Texts for people are
not judged: tests/cli and tests/docs read those.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PACKAGE: Final = "airbyte_sync_cli"
WORK: Final = Path("mutants")
"""Where mutmut puts its copies and its results."""
EQUIVALENT: Final = Path("tests/mutation/equivalent.toml")
MUTMUT: Final = str(Path(sys.executable).with_name("mutmut"))
_FATES: Final = {0: "survived", 1: "killed", 3: "killed", 5: "no test", 33: "no test"}
"""By mutmut's exit codes of a mutant's tests; what else there is are its timeouts."""
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


def main(modules: list[str]) -> int:
    """Mutate, test, print a table; 1 for a survivor without a reason or a stale entry."""
    shutil.rmtree(WORK, ignore_errors=True)
    patterns = [
        f"{PACKAGE}.{module.removesuffix('.py').replace('/', '.')}.*" for module in modules
    ]
    subprocess.run([MUTMUT, "run", "--max-children", "1", *patterns], check=True)
    explained = {
        Change(**{key: text for key, text in entry.items() if key != "reason"})
        for entry in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    }
    stale, unexplained = set(explained), []
    results = dict(_results(modules))
    for module, fates in results.items():
        counts = Counter(fates.values())
        for mutant, fate in fates.items():
            if fate in {"survived", "no test"}:
                change = _change_of(module, mutant)
                stale.discard(change)
                excuse = "sentence" if change.is_of_a_sentence else "equivalent"
                if change in explained or change.is_of_a_sentence:
                    counts.update({fate: -1, excuse: 1})
                else:
                    unexplained.append((mutant, change))
        print(f"{module:28}", *(f"{n} {fate}" for fate, n in sorted(counts.items()) if n))
    for mutant, change in unexplained:
        print(f"\n{mutant}\n- {change.was}\n+ {change.becomes}")
    stale = {change for change in stale if change.module in results}
    for change in stale:
        print(f"\nno survivor any more: {change.module} {change.function}\n+ {change.becomes}")
    print(f"\n{len(unexplained)} survivors without a test or a reason, {len(stale)} stale entries")
    return 1 if unexplained or stale else 0


def _results(modules: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Read how the mutants of each module fared."""
    for path in sorted((WORK / PACKAGE).rglob("*.meta")):
        module = str(path.relative_to(WORK / PACKAGE)).removesuffix(".meta")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not modules or module in modules:
            yield (
                module,
                {
                    mutant: "not run" if code is None else _FATES.get(code, "timed out")
                    for mutant, code in codes.items()
                },
            )


def _change_of(module: str, mutant: str) -> Change:
    """Read a mutant's difference; names of mutants are numbered, so they tell nothing lasting."""
    shown = subprocess.run([MUTMUT, "show", mutant], check=True, capture_output=True, text=True)
    lines = shown.stdout.splitlines()
    function = mutant.rpartition(".")[2].rpartition("__mutmut_")[0].removeprefix("x")
    return Change(
        module=module,
        function=function.removeprefix("_").strip("ǁ").replace("ǁ", "."),
        was=_lines_after("-", lines),
        becomes=_lines_after("+", lines),
    )


def _lines_after(sign: str, lines: list[str]) -> str:
    its = (line for line in lines if line.startswith(sign) and not line.startswith(3 * sign))
    return "\n".join(line[1:].strip() for line in its)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
