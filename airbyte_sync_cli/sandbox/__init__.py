"""A simulated Airbyte on loopback: both APIs, jobs with a life, quirks and scriptable failures.

It knows nothing of the program that it tests, and nothing here runs outside an event loop:

    sandbox = Sandbox(SandboxConfig(airbyte_version="1.8"))
    orders = sandbox.add_connection("orders", script=JobScript(life="running 5, succeeded"))
    async with serve(sandbox) as url: ...
"""

from airbyte_sync_cli.sandbox.config import (
    ConnectionConfig,
    SandboxConfig,
    ScenarioError,
    build_config,
    example_scenario,
    load_config,
)
from airbyte_sync_cli.sandbox.connection import SimConnection
from airbyte_sync_cli.sandbox.dataset import DEMO_CONNECTIONS
from airbyte_sync_cli.sandbox.faults import Fault
from airbyte_sync_cli.sandbox.job import JobFailure, JobScript, LogEntry, SimJob
from airbyte_sync_cli.sandbox.request import RequestRecord
from airbyte_sync_cli.sandbox.server import run_sandbox, serve
from airbyte_sync_cli.sandbox.simulation import Sandbox

__all__ = [
    "DEMO_CONNECTIONS",
    "ConnectionConfig",
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
    "build_config",
    "example_scenario",
    "load_config",
    "run_sandbox",
    "serve",
]
