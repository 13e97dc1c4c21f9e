"""What a job's status means for the exit code."""

import pytest

from airbyte_sync_cli.airbyte.models import FINAL_STATUSES, Job
from airbyte_sync_cli.sync.state import SyncState


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
def test_every_final_status_has_an_exit_code(status: str) -> None:
    state = SyncState.of_job(1)

    state.job = Job(id=1, connection_id="orders", type="sync", status=status, created_at=None)

    assert state.exit_code is not None
