"""Airbyte's own clients and those of other projects work with the sandbox.

The SDK, Airflow's hook, Dagster's assets, Prefect's flow and PyAirbyte have their own virtual
environments; each runs a small script that prints its results.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig, SimConnection
from tests.support.environments import ROOT, environment
from tests.support.sandboxes import serve_in_thread

pytestmark = pytest.mark.e2e

SDK_SCRIPT = """
import json, os, time
from airbyte_api import AirbyteAPI, api, models

root = os.environ["SANDBOX"] + "/api/public/v1"
credentials = models.SchemeClientCredentials(
    client_id="sandbox-client-id",
    client_secret="sandbox-client-secret",
    token_url=root + "/applications/token",
)
client = AirbyteAPI(
    server_url=root, security=models.Security(client_credentials=credentials), timeout_ms=20_000
)
asked = models.JobCreateRequest(
    connection_id=os.environ["CONNECTION"], job_type=models.JobTypeEnum.SYNC
)
created = client.jobs.create_job(request=asked).job_response
one = api.GetJobRequest(job_id=created.job_id)
while (read := client.jobs.get_job(request=one).job_response).status.value != "running":
    time.sleep(0.02)
listing = api.ListJobsRequest(connection_id=created.connection_id, order_by="createdAt|DESC")
listed = client.jobs.list_jobs(request=listing).jobs_response
names = client.connections.list_connections(
    request=api.ListConnectionsRequest()
).connections_response
cancelled = client.jobs.cancel_job(
    request=api.CancelJobRequest(job_id=created.job_id)
).job_response
print(json.dumps({
    "created": created.job_id,
    "read": read.status.value,
    "listed": [job.job_id for job in listed.data],
    "connections": [each.name for each in names.data],
    "cancelled": cancelled.status.value,
}))
"""

QUICK = JobScript(life="pending 1, running 10, succeeded")

HOOK_SCRIPT = """
import json, os, time
from airflow.providers.airbyte.hooks.airbyte import AirbyteHook

hook = AirbyteHook(timeout=20)
created = hook.submit_sync_connection(connection_id=os.environ["CONNECTION"])
while (status := hook.get_job_status(job_id=created.job_id)) != "running":
    time.sleep(0.02)
details = hook.get_job_details(job_id=created.job_id)
cancelled = hook.cancel_job(job_id=created.job_id)
second = hook.submit_sync_connection(connection_id=os.environ["CONNECTION"])
hook.wait_for_job(job_id=second.job_id, wait_seconds=0.1, timeout=20)
print("RESULT" + json.dumps({
    "created": created.job_id,
    "read": str(getattr(status, "value", status)),
    "details": details.job_id,
    "cancelled": cancelled.status.value,
    "works": hook.test_connection()[0],
}))
"""

DAGSTER_SCRIPT = """
import json, os
import dagster as dg
from dagster_airbyte import AirbyteWorkspace, airbyte_assets, load_airbyte_asset_specs

workspace = AirbyteWorkspace(
    rest_api_base_url=os.environ["SANDBOX"] + "/api/public/v1",
    configuration_api_base_url=os.environ["SANDBOX"] + "/api/v1",
    workspace_id=os.environ["WORKSPACE"],
    client_id="sandbox-client-id",
    client_secret="sandbox-client-secret",
    poll_interval=0.05,
)
specs = load_airbyte_asset_specs(workspace=workspace)

@airbyte_assets(connection_id=os.environ["CONNECTION"], workspace=workspace, name="orders")
def orders(context: dg.AssetExecutionContext, airbyte: AirbyteWorkspace):
    yield from airbyte.sync_and_poll(context=context)

result = dg.materialize([orders], resources={"airbyte": workspace})
print("RESULT" + json.dumps({
    "specs": sorted(spec.key.to_user_string() for spec in specs),
    "success": result.success,
    "materialized": sorted(
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events()
    ),
}))
"""

PREFECT_SCRIPT = """
import asyncio, json, os
from prefect_airbyte import AirbyteConnection, AirbyteServer
from prefect_airbyte.flows import run_connection_sync

host, port = os.environ["SANDBOX"].removeprefix("http://").split(":")
server = AirbyteServer(server_host=host, server_port=port)
connection = AirbyteConnection(
    airbyte_server=server, connection_id=os.environ["CONNECTION"], poll_interval_s=1
)
result = asyncio.run(run_connection_sync(airbyte_connection=connection))
print("RESULT" + json.dumps({
    "job": result.job_id, "status": result.job_status, "records": result.records_synced,
}))
"""

PYAIRBYTE_SCRIPT = """
import json, os
from airbyte.cloud import CloudWorkspace

