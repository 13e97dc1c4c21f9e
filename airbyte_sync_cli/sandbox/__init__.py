"""A simulated Airbyte: both APIs, jobs that change over time, version differences, and faults.

It knows nothing of the program that it tests, and needs only an event loop:

    sandbox = Sandbox(SandboxConfig(airbyte_version="1.8"))
    orders = sandbox.add_connection("orders", script=JobScript(life="running 5, succeeded"))
    async with serve(sandbox) as url: ...

A request goes from `server.py` (socket) to `app.py`, which may apply a fault (`faults.py`,
`fault_actions.py`), and on to an endpoint (`public_api.py`, `config_api.py`, `config_events.py`).
What a trigger or a cancel does is in `scheduler.py`; the jobs are in `state.py`, and what each one
does over time is its script (`script.py`, `job.py`).
"""

from airbyte_sync_cli.sandbox.api_request import CALLER, RequestRecord
from airbyte_sync_cli.sandbox.connection import Disabling, SimConnection, SimStream
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.job import SimJob
from airbyte_sync_cli.sandbox.sandbox import Sandbox
from airbyte_sync_cli.sandbox.scenario import (
    ConnectionConfig,
    SandboxConfig,
    ScenarioError,
    StreamConfig,
    build_config,
    demo_config,
    example_scenario,
    load_config,
)
from airbyte_sync_cli.sandbox.script import JobFailure, JobScript, LogEntry, StreamScript
from airbyte_sync_cli.sandbox.server import run_sandbox, serve

__all__ = [
    "CALLER",
    "ConnectionConfig",
    "Disabling",
    "Fault",
    "JobFailure",
    "JobScript",
    "LogEntry",
    "RequestRecord",
    "Sandbox",
    "SandboxConfig",
    "ScenarioError",
    "SimConnection",
    "SimJob",
    "SimStream",
    "StreamConfig",
    "StreamScript",
    "build_config",
    "demo_config",
    "example_scenario",
    "load_config",
    "run_sandbox",
    "serve",
]
