"""docs/sandbox.md says what there is, and its examples work."""

import re
import tomllib
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import ConnectionConfig, Fault, JobScript, SandboxConfig
from airbyte_sync_cli.sandbox.faults import ACTIONS, KEYS, WHENS

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("word", [*ACTIONS, *WHENS, *KEYS])
def test_every_word_of_a_fault_is_told(word: str) -> None:
    assert re.search(rf"`{word}(=[^`]*)?`", TEXT)


@pytest.mark.parametrize("model", [JobScript, ConnectionConfig, SandboxConfig])
def test_every_key_of_a_scenario_is_told(model: type[JobScript]) -> None:
    missing = {name for name in model.model_fields if not re.search(rf"\b{name}\b", TEXT)}
    assert missing == set()


def test_the_faults_shown_are_faults() -> None:
    life, faults = blocks("text")
    assert JobScript(life=life.strip()).phases[0].status == "pending"
    assert len([Fault.model_validate(line) for line in faults.split("\n") if line]) == 10


def test_the_scenario_shown_is_one() -> None:
    (scenario,) = blocks("toml")
    config = SandboxConfig.model_validate(tomllib.loads(scenario))
    assert [connection.name for connection in config.connections] == ["orders", "old"]


def test_the_python_shown_compiles() -> None:
    (code,) = blocks("python")
    compile(code, "docs/sandbox.md", "exec")
