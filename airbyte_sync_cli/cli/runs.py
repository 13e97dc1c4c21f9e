"""What `run`, `trigger` and `wait` do once there is a session."""

from collections.abc import Sequence

from airbyte_sync_cli.cli.session import Ending, Session, interrupted
from airbyte_sync_cli.exit_codes import verdict
from airbyte_sync_cli.sync.case import Case
from airbyte_sync_cli.sync.policy import RunPolicy
from airbyte_sync_cli.sync.run import run_connections, wait_for_jobs
from airbyte_sync_cli.sync.stop import StoppedError, until_stopped


async def run_syncs(
    session: Session, wanted: Sequence[str], tags: Sequence[str], policy: RunPolicy
) -> Ending:
    """Run (or only trigger) a sync of each connection."""
    try:
        connections = await until_stopped(session.select(wanted, tags), stop=session.stop)
    except StoppedError:
        return interrupted(session.stop)
    return _ending_of(await run_connections(session.context(policy), connections))


async def wait_for(session: Session, job_ids: Sequence[int], policy: RunPolicy) -> Ending:
    """Wait for jobs that exist."""
    return _ending_of(await wait_for_jobs(session.context(policy), job_ids))


def _ending_of(cases: Sequence[Case]) -> Ending:
    """Sum up: the lowest code decides, and its error is the one to show."""
    code = verdict(case.exit_code for case in cases if case.exit_code is not None)
    error = next((case.error for case in cases if case.error and case.exit_code is code), None)
    return Ending(syncs=[case.result() for case in cases], error=error, exit_code=code)
