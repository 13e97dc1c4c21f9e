"""Fixtures of the tests with a real Airflow."""

from collections.abc import Iterator
from typing import Final

import pytest

from airbyte_sync_cli.sandbox import Sandbox
from tests.e2e.cluster import Cluster
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


_SCENARIO: Final = """
auth = "client-credentials"

[[connections]]
name = "orders"
jobs = ["pending 0.2, running 3, succeeded"]

[[connections]]
name = "customers"
jobs = ["pending 0.2, running 3, succeeded"]

[[connections]]
name = "slow"
jobs = ["pending 0.2, running"]

[[connections]]
name = "busy"
jobs = ["pending 0.2, running"]

[[connections]]
name = "bad"

[[connections.jobs]]
life = "running 1, failed"
failure = { type = "config_error", message = "the key was revoked", retryable = false }
"""
"""Connections of the sandbox in a cluster."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A namespace for the module."""
    with Cluster.borrow() as borrowed:
        yield borrowed


@pytest.fixture(scope="module")
def url(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sandbox in the cluster."""
    scenario = tmp_path_factory.mktemp("scenario") / "scenario.toml"
    scenario.write_text(_SCENARIO, encoding="utf-8")
    return cluster.serve_sandbox(scenario)
