"""A small Airbyte for `make bench`, independent of the sandbox: both APIs, and a latency.

    python benchmarks/server.py --latency 0.04 --jobs 1000 --seconds 60

Job N belongs to connection N. All begin with the server and end one after the other, in the last
tenth of `--seconds`. `GET /seen` returns the number of requests of each path, and the number
of round trips that came before its first one.
"""

import argparse
import asyncio
import json
import re
import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

Json = Mapping[str, object]
WORKSPACE: Final = str(uuid.UUID(int=1))
_PUBLIC: Final = "/api/public/v1/"
_CONFIG: Final = "/api/v1/"


def connection_id(number: int) -> str:
    """Return the id of a connection by its number, from 1."""
    return str(uuid.UUID(int=1000 + number))


class Airbyte:
    """The jobs, and the response to each request."""

    def __init__(self, jobs: int, seconds: float) -> None:
        self._began = time.time()
        self._jobs = jobs
        self._seconds = seconds
        self._triggered: list[int] = []
        """The numbers of the connections of the jobs that were started."""
        self.requests: dict[str, int] = {}
        self.round_trips_before: dict[str, int] = {}
        self._round_trips = 0
        """The longest chain of requests of which each was sent after the response to the last."""

    def begin(self, method: str, path: str) -> int:
        """Count a request; return the round trips that precede it."""
        name = f"{method} {re.sub(r'/[0-9][0-9a-f-]*', '/N', path)}"
        self.requests[name] = self.requests.get(name, 0) + 1
        self.round_trips_before.setdefault(name, self._round_trips)
        return self._round_trips

    def end(self, before: int) -> None:
        """Note that the response to a request leaves, which had so many round trips before it."""
        self._round_trips = max(self._round_trips, before + 1)

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Json) -> Json | None:
        """Return the response; None if there is no such path."""
        if path.startswith(_PUBLIC):
            return self._public(method, path.removeprefix(_PUBLIC), query, body)
        if path.startswith(_CONFIG):
            return self._config(path.removeprefix(_CONFIG), body)
        return None

    def report(self) -> Json:
        """Return what was seen."""
        return {"requests": self.requests, "round_trips_before": self.round_trips_before}

    # -- the Public API

    def _public(  # noqa: PLR0911  # one case a path
        self, method: str, path: str, query: Mapping[str, str], body: Json
    ) -> Json | None:
        match path.split("/"):
            case ["health"]:
                return {}
            case ["jobs"] if method == "POST":
                self._triggered.append(_number(body["connectionId"]))
                return self._public_job(self._jobs + len(self._triggered))
            case ["jobs", job_id]:
                return self._public_job(int(job_id))
            case ["jobs"]:
                return _page([self._public_job(one) for one in self._listed(query)], query)
            case ["connections", one]:
                return _connection(_number(one))
            case ["connections"]:
                return _page([_connection(one) for one in range(1, self._jobs + 1)], query)
            case ["workspaces"]:
                return _page([{"workspaceId": WORKSPACE, "name": "Default"}], query)
            case ["sources" | "destinations"]:
                return _page([], query)
        return None

    def _listed(self, query: Mapping[str, str]) -> Sequence[int]:
        """Return the ids of the jobs that the query asks for, in its order."""
        if query.get("jobType") in {"refresh", "clear"}:
            return []
        ids = list(range(1, self._jobs + len(self._triggered) + 1))
        if "connectionId" in query:
            wanted = _number(query["connectionId"])
            ids = [one for one in ids if self._connection_of(one) == wanted]
        if "updatedAtStart" in query:
            since = datetime.fromisoformat(query["updatedAtStart"]).timestamp()
            ids = [one for one in ids if self._updated_at(one) >= since]
        by_update = query.get("orderBy", "createdAt|ASC").startswith("updatedAt")
        order: Callable[[int], float] = self._updated_at if by_update else float
        return sorted(ids, key=order, reverse=query.get("orderBy", "").endswith("DESC"))

    def _public_job(self, job_id: int) -> Json:
        ended = (
            {"lastUpdatedAt": _iso(self._updated_at(job_id))} if self._has_ended(job_id) else {}
        )
        return {
            "jobId": job_id,
            "status": self._status(job_id),
            "jobType": "sync",
            "connectionId": connection_id(self._connection_of(job_id)),
            "startTime": _iso(self._began),
            "duration": "PT1M",
            "bytesSynced": 2048,
            "rowsSynced": 10,
            **ended,
        }

    # -- the Config API

    def _config(self, path: str, body: Json) -> Json | None:
        match path:
            case "health":
                return {"available": True}
            case "jobs/get_without_logs":
                return self._config_job(int(str(body["id"])), attempts="attempt")
            case "jobs/list_for_workspaces":
                return self._config_list(body)
            case "connections/get":
                return _connection(_number(body["connectionId"]))
            case "stream_statuses/list":
                return {"streamStatuses": self._stream_statuses(_number(body["connectionId"]))}
        return None

    def _config_list(self, body: Json) -> Json:
        field, method = body.get("orderByField", "createdAt"), body.get("orderByMethod", "DESC")
        updated = body.get("updatedAtStart")
        query = {"orderBy": f"{field}|{method}"}
        query |= {"updatedAtStart": str(updated)} if updated else {}
        pagination = body.get("pagination")
        page = pagination if isinstance(pagination, dict) else {}
        start, size = int(page.get("rowOffset", 0)), int(page.get("pageSize", 1000))
        rows = [self._config_job(one) for one in self._listed(query)[start : start + size]]
        return {"jobs": rows, "totalJobCount": len(rows)}

    def _config_job(self, job_id: int, *, attempts: str | None = None) -> Json:
        numbers = {
            "recordsEmitted": 10, "bytesEmitted": 2048,
            "recordsCommitted": 10, "bytesCommitted": 2048,
        }  # fmt: skip
        attempt = {"id": 0, "status": self._status(job_id), "totalStats": numbers}
        return {
            "job": {
                "id": job_id,
                "configType": "sync",
                "configId": connection_id(self._connection_of(job_id)),
                "status": self._status(job_id),
                "createdAt": int(self._began),
                "updatedAt": int(self._updated_at(job_id)),
                "aggregatedStats": numbers,
                "streamAggregatedStats": [
                    {"streamName": f"s{one}", **numbers} for one in range(5)
                ],
            },
            # In a list the attempts are not wrapped (JobWithAttemptsRead).
            "attempts": [{"attempt": attempt} if attempts else attempt],
        }

    def _stream_statuses(self, connection: int) -> Sequence[Json]:
        job_id = connection  # the number of its first job
        state = "COMPLETE" if self._has_ended(job_id) else "RUNNING"
        fields = {"jobId": job_id, "attemptNumber": 0, "runState": state}
        return [{"streamName": f"s{one}", **fields} for one in range(5)]

    # -- the jobs

    def _connection_of(self, job_id: int) -> int:
        return job_id if job_id <= self._jobs else self._triggered[job_id - self._jobs - 1]

    def _ends_at(self, job_id: int) -> float:
        share = min(job_id / max(self._jobs, 1), 1.0)
        return self._began + self._seconds * (9 + share) / 10

    def _has_ended(self, job_id: int) -> bool:
        return time.time() >= self._ends_at(job_id)

    def _status(self, job_id: int) -> str:
        return "succeeded" if self._has_ended(job_id) else "running"

    def _updated_at(self, job_id: int) -> float:
        return self._ends_at(job_id) if self._has_ended(job_id) else self._began


