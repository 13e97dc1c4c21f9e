"""How much memory do large answers take? Peak resident memory of whole commands.

    make memory

- Finding a name through the Config API, whose lists carry whole catalogs: 40 MB and 200 MB.
- The last lines of a log of 329 MB, in both shapes, and all of its lines, each another.

Each must fit a pod with 128 MiB. A server on loopback makes the answers as they are sent.
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
"""MiB, which is what a small pod has."""
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
    """One command, and what its large answer is made of."""

    name: str
    argv: tuple[str, ...]
    size: int
    path: str
    before: str
    row: str
    after: str


def catalog() -> dict[str, object]:
    """A catalog of about 200 kB, as a connection with a hundred tables has."""
    fields = {f"field_{number}": {"type": ["null", "string"]} for number in range(40)}
    schema = {"type": "object", "properties": fields}
    streams = [{"stream": {"name": f"s{n}", "jsonSchema": schema}} for n in range(110)]
    return {"streams": streams}


def connections(size: int) -> LargeAnswer:
    """A list of connections of so many megabytes."""
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
    """A log of 329 MB."""
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


def chunks(state: LargeAnswer) -> Iterator[bytes]:
    """Write the answer, row by row."""
    yield state.before.encode()
    rows = max(1, 256 * 1024 // len(state.row))
    batch = ", ".join([state.row] * rows)
    for number in range(state.size // len(batch)):
        if "@" in batch:  # a number of its own for each line
            first = number * rows
            batch = ", ".join(state.row.replace("@", f"{first + i:08}") for i in range(rows))
        yield ((", " if number else "") + batch).encode()
    yield state.after.encode()


def small_answer(path: str) -> bytes:
    """Answer everything else."""
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
    state: LargeAnswer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ")[1].decode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for chunk in chunks(state) if path == state.path else [small_answer(path)]:
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def measure(state: LargeAnswer) -> tuple[float, int]:
    """Run the command; return its peak memory in MiB and its exit code."""
    server = await asyncio.start_server(lambda r, w: attend(state, r, w), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    peak, code = await asyncio.to_thread(run, state.argv, url)
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
    """Measure every case; 1 if one of them takes too much."""
    worst = 0.0
    for state in CASES:
        peak, code = asyncio.run(measure(state))
        worst = max(worst, peak)
        print(f"{state.name:32} {peak:6.0f} MiB, exit {code}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
