"""The examples for other launchers name exit codes and options that exist."""

import re
from pathlib import Path
from typing import Any

import typer
import yaml
from typer.core import TyperGroup

from airbyte_sync_cli.cli.app import make_app
from airbyte_sync_cli.exit_codes import TABLE, ExitCode

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "launchers"
WORTH_A_RETRY = {code for code, row in TABLE.items() if row.worth_retrying.startswith("yes")}
NEVER_A_POD = {ExitCode.OK, ExitCode.SKIPPED, ExitCode.SIGINT, ExitCode.SIGTERM}
"""Success, and what the example cannot end with or leaves to the eviction's own rule."""


def load(name: str) -> Any:  # noqa: ANN401  # YAML
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_the_cronjob_fails_at_once_where_a_retry_cannot_help() -> None:
    [_, rule] = load("cronjob.yaml")["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]

    assert rule["action"] == "FailJob"
    assert set(rule["onExitCodes"]["values"]) == set(ExitCode) - WORTH_A_RETRY - NEVER_A_POD


def test_argo_retries_where_a_retry_can_help() -> None:
    [template] = load("argo.yaml")["spec"]["templates"]
    expression = template["retryStrategy"]["expression"]

    [codes] = re.findall(r"in \[([^\]]*)\]", expression)

    assert {int(code) for code in codes.split(",")} == WORTH_A_RETRY | {ExitCode.SIGTERM}


def test_every_option_in_the_files_exists() -> None:
    group = typer.main.get_command(make_app(["run"]))
    assert isinstance(group, TyperGroup)
    known = {flag for param in group.commands["run"].params for flag in param.opts}

    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir())]
    flags = {flag for text in texts for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}

    assert flags >= {"--conn", "--since"}
    assert flags <= known
