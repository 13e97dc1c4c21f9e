"""Completion of connection names, commands and options; suggestions for typos."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from airbyte_sync_cli.cli.app import make_app
from airbyte_sync_cli.cli.completion import (
    Offers,
    complete_connection,
    complete_job,
    complete_profile,
    complete_tag,
    complete_workspace,
)
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.sandbox import Fault, Sandbox
from tests.support.hostile import HOSTILE
from tests.support.program import assert_told_well, call
from tests.support.servers import Stage

SHELLS = ("bash", "zsh", "fish", "powershell")
UNDETECTED = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "True"}
"""The shell is an argument then; otherwise Typer detects its parent shell."""
AIRBYTES_OWN = "Postgres → BigQuery"


def a_house() -> Sandbox:
    sandbox = Sandbox()
    sandbox.add_connection("orders")
    sandbox.add_connection(AIRBYTES_OWN)
    sandbox.add_connection("other", workspace="Elsewhere")
    return sandbox


def program(*argv: str, home: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as a process with another home."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", *argv],
        env={**kept, "XDG_CACHE_HOME": str(home / "cache"), **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=20,
        check=False,
    )


def tab(*words: str, home: Path, **environ: str) -> list[str]:
    """Return the completions of these words, as bash requests them."""
    done = program(
        home=home,
        _AIRBYTE_SYNC_COMPLETE="complete_bash",
        COMP_WORDS="\n".join(["airbyte-sync", *words]),
        COMP_CWORD=str(len(words)),
        **environ,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if line]


# Names


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set another home for tests in this process: platformdirs reads the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def context(typed: Mapping[str, str], **environ: str) -> typer.Context:
    """Return the context of an incomplete command line."""
    wiring = Wiring(
        environ=environ, clock=SystemClock(), stdout=None, stderr=None, signals=Signals()
    )
    made = typer.Context(TyperCommand("run"), obj=wiring)
    made.params.update(typed)
    return made


def offered(
    incomplete: str,
    environ: Mapping[str, str] | None = None,
    complete: Callable[[typer.Context, str], Offers] = complete_connection,
    **typed: str,
) -> list[str]:
    """Return the completions after these options, in this process."""
    found = complete(context(typed, **(environ or {})), incomplete)
    return [value for value, _ in found]


@pytest.mark.parametrize("command", ["run", "jobs"])
def test_connections_are_completed_by_name(stage: Stage, tmp_path: Path, command: str) -> None:
    url = stage.sandbox(a_house())
    assert tab(command, "--conn", "or", home=tmp_path, AIRBYTE_URL=url) == ["orders"]


def test_every_conn_option_has_completion() -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)
    taking = {
        name: parameter
        for name, command in group.commands.items()
        for parameter in command.params
        if "--conn" in parameter.opts
    }
    assert {"run", "trigger", "status", "cancel", "jobs", "logs"} <= set(taking)
    for parameter in taking.values():
        assert parameter._custom_shell_complete is not None  # noqa: SLF001  # called by the shell's hook


@pytest.mark.parametrize(
    ("word", "shown"),
    [("Post", r"Postgres\ →\ BigQuery"), ('"Post', AIRBYTES_OWN), ("'Post", AIRBYTES_OWN)],
)
def test_name_with_spaces_is_completed_as_one_word(
    stage: Stage, tmp_path: Path, word: str, shown: str
) -> None:
    url = stage.sandbox(a_house())
    assert tab("run", "-c", word, home=tmp_path, AIRBYTE_URL=url) == [shown]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("home")
def test_unsafe_name_is_completed_as_id_with_harmless_text(stage: Stage, name: str) -> None:
    sandbox = Sandbox()
    one = sandbox.add_connection(name)
    line = context({"url": stage.sandbox(sandbox)})

    for typed in ("", name[:1], one.id[:6]):
        [(value, beside)] = complete_connection(line, typed)
        assert value == one.id
        assert re.fullmatch(r"[\w.,+/→ -]*", beside)


@pytest.mark.usefixtures("home")
def test_id_is_completed_from_four_digits(stage: Stage) -> None:
    sandbox = a_house()
    wanted = sandbox.connections[0].id
    url = stage.sandbox(sandbox)
    assert offered(wanted[:4], url=url) == [wanted]
    assert offered(wanted[:3], url=url) == []


def test_completion_uses_options_on_the_line(stage: Stage, tmp_path: Path) -> None:
    sandbox = a_house()
    options = ("--url", stage.sandbox(sandbox), "--workspace", sandbox.connections[2].workspace_id)
    assert tab("run", *options, "--conn", "", home=tmp_path) == ["other"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_get_unquoted_names(stage: Stage, tmp_path: Path, shell: str) -> None:
    done = program(
        home=tmp_path,
        _AIRBYTE_SYNC_COMPLETE=f"complete_{shell}",
        _TYPER_COMPLETE_ARGS="airbyte-sync run --conn Post",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        AIRBYTE_URL=stage.sandbox(a_house()),
    )
    assert AIRBYTES_OWN in done.stdout
    assert "\\ " not in done.stdout


@pytest.mark.usefixtures("home")
def test_second_tab_uses_the_cache(stage: Stage) -> None:
    sandbox = a_house()
    url = stage.sandbox(sandbox)
    assert offered("o", url=url) == offered("o", url=url) == ["orders", "other"]
    assert len(sandbox.sent("connections")) == 1


def the_cache(home: Path) -> Path:
    (cache,) = (home / "cache" / "airbyte-sync").iterdir()
    return cache


def test_cache_expires_after_five_minutes(stage: Stage, home: Path) -> None:
    sandbox = a_house()
    url = stage.sandbox(sandbox)
    offered("o", url=url)
    long_ago = time.time() - 301
    os.utime(the_cache(home), (long_ago, long_ago))
    sandbox.add_connection("oranges")
    assert offered("o", url=url) == ["oranges", "orders", "other"]


@pytest.mark.usefixtures("home")
def test_each_server_has_its_own_cache(stage: Stage) -> None:
    offered("o", url=stage.sandbox(a_house()))
    other = Sandbox()
    other.add_connection("olives")
    assert offered("o", url=stage.sandbox(other)) == ["olives"]


def test_cache_is_private_and_has_no_secret(stage: Stage, home: Path) -> None:
    environ = {"AIRBYTE_TOKEN": "canary-1234"}
    assert offered("o", environ, url=stage.sandbox(a_house())) == ["orders", "other"]
    cache = the_cache(home)
    assert cache.stat().st_mode & 0o077 == 0
    assert "canary" not in cache.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "{", "{}", "[1]", '[["a"]]', "null"])
def test_invalid_cache_is_replaced(stage: Stage, home: Path, content: str) -> None:
    url = stage.sandbox(a_house())
    offered("o", url=url)
    the_cache(home).write_text(content, encoding="utf-8")
    assert offered("o", url=url) == ["orders", "other"]
    assert len(json.loads(the_cache(home).read_text(encoding="utf-8"))) == 3


def test_unwritable_cache_is_ignored(stage: Stage, home: Path) -> None:
    (home / "cache").write_text("a file, not a folder", encoding="utf-8")
    assert offered("o", url=stage.sandbox(a_house())) == ["orders", "other"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRBYTE_URL", "http://127.0.0.1:9"),
        ("AIRBYTE_URL", "ht tp:/nonsense"),
        ("AIRBYTE_PROFILE", "nobody"),
        ("AIRBYTE_CLIENT_ID", "half-of-a-pair"),
        ("AIRBYTE_TOKEN_FILE", "/nowhere/at/all"),
    ],
)
@pytest.mark.usefixtures("home")
def test_invalid_settings_complete_nothing(name: str, value: str) -> None:
    assert offered("o", {name: value}) == []


def test_completion_writes_no_error(tmp_path: Path) -> None:
    unknown = {"AIRBYTE_URL": "http://127.0.0.1:9", "AIRBYTE_HEADERS": "nonsense"}
    assert tab("run", "--insecure", "--conn", "o", home=tmp_path, **unknown) == []


@pytest.mark.parametrize("fault", ["any:never", "any:503", "any:401", "any:html", "any:drip=5"])
@pytest.mark.usefixtures("home")
def test_completion_waits_a_second_for_failing_server(stage: Stage, fault: str) -> None:
    sandbox = a_house()
    sandbox.faults.add(Fault.model_validate(fault))
    url = stage.sandbox(sandbox)
    began = time.monotonic()
    assert offered("o", url=url) == []
    assert time.monotonic() - began < 2  # one second, on a busy machine


# Tags, workspaces, jobs and profiles


@pytest.mark.usefixtures("home")
def test_tags_in_use_are_completed(stage: Stage) -> None:
    sandbox = a_house()
    sandbox.add_connection("tagged", tags=("nightly", "news; rm -rf ~", "weekly"))
    url = stage.sandbox(sandbox)
    assert offered("n", complete=complete_tag, url=url) == ["nightly"]


@pytest.mark.usefixtures("home")
def test_workspaces_are_completed_by_name_and_id(stage: Stage) -> None:
    sandbox = a_house()
    url, elsewhere = stage.sandbox(sandbox), sandbox.connections[2].workspace_id
    assert offered("Else", complete=complete_workspace, url=url) == ["Elsewhere"]
    assert offered(elsewhere[:6], complete=complete_workspace, url=url) == [elsewhere]


@pytest.mark.usefixtures("home")
def test_newest_jobs_are_completed_with_connection_and_status(stage: Stage) -> None:
    sandbox = a_house()
    url = stage.sandbox(sandbox)
    job = call("trigger", "--conn", "orders", "-o", "id", AIRBYTE_URL=url).stdout.strip()
    [(value, beside)] = complete_job(context({"url": url}), "")
    assert value == job
    assert beside.startswith("orders ")


@pytest.mark.usefixtures("home")
def test_new_job_is_completed_at_once(stage: Stage) -> None:
    url = stage.sandbox(a_house())
    assert offered("", complete=complete_job, url=url) == []
    job = call("trigger", "--conn", "orders", "-o", "id", AIRBYTE_URL=url).stdout.strip()
    assert offered("", complete=complete_job, url=url) == [job]


def test_profiles_are_completed_without_a_server(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[profiles.production]\n[profiles.preview]\n[profiles.test]\n")
    environ = {"AIRBYTE_CONFIG": str(file)}
    assert offered("pr", environ, complete_profile) == ["preview", "production"]


@pytest.mark.parametrize(
    "complete", [complete_tag, complete_workspace, complete_job, complete_profile]
)
@pytest.mark.usefixtures("home")
def test_errors_complete_nothing(complete: Callable[[typer.Context, str], Offers]) -> None:
    environ = {"AIRBYTE_CONFIG": "/nowhere/at/all", "AIRBYTE_URL": "http://127.0.0.1:9"}
    assert offered("", environ, complete) == []


# Commands, options, and the hooks of the shells


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    assert tab("conn", home=tmp_path) == ["connections"]
    assert "--follow" in tab("logs", "--fo", home=tmp_path)
    assert tab("jobs", "--status", "f", home=tmp_path) == ["failed"]


@pytest.mark.parametrize("shell", SHELLS)
def test_show_completion_prints_hook_of_each_shell(tmp_path: Path, shell: str) -> None:
    done = program("--show-completion", shell, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_AIRBYTE_SYNC_COMPLETE" in done.stdout


def test_show_completion_of_unknown_shell_is_a_usage_error() -> None:
    ending = call("--show-completion", "tcsh")
    assert_told_well(ending, 2)
    assert "hint: available: bash, fish, powershell, pwsh, zsh" in ending.stderr


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bash_completions/airbyte-sync.sh"),
        ("zsh", ".zfunc/_airbyte-sync"),
        ("fish", ".config/fish/completions/airbyte-sync.fish"),
    ],
)
def test_install_completion_writes_hook_of_each_shell(
    tmp_path: Path, shell: str, file: str
) -> None:
    done = program("--install-completion", shell, home=tmp_path, **UNDETECTED)
    assert done.returncode == 0
    assert "_AIRBYTE_SYNC_COMPLETE" in (tmp_path / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("argv", "guess"),
    [
        (("statsu",), "'status'"),
        (("conections",), "'connections'"),
        (("log",), "'logs'"),
        (("status", "--conection", "x"), "--conn"),
        (("logs", "1", "--folow"), "--follow"),
        (("jobs", "--conn", "x", "--limt", "3"), "--limit"),
        (("connections", "--serach", "x"), "--search"),
    ],
)
def test_typo_has_suggestion(argv: tuple[str, ...], guess: str) -> None:
    ending = call(*argv)
    assert_told_well(ending, 2)
    assert guess in ending.lines("error: ")[0]


@pytest.mark.parametrize("command", ["connections", "jobs", "logs"])
def test_help_imports_neither_http_client_nor_renderer(tmp_path: Path, command: str) -> None:
    code = (
        "import atexit, sys; from airbyte_sync_cli.__main__ import main\n"
        "told = lambda: print('loaded:', {'httpx', 'rich', 'asyncio'} & set(sys.modules))\n"
        "atexit.register(told); main()"
    )
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", code, command, "--help"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert f"airbyte-sync {command}" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded: set()"
