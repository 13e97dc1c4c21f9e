"""Every code block in the documents works when it is pasted.

Each language has a check below; a language without one fails. What a check does not cover is
noted there, with the reason.
"""

import asyncio
import contextlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pytest
import typer
import yaml
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import make_app
from airbyte_sync_cli.sandbox import Fault, JobScript, SandboxConfig
from airbyte_sync_cli.settings.names import KNOWN
from docs import generate
from tests.support.program import call, start

UsageError = typer.BadParameter.__mro__[1]  # Typer names no other of its parser's errors
ROOT: Final = generate.ROOT
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block and its location."""

    path: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def _blocks() -> list[Block]:
    found = []
    for path in DOCUMENTS:
        text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(name, line, match[1], match[2]))
    return found


BLOCKS: Final = _blocks()


# -- Python: executed with fakes of Airflow's names, which check their arguments ----------------


class Operator:
    """Accept and reject the same arguments as BashOperator and AirbyteJobSensor."""

    def __init__(self, *, task_id: str, **given: Any) -> None:  # noqa: ANN401  # as Airflow's
        env, append = given.get("env"), given.get("append_env", False)
        if not (env is None or isinstance(env, dict)) or not isinstance(append, bool):
            raise TypeError(f"{task_id}: env must be a dictionary, append_env a bool")
        if "bash_command" in given and given["bash_command"].startswith("airbyte-sync"):
            _assert_parses(shlex.split(given["bash_command"]))
        if "arguments" in given:
            _assert_parses(["airbyte-sync", *given["arguments"]])
        self.env = env

    def as_setup(self) -> "Operator":
        return self

    def __rshift__(self, other: "Operator") -> "Operator":
        return other


class Dag:
    def __init__(self, *, dag_id: str, schedule: str | None, params: Mapping[str, str]) -> None:
        self.given = (dag_id, schedule, params)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class AirflowError(Exception):
    pass


AIRFLOW: Final[Mapping[str, Mapping[str, object]]] = {
    "airflow.providers.common.compat.sdk": {
        "DAG": Dag,
        "AirflowException": AirflowError,
        "AirflowFailException": AirflowError,
    },
    "airflow.providers.standard.operators.bash": {"BashOperator": Operator},
    "airflow.providers.cncf.kubernetes.operators.pod": {"KubernetesPodOperator": Operator},
    "airflow.providers.airbyte.sensors.airbyte": {"AirbyteJobSensor": Operator},
}
FRAGMENTS: Final[Mapping[str, object]] = {
    "BashOperator": Operator,
    "KubernetesPodOperator": Operator,
    "Path": Path,
    "json": json,
}
"""Names that a fragment expects to be imported."""


def python(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, members in AIRFLOW.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(ROOT / "dags")  # as Airflow does
    names: dict[str, Any] = {"__name__": "pasted", **FRAGMENTS}
    if "async with serve(" in block.text:
        program = 'assert (await started("run", "-c", "orders", AIRBYTE_URL=url)).code == 0'
        text, replaced = re.subn(r"\.\.\.  # run your program against url", program, block.text)
        assert replaced == 1
        names["started"] = lambda *argv, **environ: asyncio.to_thread(start, *argv, **environ)
        exec(compile(text, str(block), "exec", flags=0, dont_inherit=True), names)  # noqa: S102
        [example] = [one for one in names.values() if inspect.iscoroutinefunction(one)]
        asyncio.run(example())
        return
    exec(compile(block.text, str(block), "exec", dont_inherit=True), names)  # noqa: S102  # our documents


# -- shells: every line is parsed by the program that it calls ------------------------------------

ELSEWHERE: Final[Mapping[str, str]] = {
    "docker": "needs a builder: tests/e2e/test_image.py runs the image with these options",
    "kind": "needs a cluster: tests/e2e/test_kubernetes.py",
    "kubectl": "needs a cluster: tests/e2e/test_kubernetes.py",
    "sudo": "changes the machine; the files it installs have to exist",
    "airflow": "needs Airflow: tests/e2e/test_airflow.py runs this DAG",
    "pipx": "downloads; the extra has to exist",
    "pip": "downloads; the extra has to exist",
    ".venv/bin/python": "needs a cluster: tests/e2e/test_kubernetes.py",
    "jq": "filters the result",
    "tail": "filters the result",
    "sha256sum": "needs a release: .github/workflows/release.yml writes the checksum",
    "gh": "needs a release: .github/workflows/release.yml signs the file",
}
"""Programs that are not run here, with the reason."""
OTHERS_VARIABLES: Final = {"KUBECONFIG", "AIRBYTE_SYNC_IMAGE"}
EXTRAS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
TARGETS: Final = re.findall(
    r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
)


def console(block: Block, _monkeypatch: pytest.MonkeyPatch) -> None:
    joined = block.text.replace("\\\n", " ").splitlines()
    lines = [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
    assert lines
    for line in lines:
        for part in _split(shlex.split(line, comments=True)):
            _assert_works(part)


def _split(words: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in {"|", "&&", ";"}:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _assert_works(words: Sequence[str]) -> None:
    program, *rest = words
    if program == "airbyte-sync":
        _assert_parses(words)
    elif rest[:1] == ["airbyte-sync.pyz"] and program.startswith("python3"):
        _assert_parses(["airbyte-sync", *rest[1:]])
    elif program == "make":
        assert [word for word in rest if "=" not in word and word not in TARGETS] == []
    elif program == "export":
        names = {word.split("=")[0] for word in rest}
        ours = {name for name in names if not name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_"))}
        assert ours <= KNOWN | OTHERS_VARIABLES, ours
    else:
        assert program in ELSEWHERE, f"{program}: run it here, or say why not"
        _assert_is_there(program, rest)


def _assert_is_there(program: str, rest: Sequence[str]) -> None:
    for word in rest:
        extra = re.fullmatch(r"\.\[(\w+)\]", word)
        assert extra is None or extra[1] in EXTRAS, word
        if word.startswith(("docs/", "tests/")):
            assert (ROOT / word).exists(), word
    if program == "airflow":
        assert (ROOT / "dags" / f"{rest[2]}.py").exists()
    if program == "docker" and rest[0] == "run":
        _assert_parses(rest[rest.index("airbyte-sync") :])


def _assert_parses(words: Sequence[str]) -> None:
    """Parse a command line with the program's own parser."""
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)
    context = group.make_context("airbyte-sync", list(words[1:]), resilient_parsing=True)
    name, command, rest = group.resolve_command(context, list(words[1:]))
    if name is None or command is None:
        return  # --install-completion
    with contextlib.suppress(typer.Exit):  # --help
        command.make_context(name, rest, parent=context)


