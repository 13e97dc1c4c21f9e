"""The documents match the code: tables, links, command lines, messages, paths and symbols."""

import ast
import builtins
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import COMMANDS, make_app
from docs import generate

DOCUMENTS = sorted([*generate.ROOT.glob("*.md"), *(generate.ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def _named(path: Path) -> str:
    return str(path.relative_to(generate.ROOT))


def test_generated_files_match_the_code() -> None:
    assert [_named(path) for path in generate.stale()] == [], "run `make docs`"


def test_every_generated_block_has_marks_in_a_document() -> None:
    assert generate.missing_blocks() == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=_named)
def test_every_link_has_a_target(path: Path) -> None:
    links = [
        (path.parent / file if file else path, anchor)
        for file, anchor in _LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in file
    ]

    assert [file for file, _ in links if not file.exists()] == []
    assert [
        (file, anchor) for file, anchor in links if anchor and anchor not in _anchors(file)
    ] == []


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub forms them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


_FILE = re.compile(r"[\w.-]*(?:/[\w.-]+)*(?:\.(?:py|md|toml|json|txt|yml|cron)|/)")
_SYMBOL = re.compile(r"_?[A-Z]\w*[a-z]\w*(?:\.\w+)?(?:\(\))?|[A-Z][A-Z_]+[A-Z]|\w+(?:\.\w+)?\(\)")


def _missing_in_code(text: str) -> list[str]:
    """Return the file paths in backticks that do not exist, and the symbols their file lacks.

    A symbol belongs to the last Python file that was named before it.
    """
    code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    missing, names, file = [], set[str](), ""
    for token in re.findall(r"`([^`\n]+)`", code):
        if _FILE.fullmatch(token):
            found = _find(token)
            if found is None:
                missing.append(token)
            elif token.endswith(".py"):
                file, names = token, _names_in(found)
        elif _SYMBOL.fullmatch(token) and not token.startswith("AIRBYTE_"):
            name = token.removesuffix("()")
            if name not in names and not hasattr(builtins, name):
                missing.append(f"{file}: {token}")
    return missing


def _find(path: str) -> Path | None:
    roots = (generate.ROOT, generate.ROOT / "airbyte_sync_cli")
    return next((root / path for root in roots if (root / path).exists()), None)


def _names_in(path: Path) -> set[str]:
    """Return the names that a module defines, and those of its classes as `Class.name`."""
    names = set[str]()
    for prefix, body in [("", (module := ast.parse(path.read_text(encoding="utf-8"))).body)] + [
        (f"{one.name}.", one.body) for one in module.body if isinstance(one, ast.ClassDef)
    ]:
        for node in body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    names.add(prefix + node.name)
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    names.add(prefix + name)
    return names


def test_every_path_and_symbol_in_contributing_exists() -> None:
    text = (generate.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert _missing_in_code(text) == []


def test_missing_path_or_symbol_in_contributing_is_detected() -> None:
    text = "`sync/wait.py`: `Wait.until_end()`, `Weight`, `until_end()`; `sync/gone.py`"

    assert _missing_in_code(text) == [
        "sync/wait.py: Weight",
        "sync/wait.py: until_end()",
        "sync/gone.py",
    ]


def test_contributing_names_every_room() -> None:
    text = (generate.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in generate.ROOT.glob("airbyte_sync_cli/*/__init__.py")}

    assert {room for room in rooms if f"{room}/" not in text} == set()


def _command_lines(text: str) -> Iterator[str]:
    """Yield every call of the program in code blocks, with continued lines joined."""
    for block in re.findall(
        r"^```(?:console|bash|sh|text)\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    ):
        for line in block.replace("\\\n", " ").splitlines():
            match = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(airbyte-sync .*)", line)
            if match:
                yield match[1]
    yield from re.findall(r"`(airbyte-sync [^`]+)`", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_named)
def test_every_documented_command_line_is_valid(path: Path) -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)

    wrong = [
        line
        for line in _command_lines(path.read_text(encoding="utf-8"))
        if not _exists(line, group)
    ]

    assert wrong == []


def _exists(line: str, group: TyperGroup) -> bool:
    alone = re.split(r" [|>] ", line, maxsplit=1)[0]
    words = shlex.split(alone, comments=True)[1:]
    if words[0].startswith("-"):
        return words[0] in {"--help", "--version", "--install-completion", "--show-completion"}
    if words[0] not in COMMANDS:
        return False
    known = {flag for param in group.commands[words[0]].params for flag in param.opts}
    flags = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return flags <= known | {"--help", "--help-all", "-h", "-vv"}


def test_invalid_command_line_is_detected() -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)

    assert not _exists("airbyte-sync run --connection x", group)
    assert not _exists("airbyte-sync start --conn x", group)
    assert _exists("airbyte-sync run --conn x -o json | tail -n 1", group)


def test_quoted_messages_in_troubleshooting_exist_in_the_code() -> None:
    page = (generate.ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    source = "".join(
        re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
        for path in (generate.ROOT / "airbyte_sync_cli").rglob("*.py")
    )

    quoted = re.findall(r'^### .*?"([^"]+)"', page, re.MULTILINE)

    assert len(quoted) > 8
    assert [words for words in quoted if words not in source] == []


def test_every_security_guarantee_names_existing_tests() -> None:
    text = (generate.ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    named = [re.findall(r"`(tests/[^`]+)`", row) for row in rows]

    assert len(rows) >= 10
    assert all(named), "a promise without a test"
    assert [one for files in named for one in files if not (generate.ROOT / one).is_file()] == []
