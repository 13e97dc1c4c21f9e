"""What `--help` says: in a stranger's order, in plain words, whole at 80 columns."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import COMMANDS, make_app
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS
from tests.support.program import call

OF_NO_SERVER = {"demo", "sandbox"}
OF_A_SERVER = sorted(COMMANDS.keys() - OF_NO_SERVER)


def shown(command: str) -> str:
    return call(command, "--help", COLUMNS="100").stdout


def headings(text: str) -> list[str]:
    return re.findall(r"^(\w.*):$", text, re.MULTILINE)


def left_column(text: str) -> Iterator[str]:
    """The options and arguments as they are written."""
    for line in text.splitlines():
        if match := re.match(r"  (-.*?|[A-Z_]+)(?:  |$)", line):
            yield match[1]


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_every_command_of_a_server_says_how_to_give_each_kind_of_credentials(command: str) -> None:
    said = shown(command).partition("\nCredentials:\n")[2].partition("\nExamples:\n")[0]

    wanted = {ENVIRONMENT[name][0] for names in KINDS.values() for name in names}
    assert wanted <= set(re.findall(r"AIRBYTE_\w+", said))
    assert "not from options" in said
    assert "None by default" in said
    assert "_FILE" in said


@pytest.mark.parametrize("command", sorted(OF_NO_SERVER))
def test_a_command_without_a_server_wants_no_credentials(command: str) -> None:
    assert "Credentials" not in shown(command)


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_a_commands_own_options_come_first_and_help_itself_last(command: str) -> None:
    found = headings(shown(command))

    everybodys = ["Server and network", "Output", "Help", "Credentials", "Examples"]
    assert found[-len(everybodys) :] == everybodys
    assert "Options" not in found[-len(everybodys) :]


def test_options_without_a_heading_of_their_own_stand_before_the_servers() -> None:
    text = shown("logs")
    assert text.index("--follow") < text.index("--url") < text.index("--help  Show")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_type_of_the_code_is_shown(command: str) -> None:
    text = shown(command)

    wrong = [
        name for name in left_column(text) if re.search(r"[<>]|\b(str|int|float|list)\b", name)
    ]
    assert wrong == []
    assert not re.search(r"x[<>]=|<=x|\[default: \(|\{JOB_ID", text)


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("wait", "[JOB_ID]..."),
        ("status", "[JOB_ID]..."),
        ("logs", "[JOB_ID]"),
        ("config", "show"),
    ],
)
def test_arguments_are_written_as_everywhere(command: str, usage: str) -> None:
    assert shown(command).splitlines()[0] == f"Usage: airbyte-sync {command} [OPTIONS] {usage}"


def test_limits_are_told_in_words() -> None:
    text = " ".join(shown("jobs").split())
    assert "[default: 20; 1 to 1000]" in text


@pytest.mark.parametrize("command", ["run", "trigger"])
def test_what_an_interrupt_does_is_said_without_the_option_before(command: str) -> None:
    text = " ".join(shown(command).split())
    assert "What to do with a job this run started on SIGTERM, SIGHUP or Ctrl-C." in text


def test_the_configuration_has_no_use_for_a_heartbeat() -> None:
    assert "--heartbeat" not in shown("config")
    assert call("config", "show").code == 0


def test_no_summary_is_cut_at_80_columns() -> None:
    text = call("--help", COLUMNS="80").stdout

    assert "..." not in text.partition("Syncs:")[2]
    assert max(len(line) for line in text.splitlines()) <= 80


def test_summaries_take_one_line_each() -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)
    room = 78 - len("  connections  ")
    folded = {
        name
        for name, command in group.commands.items()
        if len(command.get_short_help_str(1000)) > room
    }
    assert folded == set()
