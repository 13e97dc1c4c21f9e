"""`--help`: order of its sections, wording, and width of 80 columns."""

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
    """Return the options and arguments as printed."""
    for line in text.splitlines():
        if match := re.match(r"  (-.*?|[A-Z_]+)(?:  |$)", line):
            yield match[1]


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_help_of_server_commands_lists_every_kind_of_credentials(command: str) -> None:
    said = shown(command).partition("\nCredentials:\n")[2].partition("\nExamples:\n")[0]

    wanted = {ENVIRONMENT[name][0] for names in KINDS.values() for name in names}
    assert wanted <= set(re.findall(r"AIRBYTE_\w+", said))
    assert "not from options" in said
    assert "None by default" in said
    assert "_FILE" in said


@pytest.mark.parametrize("command", sorted(OF_NO_SERVER))
def test_help_of_local_commands_has_no_credentials(command: str) -> None:
    assert "Credentials" not in shown(command)


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_own_options_come_first_and_shared_sections_last(command: str) -> None:
    found = headings(shown(command))

    everybodys = ["Server and network", "Output", "Help", "Credentials", "Examples"]
    assert found[-len(everybodys) :] == everybodys
    assert "Options" not in found[-len(everybodys) :]


def test_options_without_section_precede_server_options() -> None:
    text = shown("logs")
    assert text.index("--follow") < text.index("--url") < text.index("--help  Show")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_no_python_type(command: str) -> None:
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
        ("config", "show|init [NAME]"),
    ],
)
def test_usage_line_shows_arguments(command: str, usage: str) -> None:
    assert shown(command).splitlines()[0] == f"Usage: airbyte-sync {command} [OPTIONS] {usage}"


def test_limits_are_written_in_words() -> None:
    text = " ".join(shown("jobs").split())
    assert "[default: 20; 1 to 1000]" in text


@pytest.mark.parametrize("command", ["run", "trigger"])
def test_on_interrupt_help_names_signals(command: str) -> None:
    text = " ".join(shown(command).split())
    assert "What to do with a job this run started on SIGTERM, SIGHUP or Ctrl-C." in text


def test_config_has_no_heartbeat_option() -> None:
    assert "--heartbeat" not in shown("config")
    assert call("config", "show").code == 0


def test_no_summary_is_cut_at_80_columns() -> None:
    text = call("--help", COLUMNS="80").stdout

    assert "..." not in text.partition("Syncs:")[2]
    assert max(len(line) for line in text.splitlines()) <= 80


def test_summaries_fit_one_line() -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, TyperGroup)
    room = 78 - len("  connections  ")
    folded = {
        name
        for name, command in group.commands.items()
        if len(command.get_short_help_str(1000)) > room
    }
    assert folded == set()
