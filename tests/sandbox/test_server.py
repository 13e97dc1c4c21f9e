"""The sandbox on a real socket."""

import asyncio
import socket
import time

import httpx
import pytest

from airbyte_sync_cli.sandbox import Fault, JobScript, Sandbox, SandboxConfig, serve
from tests.support.sandboxes import serve_in_thread


def fast(**fields: object) -> Sandbox:
    return Sandbox(SandboxConfig.model_validate({"speed": 1000, **fields}))


def test_job_runs_over_a_socket() -> None:
    async def play() -> str:
        sandbox = fast()
        connection = sandbox.add_connection("orders")
        async with serve(sandbox) as url, httpx.AsyncClient(base_url=url) as client:
            body = {"connectionId": connection.id}
            await client.post("/api/v1/connections/sync", json=body)
            await asyncio.sleep(25 / sandbox.config.speed)
            job = (await client.get("/api/public/v1/jobs/1")).json()
            return str(job["status"])

    assert asyncio.run(play()) == "succeeded"


@pytest.mark.parametrize("action", ["lost-before", "lost-after", "truncate"])
def test_lost_response_is_connection_reset(action: str) -> None:
    async def play() -> None:
        sandbox = fast(faults=[f"jobs:{action}"])
        async with serve(sandbox) as url, httpx.AsyncClient(base_url=url) as client:
            with pytest.raises(httpx.ReadError) as caught:
                await client.get("/api/public/v1/jobs")
            cause: BaseException | None = caught.value
            while cause is not None and not isinstance(cause, ConnectionResetError):
                cause = cause.__cause__ or cause.__context__
            assert cause is not None
            sandbox.faults.clear()
            assert (await client.get("/api/public/v1/jobs")).status_code == 200

    asyncio.run(play())


def test_server_stops_at_once_with_held_requests() -> None:
    async def play() -> float:
        sandbox = fast(speed=1, faults=["jobs:never", "health:hold=1000"])
        async with httpx.AsyncClient() as client:
            async with serve(sandbox) as url:
                held = [
                    asyncio.create_task(client.get(f"{url}/api/public/v1/{path}"))
                    for path in ("jobs", "health")
                ]
                while len(sandbox.requests) < 2:  # noqa: ASYNC110  # there is no event for it
                    await asyncio.sleep(0.01)
                started = time.perf_counter()
            stopped = time.perf_counter() - started
            answers = await asyncio.gather(*held, return_exceptions=True)
        assert all(isinstance(answer, httpx.TransportError) for answer in answers)
        return stopped

    assert asyncio.run(play()) < 0.5


def test_responses_are_sent_without_nagle_delay() -> None:
    async def play() -> float:
        async with serve(fast()) as url, httpx.AsyncClient(base_url=url) as client:
            await client.get("/api/v1/health")
            seconds = []
            for _ in range(50):
                started = time.perf_counter()
                await client.get("/api/v1/health")
                seconds.append(time.perf_counter() - started)
            return min(seconds)

    # With Nagle's algorithm on, each of them takes 40 ms; a busy machine slows some, not all.
    assert asyncio.run(play()) < 0.03


def test_sandbox_keeps_state_when_served_again() -> None:
    async def play() -> None:
        sandbox = fast()
        sandbox.add_connection("orders")
        async with httpx.AsyncClient() as client:
            async with serve(sandbox) as url:
                await client.get(f"{url}/api/public/v1/connections")
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/api/public/v1/connections")
            async with serve(sandbox, port=int(url.rsplit(":", 1)[1])):
                answer = await client.get(f"{url}/api/public/v1/connections")
        assert [each["name"] for each in answer.json()["data"]] == ["orders"]

    asyncio.run(play())


def test_disconnect_does_not_undo_trigger() -> None:
    async def play() -> None:
        sandbox = fast(speed=10, airbyte_version="2.0")
        script = JobScript(life="pending 2, running")
        connection = sandbox.add_connection("orders", script=script)
        async with serve(sandbox) as url, httpx.AsyncClient(base_url=url) as client:
            body = {"connectionId": connection.id, "jobType": "sync"}
            asked = asyncio.create_task(client.post("/api/public/v1/jobs", json=body))
            while not sandbox.sent("trigger"):  # noqa: ASYNC110  # the sandbox has no event
                await asyncio.sleep(0.01)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            while not sandbox.active_jobs():  # noqa: ASYNC110  # the same
                await asyncio.sleep(0.01)
        assert len(sandbox.jobs) == 1

    asyncio.run(play())


def test_port_in_use_is_oserror() -> None:
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match="Address already in use"):
                async with serve(fast(), port=port):
                    pass

    asyncio.run(play())


def test_state_can_be_read_while_a_thread_serves() -> None:
    sandbox = fast(faults=["trigger:lost-after:times=1"])
    connection = sandbox.add_connection("orders", script=JobScript(life="running"))
    body = {"connectionId": connection.id, "jobType": "sync"}
    with serve_in_thread(sandbox) as url, httpx.Client(base_url=url) as client:
        with pytest.raises(httpx.ReadError):
            client.post("/api/public/v1/jobs", json=body)
        assert [job.status for job in sandbox.jobs] == ["running"]
        sandbox.faults.add(Fault(when="jobs", action="status", status=500))
        assert client.get("/api/public/v1/jobs").status_code == 500
