"""Peak resident memory of whole commands with large responses.

    make memory

- Finding a name through the Config API, whose lists include whole catalogs: 40 MB and 200 MB.
- The last lines of a log of 329 MB, in both formats, and all of its lines, each different.

Each must fit in a pod with 128 MiB. A server on loopback generates the responses while sending.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

MB = 1_000_000
MIB = 1024 * 1024
MOST = 128
"""MiB: the limit of a small pod."""
WORKSPACE = "11111111-1111-4111-8111-111111111111"
JOB = {
    "id": 1,
    "configType": "sync",
    "configId": WORKSPACE,
    "status": "failed",
    "createdAt": 1767225600,
}


@dataclass(frozen=True)
class LargeAnswer:
    """One command and the parts of its large response."""

    name: str
    argv: tuple[str, ...]
    size: int
    path: str
    before: str
    row: str
    after: str


def catalog() -> dict[str, object]:
    """Return a catalog of about 200 kB, as of a connection with a hundred tables."""
    fields = {f"field_{number}": {"type": ["null", "string"]} for number in range(40)}
    schema = {"type": "object", "properties": fields}
    streams = [{"stream": {"name": f"s{n}", "jsonSchema": schema}} for n in range(110)]
    return {"streams": streams}


def connections(size: int) -> LargeAnswer:
    """Return a list of connections of that many megabytes."""
    row = {"connectionId": WORKSPACE, "name": "other", "status": "active"}
    return LargeAnswer(
        name=f"name among {size} MB of connections",
        argv=("status", "--conn", "orders", "--api", "config"),
        size=size * MB,
        path="/api/v1/connections/list",
        before='{"connections": [',
        row=json.dumps({**row, "syncCatalog": catalog()}),
        after="]}",
    )


def log(shape: str, entry: object, *options: str) -> LargeAnswer:
    """Return a log of 329 MB."""
    return LargeAnswer(
        name=f"{'end' if '--tail' in options else 'all'} of 329 MB of {shape}",
        argv=("logs", "1", "--api", "config", *options),
        size=329 * MB,
        path="/api/v1/attempt/get_for_job",
        before=f'{{"attempt": {{"id": 0}}, "logs": {{"{shape}": [',
        row=json.dumps(entry),
        after="]}}",
    )


LINE = "2026-01-01 00:00:03 platform > @ " + "records were read and written, " * 8
EVENT = {
    "timestamp": 1767225603123,
    "message": LINE,
    "level": "info",
    "logSource": "source",
    "caller": {"className": "io.airbyte.Source", "lineNumber": 1},
}
CASES = (
    connections(40),
    connections(200),
    log("logLines", LINE, "--tail", "5"),
    log("events", EVENT, "--tail", "5"),
    log("logLines", LINE),
    log("logLines", LINE, "--follow"),
)


def chunks(case: LargeAnswer) -> Iterator[bytes]:
    """Yield the response in chunks of rows."""
    yield case.before.encode()
    rows = max(1, 256 * 1024 // len(case.row))
    batch = ", ".join([case.row] * rows)
    for number in range(case.size // len(batch)):
        if "@" in batch:  # each line has its own number
            first = number * rows
            batch = ", ".join(case.row.replace("@", f"{first + i:08}") for i in range(rows))
        yield ((", " if number else "") + batch).encode()
    yield case.after.encode()


def small_answer(path: str) -> bytes:
    """Return the response of every other path."""
    info = {"job": JOB, "attempts": [{"attempt": {"id": 0}}]}
    workspaces = [{"workspaceId": WORKSPACE, "name": "Default"}]
    known: dict[str, object] = {
        "jobs/get_without_logs": info,
        "instance_configuration": {"defaultUserId": WORKSPACE},
        "workspaces/list_by_user_id": {"workspaces": workspaces},
        "connections/get": {"connectionId": WORKSPACE, "name": "orders", "status": "active"},
    }
    return json.dumps(known.get(path.removeprefix("/api/v1/"), {"available": True})).encode()


async def attend(
    case: LargeAnswer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ")[1].decode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for chunk in chunks(case) if path == case.path else [small_answer(path)]:
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def measure(case: LargeAnswer) -> tuple[float, int]:
    """Run the command; return its peak memory in MiB and its exit code."""
    server = await asyncio.start_server(lambda r, w: attend(case, r, w), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    peak, code = await asyncio.to_thread(run, case.argv, url)
    server.close()
    return peak, code


def run(argv: tuple[str, ...], url: str) -> tuple[float, int]:
    """Run the program; return its peak memory in MiB and its exit code."""
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "airbyte_sync_cli", *argv, "--request-timeout", "300s"],
        {"PATH": os.environ["PATH"], "AIRBYTE_URL": url},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(pid, 0)
    return usage.ru_maxrss * 1024 / MIB, os.waitstatus_to_exitcode(status)


def main() -> int:
    """Measure every case; return 1 if one of them needs too much memory."""
    worst = 0.0
    for case in CASES:
        peak, code = asyncio.run(measure(case))
        worst = max(worst, peak)
        print(f"{case.name:32} {peak:6.0f} MiB, exit {code}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
