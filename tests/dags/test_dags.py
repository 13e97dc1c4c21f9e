"""The DAGs that people copy, as far as they can be judged without Airflow; see also tests/e2e."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import make_app
from tests.support.airflow import DAGS

FILES = sorted(DAGS.glob("*.py"))
CODE = {path.stem: ast.parse(path.read_text("utf-8")) for path in FILES}


def _named(path: Path) -> str:
    return path.stem


def _value(file: str, name: str) -> str:
    """Unparse what a file assigns to a name, so that formatting does not count."""
    [found] = [
        node.value
        for node in CODE[file].body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return ast.unparse(found)


def _strings(file: str) -> list[str]:
    return [
        node.value
        for node in ast.walk(CODE[file])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_every_dag_has_docstring_and_same_since_template(path: Path) -> None:
    assert len((ast.get_docstring(CODE[path.stem]) or "").splitlines()) > 3
    assert _value(path.stem, "SINCE") == _value("airbyte_bash", "SINCE")


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_every_option_in_a_dag_exists(path: Path) -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)
    known = {
        flag for each in group.commands.values() for param in each.params for flag in param.opts
    }
    code = [
        text
        for text in _strings(path.stem)
        if text != ast.get_docstring(CODE[path.stem], clean=False)
    ]

    used = {flag for text in code for flag in re.findall(r"(?<!\S)--[a-z-]+", text)}

    assert "--since" in used
    assert used <= known


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_bash_command_contains_no_template_except_xcom_ids(path: Path) -> None:
    commands = [text for text in _strings(path.stem) if text.startswith("airbyte-sync ")]

    assert commands or path.stem in {"airbyte_pod", "airbyte_many", "airbyte_failure_branch"}
    for command in commands:
        assert "{{" not in command.replace("{{ ti.xcom_pull('trigger') }}", "")
        assert shlex.split(command)[0] == "airbyte-sync"


def test_pods_of_many_connections_match_single_pod() -> None:
    one, many = ast.unparse(CODE["airbyte_pod"]), ast.unparse(CODE["airbyte_many"])

    for part in (
        "'runAsNonRoot': True",
        "'runAsUser': 10001",
        "'readOnlyRootFilesystem': True",
        "'allowPrivilegeEscalation': False",
        "'capabilities': {'drop': ['ALL']}",
        "requests={'cpu': '50m', 'memory': '64Mi'}, limits={'memory': '128Mi'}",
        "Secret('volume', SECRETS, 'airbyte-sync')",
    ):
        assert part in one
        assert part in many
