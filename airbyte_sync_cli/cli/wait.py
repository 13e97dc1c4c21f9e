"""`airbyte-sync wait`: see jobs through that exist already."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Play


@with_common_options
def wait(
    *,
    common: Common,
    job_ids: opt.JobIds = None,
    timeout: opt.Timeout = "72h",
    start_timeout: opt.StartTimeout = None,
    poll_interval: opt.PollInterval = "auto",
    max_outage: opt.MaxOutage = "30m",
    min_records: opt.MinRecords = None,
    verify: opt.Verify = False,
) -> ExitCode:
    """Wait for jobs that exist already, and exit with their outcome.

    The second half of the two-task pattern, and the way to go on after anything went wrong.
    The jobs are never cancelled from here: Ctrl-C only stops watching. An outage of Airbyte is
    waited out, also one that had begun before.
    """

    def prepare(_environ: Mapping[str, str]) -> "Play":
        from airbyte_sync_cli.cli import arguments as choices  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import run as runs  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415

        limits = choices.wait_policy(
            timeout=timeout,
            start_timeout=start_timeout,
            poll_interval=poll_interval,
            max_outage=max_outage,
        )
        policy = RunPolicy(wait=limits, min_records=min_records, verify=verify)
        numbers = targets.job_numbers(job_ids or [])
        return lambda settings, output: runs.wait_for(settings, output, numbers, policy)

    return common.play("wait", prepare)
