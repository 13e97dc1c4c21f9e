"""`--help`: order of its sections, wording, and width of 80 columns."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import COMMANDS, make_app
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.settings.names import ENVIRONMENT, KINDS
from tests.support.program import assert_told_well, call

OF_NO_SERVER = {"demo", "help", "sandbox"}
OF_A_SERVER = sorted(COMMANDS.keys() - OF_NO_SERVER)


def shown(command: str) -> str:
    return call(command, "--help-all", COLUMNS="100").stdout


def headings(text: str) -> list[str]:
    return re.findall(r"^(\w.*):$", text, re.MULTILINE)


def left_column(text: str) -> Iterator[str]:
    """Return the options and arguments as printed."""
    for line in text.splitlines():
        if match := re.match(r"  (-.*?|[A-Z_]+)(?:  |$)", line):
            yield match[1]


def test_network_help_lists_every_kind_of_credentials() -> None:
    said = call("help", "network").stdout.partition("\nCredentials:\n")[2]

    wanted = {ENVIRONMENT[name][0] for names in KINDS.values() for name in names}
    assert wanted <= set(re.findall(r"AIRBYTE_\w+", said))
    assert "not from options" in said
    assert "None by default" in said
    assert "_FILE" in said


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_help_of_server_commands_names_the_network_help(command: str) -> None:
    assert "airbyte-sync help network" in call(command, "--help", COLUMNS="100").stdout


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_short_help_leaves_out_only_what_help_all_has(command: str) -> None:
    short = set(left_column(call(command, "--help", COLUMNS="100").stdout))
    every = set(left_column(shown(command)))
    assert short < every
    assert {"--ca-bundle FILE", "--insecure"} <= every - short
    assert not {"--url URL", "--profile NAME", "-h, --help"} - short


def test_run_help_ends_with_exit_codes_and_examples() -> None:
    text = call("run", "--help", COLUMNS="80").stdout
    codes = text.partition("\nExit codes:\n")[2].partition("\n\n")[0]
    assert [int(code) for code in re.findall(r"^  (\d+)", codes, re.MULTILINE)] == list(ExitCode)
    assert headings(text)[-3:] == ["Exit codes", "More help", "Examples"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_its_long_help(command: str) -> None:
    assert call("help", command, COLUMNS="100").stdout == shown(command)


def test_help_without_topic_lists_the_commands() -> None:
    assert call("help", COLUMNS="100").stdout == call("--help", COLUMNS="100").stdout


def test_help_of_exit_codes_lists_them() -> None:
    lines = call("help", "exit-codes", COLUMNS="100").stdout.splitlines()
    assert lines[0].split(maxsplit=1)[0] == "0"


def test_help_of_unknown_topic_is_a_usage_error() -> None:
    ending = call("help", "netwrk")
    assert_told_well(ending, 2)
    assert "hint: did you mean 'network'?" in ending.stderr


@pytest.mark.parametrize("command", sorted(OF_NO_SERVER))
def test_help_of_local_commands_has_no_credentials(command: str) -> None:
    assert "Credentials" not in shown(command)


@pytest.mark.parametrize("command", OF_A_SERVER)
def test_own_options_come_first_and_shared_sections_last(command: str) -> None:
    found = headings(shown(command))

    everybodys = ["Server and network", "Output", "Help", "More help", "Examples"]
    found = [one for one in found if one != "Exit codes"]
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
