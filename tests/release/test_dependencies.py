"""The dependency ranges of pyproject.toml, and the locks that are made of them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [
    *PROJECT["dependencies"],
    *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
]
LOCKS = [*ROOT.glob("requirements*.txt"), *ROOT.glob("tests/e2e/locks/*.txt")]


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_oldest_allowed_version_is_the_one_that_is_tested(dependency: str) -> None:
    name, lowest = re.split(r">=|,", dependency)[:2]
    oldest = (ROOT / "requirements-oldest.txt").read_text(encoding="utf-8")

    (locked,) = re.findall(rf"^{re.escape(name)}==(\S+)", oldest, re.MULTILINE)

    assert f"{locked}.".startswith(f"{lowest}."), "run `make requirements`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_names_no_package_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert re.findall(r"https?://|^--(?!hash)", text, re.MULTILINE) == []