workspace = CloudWorkspace(
    workspace_id=os.environ["WORKSPACE"],
    client_id="sandbox-client-id",
    client_secret="sandbox-client-secret",
    api_root=os.environ["SANDBOX"] + "/api/public/v1",
    config_api_root=os.environ["SANDBOX"] + "/api/v1",
)
workspace.connect()
connection = workspace.get_connection(os.environ["CONNECTION"])
result = connection.run_sync(wait=True, wait_timeout=60)
state = connection.dump_raw_state(normalize=False)
catalog = connection.dump_raw_catalog(normalize=False)
print("RESULT" + json.dumps({
    "name": connection.name,
    "source": connection.source.name,
    "destination": connection.destination.name,
    "streams": connection.stream_names,
    "status": result.get_job_status().value,
    "records": result.records_synced,
    "state": [each["streamDescriptor"]["name"] for each in state["streamState"]],
    "catalog": [each["stream"]["name"] for each in catalog["streams"]],
}))
"""


def sandbox_with(version: str) -> tuple[Sandbox, SimConnection]:
    """Return a sandbox with authentication, and a connection with a long and then a short job."""
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, auth="client-credentials", speed=20))
    long, short = JobScript(life="pending 1, running"), JobScript(life="running 10, succeeded")
    return sandbox, sandbox.add_connection("orders", scripts=(long, short), tags=("nightly",))


def variables_of(url: str, connection: SimConnection) -> dict[str, str]:
    """Return the environment that the scripts read."""
    return {"SANDBOX": url, "CONNECTION": connection.id, "WORKSPACE": connection.workspace_id}


def run_script(
    python: Path, script: str, variables: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603  # the scripts above
        [str(python), "-c", script],
        env={"PATH": "/usr/bin:/bin", "HOME": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("version", ["1.8", "2.0", "latest"])
def test_sdk_creates_reads_lists_and_cancels_jobs(version: str) -> None:
    sandbox, connection = sandbox_with(version)
    python = environment("airbyte-sdk")
    with serve_in_thread(sandbox) as url:
        variables = variables_of(url, connection)
        done = run_script(python, SDK_SCRIPT, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "created": 1,
        "read": "running",
        "listed": [1],
        "connections": ["orders"],
        "cancelled": "cancelled",
    }
    assert [job.status for job in sandbox.jobs] == ["cancelled"]


def test_sdk_token_request_fails_before_1_7() -> None:
    """It sends its token request as a form, which is a 401 before 1.7.

    airbytehq/airbyte-api-python-sdk issues 121 and 126, apache/airflow issue 46542.
    """
    sandbox, connection = sandbox_with("1.0")
    python = environment("airbyte-sdk")
    with serve_in_thread(sandbox) as url:
        variables = variables_of(url, connection)
        done = run_script(python, SDK_SCRIPT, variables)
    assert done.returncode != 0
    assert "Unexpected status code 401 from token endpoint" in done.stderr
    assert sandbox.jobs == []


@pytest.mark.parametrize("version", ["2.0", "latest"])
def test_airflow_hook_triggers_reads_cancels_and_waits(version: str, tmp_path: Path) -> None:
    sandbox, connection = sandbox_with(version)
    python = environment("airflow-airbyte")
    with serve_in_thread(sandbox) as url:
        variables = {
            "CONNECTION": connection.id,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_AIRBYTE_DEFAULT": json.dumps(_airflow_connection(url)),
        }
        done = run_script(python, HOOK_SCRIPT, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("RESULT")[1]) == {
        "created": 1,
        "read": "running",
        "details": 1,
        "cancelled": "cancelled",
        "works": True,
    }
    assert [job.status for job in sandbox.jobs] == ["cancelled", "succeeded"]


@pytest.mark.parametrize("version", ["1.8", "latest"])
def test_dagster_loads_and_materializes_streams_of_connection(
    version: str, tmp_path: Path
) -> None:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, auth="client-credentials", speed=20))
    connection = sandbox.add_connection("orders", scripts=(QUICK,), streams=("users", "items"))
    python = environment("dagster-airbyte")
    with serve_in_thread(sandbox) as url:
        variables = {"DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "yes"}
        variables |= variables_of(url, connection)
        done = run_script(python, DAGSTER_SCRIPT, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("RESULT")[1]) == {
        "specs": ["items", "users"],
        "success": True,
        "materialized": ["items", "users"],
    }
    assert [job.status for job in sandbox.jobs] == ["succeeded"]


@pytest.mark.parametrize("version", ["1.8", "latest"])
def test_pyairbyte_connects_syncs_and_reads_state_and_catalog(version: str) -> None:
    sandbox = Sandbox(SandboxConfig(airbyte_version=version, auth="client-credentials", speed=20))
    connection = sandbox.add_connection("orders", scripts=(QUICK,), streams=("users", "items"))
    python = environment("pyairbyte")
    with serve_in_thread(sandbox) as url:
        variables = {"DO_NOT_TRACK": "1", **variables_of(url, connection)}
        done = run_script(python, PYAIRBYTE_SCRIPT, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("RESULT")[1]) == {
        "name": "orders",
        "source": "Postgres",
        "destination": "Warehouse",
        "streams": ["users", "items"],
        "status": "succeeded",
        "records": 1000,
        "state": ["users", "items"],
        "catalog": ["users", "items"],
    }


def test_prefect_flow_runs_connection(tmp_path: Path) -> None:
    """It uses the Config API and supports Basic authentication only."""
    sandbox = Sandbox(SandboxConfig(airbyte_version="0.63", auth="basic", speed=20))
    connection = sandbox.add_connection("orders", scripts=(QUICK,))
    python = environment("prefect-airbyte")
    with serve_in_thread(sandbox) as url:
        variables = {
            **variables_of(url, connection),
            "PREFECT_HOME": str(tmp_path),
            "PREFECT_LOGGING_TO_API_ENABLED": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        done = run_script(python, PREFECT_SCRIPT, variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.split("RESULT")[1]) == {
        "job": 1,
        "status": "succeeded",
        "records": 1000,
    }


def _airflow_connection(url: str) -> dict[str, Any]:
    return {
        "conn_type": "airbyte",
        "host": f"{url}/api/public/v1/",
        "login": "sandbox-client-id",
        "password": "sandbox-client-secret",
    }