def bash(block: Block, _monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run it with a fake program that exits with each code in turn."""
    for command in re.findall(r"^airbyte-sync .*$", block.text, re.MULTILINE):
        _assert_parses(shlex.split(command))
    program = tmp_path / "airbyte-sync"
    program.write_text('#!/bin/sh\nexit "$CODE"\n', encoding="utf-8")
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    codes = {
        code: subprocess.run(  # noqa: S603  # our documents
            ["bash", "-euc", f"set +e\n{block.text}"],  # noqa: S607
            env={"PATH": path, "CODE": str(code)},
            capture_output=True,
            check=False,
        ).returncode
        for code in (0, 3, 8, 9, 12, 99)
    }
    assert codes == {0: 0, 3: 1, 8: 75, 9: 75, 12: 75, 99: 0}


# -- data -----------------------------------------------------------------------------------------


def toml(block: Block, _monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Load it as a sandbox scenario or a config file."""
    data = tomllib.loads(block.text)
    if block.path == "docs/sandbox.md":
        SandboxConfig.model_validate(data)
        return
    file = tmp_path / "config.toml"
    text = block.text.replace("/run/secrets/airbyte", str(tmp_path))
    file.write_text(text, encoding="utf-8")
    for name in ("client-id", "client-secret"):
        (tmp_path / name).write_text("some-secret", encoding="utf-8")
    file.chmod(0o600)
    for profile in data["profiles"]:
        ending = call("config", "show", "--profile", profile, AIRBYTE_CONFIG=str(file))
        assert (ending.code, ending.warnings) == (0, []), ending.stderr


def plain_yaml(block: Block, _monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


def dockerfile(block: Block, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Only parsed: a build would download Airflow's image."""
    lines = block.text.replace("\\\n", " ").splitlines()
    assert {line.split()[0] for line in lines} <= {"USER", "COPY", "RUN", "ENV"}
    for line in lines:
        if line.startswith("RUN "):
            subprocess.run(["sh", "-nc", line[4:]], check=True)  # noqa: S603, S607  # only parsed


def mermaid(block: Block, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Only checked for balanced blocks: mermaid itself is a JavaScript program."""
    assert block.text.startswith(("stateDiagram-v2\n", "sequenceDiagram\n", "flowchart TD\n"))
    opened = len(re.findall(r"^\s*(?:alt|loop|opt|subgraph)\b", block.text, re.MULTILINE))
    assert opened == len(re.findall(r"^\s*end$", block.text, re.MULTILINE))


def plain(block: Block, _monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in block.text.splitlines() if line]
    if block.path == "docs/commands.md":
        return  # help texts, generated: test_documents.py compares them
    if block.path == "docs/sandbox.md":
        for line in lines:
            _validate_scenario(line)
        return
    # Templates: rendered by Airflow itself in tests/e2e/test_airflow_running.py and DAGs.
    assert block.path == "docs/airflow.md"
    for line in lines:
        assert re.fullmatch(r"\{\{ .+ \}\}|\{# .+ #\}", line), line


def _validate_scenario(line: str) -> None:
    """Validate a job's life, a whole job, or a fault in its short form."""
    if line.startswith("{"):
        JobScript.model_validate(tomllib.loads(f"job = {line}")["job"])
    elif line.startswith("pending "):
        JobScript(life=line)
    else:
        Fault.model_validate(line)


CHECKS: Final[Mapping[str, Callable[..., None]]] = {
    "python": python,
    "py": python,
    "console": console,
    "bash": bash,
    "toml": toml,
    "yaml": plain_yaml,
    "dockerfile": dockerfile,
    "mermaid": mermaid,
    "text": plain,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_code_block_works_when_pasted(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert block.language in CHECKS, f"no check for a block of {block.language!r}"
    check = CHECKS[block.language]
    needs_folder = "tmp_path" in inspect.signature(check).parameters
    check(block, monkeypatch, **({"tmp_path": tmp_path} if needs_folder else {}))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", 'BashOperator(task_id="sync", bash_command="true", env=({},))'),
        ("python", 'BashOperator(task_id="s", bash_command="airbyte-sync run --connection x")'),
        ("console", "$ airbyte-sync run --connection x\n"),
        ("console", "$ export AIRBYTE_URI=http://localhost:8000\n"),
        ("console", "$ make everything\n"),
        ("console", "$ pip install '.[nothing]'\n"),
        ("console", "$ curl http://localhost\n"),
    ],
)
def test_broken_code_block_fails_its_check(
    language: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((TypeError, AssertionError, UsageError)):
        CHECKS[language](Block("README.md", 1, language, text), monkeypatch)
