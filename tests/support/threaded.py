"""A sandbox served from a thread, for tests whose subject is another process."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from airbyte_sync_cli.sandbox import Sandbox, serve
from tests.support.servers import cut_off_everybody


@contextlib.contextmanager
def serve_in_thread(sandbox: Sandbox) -> Iterator[str]:
    """Serve a sandbox on a free port of loopback and tell its address."""
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
        except BaseException as error:  # handed over, or nobody is left to hear it
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
