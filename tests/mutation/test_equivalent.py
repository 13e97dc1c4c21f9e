"""Every equivalent mutation names a text that its function has (`make mutation`)."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", ENTRIES["equivalent"], ids=lambda entry: entry["becomes"])
def test_equivalent_mutation_fits_its_function_once(entry: dict[str, str]) -> None:
    text = (ROOT / "airbyte_sync_cli" / entry["module"]).read_text(encoding="utf-8")
    owner, _, name = entry["function"].rpartition(".")

    module = ast.parse(text)
    classes = [one for one in module.body if isinstance(one, ast.ClassDef) and one.name == owner]
    [function] = [
        one
        for one in (classes[0].body if owner else module.body)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name
    ]
    assert (ast.get_source_segment(text, function) or "").count(entry["was"]) == 1
