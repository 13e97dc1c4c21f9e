"""Fixtures for tests of the output: a manual clock, events, terminals, captured streams."""

import asyncio
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyte

from airbyte_sync_cli.airbyte.models import Connection, Job, Progress, StreamProgress
from airbyte_sync_cli.exit_codes import ExitCode
from airbyte_sync_cli.output.live.state import LiveState
from airbyte_sync_cli.output.options import OutputOptions
from airbyte_sync_cli.output.output import Output
from airbyte_sync_cli.sync import events as ev
from airbyte_sync_cli.sync.anomalies import History
from airbyte_sync_cli.sync.result import FailureResult, SyncResult
from airbyte_sync_cli.sync.state import Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class ManualClock:
    """Time that only moves by hand."""

    at: float = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        await asyncio.sleep(0)

    def jitter(self, low: float, high: float) -> float:
        return (low + high) / 2


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(newline="")
        self._named = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO has none
        return self._named

    def isatty(self) -> bool:
        self.tell()  # raises once it is closed, as a real one does
        return True


ENVIRON = {"TERM": "xterm-256color"}


class Sight:
    """What is visible on a terminal after everything that was written to it."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.stream = Terminal()
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._bytes = pyte.Stream(self.screen)
        self._read = 0

    def lines(self) -> list[str]:
        content = self.stream.getvalue()
        # What a terminal's driver does: a new line begins at its left edge.
        self._bytes.feed(content[self._read :].replace("\n", "\r\n"))
        self._read = len(content)
        shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def scrolled_away(self) -> int:
        return len(self.screen.history.top)


@dataclass
class CapturedOutput:
    """An output, and the streams that it writes to."""

    clock: ManualClock
    stdout: io.StringIO
    stderr: io.StringIO
    output: Output


def captured_output(
    options: OutputOptions | None = None,
    *,
    command: str | None = "run",
    environ: Mapping[str, str] | None = None,
    root: Path = Path("/nowhere"),
    stdout: io.StringIO | None = None,
    stderr: io.StringIO | None = None,
    clock: ManualClock | None = None,
) -> CapturedOutput:
    """Make an output whose streams can be read."""
    clock, out, err = clock or ManualClock(), stdout or io.StringIO(), stderr or io.StringIO()
    output = Output(
        command,
        options or OutputOptions(),
        environ=environ or {},
        clock=clock,
        stdout=out,
        stderr=err,
        root=root,
    )
    return CapturedOutput(clock, out, err, output)


def connection(name: str = "orders") -> Connection:
    return Connection(id=f"id-of-{name}", name=name, status="active")


def job(status: str = "running", *, number: int = 42, name: str = "orders") -> Job:
    return Job(
        id=number, connection_id=f"id-of-{name}", type="sync", status=status, created_at=START
    )


def snapshot(name: str = "orders", **fields: Any) -> Snapshot:  # noqa: ANN401  # fields
    return Snapshot(key=name, connection=connection(name), **fields)


def progress(
    records: int, size: int, *, attempts: int = 1, streams: Sequence[str] = ()
) -> Progress:
    return Progress(
        attempts=attempts,
        records_emitted=records,
        bytes_emitted=size,
        streams=[
            StreamProgress(name=name, records_emitted=records, bytes_emitted=size)
            for name in streams
        ],
    )


def result(
    name: str = "orders",
    code: int = 0,
    *,
    number: int | None = 42,
    **more: Any,  # noqa: ANN401  # fields
) -> SyncResult:
    statuses = {0: "succeeded", 3: "failed", 4: "cancelled"}
    return SyncResult.model_validate(
        {
            "connection_id": f"id-of-{name}",
            "connection_name": name,
            "job_id": number,
            "exit_code": code,
            "outcome": ExitCode(code).outcome,
            "status": statuses.get(code),
            **more,
        }
    )


WRONG_KEY = FailureResult(
    origin="source",
    type="config_error",
    message="The API key was rejected.",
    retryable=False,
    stream="orders",
)


def failed(name: str = "orders", number: int = 42, **more: Any) -> SyncResult:  # noqa: ANN401  # fields
    fields = {"failure": WRONG_KEY, "duration_seconds": 61.0, "attempts": 3, **more}
    return result(name, 3, number=number, url=f"http://airbyte/jobs/{number}", **fields)


@dataclass
class LiveScene:
    """A state, filled by events at moments."""

    state: LiveState = field(default_factory=LiveState)
    clock: ManualClock = field(default_factory=ManualClock)
    syncs: dict[str, Snapshot] = field(default_factory=dict)

    def take(self, *events: ev.Event, at: float | None = None) -> None:
        self.clock.at = self.clock.at if at is None else at
        for event in events:
            self.state.take(event, self.clock.monotonic(), self.clock.now())

    def sync(self, key: str, **changes: Any) -> Snapshot:  # noqa: ANN401  # fields
        """Return the sync's snapshot, changed from now on."""
        self.syncs[key] = replace(self.syncs.get(key, Snapshot(key=key)), **changes)
        return self.syncs[key]

    def begin(
        self, name: str = "orders", status: str = "running", *, past: Sequence[float] = ()
    ) -> None:
        """Start the job of a connection."""
        self.take(
            ev.JobKnown(
                sync=self.sync(
                    name,
                    connection=connection(name),
                    job=job(status, name=name),
                    history=History(durations=tuple(past)),
                )
            ),
        )

    def finish(self, name: str = "orders", code: int = 0, **more: Any) -> None:  # noqa: ANN401  # fields
        self.take(ev.Finished(sync=self.sync(name), result=result(name, code, **more)))


def size(columns: int, lines: int = 24) -> os.terminal_size:
    return os.terminal_size((columns, lines))
