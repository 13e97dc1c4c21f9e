"""`airbyte-sync run`, `trigger` and `wait`: exactly one sync for each connection."""

from typing import TYPE_CHECKING

from airbyte_sync_cli.cli.command import command
from airbyte_sync_cli.cli.run_options import (
    ActiveOf,
    Connections,
    DryRun,
    FailFast,
    IfRunning,
    JobIds,
    JobTypes,
    Logs,
    LogTail,
    MaxOutage,
    MaxParallel,
    MaxRejected,
    MinRecords,
    OnInterrupt,
    OnTimeout,
    PollInterval,
    RequireStreams,
    Since,
    StallWarning,
    StartTimeout,
    Streams,
    Tags,
    Timeout,
    Verify,
)

if TYPE_CHECKING:
    from airbyte_sync_cli.commands.session import Invocation, Work


@command("run")
def run(
    invocation: "Invocation",
    /,
    *,
    conn: Connections = None,
    tag: Tags = None,
    job_type: JobTypes = "sync",
    stream: Streams = None,
    if_running: IfRunning = "wait",
    since: Since = None,
    timeout: Timeout = "72h",
    start_timeout: StartTimeout = None,
    stall_warning: StallWarning = "30m",
    on_timeout: OnTimeout = "cancel",
    on_interrupt: OnInterrupt = "cancel",
    poll_interval: PollInterval = "auto",
    max_outage: MaxOutage = "30m",
    min_records: MinRecords = None,
    max_rejected: MaxRejected = None,
    require_stream: RequireStreams = None,
    verify: Verify = False,
    fail_fast: FailFast = False,
    max_parallel: MaxParallel = None,
    logs: Logs = None,
    log_tail: LogTail = 20,
    dry_run: DryRun = False,
) -> "Work":
    """Start a sync, wait for it, and exit with its outcome.

    Exit 0 if and only if Airbyte reports that every sync succeeded, and no check
    (such as --min-records) failed.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.run import run_syncs  # noqa: PLC0415  # the same
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415  # the same

    policy = RunPolicy(
        trigger=arguments.parse_trigger_policy(
            job_type=job_type,
            if_running=if_running,
            since=since,
            now=invocation.wiring.clock.now(),
        ),
        wait=arguments.parse_wait_policy(
            timeout=timeout,
            start_timeout=start_timeout,
            stall_warning=stall_warning,
            poll_interval=poll_interval,
            max_outage=max_outage,
        ),
        on_timeout=on_timeout,
        on_interrupt=on_interrupt,
        min_records=min_records,
        max_rejected=max_rejected,
        require_streams=arguments.parse_required_streams(require_stream),
        verify=verify,
        fail_fast=fail_fast,
        max_parallel=max_parallel,
        dry_run=dry_run,
        log_level=logs,
        log_tail=log_tail,
    )
    wanted = arguments.parse_connections(
        conn,
        tag,
        invocation.wiring.environ,
        streams=arguments.parse_streams(stream, job_type=job_type),
    )
    return run_syncs(invocation, wanted, policy)


@command("trigger")
def trigger(
    invocation: "Invocation",
    /,
    *,
    conn: Connections = None,
    tag: Tags = None,
    job_type: JobTypes = "sync",
    stream: Streams = None,
    if_running: IfRunning = "wait",
    since: Since = None,
    timeout: Timeout = "72h",
    on_interrupt: OnInterrupt = "cancel",
    max_outage: MaxOutage = "30m",
    max_parallel: MaxParallel = None,
    dry_run: DryRun = False,
) -> "Work":
    """Start a sync, print its job id, and exit.

    The first half of the two-task pattern; `airbyte-sync wait JOB_ID` is the second.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.run import run_syncs  # noqa: PLC0415  # the same
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415  # the same

    policy = RunPolicy(
        trigger=arguments.parse_trigger_policy(
            job_type=job_type,
            if_running=if_running,
            since=since,
            now=invocation.wiring.clock.now(),
        ),
        wait=arguments.parse_wait_policy(timeout=timeout, max_outage=max_outage),
        on_interrupt=on_interrupt,
        max_parallel=max_parallel,
        dry_run=dry_run,
        trigger_only=True,
    )
    wanted = arguments.parse_connections(
        conn,
        tag,
        invocation.wiring.environ,
        streams=arguments.parse_streams(stream, job_type=job_type),
    )
    return run_syncs(invocation, wanted, policy)


@command("wait")
def wait(
    invocation: "Invocation",
    /,
    *,
    job_ids: JobIds = None,
    conn: ActiveOf = None,
    tag: Tags = None,
    timeout: Timeout = "72h",
    start_timeout: StartTimeout = None,
    stall_warning: StallWarning = "30m",
    poll_interval: PollInterval = "auto",
    max_outage: MaxOutage = "30m",
    min_records: MinRecords = None,
    max_rejected: MaxRejected = None,
    require_stream: RequireStreams = None,
    verify: Verify = False,
    logs: Logs = None,
    log_tail: LogTail = 20,
) -> "Work":
    """Wait for existing jobs, and exit with their outcome.

    The second half of the two-task pattern; also the way to resume after exit 12. The jobs are
    never cancelled: Ctrl-C only stops waiting. An outage of Airbyte is tolerated, also at the
    start. With --conn or --tag the connection's active job is waited for; without one, the outcome
    of its latest job is reported at once. AIRBYTE_CONNECTION is not used.
    """
    from airbyte_sync_cli.cli import arguments  # noqa: PLC0415  # --help needs no HTTP
    from airbyte_sync_cli.commands.run import wait_for  # noqa: PLC0415  # the same
    from airbyte_sync_cli.sync.policy import RunPolicy  # noqa: PLC0415  # the same

    limits = arguments.parse_wait_policy(
        timeout=timeout,
        start_timeout=start_timeout,
        stall_warning=stall_warning,
        poll_interval=poll_interval,
        max_outage=max_outage,
    )
    policy = RunPolicy(
        wait=limits,
        min_records=min_records,
        max_rejected=max_rejected,
        require_streams=arguments.parse_required_streams(require_stream),
        verify=verify,
        log_level=logs,
        log_tail=log_tail,
    )
    # Without its environment: if a template rendered no job id, the latest job is not meant.
    wanted = arguments.parse_jobs_or_connections(
        job_ids, conn, tag, {}, hint=arguments.OR_ACTIVE_JOB
    )
    return wait_for(invocation, wanted, policy)
