"""Bugs: traceback, results and exit code are reported, and the issue address."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from airbyte_sync_cli.airbyte.models import Job
from airbyte_sync_cli.clock import SystemClock
from airbyte_sync_cli.commands.session import CommandResult, Invocation, perform
from airbyte_sync_cli.commands.signals import Signals
from airbyte_sync_cli.commands.wiring import Wiring
from airbyte_sync_cli.errors import BugError, bug_hint
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.sync.result import SyncResult
from airbyte_sync_cli.sync.state import SyncState

ROOT = Path(__file__).resolve().parents[2]


def test_bug_in_one_sync_writes_traceback_and_keeps_results() -> None:
    async def fail(_: Invocation) -> CommandResult:
        return CommandResult(
            syncs=[SyncResult(job_id=42, exit_code=ExitCode.BUG, outcome="bug")],
            error=BugError.of(ExceptionGroup("several", [ValueError("ours")])),
            exit_code=ExitCode.BUG,
        )

    stdout, stderr = io.StringIO(), io.StringIO()
    wiring = Wiring(
        environ={}, clock=SystemClock(), stdout=stdout, stderr=stderr, signals=Signals()
    )

    code = perform("run", fail, wiring=wiring, server=None, options=OutputOptions())

    written = stderr.getvalue()
    assert code is ExitCode.BUG
    assert written.count("ValueError: ours") == 2, "in the traceback and in the message"
    assert "error: internal error: ValueError: ours" in written
    assert "42" in stdout.getvalue()


def test_sync_without_outcome_is_a_bug() -> None:
    done, undecided = SyncState.of_job(1), SyncState.of_job(2)
    done.ended_as = ExitCode.OK
    undecided.job = Job(id=2, connection_id="c", type="sync", status="running", created_at=None)

    result = CommandResult.of([done, undecided])

    assert result.exit_code is ExitCode.BUG
    assert [sync.exit_code for sync in result.syncs] == [ExitCode.OK, ExitCode.BUG]
    assert isinstance(result.error, BugError)
    assert result.error.hint == "run `airbyte-sync wait 2` to get its outcome"


def test_bug_hint_has_issue_address_of_package() -> None:
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
def test_package_built_by_ci_has_issue_address_of_repository(
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
