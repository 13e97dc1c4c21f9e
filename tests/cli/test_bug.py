"""A bug in one sync of several is told like any other bug: with its traceback."""

from collections.abc import Mapping

import pytest

from airbyte_sync_cli.cli.session import Ending, perform_offline
from airbyte_sync_cli.errors import BugError
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sync.result import SyncResult


def test_a_bug_in_one_sync_shows_where_it_happened_and_keeps_the_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def play(_output: Output, _environ: Mapping[str, str]) -> Ending:
        return Ending(
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
