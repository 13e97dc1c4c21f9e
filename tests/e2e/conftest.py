"""Fixtures of the tests with a real Airflow."""

from collections.abc import Iterator

import pytest

from airbyte_sync_cli.sandbox import Sandbox
from tests.support.airflow import LINES, Airflow, serve_awake


@pytest.fixture(scope="module", params=LINES)
def line(request: pytest.FixtureRequest) -> str:
    """A release of Airflow."""
    return str(request.param)


@pytest.fixture(scope="module")
def airflow(
    line: str, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    """Airflow with the DAGs of this repository and the module's own sandbox."""
    with serve_awake(sandbox) as url:
        yield Airflow.install(line, tmp_path_factory.mktemp("airflow"), url)
