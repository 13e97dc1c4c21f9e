"""A sandbox in virtual time with an httpx client, for tests of the sandbox itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from airbyte_sync_cli.sandbox import (
    CALLER,
    Fault,
    JobScript,
    Sandbox,
    SandboxConfig,
    SimConnection,
)
from tests.support.transport import LoopbackTransport

START = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = ("0.63", "1.0", "1.8", "2.0", "latest")


@dataclass
class SandboxClient:
    """A sandbox and its client: `get` sends to the Public API, `ask` to the Config API."""

    sandbox: Sandbox
    client: httpx.AsyncClient

    async def get(self, path: str, **query: object) -> httpx.Response:
        params = {name: str(value) for name, value in query.items()}
        return await self.client.get(f"/api/public/v1{path}", params=params)

    async def ask(self, path: str, **body: object) -> httpx.Response:
        return await self.client.post(f"/api/v1/{path}", json=body)

    async def trigger(
        self, connection: SimConnection | str, job_type: str = "sync", *, by: str = ""
    ) -> httpx.Response:
        connection_id = connection if isinstance(connection, str) else connection.id
        body = {"connectionId": connection_id, "jobType": job_type}
        return await self.client.post("/api/public/v1/jobs", json=body, headers={CALLER: by})

    async def cancel(self, job_id: int, *, by: str = "") -> httpx.Response:
        return await self.client.delete(f"/api/public/v1/jobs/{job_id}", headers={CALLER: by})

    async def job(self, job_id: int = 1) -> dict[str, Any]:
        return dict((await self.get(f"/jobs/{job_id}")).json())

    async def info(self, job_id: int = 1) -> dict[str, Any]:
        return dict((await self.ask("jobs/get_without_logs", id=job_id)).json())

    async def run_jobs(self, number: int) -> str:
        """Run jobs of one connection, ten seconds apart; return its id."""
        script = JobScript(life="running 1, succeeded")
        connection = self.sandbox.add_connection("orders", script=script)
        for _ in range(number):
            self.sandbox.start_job(connection)
            await self.pass_time(10)
        return connection.id

    def fault(self, spec: str) -> None:
        self.sandbox.faults.add(Fault.model_validate(spec))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @property
    def age(self) -> float:
        """Simulated seconds since the start."""
        return self.sandbox.clock.now() - self.sandbox.clock.start


@asynccontextmanager
async def sandbox_client(
    *, limit: float | None = None, **fields: object
) -> AsyncIterator[SandboxClient]:
    """Yield a new sandbox and its client; `limit` is the client's timeout, off by default."""
    sandbox = Sandbox(SandboxConfig.model_validate({"start": START, **fields}))
    async with httpx.AsyncClient(
        transport=LoopbackTransport(sandbox.app), base_url="http://sandbox", timeout=limit
    ) as client:
        yield SandboxClient(sandbox, client)
