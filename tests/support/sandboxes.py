"""Sandboxes on real sockets: a small one, and how to serve one from a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from airbyte_sync_cli.sandbox import JobScript, Sandbox, SandboxConfig, serve
from tests.support.program import FollowingClock
from tests.support.servers import cut_off_everybody

CONNECTION = "e735894a-e773-4938-969f-45f53957b75b"
LOOK = ("status", "--conn", "orders", "-o", "json")


def a_sandbox(**fields: object) -> Sandbox:
    """Return a sandbox with a connection `orders` whose job 1 is running."""
    sandbox = Sandbox(SandboxConfig.model_validate(fields), clock=FollowingClock())
    script = JobScript(life="running 1000, succeeded")
    sandbox.start_job(sandbox.add_connection("orders", id=CONNECTION, script=script))
    return sandbox


@contextlib.contextmanager
def serve_in_thread(sandbox: Sandbox) -> Iterator[str]:
    """Serve a sandbox on a free port of loopback and yield its address."""
    ready: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def until_stopped() -> None:
        async with serve(sandbox) as url:
            stop = asyncio.Event()
            ready.set_result((url, asyncio.get_running_loop(), stop))
            await stop.wait()
        await cut_off_everybody()

    def work() -> None:
        try:
            asyncio.run(until_stopped())
        except BaseException as error:  # to the waiting caller, if it still waits
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=work, name="sandbox")
    thread.start()
    url, loop, stop = ready.result(timeout=10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)
