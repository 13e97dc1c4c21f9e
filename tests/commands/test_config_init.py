"""`config init`: asks, tests as `check` does, and writes a profile that works, or nothing."""

import os
import pty
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import Sandbox, SandboxConfig
from tests.support.program import CommandResult, Outside, assert_told_well, call, call_in, read_all
from tests.support.servers import Stage


class Person:
    """Answers questions by their first words."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.hidden: list[str] = []

    def __call__(self, question: str, *, hidden: bool) -> str:
        self.asked.append(question)
        if hidden:
            self.hidden.append(question)
        return next(text for word, text in self._answers.items() if word in question)


def init(file: Path, *argv: str, person: Person | None = None, **environ: str) -> CommandResult:
    outside = Outside(ask=person)
    return call_in(outside, "config", "init", *argv, AIRBYTE_CONFIG=str(file), **environ)


def profile(file: Path, name: str | None = None) -> Mapping[str, Any]:
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    found: Mapping[str, Any] = content["profiles"][name] if name else content["default"]
    return found


def an_open_server(stage: Stage) -> str:
    return stage.sandbox(Sandbox())


@pytest.fixture
def guarded(stage: Stage) -> str:
    sandbox = Sandbox(SandboxConfig(auth="client-credentials"))
    sandbox.add_connection("orders")
    return stage.sandbox(sandbox)


ANSWERS = {
    "Authentication": "application",
    "Client id": "sandbox-client-id",
    "Client secret": "sandbox-client-secret",
}


def test_answers_become_a_profile_that_works(guarded: str, tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    person = Person(**{"Airbyte URL": guarded, **ANSWERS})

    ending = init(file, "prod", person=person)

    assert (ending.code, ending.warnings) == (0, []), ending.stderr
    assert profile(file, "prod") == {
        "url": guarded,
        "client_id": "sandbox-client-id",
        "client_secret": "sandbox-client-secret",
    }
    listed = call("connections", "--profile", "prod", AIRBYTE_CONFIG=str(file))
    assert (listed.code, listed.stderr) == (0, "")


def test_secrets_are_asked_for_without_showing_them(guarded: str, tmp_path: Path) -> None:
    person = Person(**{"Airbyte URL": guarded, **ANSWERS})
    init(tmp_path / "config.toml", person=person)
    assert [text.split(" (")[0] for text in person.hidden] == ["Client secret"]


def test_file_and_its_directory_are_private(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    assert init(file, "--url", an_open_server(stage)).code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["config.toml"]


def test_failed_step_writes_nothing_and_has_its_exit_code(guarded: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    person = Person(**{"Airbyte URL": guarded, **ANSWERS, "Client secret": "canary-wrong"})

    ending = init(file, person=person)

    assert_told_well(ending, 6)
    assert "nothing was written" in ending.stdout
    assert list(tmp_path.iterdir()) == []
    assert "canary" not in ending.stdout + ending.stderr


def test_options_and_environment_are_not_asked_for(guarded: str, tmp_path: Path) -> None:
    file, person = tmp_path / "config.toml", Person()
    ending = init(
        *(file, "--url", guarded, "--request-timeout", "1m"),
        person=person,
        AIRBYTE_CLIENT_ID="sandbox-client-id",
        AIRBYTE_CLIENT_SECRET="sandbox-client-secret",
    )
    assert (ending.code, person.asked) == (0, [])
    assert profile(file)["request_timeout"] == "60s"
    assert profile(file)["client_secret"] == "sandbox-client-secret"


def test_secret_in_a_file_stays_there(guarded: str, tmp_path: Path) -> None:
    file, secret = tmp_path / "config.toml", tmp_path / "secret"
    secret.write_text("sandbox-client-secret\n", encoding="utf-8")
    ending = init(
        *(file, "--url", guarded),
        AIRBYTE_CLIENT_ID="sandbox-client-id",
        AIRBYTE_CLIENT_SECRET_FILE=str(secret),
    )
    assert ending.code == 0, ending.stderr
    assert profile(file)["client_secret_file"] == str(secret)
    assert "client_secret" not in profile(file)


def test_other_profiles_and_comments_are_kept_and_not_inherited(
    stage: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    before = '# of the team\n[default]\nurl = "http://other"\ntoken = "other"  # ours'
    file.write_text(before, encoding="utf-8")
    file.chmod(0o600)

    ending = init(file, "über test", "--url", an_open_server(stage))

    assert ending.code == 0, ending.stderr
    assert file.read_text(encoding="utf-8").startswith(f"{before}\n\n")
    assert set(profile(file, "über test")) == {"url"}
    assert profile(file)["token"] == "other"


@pytest.mark.parametrize(("name", "told"), [((), "[default]"), (("prod",), "profile 'prod'")])
def test_existing_profile_is_a_usage_error_before_any_question(
    name: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    file, person = tmp_path / "config.toml", Person()
    text = '[default]\nurl = "http://a"\n[profiles.prod]\nurl = "http://b"\n'
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)

    ending = init(file, *name, person=person)

    assert_told_well(ending, 2)
    assert f"error: {told} already exists in {file}" in ending.stderr
    assert (person.asked, file.read_text(encoding="utf-8")) == ([], text)


def test_symbolic_link_to_the_file_stays_one(stage: Stage, tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.touch(mode=0o600)
    link.symlink_to(real)
    assert init(link, "--url", an_open_server(stage)).code == 0
    assert link.is_symlink()
    assert "url" in profile(real)


def test_unwritable_directory_is_a_usage_error(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ending = init(tmp_path / "file" / "config.toml", "--url", an_open_server(stage))
    assert_told_well(ending, 2)


def test_profile_option_is_a_usage_error(tmp_path: Path) -> None:
    ending = init(tmp_path / "config.toml", "--profile", "prod")
    assert_told_well(ending, 2)
    assert "hint: name it: `airbyte-sync config init NAME`" in ending.stderr


def test_user_without_home_needs_the_variable() -> None:
    ending = call("config", "init")
    assert_told_well(ending, 2)
    assert "hint: set AIRBYTE_CONFIG" in ending.stderr


def test_terminal_is_asked_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # our own program
        [sys.executable, "-m", "airbyte_sync_cli", "config", "init"],
        env={"PATH": os.environ["PATH"], "AIRBYTE_CONFIG": str(tmp_path / "config.toml")},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"Airbyte URL" not in shown:
        shown += os.read(ours, 1024)
    process.send_signal(signal.SIGINT)
    rest = b"".join(read_all(ours))
    os.close(ours)
    assert process.wait(timeout=30) == 130
    assert b"Traceback" not in rest
    assert not (tmp_path / "config.toml").exists()
