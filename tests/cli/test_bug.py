"""A bug in one sync of several is told like any other bug: with its traceback."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from airbyte_sync_cli.commands.session import CommandResult, perform_offline
from airbyte_sync_cli.errors import BugError, bug_hint
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sync.result import SyncResult

ROOT = Path(__file__).resolve().parents[2]


def test_a_bug_in_one_sync_shows_where_it_happened_and_keeps_the_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def play(_output: Output, _environ: Mapping[str, str]) -> CommandResult:
        return CommandResult(
            syncs=[SyncResult(job_id=42, exit_code=ExitCode.BUG, outcome="bug")],
            error=BugError.of(ExceptionGroup("several", [ValueError("ours")])),
            exit_code=ExitCode.BUG,
        )

    code = perform_offline("run", play)

    written = capsys.readouterr()
    assert code is ExitCode.BUG
    assert written.err.count("ValueError: ours") == 2, "in the traceback and in the message"
    assert "error: internal error: ValueError: ours" in written.err
    assert "42" in written.out


def test_bug_hint_names_the_address_that_the_package_carries() -> None:
    assert bug_hint({"Issues": "https://example.com/issues"}).endswith(
        "https://example.com/issues"
    )
    assert bug_hint({}).endswith("an issue in the repository that this program came from")


@pytest.mark.parametrize(
    ("environ", "issues"),
    [
        (
            {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "o/r"},
            "https://github.example/o/r/issues",
        ),
        ({}, None),
    ],
)
def test_package_built_by_ci_carries_its_repositorys_address(
    environ: dict[str, str], issues: str | None
) -> None:
    script = (
        "import json, hatch_build; told = {};"
        "hatch_build.ProjectUrls('.', {}).update(told); print(json.dumps(told))"
    )

    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["urls"].get("Issues") == issues
