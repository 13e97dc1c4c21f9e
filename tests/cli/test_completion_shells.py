"""Completion in real shells: a name is one word, and no name is executed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from airbyte_sync_cli.sandbox import Sandbox
from tests.cli.shells import COMMANDS, Shell, open_shell
from tests.support.hostile import CANARY, HOSTILE
from tests.support.servers import Stage

pytest.importorskip("pty", reason="terminals like this are POSIX's")
each_shell = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                shutil.which(name) is None, reason=f"{name} is not installed"
            ),
        )
        for name in COMMANDS
    ],
)


def a_house(hostile: Sequence[str] = HOSTILE) -> Sandbox:
    sandbox = Sandbox()
    for name in (*hostile, "zebra crossing → sea", "zoo"):
        sandbox.add_connection(name)
    return sandbox


@contextmanager
def a_shell(name: str, folder: Path, url: str) -> Iterator[Shell]:
    environ = {"AIRBYTE_URL": url, "XDG_CACHE_HOME": str(folder / "cache")}
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    shown = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", "--show-completion", name],
        env={**base, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "True"},
        capture_output=True,
        text=True,
        check=True,
    )
    with open_shell(name, folder, shown.stdout, environ) as shell:
        yield shell


@pytest.mark.parametrize("hostile", [HOSTILE, HOSTILE[:1]], ids=["all", "backslash"])
@each_shell
def test_hostile_names_are_not_executed_and_completed_as_ids(
    stage: Stage, tmp_path: Path, name: str, hostile: Sequence[str]
) -> None:
    sandbox = a_house(hostile)
    ids = [one.id for one in sandbox.connections if one.name in hostile]
    with a_shell(name, tmp_path, stage.sandbox(sandbox)) as shell:
        shell.type("airbyte-sync run -c ")
        shell.tab_until(*(one[:13] for one in ids[:3]), "zoo")
        shell.run("\x03")
        for typed in ("evil", ids[0][:10]):
            shell.type(f"airbyte-sync run -c {typed}")
            shell.tab_until("")
            shell.run("\x03")
        shell.type(f"airbyte-sync run -c {ids[0][:10]}")
        shell.tab_until(ids[0][10:])
        shell.run()

    assert not (tmp_path / CANARY).exists()
    assert shell.typed() == ["run", "-c", ids[0]]


@each_shell
def test_name_with_spaces_is_completed_as_one_word(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    with a_shell(name, tmp_path, stage.sandbox(a_house())) as shell:
        shell.type("airbyte-sync run -c zeb")
        shell.tab_until("sea")
        shell.run()

    assert shell.typed() == ["run", "-c", "zebra crossing → sea"]