def _number(connection: object) -> int:
    return uuid.UUID(str(connection)).int - 1000


def _connection(number: int) -> Json:
    return {
        "connectionId": connection_id(number),
        "name": f"orders {number}",
        "status": "active",
        "workspaceId": WORKSPACE,
        "scheduleType": "manual",
        "schedule": {"scheduleType": "manual"},
    }


def _page(rows: Sequence[Json], query: Mapping[str, str]) -> Json:
    start = int(query.get("offset", 0))
    return {"data": rows[start : start + int(query.get("limit", 20))], "previous": "", "next": ""}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def attend(
    airbyte: Airbyte, latency: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection, each after the latency."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split(" ", 2)
            size = re.search(r"(?i)content-length: *(\d+)", head)
            body = json.loads(await reader.readexactly(int(size[1]) if size else 0) or b"{}")
            parts = urlsplit(target)
            if parts.path == "/seen":
                answer: Json | None = airbyte.report()
            else:
                before = airbyte.begin(method, parts.path)
                await asyncio.sleep(latency)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                answer = airbyte.answer(method, parts.path, query, body)
                airbyte.end(before)
            writer.write(_response(answer))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _response(answer: Json | None) -> bytes:
    status = "404 Not Found" if answer is None else "200 OK"
    text = "Object not found." if answer is None else json.dumps(answer)
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n\r\n{text}"
    ).encode()


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is killed; print the port when ready."""
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    airbyte = Airbyte(options.jobs, options.seconds)
    server = await asyncio.start_server(
        lambda reader, writer: attend(airbyte, options.latency, reader, writer),
        "127.0.0.1",
        0,
        ssl=context,
        backlog=2000,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--certificate", help="a PEM file with a key; TLS instead of plain HTTP")
    asyncio.run(serve(parser.parse_args()))
