"""`airbyte-sync run` and `trigger`: exactly one sync for each connection."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airbyte_sync_cli.cli import run_options as opt
from airbyte_sync_cli.cli.command import Common, with_common_options
from airbyte_sync_cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Play


@with_common_options
def run(
    *,
    common: Common,
    conn: opt.Connections = None,
    tag: opt.Tags = None,
    job_type: opt.JobTypes = "sync",
    if_running: opt.IfRunning = "wait",
    since: opt.Since = None,
    timeout: opt.Timeout = "72h",
    start_timeout: opt.StartTimeout = None,
    on_timeout: opt.OnTimeout = "cancel",
    on_interrupt: opt.OnInterrupt = "cancel",
    poll_interval: opt.PollInterval = "auto",
    max_outage: opt.MaxOutage = "30m",
    min_records: opt.MinRecords = None,
    verify: opt.Verify = False,
    fail_fast: opt.FailFast = False,
    max_parallel: opt.MaxParallel = None,
    dry_run: opt.DryRun = False,
) -> ExitCode:
    """Start a sync, wait for its end, and exit with its outcome.

    Exit 0 if and only if Airbyte says that every sync succeeded.
    """

    def prepare(environ: Mapping[str, str]) -> "Play":
        from airbyte_sync_cli.cli import arguments as choices  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import run as runs  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415

        policy = RunPolicy(
            trigger=choices.trigger_policy(job_type=job_type, if_running=if_running, since=since),
            wait=choices.wait_policy(
                timeout=timeout,
                start_timeout=start_timeout,
                poll_interval=poll_interval,
                max_outage=max_outage,
            ),
            on_timeout=on_timeout,
            on_interrupt=on_interrupt,
            min_records=min_records,
            verify=verify,
            fail_fast=fail_fast,
            max_parallel=max_parallel,
            dry_run=dry_run,
        )
        wanted, tags = targets.wanted_connections(conn, tag, environ)
        return lambda settings, output: runs.start_syncs(
            settings, output, wanted, tags=tags, policy=policy
        )

    return common.play("run", prepare)


@with_common_options
def trigger(
    *,
    common: Common,
    conn: opt.Connections = None,
    tag: opt.Tags = None,
    job_type: opt.JobTypes = "sync",
    if_running: opt.IfRunning = "wait",
    since: opt.Since = None,
    timeout: opt.Timeout = "72h",
    on_interrupt: opt.OnInterrupt = "cancel",
    max_outage: opt.MaxOutage = "30m",
    max_parallel: opt.MaxParallel = None,
    dry_run: opt.DryRun = False,
) -> ExitCode:
    """Start a sync, print its job id, and return at once.

    The first half of the two-task pattern; `airbyte-sync wait JOB_ID` is the second.
    """

    def prepare(environ: Mapping[str, str]) -> "Play":
        from airbyte_sync_cli.cli import arguments as choices  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.cli import arguments as targets  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.commands import run as runs  # noqa: PLC0415  # --help needs no HTTP
        from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415

        policy = RunPolicy(
            trigger=choices.trigger_policy(job_type=job_type, if_running=if_running, since=since),
            wait=choices.wait_policy(timeout=timeout, max_outage=max_outage),
            on_interrupt=on_interrupt,
            max_parallel=max_parallel,
            dry_run=dry_run,
            trigger_only=True,
        )
        wanted, tags = targets.wanted_connections(conn, tag, environ)
        return lambda settings, output: runs.start_syncs(
            settings, output, wanted, tags=tags, policy=policy
        )

    return common.play("trigger", prepare)
