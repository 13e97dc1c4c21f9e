"""The DAGs that people copy, as far as they can be judged without Airflow; see also tests/e2e."""

import ast
import json
import re
import runpy
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import make_app
from airbyte_sync_cli.exit_codes import TABLE
from airbyte_sync_cli.sandbox import JobFailure, JobScript, Sandbox
from tests.support.airflow import DAGS
from tests.support.program import Outside, call_in
from tests.support.sandboxes import serve_in_thread

SHARED: Final = "airbyte_retries"
FILES = sorted(path for path in DAGS.glob("*.py") if path.stem != SHARED)
CODE = {path.stem: ast.parse(path.read_text("utf-8")) for path in FILES}
RETRIES = runpy.run_path(str(DAGS / f"{SHARED}.py"))


def _named(path: Path) -> str:
    return path.stem


def _strings(file: str) -> list[str]:
    return [
        node.value
        for node in ast.walk(CODE[file])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_every_dag_has_docstring_and_shared_retry_rules(path: Path) -> None:
    code = ast.unparse(CODE[path.stem])

    assert len((ast.get_docstring(CODE[path.stem]) or "").splitlines()) > 3
    assert re.search(rf"^from {SHARED} import .*RETRY_POLICY, SINCE$", code, re.MULTILINE)
    assert "'retry_policy': RETRY_POLICY" in code
    assert "try_number" not in code  # the expression of --since is in one file only


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

    used = {flag for text in code for flag in re.findall(r"(?<![^\s(])--[a-z-]+", text)}

    assert "--since" in used
    assert used <= known


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_bash_command_contains_no_template_except_xcom_ids(path: Path) -> None:
    commands = [text for text in _strings(path.stem) if text.startswith("airbyte-sync ")]

    assert commands or path.stem in {"airbyte_pod", "airbyte_many", "airbyte_failure_branch"}
    for command in commands:
        assert "{{" not in command.replace("{{ ti.xcom_pull('trigger') }}", "")
        assert shlex.split(command)[0] == "airbyte-sync"


def _settings(file: str) -> dict[str, str]:
    """Return the arguments of a file's pods, whether given by keyword or in a dictionary."""
    code, found = CODE[file], dict[str, str]()
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("Kubernetes"):
            found |= {each.arg: ast.unparse(each.value) for each in node.keywords if each.arg}
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "POD":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            found |= {
                str(ast.literal_eval(key)): ast.unparse(value) for key, value in pairs if key
            }
    return found


def test_pods_of_many_connections_match_single_pod() -> None:
    one, many = _settings("airbyte_pod"), _settings("airbyte_many")
    differ = {"arguments", "env_vars", "max_active_tis_per_dagrun"}

    assert {name: many[name] for name in many if name not in differ} == {
        name: one[name] for name in one if name not in differ
    }


def test_image_of_pods_is_given_by_user() -> None:
    for file in ("airbyte_pod", "airbyte_many"):
        assert _settings(file)["image"] == "'{{ var.value.airbyte_sync_image }}'"
        assert ":latest" not in (DAGS / f"{file}.py").read_text("utf-8")


def test_time_limits_of_task_are_longer_than_those_of_the_program() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        limits = re.findall(r"execution_timeout\W+timedelta\(hours=(\d+)\)", text)

        own = {int(hours) for hours in re.findall(r"--timeout[= ](\d+)h", text)}
        assert own == {12}, path
        assert {int(hours) for hours in limits} <= {13}, path


# which failures are retried


@pytest.mark.parametrize("file", ["result.json", None])
def test_failure_is_permanent_if_no_retry_can_succeed(file: str | None, tmp_path: Path) -> None:
    failed, denied, lost = (3, None), (6, None), (9, None)
    revoked, hiccup, ok = (3, False), (3, True), (0, None)

    def permanent(*syncs: tuple[int, bool | None]) -> bool:
        return _is_permanent(_result(*syncs), tmp_path / file if file else None)

    assert permanent(denied)
    assert permanent(revoked)
    assert permanent(ok, revoked, denied)
    assert not permanent(failed)
    assert not permanent(hiccup)
    assert not permanent(lost)
    assert not permanent(revoked, lost)
    assert not permanent((143, None))


def test_failure_without_result_is_not_permanent(tmp_path: Path) -> None:
    assert not _is_permanent(None, tmp_path / "no-such-file.json")
    assert not _is_permanent(None, None)


def test_permanent_exit_codes_are_those_of_the_table() -> None:
    assert RETRIES["PERMANENT"] == {
        int(code) for code, row in TABLE.items() if row.worth_retrying == "no"
    }


def test_results_of_the_program_are_judged(tmp_path: Path) -> None:
    sandbox = Sandbox()
    for name, retryable in (("revoked", False), ("hiccup", True)):
        failure = JobFailure(message="no", retryable=retryable)
        sandbox.add_connection(name, script=JobScript(life="running 0.1, failed", failure=failure))

    def permanent(*argv: str, **environ: str) -> bool:
        file = tmp_path / "result.json"
        call_in(Outside(), "run", *argv, "--result-file", str(file), **environ)
        return _is_permanent(json.loads(file.read_text("utf-8")), None)

    with serve_in_thread(sandbox) as url:
        assert permanent("-c", "revoked", AIRBYTE_URL=url)
        assert permanent("-c", "nowhere", AIRBYTE_URL=url)
        assert permanent(AIRBYTE_URL=url)  # no connection: a usage error
        assert not permanent("-c", "hiccup", AIRBYTE_URL=url)
        assert not permanent("-c", "hiccup", "-c", "revoked", AIRBYTE_URL=url)


def _result(*syncs: tuple[int, bool | None]) -> dict[str, Any]:
    rows = [{"exit_code": code, "retryable": retryable} for code, retryable in syncs]
    return {"exit_code": min(code for code, _ in syncs if code), "syncs": rows}


def _is_permanent(result: Mapping[str, Any] | None, file: Path | None) -> bool:
    """Judge a result in a file (as a BashOperator has it) or in the XCom (as a pod has it)."""
    if file and result is not None:
        file.write_text(json.dumps(result), encoding="utf-8")
    xcom = None if file else result
    ti = SimpleNamespace(task_id="sync", map_index=-1, xcom_pull=lambda **_: xcom)
    task = SimpleNamespace(env={"RESULT_FILE": str(file)} if file else {})
    permanent: bool = RETRIES["is_permanent"]({"ti": ti, "task": task})
    return permanent
